"""Folds of plain skorch nets are trained together, and what cannot be is trained as without."""

# ruff: noqa: E402

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import Dataset, ValidSplit
from torch import nn

import sk_optuna.skorch as ours
from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
TWO = (Y > 0).astype(np.float32)
NUMBERS = X[:, :2] * 2 - X[:, 2:]


class MLP(nn.Sequential):
    def __init__(self, p=0.0, n_outputs=3):
        super().__init__(nn.Linear(4, 12), nn.ReLU(), nn.Dropout(p), nn.Linear(12, n_outputs))


class Softmax(MLP):
    def forward(self, X):
        return super().forward(X).softmax(-1)


class Recurrent(nn.Module):
    def __init__(self, p=0.0, n_outputs=3):
        super().__init__()
        self.cells, self.last = nn.GRU(4, 6, batch_first=True), nn.Linear(6, n_outputs)

    def forward(self, X):
        return self.last(self.cells(X[:, None])[0][:, -1])


class Decides(MLP):
    def forward(self, X):
        made = super().forward(X)
        return 2 * made if made.sum() > 0 else made


class TakesDict(MLP):
    def forward(self, left, right):
        return super().forward(torch.cat([left, right], 1))


class Weighed(MLP):
    def forward(self, X, sample_weight=None):
        return super().forward(X)


def classifier(kind=skorch.NeuralNetClassifier, module=MLP, **params):
    defaults = {"criterion": nn.CrossEntropyLoss, "optimizer": torch.optim.AdamW, "batch_size": 32, "max_epochs": 3}
    return kind(module, **{**defaults, "verbose": 0, "device": "cpu", **params})


def search(net, fuse=True, space=None, **arguments):
    space = {"lr": loguniform(1e-3, 1e-2), "module__p": [0.0, 0.3]} if space is None else space
    arguments = {"n_trials": 5, "cv": 3, "random_state": 0, "error_score": "raise", "refit": False, **arguments}
    return OptunaSearchCV(net, space, fuse=fuse, **arguments)


def scores(found):
    return np.stack([found.cv_results_[f"split{i}_test_score"] for i in range(found.n_splits_)])


def fitted_with_seed(found, X=X, y=Y, **fit_params):
    torch.manual_seed(7)
    found.fit(X, y, **fit_params)
    return found, torch.get_rng_state()


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_the_table_does_not_depend_on_the_workers(backend, sent_by_value):
    one = search(classifier(), scoring="neg_log_loss").fit(X, Y)
    with joblib.parallel_config(backend, n_jobs=2):
        other = search(classifier(), scoring="neg_log_loss").fit(X, Y)
    np.testing.assert_array_equal(scores(one), scores(other))
    assert one.fused_["fused"].all()
    assert other.fused_["n_models"].sum() == 15


KINDS = {
    "classifier": ("NeuralNetClassifier", {}, Y, "neg_log_loss"),
    "softmax": ("NeuralNetClassifier", {"module": Softmax, "criterion": nn.NLLLoss}, Y, "neg_log_loss"),
    "binary": (
        "NeuralNetBinaryClassifier",
        {"module__n_outputs": 1, "criterion": nn.BCEWithLogitsLoss},
        TWO,
        "neg_brier_score",
    ),
    "regressor": ("NeuralNetRegressor", {"module__n_outputs": 2, "criterion": nn.MSELoss}, NUMBERS, "r2"),
}


