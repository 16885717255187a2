"""Batches hold every row once an epoch, and never a single row at the end."""

# ruff: noqa: E402
from itertools import chain
from typing import ClassVar

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
