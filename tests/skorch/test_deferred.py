"""An epoch with deferred losses leaves the history, the net and the callbacks as skorch's own does."""

# ruff: noqa: E402

import pickle

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.callbacks import (
    Callback,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    PrintLog,
    ProgressBar,
)
from skorch.dataset import ValidSplit

from sk_optuna.skorch import _deferred
from sk_optuna.skorch._deferred import DeferredLosses
from sk_optuna.skorch._loader import TensorLoader

RNG = np.random.default_rng(0)
X = RNG.normal(size=(61, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 61)


class MLP(torch.nn.Sequential):
    def __init__(self):
        super().__init__(
            torch.nn.Linear(5, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(8, 3),
        )


class Deferring(DeferredLosses, skorch.NeuralNetClassifier):
    """What is tested."""


@pytest.fixture(params=["at once", "deferred"], autouse=True)
def on_device(request, monkeypatch):
    """Run every test as on a CPU, and as on a device whose numbers must be waited for."""
    if request.param == "deferred":
        monkeypatch.setattr(_deferred, "_AT_ONCE", frozenset())
        monkeypatch.setattr(_deferred, "_PENDING", 4)
    return request.param


def fitted(cls, **params):
    torch.manual_seed(0)
    defaults = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 3, "batch_size": 8, "train_split": None}
    net = cls(params.pop("module", MLP), **{**defaults, "verbose": 0, "iterator_train__shuffle": True, **params})
    return net.fit(X, Y)


def without_durations(history):
    return [{name: value for name, value in row.items() if name != "dur"} for row in history]


def assert_same(net, other):
    assert repr(without_durations(net.history)) == repr(without_durations(other.history))
    for ours, theirs in zip(net.module_.parameters(), other.module_.parameters(), strict=True):
        assert torch.equal(ours, theirs)


SETTINGS = {
    "defaults": dict,
    "rows on the device": lambda: {"iterator_train": TensorLoader, "iterator_valid": TensorLoader},
    "a validation split": lambda: {"train_split": ValidSplit(3)},
    "no callbacks": lambda: {"callbacks": "disable"},
    "scores of an epoch": lambda: {
        "train_split": ValidSplit(3),
        "callbacks": [EpochScoring("accuracy", on_train=True, name="train_acc"), EpochScoring("f1_macro")],
    },
    "clipped gradients": lambda: {"callbacks": [GradientNormClipping(0.1)]},
    "a rate for each step": lambda: {
        "callbacks": [LRScheduler(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.5, total_steps=24, step_every="batch")]
    },
    "a rate that follows the losses of batches": lambda: {
        "callbacks": [
            LRScheduler("ReduceLROnPlateau", monitor="train_loss", step_every="batch", patience=0, threshold=0.5)
        ]
    },
    "LBFGS": lambda: {"optimizer": torch.optim.LBFGS, "max_epochs": 1},
    "Adam": lambda: {"optimizer": torch.optim.Adam},
    "the criterion has weights": lambda: {"criterion__weight": torch.tensor([1.0, 2.0, 3.0])},
    "losses of one element": lambda: {"criterion": OneElement},
}


class OneElement(torch.nn.CrossEntropyLoss):
    def forward(self, output, y):
        return super().forward(output.double(), y).reshape(1)


@pytest.mark.parametrize("setting", SETTINGS)
def test_history_and_weights_are_skorchs_to_the_last_bit(setting):
    ours, theirs = fitted(Deferring, **SETTINGS[setting]()), fitted(skorch.NeuralNetClassifier, **SETTINGS[setting]())
    assert_same(ours, theirs)
    losses = ours.history[:, "batches", :, "train_loss"]
    assert all(type(loss) is float for epoch in losses for loss in epoch)


class NoNumber(torch.Tensor):
    """A loss that cannot be asked for its value."""

    def item(self):
        raise AssertionError("a step waited for the device")


class AsksNothing(Deferring):
    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs).as_subclass(NoNumber)


