"""Nets report their epochs, end when they are told, and know Ctrl-C from early stopping."""

import os
import signal
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.datasets import make_classification  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from skorch.callbacks import Callback, EarlyStopping  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.skorch import NeuralNetClassifier  # noqa: E402
from sk_optuna.worker._current_fold import CurrentFold, in_fold  # noqa: E402

X, Y = make_classification(120, 5, n_informative=4, n_redundant=0, random_state=0)
Y = np.array(["no", "yes"])[Y]


class Linear(torch.nn.Linear):
    def __init__(self, n_features, n_classes):
        super().__init__(n_features, n_classes)


def net(kind=NeuralNetClassifier, **params):
    return kind(
        Linear,
        **{
            "module__n_features": "auto",
            "module__n_classes": "auto",
            "criterion": torch.nn.CrossEntropyLoss,
            "max_epochs": 5,
            "lr": 0.2,
            "verbose": 0,
            "random_state": 0,
            **params,
        },
    )


def weights(fitted):
    return np.concatenate([weight.detach().numpy().ravel() for weight in fitted.module_.parameters()])


class Monitor:
    def __init__(self, estimator, stop_after=None):
        self.estimator = estimator
        self.stop_after = stop_after
        self.losses, self.weights, self.checkpoints, self.scores = [], [], [], []

    def report(self, *, train_loss=None, score=None):
        self.losses.append(train_loss)
        self.weights.append(weights(self.estimator))
        self.checkpoints.append(self.estimator.get_checkpoint())
        self.scores.append(self.estimator.score(X, Y))
        return len(self.losses) == self.stop_after


class Ending(Callback):
    def __init__(self):
        self.ended = False

    def on_train_end(self, net, **kwargs):
        self.ended = True


@pytest.mark.parametrize("callbacks", [None, "disable"])
def test_each_epoch_is_reported_with_its_loss(callbacks):
    fitted = net(callbacks=callbacks)
    monitor = Monitor(fitted)
    assert fitted.fit_epochs(X, Y, monitor) is fitted
    assert len(monitor.losses) == 5
    np.testing.assert_allclose(monitor.losses, net().fit(X, Y).history[:, "train_loss"], rtol=1e-6)
    assert "_monitor" not in vars(fitted)


def test_a_followed_fit_is_the_same_fit():
    fitted = net()
    fitted.fit_epochs(X, Y, Monitor(fitted), sample_weight=np.arange(len(X)))
    assert np.array_equal(weights(fitted), weights(net().fit(X, Y, sample_weight=np.arange(len(X)))))


def test_training_ends_where_the_monitor_says_so_with_all_that_belongs_to_an_end():
    fitted = net(callbacks=[("ending", Ending())])
    monitor = Monitor(fitted, stop_after=2)
    fitted.fit_epochs(X, Y, monitor)
    assert np.array_equal(weights(fitted), weights(net(max_epochs=2).fit(X, Y)))
    assert len(fitted.history) == 2
    assert dict(fitted.callbacks_)["ending"].ended
    assert fitted.predict(X).dtype == Y.dtype


def test_reports_come_after_all_callbacks():
    order = []

    class Noting(Callback):
        def on_epoch_end(self, net, **kwargs):
            order.append("callback")

    class Listening:
        def report(self, **kwargs):
            order.append("report")
            return False

    net(callbacks=[Noting()], max_epochs=2).fit_epochs(X, Y, Listening())
    assert order == ["callback", "report"] * 2


def test_a_report_sees_the_callers_generator():
    state = torch.get_rng_state()
    seen = []

    class Looking:
        def report(self, **kwargs):
            seen.append(torch.equal(state, torch.get_rng_state()))
            return False

    net().fit_epochs(X, Y, Looking())
    assert seen == [True] * 5


def test_an_overridden_fit_is_the_one_that_is_followed():
    class Negated(NeuralNetClassifier):
        def fit(self, X, y, **fit_params):
            return super().fit(-X, y, **fit_params)

    fitted = net(Negated)
    fitted.fit_epochs(X, Y, Monitor(fitted))
    assert np.array_equal(weights(fitted), weights(net().fit(-X, Y)))


