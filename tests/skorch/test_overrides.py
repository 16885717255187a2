"""A subclass that overrides a method without super() trains as skorch's net does, or is told what it goes without."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.dataset import Dataset, unpack_data  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetClassifier  # noqa: E402
from sk_optuna.skorch import _on_device as devices  # noqa: E402

RNG = np.random.RandomState(0)
X, Y = RNG.rand(48, 4).astype(np.float32), np.arange(48) % 3
HEAVY = {0: 100.0}
SOME = RNG.randint(0, 4, len(X))


class OwnOptimizer:
    def initialize_optimizer(self, *args, **kwargs):
        self.optimizer_ = torch.optim.SGD(self.module_.parameters(), lr=self.lr)
        return self


class OwnModule:
    def initialize_module(self):
        self.module_ = self.module(**self.get_params_for("module"))
        return self


class OwnCriterion:
    def initialize_criterion(self):
        self.criterion_ = torch.nn.CrossEntropyLoss()
        return self


class OwnLoss:
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return self.criterion_(y_pred, y_true)


class OwnInfer:
    def infer(self, x, **fit_params):
        return self.module_(x)


class OwnStepSingle:
    def train_step_single(self, batch, **fit_params):
        self._set_training(True)
        rows, labels = unpack_data(batch)
        y_pred = self.infer(rows)
        loss = torch.nn.functional.cross_entropy(y_pred, labels)
        loss.backward()
        return {"loss": loss, "y_pred": y_pred}


class OwnStep:
    def train_step(self, batch, **fit_params):
        self.optimizer_.zero_grad()
        step = self.train_step_single(batch, **fit_params)
        self.optimizer_.step()
        return step


class OwnValidation:
    def validation_step(self, batch, **fit_params):
        raise AssertionError("there are no validation rows")


class OwnEvaluation:
    def evaluation_step(self, batch, training=False):
        with torch.no_grad():
            return self.module_(batch[0])


class OwnDataset:
    def get_dataset(self, X, y=None):
        return Dataset(X, y)


class OwnSplit:
    def get_split_datasets(self, X, y=None, **fit_params):
        return self.get_dataset(X, y), None


class OwnIterator:
    def get_iterator(self, dataset, training=False):
        return DataLoader(dataset, batch_size=self.batch_size)


class OwnEpoch:
    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            self.history.record_batch(prefix + "_loss", step["loss"].item())
            self.history.record_batch(prefix + "_batch_size", len(batch[0]))
            self.notify("on_batch_end", batch=batch, training=training, **step)


class OwnLoop:
    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        iterator = self.get_iterator(self.get_dataset(X, y), training=True)
        for _ in range(self.max_epochs if epochs is None else epochs):
            self.notify("on_epoch_begin", dataset_train=iterator.dataset, dataset_valid=None)
            self.run_single_epoch(iterator, training=True, prefix="train", step_fn=self.train_step)
            self.notify("on_epoch_end", dataset_train=iterator.dataset, dataset_valid=None)
        return self


class OwnPartialFit:
    def partial_fit(self, X, y=None, classes=None, **fit_params):
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        self.fit_loop(X, y)
        self.notify("on_train_end", X=X, y=y)
        return self


class OwnFit:
    def fit(self, X, y=None, **fit_params):
        self.initialize()
        return self.partial_fit(X, y)


class OwnInitialize:
    def initialize(self):
        self.check_training_readiness()
        self._initialize_virtual_params()
        self._initialize_callbacks()
        self._initialize_module()
        self._initialize_criterion()
        self._initialize_optimizer()
        self._initialize_history()
        self.initialized_ = True
        return self


class OwnChecks:
    def check_data(self, X, y=None):
        pass

    def check_training_readiness(self):
        pass


class OwnHooks:
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        pass

    def on_train_end(self, net, X=None, y=None, **kwargs):
        pass

    def on_epoch_end(self, net, **kwargs):
        pass

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        pass

    def on_grad_computed(self, net, named_parameters, **kwargs):
        pass


class OwnForward:
    def forward_iter(self, X, training=False, device="cpu"):
        for batch in self.get_iterator(self.get_dataset(X), training=training):
            yield self.evaluation_step(batch, training=training)


OWN = [each for name, each in list(globals().items()) if name.startswith("Own")]


def net_of(own, base=NeuralNetClassifier, **params):
    made = type("Mine", (own, base), {})
    given = {"module__in_features": 4, "module__out_features": 3, "criterion": torch.nn.CrossEntropyLoss}
    return made(torch.nn.Linear, **{**given, "max_epochs": 2, "verbose": 0, "train_split": None, "lr": 0.1, **params})


def weights(net):
    return torch.cat([weight.detach().flatten() for weight in net.module_.parameters()]).numpy()


def trained(net, **fit_params):
    torch.manual_seed(3)
    return weights(net.fit(X, Y, **fit_params))


@pytest.mark.parametrize("own", OWN)
def test_an_override_without_super_trains_as_in_skorch(own):
    ours, theirs = net_of(own, device="cpu"), net_of(own, skorch.NeuralNetClassifier)
    assert np.array_equal(trained(ours), trained(theirs))
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert ours.history[:, "batches", :, "train_loss"] == theirs.history[:, "batches", :, "train_loss"]


@pytest.mark.parametrize("own", [OwnOptimizer, OwnLoop, OwnStep, OwnStepSingle, OwnLoss, OwnPartialFit, OwnDataset])
def test_a_search_ends_epochs_of_overrides_without_super(own):
    search = OptunaSearchCV(
        net_of(own, max_epochs=4), {"lr": [0.1, 0.01]}, n_trials=None, cv=2, report="epoch", pruner=None, random_state=0
    )
    assert search.fit(X, Y).cv_results_["n_epochs_run"].tolist() == [8, 8]


class Monitor:
    def __init__(self, n_epochs):
        self.n_left = n_epochs

    def report(self, train_loss, score=None):
        self.n_left -= 1
        return self.n_left == 0


def test_a_monitor_ends_a_loop_of_a_subclass_as_skorchs_own():
    ends = []

    class Loud(OwnLoop):
        def on_train_end(self, net, **kwargs):
            ends.append(len(net.history))

    fitted = net_of(Loud, max_epochs=9).fit_epochs(X, Y, Monitor(3))
    assert len(fitted.history) == 3
    assert ends == [3]


# --- weights ----------------------------------------------------------------------------------------------------------

LOSES_WEIGHTS = [OwnLoss, OwnStepSingle]


@pytest.mark.parametrize("own", LOSES_WEIGHTS)
@pytest.mark.parametrize(("params", "fit_params"), [({"class_weight": HEAVY}, {}), ({}, {"sample_weight": SOME})])
def test_weights_that_nobody_applies_are_an_error_at_the_first_batch(own, params, fit_params):
    net = net_of(own, batch_size=16, **params)
    with pytest.raises(InvalidArgumentError, match=r"Mine has its own .*Call super\(\)\.get_loss\(y_pred, y_true"):
        net.fit(X, Y, **fit_params)
    assert len(net.history[-1, "batches"]) == 1


def test_weights_are_missed_after_an_epoch_of_a_subclass_at_the_latest():
    class Own(OwnEpoch, OwnLoss):
        pass

    net = net_of(Own, class_weight=HEAVY)
    with pytest.raises(InvalidArgumentError, match=r"its own get_loss and run_single_epoch"):
        net.fit(X, Y)
    assert len(net.history) == 1


@pytest.mark.parametrize("own", LOSES_WEIGHTS)
def test_weights_that_change_nothing_are_not_missed(own):
    plain = trained(net_of(own))
    assert np.array_equal(trained(net_of(own, class_weight={0: 1.0}), sample_weight=np.full(len(X), 2.0)), plain)
    assert np.array_equal(trained(net_of(own, class_weight="balanced")), plain)
    net_of(own, class_weight=HEAVY, max_epochs=0).fit(X, Y)


def test_weights_hold_where_get_loss_calls_super():
    class Penalized:
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return super().get_loss(y_pred, y_true, X=X, training=training) + 0 * y_pred.sum()

    assert np.array_equal(
        trained(net_of(Penalized, class_weight=HEAVY)), trained(net_of(OwnChecks, class_weight=HEAVY))
    )


@pytest.mark.parametrize("own", [OwnIterator, OwnDataset])
def test_sample_weights_that_do_not_reach_the_batches_are_an_error(own):
    with pytest.raises(InvalidArgumentError, match=r"sample_weight (did not reach this batch|needs X and y)"):
        net_of(own).fit(X, Y, sample_weight=SOME)


def test_class_weights_need_no_iterator_or_dataset_of_ours():
    heavy = trained(net_of(OwnChecks, class_weight=HEAVY))
    for own in (OwnIterator, OwnDataset, OwnSplit, OwnStep, OwnEpoch, OwnLoop):
        assert np.array_equal(trained(net_of(own, class_weight=HEAVY)), heavy)


# --- what is lost besides ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "params", "message"),
    [
        (OwnEpoch, {"random_state": 0}, r"super\(\)\.run_single_epoch: random_state has no effect on what is drawn"),
        (OwnInitialize, {"random_state": 0}, r"super\(\)\.initialize: random_state has no effect"),
        (OwnInfer, {"amp": "bf16"}, r"super\(\)\.infer: amp='bf16' has no effect"),
    ],
)
def test_what_an_override_loses_is_said_once(own, params, message, monkeypatch, recwarn):
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: True)
    net = net_of(own, device="cpu", **params)
    with pytest.warns(UserWarning, match=message):
        net.fit(X, Y)
    net.fit(X, Y)


@pytest.mark.parametrize(("own", "method"), [(OwnStep, "train_step"), (OwnStepSingle, "train_step_single")])
def test_fp16_without_our_steps_is_refused_rather_than_wrong(own, method, monkeypatch):
    class Scaler:
        def __init__(self, device):
            pass

        def scale(self, loss):
            return loss * 4

    monkeypatch.setattr("sk_optuna.skorch._checks.check_amp", lambda amp, device: None)
    monkeypatch.setattr(torch.amp, "GradScaler", Scaler)
    with pytest.raises(InvalidArgumentError, match=rf"Mine does not call super\(\)\.{method}\(\)\. Call it, or pass"):
        net_of(own, amp="fp16", device="cpu").fit(X, Y)