@pytest.mark.parametrize(("name", "params", "y", "scoring"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("split", [None, ValidSplit(5), ValidSplit(0.2)], ids=["no split", "split", "drawn split"])
def test_scores_are_those_of_our_net_of_the_same_name(name, params, y, scoring, split):
    params = {**params, "train_split": split}
    plain, own = (
        search(classifier(getattr(package, name), **params), scoring=scoring, cv=StratifiedKFold(3).split(X, Y)).fit(
            X, y
        )
        for package in (skorch, ours)
    )
    np.testing.assert_array_equal(scores(plain), scores(own))
    assert plain.fused_["group"].tolist() == own.fused_["group"].tolist()
    assert plain.fused_["fused"].all()


def test_the_default_split_is_trained_together_and_learns():
    found = search(
        classifier(max_epochs=60, iterator_train__shuffle=True), space={"lr": [1e-2]}, n_trials=1, refit=True
    ).fit(X, Y)
    assert found.fused_["fused"].all()
    assert found.best_score_ > 0.85
    assert type(found.best_estimator_) is skorch.NeuralNetClassifier


def numbers_of(net, X, y):
    return -float(((net.forward(X).numpy() - y) ** 2).mean())


def test_the_base_class_is_trained_together():
    net = classifier(skorch.NeuralNet, criterion=nn.MSELoss, module__n_outputs=2)
    found = search(net, scoring=numbers_of).fit(X, NUMBERS)
    assert found.fused_["fused"].all()


def is_ordinary(net, X, y):
    other = classifier(callbacks=[("early", EarlyStopping())], lr=net.lr, module__p=net.module__p).initialize()
    assert type(net) is skorch.NeuralNetClassifier
    assert vars(net).keys() <= vars(other.fit(X, y)).keys()
    assert net.get_params().keys() == other.get_params().keys()
    assert [type(each) for _, each in net.callbacks_] == [type(each) for _, each in other.callbacks_]
    assert net.verbose == other.verbose
    for copied in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert type(copied) is skorch.NeuralNetClassifier
        np.testing.assert_array_equal(copied.predict_proba(X), net.predict_proba(X))
    assert not hasattr(clone(net), "module_")
    assert len(net.history) == 3
    assert {"train_loss", "valid_loss", "valid_acc", "dur"} <= net.history[-1].keys()
    np.testing.assert_array_equal(net.classes_, np.unique(y))
    net.partial_fit(X, y)
    return net.score(X, y)


def test_a_fitted_net_is_an_ordinary_skorch_net():
    found = search(classifier(callbacks=[("early", EarlyStopping())]), scoring=is_ordinary, n_trials=2).fit(X, Y)
    assert found.fused_["fused"].all()


@pytest.mark.parametrize(
    "params", [{"device": "cup"}, {"optimizer__lt": 1}, {"no_such": 2}, {"batch_size": 0}], ids=str
)
def test_bad_parameters_fail_as_they_do_without(params):
    errors = []
    for fuse in ("auto", False):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as raised:
            search(classifier(**params), fuse, n_trials=1).fit(X, Y)
        errors.append((raised.type, str(raised.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("y", [Y.astype(str), Y + 1], ids=["strings", "from one"])
def test_labels_that_skorch_does_not_take_fail_as_they_do_without(y):
    errors = []
    for fuse in ("auto", False):
        with pytest.raises((IndexError, TypeError)) as raised:
            search(classifier(), fuse, n_trials=1).fit(X, y)
        errors.append((raised.type, str(raised.value)))
    assert errors[0] == errors[1]


class Watches(Callback):
    def on_epoch_end(self, net, **kwargs):
        assert isinstance(net, skorch.NeuralNetClassifier)
        assert type(clone(net)) is type(pickle.loads(pickle.dumps(net))) is skorch.NeuralNetClassifier
        assert "iterator_train" in net.get_params()
        self.net_ = net

    def on_train_end(self, net, **kwargs):
        assert self.net_ is net
        torch.rand(3)
        del self.net_


def together(tmp_path):
    return {
        "scoring": [EpochScoring("neg_log_loss", lower_is_better=False)],
        "rate": [LRScheduler("StepLR", step_size=1)],
        "early": [EarlyStopping(patience=1, threshold=10.0, threshold_mode="abs")],
        "checkpoint": [Checkpoint(dirname=tmp_path, f_pickle="net.pkl", load_best=True)],
        "own": [Watches()],
    }


@pytest.mark.parametrize("name", ["scoring", "rate", "early", "checkpoint", "own"])
def test_callbacks_see_a_skorch_net(name, tmp_path):
    before = torch.get_rng_state()
    net = classifier(callbacks=together(tmp_path)[name])
    found = search(net, n_trials=2).fit(X, Y)
    assert found.fused_["fused"].all()
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_printed_and_the_generator_is_left_as_it_was(capsys):
    before = torch.get_rng_state()
    search(classifier(verbose=1), scoring="accuracy").fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr().out == ""


class Own(skorch.NeuralNetClassifier):
    pass


class OnBatch(Callback):
    def on_batch_end(self, net, **kwargs):
        assert type(net) is skorch.NeuralNetClassifier


class OwnDataset(Dataset):
    pass


class Loader(torch.utils.data.DataLoader):
    pass


def reverse(dataset, y=None, **kwargs):
    return dataset, torch.utils.data.Subset(dataset, range(10))


PARTS = {"left": X[:, :2], "right": X[:, 2:]}
ALONE = {
    "class": ({"kind": Own}, X, Y, {}, r"Own is a class of its own; derive it from sk_optuna.skorch.NeuralNetClass"),
    "module": ({"module": Recurrent}, X, Y, {}, "GRU has no batched form"),
    "forward": ({"module": Decides, "train_split": reverse}, X, Y, {}, "decides by the values"),
    "batches": ({"callbacks": [OnBatch()]}, X, Y, {}, "takes part in batches: one of .*OnBatch"),
    "loader": ({"iterator_train": Loader}, X, Y, {}, "its batches come from Loader, not from DataLoader"),
    "dataset": ({"dataset": OwnDataset}, X, Y, {}, "are not plain arrays"),
    "dict": ({"module": TakesDict}, PARTS, Y, {}, "are not plain arrays"),
    "weights": (
        {"module": Weighed, "train_split": None},
        X,
        Y,
        {"sample_weight": np.ones(150, np.float32)},
        "arguments of fit: sample_weight",
    ),
}


@pytest.mark.parametrize(("params", "rows", "y", "fit_params", "reason"), ALONE.values(), ids=ALONE)
def test_what_cannot_be_trained_together_is_trained_as_without(params, rows, y, fit_params, reason):
    splits = list(StratifiedKFold(3).split(X, Y))
    if isinstance(rows, dict):
        rows = skorch.helper.SliceDict(**rows)
    (one, state), (other, expected) = (
        fitted_with_seed(search(classifier(**params), fuse, cv=splits, refit=True), rows, y, **fit_params)
        for fuse in ("auto", False)
    )
    np.testing.assert_array_equal(scores(one), scores(other))
    assert torch.equal(state, expected)
    assert one.fused_["fused"].tolist() == [False]
    assert one.fused_["n_models"].tolist() == [15]
    with pytest.raises(InvalidArgumentError, match=f"fuse=True, but .*{reason}"):
        search(classifier(**params), cv=splits).fit(rows, y, **fit_params)


def test_nets_that_are_trained_by_themselves_leave_the_numbers_of_the_others_alone():
    """They draw from torch's generator, also where several folds work at a time; and say once why."""

    def run(**arguments):
        found = search(
            classifier(max_epochs=20, batch_size=8),
            "auto",
            space={"lr": loguniform(1e-3, 1e-2), "module": [MLP, Recurrent]},
            scoring="neg_log_loss",
            **arguments,
        )
        found.study_callbacks = [lambda study, trial: study.stop() if trial.number == 5 else None]
        return found.set_params(n_trials=20).fit(X, Y)

    one = run()
    with joblib.parallel_config("threading", n_jobs=2):
        other = run()
    fused = [
        {str(params): row for params, row in zip(found.cv_results_["params"], scores(found).T, strict=True)}
        for found in (one, other)
    ]
    together = [name for name in fused[0] if "MLP" in name and name in fused[1]]
    assert len(together) > 1
    assert set(one.fused_["fused"]) == {True, False}
    for name in together:
        np.testing.assert_array_equal(fused[0][name], fused[1][name])


def test_the_reason_is_printed_once(capsys):
    search(classifier(module=Recurrent), "auto", n_trials=2, verbose=1).fit(X, Y)
    assert capsys.readouterr().out.count("is trained by itself: GRU") == 1


def test_too_few_steps_to_gain_something_are_left_as_without():
    one, state = fitted_with_seed(search(classifier(), "auto"))
    other, expected = fitted_with_seed(search(classifier(), False))
    np.testing.assert_array_equal(scores(one), scores(other))
    assert torch.equal(state, expected)
    assert "to gain something" in one.fused_["reason"][0]


def test_auto_trains_together_what_makes_enough_steps():
    net = classifier(max_epochs=30, batch_size=8)
    found = search(net, "auto", n_trials=20).set_params(n_trials=20)
    found.study_callbacks = [lambda study, trial: study.stop() if trial.number == 1 else None]
    assert found.fit(X, Y).fused_["fused"].tolist() == [True]


ROWS = {
    "float64": (X.astype(np.float64), Y, {}),
    "int32": (X, Y.astype(np.int32), {}),
    "tensors": (torch.as_tensor(X), torch.as_tensor(Y), {}),
    "one number": (X, X[:, :1] + 1, {"kind": skorch.NeuralNetRegressor, "module__n_outputs": 1}),
    "no axis": (X, X[:, 0] + 1, {"kind": skorch.NeuralNetRegressor, "module__n_outputs": 1}),
    "broadcast": (X, X[:, 0] + 1, {"kind": skorch.NeuralNet, "module__n_outputs": 1}),
    "integers": (X, Y[:, None], {"kind": skorch.NeuralNetRegressor, "module__n_outputs": 1}),
}


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize(("rows", "y", "params"), ROWS.values(), ids=ROWS)
def test_data_train_or_fail_as_without(rows, y, params):
    """float64 and int32 fail in skorch with the same errors; whatever trains there trains here, to the same scores."""
    if params:
        params = {"criterion": nn.MSELoss, **params}
    scoring = (lambda net, X, y: -net.history[-1]["train_loss"]) if params else "neg_log_loss"
    splits = list(StratifiedKFold(3).split(X, Y))
    ends = []
    for fuse in ("auto", False):
        with warnings.catch_warnings():
            found = search(classifier(**params), fuse, cv=splits, scoring=scoring, n_trials=2)
            try:
                ends.append(scores(fitted_with_seed(found, rows, y)[0]).tolist())
            except Exception as error:
                ends.append(f"{type(error).__name__}: {error}")
    assert ends[0] == ends[1]


def test_outputs_that_are_compared_with_targets_of_other_rows_are_left_alone():
    net = classifier(skorch.NeuralNet, criterion=nn.MSELoss, module__n_outputs=1, train_split=None)
    scoring = lambda net, X, y: -net.history[-1]["train_loss"]  # noqa: E731
    found = search(net, "auto", cv=list(StratifiedKFold(3).split(X, Y)), scoring=scoring, n_trials=1)
    with pytest.warns(UserWarning, match="Using a target size"):
        found.fit(X, X[:, 0])
    assert "targets of other rows" in found.fused_["reason"][0]


def test_a_pipeline_and_a_target_transformer_hold_plain_nets():
    pipeline = make_pipeline(StandardScaler(), classifier())
    space = {"neuralnetclassifier__lr": loguniform(1e-3, 1e-2)}
    found = search(pipeline, space=space, refit=True).fit(X, Y)
    assert found.fused_["fused"].all()
    assert type(found.best_estimator_[-1]) is skorch.NeuralNetClassifier
    net = classifier(skorch.NeuralNetRegressor, criterion=nn.MSELoss, module__n_outputs=2)
    target = TransformedTargetRegressor(net, transformer=StandardScaler())
    found = search(target, space={"regressor__lr": loguniform(1e-3, 1e-2)}, refit=True).fit(X, NUMBERS)
    assert found.fused_["fused"].all()
    assert found.predict(X).shape == (150, 2)


def test_nested_results_are_the_same_each_time_and_refits_draw_as_without():
    def run(fuse, module=MLP):
        torch.manual_seed(1)
        rows = {"net": search(classifier(module=module), fuse, refit=True, n_trials=2)}
        found = nested_cross_validate(rows, X, Y, cv=StratifiedKFold(3, shuffle=True, random_state=0))
        return np.asarray(found.archive_["mean_test_score"]), found.cross_validate_["net"]["test_score"]

    for one, other in zip(run(True), run(True), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(run("auto", Recurrent), run(False, Recurrent), strict=True):
        np.testing.assert_array_equal(one, other)


def test_report_epoch_is_refused_as_before():
    with pytest.raises(InvalidArgumentError, match=r"report='epoch' needs an estimator.*from sk_optuna.skorch import"):
        search(classifier(), report="epoch").fit(X, Y)