def test_no_step_asks_for_its_loss(on_device):
    if on_device == "at once":
        with pytest.raises(AssertionError, match="a step waited"):
            fitted(AsksNothing)
        return
    assert_same(fitted(AsksNothing), fitted(skorch.NeuralNetClassifier))


class LooksAtParameters(Deferring):
    def get_loss(self, *args, **kwargs):
        self.names_ = set(self.get_params())
        return super().get_loss(*args, **kwargs)


def test_the_net_has_skorchs_parameters_also_while_it_trains():
    net = fitted(LooksAtParameters)
    assert net.names_ == set(net.get_params()) == set(fitted(skorch.NeuralNetClassifier).get_params())
    assert_same(fitted(lambda *args, **params: clone(net)), net)


class SeesEpochs(Callback):
    def __init__(self):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net.history[-1, "batches", :, ("train_loss", "train_batch_size")])


def test_losses_are_there_before_callbacks_see_the_end_of_the_epoch():
    ours, theirs = SeesEpochs(), SeesEpochs()
    fitted(Deferring, callbacks=[ours])
    fitted(skorch.NeuralNetClassifier, callbacks=[theirs])
    assert ours.seen == theirs.seen
    assert len(ours.seen) == 3
    assert np.isfinite(ours.seen).all()


class SeesBatches(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        recorded = net.history[-1, "batches", -1, "train_loss" if training else "valid_loss"]
        self.seen.append((training, len(batch[0]), recorded, loss.item(), y_pred.sum().item()))


class SeesBegins(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_begin(self, net, training, **kwargs):
        self.seen.append(net.history[-1, "batches", :, "train_loss"] if len(net.history[-1, "batches"]) > 1 else None)


class SeesGradients(Callback):
    def __init__(self):
        self.seen = []

    def on_grad_computed(self, net, named_parameters, batch, training, **kwargs):
        for _ in range(2):
            self.seen.append([(name, weights.grad.sum().item()) for name, weights in named_parameters])


@pytest.mark.parametrize("callback", [SeesBatches, SeesBegins, SeesGradients])
def test_callbacks_that_take_part_in_batches_see_what_they_see_in_skorch(callback):
    ours, theirs = callback(), callback()
    params = {"train_split": ValidSplit(3)}
    assert_same(
        fitted(Deferring, callbacks=[ours], **params), fitted(skorch.NeuralNetClassifier, callbacks=[theirs], **params)
    )
    assert ours.seen == theirs.seen
    assert ours.seen


def test_a_hook_that_was_set_on_a_callback_is_called():
    seen = []
    callback = Callback()
    callback.on_batch_end = lambda net, **kwargs: seen.append(net.history[-1, "batches", -1, "train_loss"])
    net = fitted(Deferring, callbacks=[("own", callback)], callbacks__print_log=None)
    assert seen == [loss for epoch in net.history[:, "batches", :, "train_loss"] for loss in epoch]


def test_the_progress_bar_is_served(capsys):
    assert_same(
        fitted(Deferring, callbacks=[ProgressBar(detect_notebook=False)]),
        fitted(skorch.NeuralNetClassifier, callbacks=[ProgressBar(detect_notebook=False)]),
    )
    assert "nan" not in capsys.readouterr().err


def net_that_overrides(hook, base):
    def method(self, *args, **kwargs):
        name = args[0] if hook == "notify" else hook
        last = self.history[-1]["batches"][-1:] if self.history else None
        self.calls.append((name, repr(last)))
        return getattr(base, hook)(self, *args, **kwargs)

    return type("Own", (base,), {hook: method, "calls": []})


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_grad_computed", "notify"])
def test_a_net_that_overrides_a_hook_of_batches_is_called_as_by_skorch(hook):
    ours, theirs = net_that_overrides(hook, Deferring), net_that_overrides(hook, skorch.NeuralNetClassifier)
    assert_same(fitted(ours), fitted(theirs))
    assert ours.calls == theirs.calls
    assert len(ours.calls) >= 24


class Counting(skorch.history.History):
    def record_batch(self, attr, value):
        self.n_recorded = getattr(self, "n_recorded", 0) + 1
        super().record_batch(attr, value)


def test_a_history_of_the_users_own_is_told_of_every_batch():
    net = fitted(Deferring, history=Counting())
    assert net.history.n_recorded == 2 * 3 * 8


def test_losses_until_an_interruption_are_kept():
    def interrupted(base):
        class Own(base):
            def train_step(self, batch, **fit_params):
                if len(self.history) == 2 and len(self.history[-1, "batches"]) == 7:
                    raise KeyboardInterrupt
                return super().train_step(batch, **fit_params)

        return fitted(Own)

    ours, theirs = interrupted(Deferring), interrupted(skorch.NeuralNetClassifier)
    assert_same(ours, theirs)
    assert len(ours.history[-1, "batches", :, "train_loss"]) == 6


def test_an_error_in_a_step_is_raised_and_leaves_a_net_that_trains_again():
    class Fails(Deferring):
        fails = True

        def get_loss(self, *args, **kwargs):
            if self.fails and len(self.history[-1, "batches"]) == 3:
                raise RuntimeError("out of memory")
            return super().get_loss(*args, **kwargs)

    torch.manual_seed(0)
    net = Fails(MLP, criterion=torch.nn.CrossEntropyLoss, train_split=None, batch_size=8, verbose=0)
    with pytest.raises(RuntimeError, match="out of memory"):
        net.fit(X, Y)
    assert np.isfinite(net.history[-1, "batches", :2, "train_loss"]).all()
    net.fails = False
    assert len(net.fit(X, Y).history) == 10


def test_a_loss_that_is_written_over_by_the_next_step_is_recorded_as_it_was():
    class Replays(Deferring):
        def train_step(self, batch, **fit_params):
            step = super().train_step(batch, **fit_params)
            kept = vars(self).setdefault("_kept", torch.zeros(()))
            kept.copy_(step["loss"].detach())
            return {**step, "loss": kept}

    assert_same(fitted(Replays), fitted(skorch.NeuralNetClassifier))


class Frozen(MLP):
    """Its batch normalization is never trained."""

    def train(self, mode=True):
        super().train(mode)
        self[1].eval()
        return self


class TurnsItselfOff(MLP):
    def forward(self, rows):
        output = super().forward(rows)
        self[3].eval()
        return output


@pytest.mark.parametrize("module", [Frozen, TurnsItselfOff])
def test_modules_are_told_to_train_whenever_skorch_would_change_anything(module):
    assert_same(fitted(Deferring, module=module), fitted(skorch.NeuralNetClassifier, module=module))


def test_a_net_that_predicted_between_epochs_trains_on():
    class Predicts(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.predict(X)

    assert_same(fitted(Deferring, callbacks=[Predicts()]), fitted(skorch.NeuralNetClassifier, callbacks=[Predicts()]))


@pytest.mark.parametrize("verbose", [0, 1])
def test_the_log_prints_what_skorchs_prints(capsys, verbose):
    printed = []
    for cls in (Deferring, skorch.NeuralNetClassifier):
        fitted(cls, verbose=verbose, callbacks__print_log__keys_ignored="dur")
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert bool(printed[0]) == bool(verbose)


def test_a_log_that_prints_elsewhere_prints_though_the_net_is_silent():
    lines = []
    fitted(Deferring, callbacks__print_log__sink=lines.append)
    assert len(lines) == 2 + 3


def test_logs_of_the_users_own_are_left_as_they_are():
    own = PrintLog(sink=len)
    net = fitted(Deferring, callbacks__print_log=own)
    assert dict(net.callbacks_)["print_log"] is own


def test_a_fitted_net_holds_nothing_of_its_epochs():
    net = fitted(Deferring)
    assert vars(net).keys() == vars(fitted(skorch.NeuralNetClassifier)).keys()
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict(X), net.predict(X))
