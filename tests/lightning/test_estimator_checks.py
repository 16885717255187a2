"""LightningModules as estimators keep scikit-learn's contract."""
# ruff: noqa: E402

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch.nn import functional

from sk_optuna.lightning import LightningClassifier, LightningRegressor

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


def regressor(module=Net, **params):
    return LightningRegressor(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


NOT_KEPT = {"check_do_not_raise_errors_in_init_or_set_params"}  # it would give **kwargs a value by that name

CHECKED = {
    "classifier": classifier(max_epochs=6, batch_size=64),
    "regressor": regressor(max_epochs=6, batch_size=64),
}

CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{number}-{check.func.__name__}")
    for kind, estimator in CHECKED.items()
    for number, (_, check) in enumerate(estimator_checks_generator(estimator))
    if check.func.__name__ not in NOT_KEPT
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_estimator_checks(estimator, check):
    check(clone(estimator))
