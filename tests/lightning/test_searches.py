"""Searches over LightningModules prune by epoch and go back to the best one."""
# ruff: noqa: E402

import joblib
import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from sk_optuna import OptunaSearchCV
from sk_optuna.lightning import LightningClassifier, LightningRegressor

# loky replaces a worker that has grown by torch; were its warning an error, its thread would end and joblib wait.
pytestmark = [
    pytest.mark.filterwarnings("ignore:A worker stopped while some jobs"),
]


X, y = make_classification(150, 6, flip_y=0.05, random_state=0)
NAMES = np.array(["no", "yes"])[y]
X_reg, y_reg = make_regression(120, 4, noise=1.0, random_state=0)
y_reg = y_reg / y_reg.std()


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


@pytest.fixture
def one_thread():
    """With another number of threads torch rounds otherwise, and BatchNorm under Adam makes much of it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def classifier(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


def regressor(module=Net, **params):
    return LightningRegressor(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


BACKENDS = {
    "threading": {"backend": "threading"},
    "loky": {"backend": "loky", "inner_max_num_threads": 1},
}


def search_over(net, **params):
    return OptunaSearchCV(
        make_pipeline(StandardScaler(), net),
        {"lightningclassifier__module__lr": [1e-4, 1e-3, 1e-2, 1e-1], "lightningclassifier__module__hidden": [4, 16]},
        **{"n_trials": 10, "cv": 2, "report": "epoch", "pruner": "median", "random_state": 0, **params},
    )


@pytest.mark.usefixtures("one_thread")
def test_a_search_prunes_by_epoch_with_the_same_result_at_any_n_jobs():
    net = classifier(module__dropout=0.5, random_state=None, max_epochs=4)
    expected = search_over(net).fit(X, NAMES)
    assert 0 < sum(expected.cv_results_["n_epochs_run"]) < 10 * 2 * 4
    for backend in BACKENDS.values():
        with joblib.parallel_config(**backend):
            search = search_over(net, n_jobs=2).fit(X, NAMES)
        for name, column in expected.learning_curves_.items():
            np.testing.assert_array_equal(search.learning_curves_[name], column)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
        np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


def test_a_search_goes_back_to_the_best_epoch():
    net = classifier(module__dropout=0.5, max_epochs=5)
    search = search_over(net, checkpoint="best", pruner=None, n_trials=2).fit(X, NAMES)
    curves = pd.DataFrame(search.learning_curves_)
    best = curves.groupby(["trial_number", "fold"])["valid_score"].max().groupby("trial_number").mean()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], best)


def test_a_regressor_within_scaled_targets_is_followed():
    model = TransformedTargetRegressor(regressor(), transformer=StandardScaler())
    search = OptunaSearchCV(model, {"regressor__module__lr": [0.01, 0.1]}, cv=3, report="epoch", random_state=0)
    search.fit(X_reg, y_reg * 1000)
    assert len(search.learning_curves_["epoch"]) == 2 * 3 * 3
