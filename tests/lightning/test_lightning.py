"""LightningModules as estimators: scikit-learn's contract, one seed for everything, quiet, followed epoch by epoch."""
# ruff: noqa: E402, NPY002

import logging
import pickle
import random
import signal
import subprocess
import sys
from itertools import chain, pairwise
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import Callback, LightningModule
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch.nn import functional

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning import LightningClassifier, LightningRegressor

# loky replaces a worker that has grown by torch; were its warning an error, its thread would end and joblib wait.
pytestmark = pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")

X, y = make_classification(150, 6, flip_y=0.05, random_state=0)
NAMES = np.array(["no", "yes"])[y]
X_reg, y_reg = make_regression(120, 4, noise=1.0, random_state=0)
y_reg = y_reg / y_reg.std()


class Net(LightningModule):
    """What users write: sizes, a rate, dropout, a validation_step for their own scripts."""

    def __init__(self, n_features, n_outputs, hidden=16, lr=0.05, dropout=0.0):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_features, hidden),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, n_outputs),
        )

    def forward(self, X):
        return self.layers(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        loss = functional.cross_entropy if y.dtype == torch.int64 else functional.mse_loss
        loss = loss(self(X), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        raise AssertionError("there is no validation loop")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class Probabilities(Net):
    def forward(self, X):
        return super().forward(X).softmax(dim=1)

    def training_step(self, batch, batch_idx):
        X, y = batch
        return functional.nll_loss(self(X).log(), y)


class LogProbabilities(Net):
    def forward(self, X):
        return super().forward(X).log_softmax(dim=1)

    def training_step(self, batch, batch_idx):
        X, y = batch
        return functional.nll_loss(self(X), y)


class OneLogit(Net):
    def __init__(self, n_features, flat=False):
        super().__init__(n_features, 1)
        self.flat = flat

    def forward(self, X):
        return super().forward(X).squeeze(1) if self.flat else super().forward(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        output = self(X)
        return functional.binary_cross_entropy_with_logits(output, y.to(output).view_as(output))


@pytest.fixture
def one_thread():
    """With another number of threads torch rounds otherwise, and BatchNorm under Adam makes much of it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Monitor:
    def __init__(self, stop_after=None, on_report=lambda: None):
        self.valid_data = None
        self.reports = []
        self.stop_after = stop_after
        self.on_report = on_report

    def report(self, *, train_loss=None, score=None):
        self.reports.append(train_loss)
        self.on_report()
        return len(self.reports) == self.stop_after


def classifier(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


def regressor(module=Net, **params):
    return LightningRegressor(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


# --- scikit-learn's contract ------------------------------------------------------------------------------------------

NOT_KEPT = {"check_do_not_raise_errors_in_init_or_set_params"}  # it would give **kwargs a value by that name
CHECKED = {
    "classifier": classifier(max_epochs=6, batch_size=64),
    "regressor": regressor(max_epochs=6, batch_size=64),
}
CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{number}-{check.func.__name__}")
    for kind, estimator in CHECKED.items()
    for number, (_, check) in enumerate(estimator_checks_generator(estimator))
    if check.func.__name__ not in NOT_KEPT
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_estimator_checks(estimator, check):
    check(clone(estimator))


def test_arguments_of_module_and_trainer_are_parameters():
    net = classifier(module__hidden=8)
    assert net.get_params()["module__hidden"] == 8
    net.set_params(module__lr=0.2, trainer__gradient_clip_val=1.0)
    twin = clone(net)
    assert twin.get_params() == net.get_params()
    assert twin.fit(X, y).module_.hparams.lr == 0.2
    assert "module__hidden=8" in repr(net)


def test_the_module_may_be_exchanged_with_its_arguments():
    net = classifier(OneLogit).set_params(module=Net, module__hidden=4)
    assert net.fit(X, y).module_.hparams.hidden == 4


@pytest.mark.parametrize("labels", [y, y.astype(bool), NAMES, NAMES.astype(object), y - 5, pd.Series(NAMES)])
def test_labels_of_any_kind_come_back(labels):
    net = classifier(max_epochs=10).fit(X, labels)
    np.testing.assert_array_equal(net.classes_, np.unique(labels))
    assert net.score(X, labels) > 0.85
    np.testing.assert_array_equal(net.predict(X), net.classes_[net.predict_proba(X).argmax(axis=1)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.uint8])
def test_rows_of_any_dtype_are_taken(dtype):
    digits, labels = load_digits(return_X_y=True)
    reference = classifier().fit(digits[:200], labels[:200]).predict_proba(digits[:50])
    np.testing.assert_array_equal(
        classifier().fit(digits[:200].astype(dtype), labels[:200]).predict_proba(digits[:50].astype(dtype)), reference
    )


def test_data_frames_are_taken_and_their_columns_remembered():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    net = classifier().fit(frame, y)
    np.testing.assert_array_equal(net.predict_proba(frame), classifier().fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(net.feature_names_in_, list("abcdef"))


def test_integers_can_be_tokens():
    class Tokens(Net):
        def __init__(self, n_classes):
            super().__init__(8, n_classes)
            self.embedding = torch.nn.EmbeddingBag(20, 8)

        def forward(self, X):
            return super().forward(self.embedding(X))

    tokens = np.random.default_rng(0).integers(0, 20, (60, 5))
    net = classifier(Tokens, dtype="int64").fit(tokens, tokens[:, 0] > 9)
    assert net.predict(tokens).shape == (60,)


def test_images_are_taken():
    class Conv(Net):
        def __init__(self, n_features, n_classes):
            super().__init__(4, n_classes)
            assert n_features == 1
            self.conv = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

        def forward(self, X):
            return super().forward(self.conv(X))

    images = load_digits().images[:100, None]
    assert classifier(Conv).fit(images, load_digits().target[:100]).predict_proba(images).shape == (100, 10)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (Net, {}),
        (Probabilities, {"output": "probabilities"}),
        (LogProbabilities, {"output": "log_probabilities"}),
    ],
)
def test_probabilities_are_the_same_however_the_module_puts_them(module, params):
    expected = classifier().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(classifier(module, **params).fit(X, y).predict_proba(X), expected, atol=0.05)


@pytest.mark.parametrize("flat", [False, True])
def test_two_classes_may_be_one_output(flat):
    net = classifier(OneLogit, max_epochs=10, module__flat=flat).fit(X, NAMES)
    assert net.score(X, NAMES) > 0.85
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("targets", "shape"), [(y_reg, (120,)), (np.c_[y_reg, -y_reg], (120, 2)), (y_reg[:, None], (120, 1))]
)
def test_predictions_have_the_shape_of_the_targets(targets, shape):
    net = regressor(max_epochs=40).fit(X_reg, targets)
    assert net.predict(X_reg).shape == shape
    assert net.score(X_reg, targets) > 0.8


@pytest.mark.parametrize("flat", [False, True])
def test_a_column_is_never_compared_with_a_row(flat):
    class Flat(Net):
        def forward(self, X):
            return super().forward(X).squeeze(1) if flat else super().forward(X)

        def training_step(self, batch, batch_idx):
            assert self(batch[0]).shape == batch[1].shape
            return super().training_step(batch, batch_idx)

    assert regressor(Flat, max_epochs=40).fit(X_reg, y_reg).score(X_reg, y_reg) > 0.8


def test_sizes_are_filled_in():
    assert classifier(module__n_features="auto", module__n_outputs="auto").fit(X, y).module_.hparams.n_features == 6
    assert regressor().fit(X_reg, np.c_[y_reg, y_reg]).module_.hparams.n_outputs == 2


def test_a_last_batch_of_one_row_joins_the_one_before():
    net = classifier(batch_size=149).fit(X, y)  # BatchNorm refuses one row
    assert np.isfinite(net.train_losses_).all()


def test_every_row_is_used_once_an_epoch():
    class Counting(Net):
        seen: ClassVar[list] = []

        def training_step(self, batch, batch_idx):
            self.seen.append(batch[0][:, 0].tolist())
            return super().training_step(batch, batch_idx)

    classifier(Counting, max_epochs=2, batch_size=40).fit(X, y)
    epochs = [list(chain(*Counting.seen[:4])), list(chain(*Counting.seen[4:]))]
    for rows in epochs:
        np.testing.assert_array_equal(np.sort(rows), np.sort(X[:, 0].astype(np.float32)))
    assert epochs[0] != epochs[1]


BACKENDS = {
    "threading": {"backend": "threading"},
    "loky": {"backend": "loky", "inner_max_num_threads": 1},
}


# --- one seed ---------------------------------------------------------------------------------------------------------


def probabilities(**params):
    return classifier(module__dropout=0.5, **params).fit(X, y).predict_proba(X)


def test_everything_follows_from_random_state():
    first = probabilities(random_state=3)
    torch.rand(5)
    np.testing.assert_array_equal(first, probabilities(random_state=3))
    assert not np.array_equal(first, probabilities(random_state=4))
    assert not np.array_equal(probabilities(random_state=None), probabilities(random_state=None))


def test_dropout_alone_follows_from_random_state():
    class OnlyDropout(Net):
        def __init__(self, n_features, n_outputs):
            super().__init__(n_features, n_outputs, dropout=0.5)
            for weights in self.parameters():
                torch.nn.init.constant_(weights, 0.01)

    def weights(seed):
        return classifier(OnlyDropout, batch_size=150, max_epochs=1, random_state=seed).fit(X, y).module_.layers[4].bias

    assert torch.equal(weights(0), weights(0))


def test_global_random_numbers_are_left_as_they_were():
    for seed_all in (torch.manual_seed, np.random.seed, random.seed):
        seed_all(0)
    expected = torch.rand(1).item(), np.random.random(), random.random()
    for seed_all in (torch.manual_seed, np.random.seed, random.seed):
        seed_all(0)
    classifier(module__dropout=0.5).fit_epochs(X, y, Monitor()).predict(X)
    assert (torch.rand(1).item(), np.random.random(), random.random()) == expected


def test_what_draws_in_a_report_does_not_disturb_the_training():
    net = classifier(module__dropout=0.5)
    net.fit_epochs(X, y, Monitor(on_report=lambda: (torch.rand(3), np.random.random(3), net.predict(X))))
    np.testing.assert_array_equal(net.predict_proba(X), probabilities())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("one_thread")
def test_same_scores_at_any_n_jobs(backend):
    net = classifier(module__dropout=0.5)
    expected = cross_val_score(net, X, NAMES, cv=4)
    with joblib.parallel_config(**BACKENDS[backend]):
        np.testing.assert_array_equal(cross_val_score(net, X, NAMES, cv=4, n_jobs=2), expected)


# --- epochs -----------------------------------------------------------------------------------------------------------


def test_epochs_are_reported_and_following_changes_nothing():
    net = classifier(module__dropout=0.5)
    scores = []
    net.fit_epochs(X, y, monitor := Monitor(on_report=lambda: scores.append(net.score(X, y))))
    np.testing.assert_array_equal(monitor.reports, net.train_losses_)
    assert net.n_epochs_ == len(scores) == 3
    np.testing.assert_array_equal(net.predict_proba(X), probabilities())
    assert scores[-1] == net.score(X, y)


def test_train_loss_is_the_mean_over_rows():
    class Still(Net):
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

        def training_step(self, batch, batch_idx):
            self.eval()
            return super().training_step(batch, batch_idx)

    net = classifier(Still, max_epochs=1, batch_size=64, trainer__accumulate_grad_batches=2).fit(X, y)
    with torch.no_grad():
        loss = functional.cross_entropy(net.module_(torch.tensor(X, dtype=torch.float32)), torch.tensor(y))
    np.testing.assert_allclose(net.train_losses_, loss.item(), rtol=1e-5)


def test_training_ends_where_the_monitor_says_so():
    net = classifier(max_epochs=6).fit_epochs(X, y, Monitor(stop_after=2))
    assert net.n_epochs_ == 2
    np.testing.assert_array_equal(net.predict_proba(X), classifier(max_epochs=2).fit(X, y).predict_proba(X))


def test_a_module_trains_on_in_training_mode_after_it_was_scored():
    class Watched(Net):
        modes: ClassVar[list] = []

        def training_step(self, batch, batch_idx):
            self.modes.append(
                (self.training, self.layers[1].training, self.layers[3].training, torch.is_grad_enabled())
            )
            return super().training_step(batch, batch_idx)

        def on_fit_start(self):
            self.layers[1].eval()  # frozen on purpose: it must stay so

    net = classifier(Watched)
    with pytest.warns(UserWarning, match="in eval mode"):  # Lightning's own word on a frozen part
        net.fit_epochs(X, y, Monitor(on_report=lambda: net.predict(X)))
    assert set(Watched.modes) == {(True, False, True, True)}
    assert not net.module_.training


def test_the_best_epoch_can_be_gone_back_to():
    net = classifier()
    kept = []
    net.fit_epochs(X, y, Monitor(on_report=lambda: kept.append((net.get_checkpoint(), net.predict_proba(X)))))
    for state, expected in kept:
        net.set_checkpoint(state)
        np.testing.assert_array_equal(net.predict_proba(X), expected)
    assert not np.array_equal(kept[0][1], kept[-1][1])


def test_a_subclass_with_a_fit_of_its_own_is_followed_through_it():
    class Scaled(LightningClassifier):
        def fit(self, X, y):
            return super().fit(X / 2, y)

    net = Scaled(Net, max_epochs=2, random_state=0).fit_epochs(X, y, monitor := Monitor())
    assert len(monitor.reports) == 2
    np.testing.assert_array_equal(
        net.module_.layers[0].weight.detach(),
        classifier(max_epochs=2, batch_size=128).fit(X / 2, y).module_.layers[0].weight.detach(),
    )


def search_over(net, **params):
    return OptunaSearchCV(
        make_pipeline(StandardScaler(), net),
        {"lightningclassifier__module__lr": [1e-4, 1e-3, 1e-2, 1e-1], "lightningclassifier__module__hidden": [4, 16]},
        **{"n_trials": 10, "cv": 2, "report": "epoch", "pruner": "median", "random_state": 0, **params},
    )


@pytest.mark.usefixtures("one_thread")
def test_a_search_prunes_by_epoch_with_the_same_result_at_any_n_jobs():
    net = classifier(module__dropout=0.5, random_state=None, max_epochs=4)
    expected = search_over(net).fit(X, NAMES)
    assert 0 < sum(expected.cv_results_["n_epochs_run"]) < 10 * 2 * 4
    for backend in BACKENDS.values():
        with joblib.parallel_config(**backend):
            search = search_over(net, n_jobs=2).fit(X, NAMES)
        for name, column in expected.learning_curves_.items():
            np.testing.assert_array_equal(search.learning_curves_[name], column)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
        np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


def test_a_search_goes_back_to_the_best_epoch():
    net = classifier(module__dropout=0.5, max_epochs=5)
    search = search_over(net, checkpoint="best", pruner=None, n_trials=2).fit(X, NAMES)
    curves = pd.DataFrame(search.learning_curves_)
    best = curves.groupby(["trial_number", "fold"])["valid_score"].max().groupby("trial_number").mean()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], best)


def test_a_regressor_within_scaled_targets_is_followed():
    model = TransformedTargetRegressor(regressor(), transformer=StandardScaler())
    search = OptunaSearchCV(model, {"regressor__module__lr": [0.01, 0.1]}, cv=3, report="epoch", random_state=0)
    search.fit(X_reg, y_reg * 1000)
    assert len(search.learning_curves_["epoch"]) == 2 * 3 * 3


# --- what a Trainer leaves behind -------------------------------------------------------------------------------------


def test_a_fit_prints_logs_and_writes_nothing(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO):
        classifier().fit(X, y).predict(X)
    assert not caplog.records
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_trainer_of_ones_own_is_as_talkative_as_ever(caplog):
    from lightning.pytorch import Trainer

    classifier().fit(X, y)
    with caplog.at_level(logging.INFO):
        Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", barebones=True)
    assert "GPU available" in caplog.text


def test_a_fresh_process_prints_nothing(tmp_path):
    program = (
        "import numpy as np, torch\n"
        "from lightning.pytorch import LightningModule\n"
        "from sk_optuna.lightning import LightningRegressor\n"
        "class Line(LightningModule):\n"
        "    def __init__(self, n_features):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(n_features, 1)\n"
        "    def forward(self, X):\n"
        "        return self.layer(X)\n"
        "    def training_step(self, batch, batch_idx):\n"
        "        return ((self(batch[0]) - batch[1]) ** 2).mean()\n"
        "    def configure_optimizers(self):\n"
        "        return torch.optim.SGD(self.parameters(), lr=0.01)\n"
        "LightningRegressor(Line, max_epochs=2).fit(np.eye(5), np.arange(5.0)).predict(np.eye(5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_a_fitted_net_can_be_pickled_without_its_trainer():
    net = classifier().fit(X, y)
    copied = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copied.predict_proba(X), net.predict_proba(X))
    with pytest.raises(RuntimeError, match="not attached to a `Trainer`"):
        _ = net.module_.trainer
    assert len(pickle.dumps(net)) < 30_000


def test_an_accelerator_that_is_missing_after_unpickling_is_replaced_by_the_cpu():
    net = classifier(accelerator="cpu").fit(X, y)
    expected = net.predict_proba(X)
    net.accelerator = "tpu"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), expected)


def test_callbacks_are_copied_and_may_end_the_training():
    class StopAtOnce(Callback):
        n_epochs = 0

        def on_train_epoch_end(self, trainer, pl_module):
            self.n_epochs += 1
            trainer.should_stop = True

    callback = StopAtOnce()
    net = classifier(trainer__callbacks=[callback])
    assert net.fit(X, y).n_epochs_ == net.fit(X, y).n_epochs_ == 1
    assert callback.n_epochs == 0


def test_ctrl_c_ends_a_fit_as_any_other():
    class Interrupted(Net):
        def training_step(self, batch, batch_idx):
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        classifier(Interrupted).fit(X, y)
    assert signal.getsignal(signal.SIGINT) is before
    assert np.array_equal(probabilities(), probabilities())  # and nobody waits for random numbers


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [LightningClassifier(Net), LightningRegressor(Net)], ids=lambda net: type(net).__name__)
def test_tab_completion_shows_parameters_scikit_learns_methods_and_the_protocol_of_epochs(net):
    protocol = {"check_fit", "fit_epochs", "get_checkpoint", "set_checkpoint"}
    scikit_learns = {"fit", "predict", "score", "get_params", "set_params", "get_metadata_routing", "set_score_request"}
    scikit_learns |= {"predict_proba"} if isinstance(net, LightningClassifier) else set()
    shown = {name for name in dir(net) if not name.startswith("_")}
    assert shown == protocol | scikit_learns | set(net.get_params())


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: classifier(Net(6, 2)), "got an instance of one.*module=Net"),
        (lambda: classifier(torch.nn.Linear), "derived from lightning.pytorch.LightningModule, got <class"),
        (lambda: classifier("Net"), "got 'Net'"),
        (lambda: classifier(module__hiden=3), r"Net takes no argument 'hiden'.*Nearest to .*: 'module__hidden'"),
        (
            lambda: classifier(trainer__max_step=3),
            "Trainer takes no argument 'max_step'.*Nearest to .*: 'trainer__max_steps'",
        ),
        (lambda: classifier(trainer__max_epochs=3), "trainer__max_epochs cannot be set. Use the parameter max_epochs"),
        (lambda: classifier(trainer__devices=2, accelerator="cpu"), "one device, but the Trainer was asked for 2"),
        (lambda: classifier(module__n_outputs=3), r"shape \(2, 3\) for 2 rows, but y has 2 classes.*n_classes"),
        (lambda: classifier(output="scores"), "'log_probabilities', got 'scores'"),
        (lambda: classifier(output="probabilities"), r"outside \[0, 1\].*output='logits'"),
        (lambda: classifier(dtype="float65"), "dtype must be 'float32', 'int64' or None, got 'float65'"),
        (lambda: classifier(max_epochs=0), "'max_epochs' parameter.*must be an int in the range"),
        (lambda: classifier(batch_size=0), "'batch_size' parameter.*must be an int in the range"),
        (lambda: classifier(module__lr=1e30, max_epochs=20), "diverged in epoch .*lower the learning rate"),
    ],
)
def test_what_cannot_be_used_is_refused(make, message):
    with pytest.raises((InvalidArgumentError, ValueError), match=message):
        make().fit(X, y)


def test_missing_arguments_are_named():
    class Sized(Net):
        def __init__(self, n_features, width):
            super().__init__(n_features, width)

    with pytest.raises(InvalidArgumentError, match=r"Sized needs the argument 'width': give module__width="):
        classifier(Sized).fit(X, y)


def test_names_are_refused_before_anything_is_trained():
    with pytest.raises(
        InvalidArgumentError, match=r"has no parameter 'max_epoch'.*Nearest to 'max_epoch': 'max_epochs'"
    ):
        classifier(max_epoch=3)
    with pytest.raises(InvalidArgumentError, match=r"Nearest to .*: 'module__hidden'"):
        classifier().set_params(module__hiden=3)
    with pytest.raises(InvalidArgumentError, match=r"Nearest to .*: 'module__hidden'"):
        OptunaSearchCV(classifier(), {"module__hiden": [3]}).fit(X, y)


def test_targets_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(X_reg, np.where(y_reg > 1, np.nan, y_reg))
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(X_reg, y_reg)
    with pytest.raises(InvalidArgumentError, match=r"forward returns shape \(2, 2\).*y has 1 outputs"):
        regressor(module__n_outputs=2).fit(X_reg, y_reg)


def test_a_module_that_returns_no_tensor_is_refused():
    class Two(Net):
        def forward(self, X):
            return super().forward(X), X

    with pytest.raises(InvalidArgumentError, match="forward must return one tensor, got tuple"):
        classifier(Two).fit(X, y)


def test_missing_packages_are_named_with_the_extra(tmp_path):
    program = (
        "import sys, importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'lightning' else find(name, *rest)\n"
        "import sk_optuna\n"
        "assert 'torch' not in sys.modules\n"
        "try:\n    import sk_optuna.lightning\n"
        "except sk_optuna.exceptions.MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert "sk_optuna.lightning needs the package 'lightning'" in done.stdout
    assert "pip install 'sk-optuna[lightning]'" in done.stdout


def test_losses_fall():
    losses = classifier(max_epochs=8).fit(X, y).train_losses_
    assert all(later < earlier for earlier, later in pairwise(losses[::3]))
