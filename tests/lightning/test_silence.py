"""A fit prints, logs and writes nothing; other Trainers are as talkative as ever."""

# ruff: noqa: E402
import logging
import subprocess
import sys

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
