"""Callbacks and schedulers that wait for a validation are refused, as early as can be known; others are left alone."""
# ruff: noqa: E402

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning import LightningClassifier

X = np.random.default_rng(0).normal(size=(60, 4))
y = np.arange(60) % 3


class Net(LightningModule):
    n_steps = 0

    def __init__(self, n_features, n_outputs, plateau=None, strict=True):
        super().__init__()
        self.plateau, self.strict_plateau = plateau, strict
        self.layer = torch.nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.layer(X)

    def training_step(self, batch, batch_idx):
        Net.n_steps += 1
        loss = torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        if self.plateau is None:
            return optimizer
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        monitored = {"scheduler": scheduler, "monitor": self.plateau, "strict": self.strict_plateau}
        return {"optimizer": optimizer, "lr_scheduler": monitored}


class Validated(Net):
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", 1.0)


class LogsOwnRows(Net):
    """Sets rows aside by itself, in a training_step."""

    def training_step(self, batch, batch_idx):
        self.log("val_loss", torch.rand(()))
        return super().training_step(batch, batch_idx)


def net(module=Validated, callbacks=None, **params):
    return LightningClassifier(
        module, max_epochs=3, accelerator="cpu", random_state=0, trainer__callbacks=callbacks, **params
    )


WAITING = r"{} monitors '{}', which nothing logs here.*no validation rows.*self.log\('train_loss'.*checkpoint='best'"


@pytest.mark.parametrize("monitor", ["val_loss", "val/acc", "valid_loss", "validation loss", "avg_val_f1"])
@pytest.mark.parametrize("callback", [EarlyStopping, ModelCheckpoint])
def test_callbacks_that_wait_for_a_validation_are_refused_before_the_first_fit(callback, monitor):
    waiting = net(callbacks=callback(monitor=monitor), trainer__check_val_every_n_epoch=2)
    for refused in (lambda: waiting.check_fit(), lambda: waiting.fit(X, y)):
        with pytest.raises(InvalidArgumentError, match=WAITING.format(callback.__name__, monitor)):
            refused()


class StopsItself(Validated):
    def configure_callbacks(self):
        return [EarlyStopping("val_loss")]


@pytest.mark.parametrize(
    ("waiting", "name"),
    [(net(module__plateau="val_loss"), "ReduceLROnPlateau"), (net(StopsItself), "EarlyStopping")],
    ids=["scheduler", "callback"],
)
def test_what_the_module_makes_and_waits_for_a_validation_is_refused_before_the_first_step(waiting, name):
    waiting.check_fit()  # only configure_optimizers and configure_callbacks make them
    Net.n_steps = 0
    with pytest.raises(InvalidArgumentError, match=WAITING.format(name, "val_loss")):
        waiting.fit(X, y)
    assert Net.n_steps == 0


@pytest.mark.parametrize("monitor", ["val_loss", "losss"])
@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau"])
def test_a_value_that_nobody_logs_is_explained_after_an_epoch(name, monitor):
    params = {"callbacks": EarlyStopping(monitor)} if name == "EarlyStopping" else {"module__plateau": monitor}
    with pytest.raises(InvalidArgumentError, match=WAITING.format(name, monitor)):
        net(Net, **params).fit(X, y)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (Validated, {"callbacks": [EarlyStopping("train_loss")]}),
        (Validated, {"module__plateau": "train_loss"}),
        (Validated, {"callbacks": [EarlyStopping("val_loss", strict=False)]}),
        (LogsOwnRows, {"callbacks": [EarlyStopping("val_loss")]}),
        (LogsOwnRows, {"module__plateau": "val_loss"}),
    ],
)
def test_what_the_training_logs_may_be_monitored(module, params):
    estimator = net(module, **params)
    estimator.check_fit(X, y)
    assert estimator.fit(X, y).n_epochs_ == 3


def test_early_stopping_on_the_training_loss_stops():
    still = net(callbacks=[EarlyStopping("train_loss", min_delta=1e6, patience=1)])
    assert still.fit(X, y).n_epochs_ == 2


def test_other_errors_of_a_training_stay_what_they_are():
    class Broken(Net):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        net(Broken).fit(X, y)


class LogsInAHook(Validated):
    def on_train_epoch_end(self):
        self.log("val_loss", float(self.current_epoch))


def test_a_module_with_a_validation_step_may_log_the_value_in_a_hook_of_the_training():
    stopping = EarlyStopping("val_loss", patience=1, check_on_train_epoch_end=True)
    fitted = net(LogsInAHook, callbacks=stopping).fit(X, y)
    assert fitted.n_epochs_ == 2
    assert net(LogsInAHook, module__plateau="val_loss").fit(X, y).n_epochs_ == 3
