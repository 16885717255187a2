"""A fitted net is pickled without its Trainer, and comes back where its accelerator is missing."""

# ruff: noqa: E402
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
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


def classifier(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


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
