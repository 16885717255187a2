"""A fit trains epoch by epoch, and ends where a monitor, a callback or the user says so."""

# ruff: noqa: E402
import signal
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import Callback, LightningModule
from sklearn.datasets import make_classification
from torch.nn import functional

from sk_optuna.lightning import LightningClassifier

X, y = make_classification(150, 6, flip_y=0.05, random_state=0)


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


def probabilities(**params):
    return classifier(module__dropout=0.5, **params).fit(X, y).predict_proba(X)


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


# --- what a Trainer leaves behind -------------------------------------------------------------------------------------


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


# --- errors -----------------------------------------------------------------------------------------------------------


def test_losses_fall():
    losses = classifier(max_epochs=8).fit(X, y).train_losses_
    assert all(later < earlier for earlier, later in pairwise(losses[::3]))