def test_skorchs_early_stopping_ends_training_and_its_epoch_is_reported():
    def stopping():
        return net(callbacks=[EarlyStopping("train_loss", patience=2, threshold=10, threshold_mode="abs")])

    fitted = stopping()
    monitor = Monitor(fitted)
    fitted.fit_epochs(X, Y, monitor)
    assert len(monitor.losses) == len(fitted.history) == len(stopping().fit(X, Y).history) == 3


def test_a_checkpoint_brings_an_epoch_back_and_leaves_the_history():
    fitted = net()
    monitor = Monitor(fitted)
    fitted.fit_epochs(X, Y, monitor)
    fitted.set_checkpoint(monitor.checkpoints[1])
    assert np.array_equal(weights(fitted), monitor.weights[1])
    assert fitted.score(X, Y) == monitor.scores[1]
    assert len(fitted.history) == 5


def test_a_checkpoint_has_buffers_and_is_a_copy():
    class Normed(torch.nn.Sequential):
        def __init__(self):
            super().__init__(torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2))

    params = {"criterion": torch.nn.CrossEntropyLoss, "verbose": 0, "lr": 0.1}
    fitted = NeuralNetClassifier(Normed, **params).fit(X, Y)
    before, predicted = fitted.get_checkpoint(), fitted.predict_proba(X)
    fitted.partial_fit(X + 5, Y)
    assert not np.array_equal(fitted.predict_proba(X), predicted)
    fitted.set_checkpoint(before)
    assert np.array_equal(fitted.predict_proba(X), predicted)


def test_a_search_has_the_curves_of_nets_at_the_end_of_pipelines():
    pipeline = make_pipeline(StandardScaler(), net(max_epochs=3))
    search = OptunaSearchCV(
        pipeline, {"neuralnetclassifier__lr": [0.1, 0.3]}, cv=2, n_trials=2, random_state=0, report="epoch"
    ).fit(X, Y)
    curves = search.learning_curves_
    assert curves["epoch"].tolist() == [1, 2, 3] * 4
    assert np.isfinite(curves["train_loss"]).all()
    last = curves["valid_score"][2::3].reshape(2, 2)
    assert np.array_equal(last.mean(axis=1), search.cv_results_["mean_test_score"])


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


class Interrupting(Callback):
    """Sends this process the signal of Ctrl-C."""

    def __init__(self, hook="on_batch_end"):
        self.hook = hook

    def on_batch_end(self, net, **kwargs):
        self._interrupt("on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self._interrupt("on_epoch_end")

    def _interrupt(self, hook):
        if hook == self.hook:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(0.01)  # the handler runs in between bytecodes


def test_outside_a_search_ctrl_c_keeps_the_net_as_in_skorch():
    fitted = net(callbacks=[Interrupting()]).fit(X, Y)
    assert len(fitted.history) == 1
    assert fitted.predict(X).shape == Y.shape


@pytest.mark.parametrize("hook", ["on_batch_end", "on_epoch_end"])
def test_within_a_search_ctrl_c_is_for_the_search(hook):
    handler = signal.getsignal(signal.SIGINT)
    fitted = net(callbacks=[Interrupting(hook)])
    with in_fold(CurrentFold(0, 0, 0)), pytest.raises(KeyboardInterrupt):
        fitted.fit(X, Y)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not {"_interrupts", "_fitting_", "_monitor"} & set(vars(fitted))


def test_within_a_search_early_stopping_ends_the_net_alone():
    stopping = EarlyStopping("train_loss", patience=2, threshold=10, threshold_mode="abs")
    search = OptunaSearchCV(net(callbacks=[stopping]), {"lr": [0.1]}, cv=2, n_trials=1, report="epoch").fit(X, Y)
    assert search.learning_curves_["epoch"].tolist() == [1, 2, 3] * 2
