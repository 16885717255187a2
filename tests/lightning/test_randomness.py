"""One seed fixes a fit, and nobody else's random numbers change."""

# ruff: noqa: E402, NPY002
import random

import joblib
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_val_score
from torch.nn import functional

from sk_optuna.lightning import LightningClassifier

# loky replaces a worker that has grown by torch; were its warning an error, its thread would end and joblib wait.
pytestmark = [
    pytest.mark.filterwarnings("ignore:A worker stopped while some jobs"),
]


X, y = make_classification(150, 6, flip_y=0.05, random_state=0)
NAMES = np.array(["no", "yes"])[y]


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


BACKENDS = {
    "threading": {"backend": "threading"},
    "loky": {"backend": "loky", "inner_max_num_threads": 1},
}


def probabilities(**params):
    return classifier(module__dropout=0.5, **params).fit(X, y).predict_proba(X)


def test_everything_follows_from_random_state():
    first = probabilities(random_state=3)
    torch.rand(5)
    np.testing.assert_array_equal(first, probabilities(random_state=3))
    assert not np.array_equal(first, probabilities(random_state=4))
    assert not np.array_equal(probabilities(random_state=None), probabilities(random_state=None))


def test_dropout_alone_follows_from_random_state():
    class OnlyDropout(Net):
        def __init__(self, n_features, n_outputs):
            super().__init__(n_features, n_outputs, dropout=0.5)
            for weights in self.parameters():
                torch.nn.init.constant_(weights, 0.01)

    def weights(seed):
        return classifier(OnlyDropout, batch_size=150, max_epochs=1, random_state=seed).fit(X, y).module_.layers[4].bias

    assert torch.equal(weights(0), weights(0))


def test_global_random_numbers_are_left_as_they_were():
    for seed_all in (torch.manual_seed, np.random.seed, random.seed):
        seed_all(0)
    expected = torch.rand(1).item(), np.random.random(), random.random()
    for seed_all in (torch.manual_seed, np.random.seed, random.seed):
        seed_all(0)
    classifier(module__dropout=0.5).fit_epochs(X, y, Monitor()).predict(X)
    assert (torch.rand(1).item(), np.random.random(), random.random()) == expected


def test_what_draws_in_a_report_does_not_disturb_the_training():
    net = classifier(module__dropout=0.5)
    net.fit_epochs(X, y, Monitor(on_report=lambda: (torch.rand(3), np.random.random(3), net.predict(X))))
    np.testing.assert_array_equal(net.predict_proba(X), probabilities())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("one_thread")
def test_same_scores_at_any_n_jobs(backend):
    net = classifier(module__dropout=0.5)
    expected = cross_val_score(net, X, NAMES, cv=4)
    with joblib.parallel_config(**BACKENDS[backend]):
        np.testing.assert_array_equal(cross_val_score(net, X, NAMES, cv=4, n_jobs=2), expected)
