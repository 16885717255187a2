"""Arguments of the Trainer, and data: refused before the first fit, in words that say what to do."""
# ruff: noqa: E402

import os
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning import LightningClassifier, LightningRegressor

X = np.random.default_rng(0).normal(size=(60, 4))
y = np.arange(60) % 3


class Net(LightningModule):
    """Logs and validates as a module of one's own scripts does."""

    made = 0

    def __init__(self, n_features, n_outputs, width=1):
        super().__init__()
        Net.made += 1
        self.layer = torch.nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.layer(X)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        raise AssertionError("there is no validation loop")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Narrow(Net):
    def __init__(self, n_features, n_outputs, depth):
        super().__init__(n_features, n_outputs)


def net(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 2, "accelerator": "cpu", "random_state": 0, **params})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"trainer__precision": "16x"}, r"refuses an argument \(.*trainer__precision\): Precision '16x' is invalid"),
        ({"accelerator": "tpu"}, "refuses an argument .*accelerator='auto' uses the device that is there"),
        ({"accelerator": "gqu"}, "invalid accelerator name.*Change or leave out what it names"),
        ({"trainer__devices": [7]}, r"trainer__devices\): `devices` selected with `CPUAccelerator` should be an int"),
        ({"trainer__devices": 2}, "one device, but the Trainer was asked for 2"),
        ({"trainer__gradient_clip_val": "x"}, "gradient_clip_val.* should be an int or a float"),
        ({"trainer__profiler": "x"}, "profiler.* can only be one of"),
        ({"trainer__callbacks": ["x"]}, "trainer__callbacks must be a callback .* got 'x'"),
        ({"trainer__callbacks": [ModelCheckpoint()]}, "writes files, which is switched off.*checkpoint='best'"),
        (
            {"trainer__max_epoch": 3},
            r"takes no argument 'max_epoch'.* Use the parameter max_epochs. It takes strategy,",
        ),
        ({"trainer__accelrator": "cpu"}, "Use the parameter accelerator. It takes"),
        ({"trainer__limit_val_batch": 0}, "the search scores those. It takes"),
        ({"trainer__num_sanity_val_steps": 0}, "num_sanity_val_steps cannot be set. There are no validation rows"),
        ({"module": Narrow}, "Narrow needs the argument 'depth': give module__depth="),
        ({"module": torch.nn.Linear}, "derived from lightning.pytorch.LightningModule"),
        ({"output": "scores"}, "'log_probabilities', got 'scores'"),
        ({"dtype": "float65"}, "'int64' or None, got 'float65'"),
        ({"max_epochs": 0}, "'max_epochs' parameter.*must be an int in the range"),
    ],
)
def test_arguments_are_refused_before_a_module_is_made(params, message):
    made = Net.made
    for refused in (lambda: net(**params).check_fit(), lambda: net(**params).check_fit(X, y)):
        with pytest.raises(InvalidArgumentError, match=message):
            refused()
    assert Net.made == made
    with pytest.raises(ValueError, match=message):
        net(**params).fit(X, y)


@pytest.mark.parametrize("name", ["max_epoch", "accelrator", "limit_val_batch", "num_sanity_steps"])
def test_no_name_is_recommended_that_would_be_refused(name):
    for params in ({f"trainer__{name}": 1}, {name: 1}):
        with pytest.raises(InvalidArgumentError) as caught:
            net(**params).check_fit()
        for forbidden in ("max_epochs", "accelerator", "limit_val_batches", "num_sanity_val_steps"):
            assert f"trainer__{forbidden}" not in str(caught.value)


def test_a_bare_name_of_a_forbidden_argument_is_told_the_reason():
    with pytest.raises(
        InvalidArgumentError, match=r"has no parameter 'limit_val_batches'. There are no validation rows"
    ):
        net(limit_val_batches=0)


def test_data_that_no_network_takes_are_told_before_the_first_fit():
    holes = np.where(X > 1.5, np.nan, X)
    assert np.isnan(holes).any()
    with pytest.raises(
        InvalidArgumentError, match=r"X contains NaN, which LightningClassifier cannot take.*SimpleImputer"
    ):
        net().check_fit(holes, y)
    with pytest.raises(InvalidArgumentError, match="requires y"):
        net().check_fit(X)
    with pytest.raises(InvalidArgumentError, match="Unknown label type"):
        net().check_fit(X, X[:, 0])
    with pytest.raises(InvalidArgumentError, match="y contains NaN"):
        LightningRegressor(Net, accelerator="cpu").check_fit(X, holes)
    net().check_fit(X * 1e300, y)  # a scaler may come between
    net().check_fit(X, y.astype(str))
    LightningRegressor(Net, accelerator="cpu").check_fit(X, X)


def test_a_check_leaves_no_trace():
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, dict(os.environ)
    states = torch.get_rng_state(), pickle.dumps(np.random.get_state())  # noqa: NPY002
    estimator = net(trainer__deterministic=True, trainer__benchmark=False, trainer__callbacks=[])
    attributes = dict(vars(estimator))
    estimator.check_fit(X, y)
    assert vars(estimator) == attributes
    assert before == (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, dict(os.environ))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == pickle.dumps(np.random.get_state())  # noqa: NPY002


@pytest.mark.parametrize("option", [{"trainer__fast_dev_run": True}, {"trainer__overfit_batches": 1}])
def test_options_for_debugging_bring_no_validation_loop(option):
    assert net(**option).fit(X, y).n_epochs_ in (1, 2)


def test_a_bar_of_ones_own_is_drawn_outside_of_searches_only(capfd):
    talkative = net(trainer__callbacks=[TQDMProgressBar()], trainer__enable_progress_bar=True)
    talkative.fit(X, y)
    assert "Epoch" in "".join(capfd.readouterr())
    OptunaSearchCV(talkative, {"module__width": [1, 2]}, cv=2, error_score="raise").fit(X, y)
    assert "Epoch" not in "".join(capfd.readouterr())
