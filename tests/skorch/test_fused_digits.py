"""A network's numbers are the same, to the last digit, whichever others it is trained with, and at whatever place."""

# ruff: noqa: E402

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from sk_optuna.skorch import NeuralNetClassifier, NeuralNetRegressor
from sk_optuna.worker import Meeting, Terms

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((150, 16)).astype(np.float32), rng.integers(0, 3, 150)


class Layers(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.layers = nn.Sequential(*make())

    def forward(self, X):
        return self.layers(X)


KINDS = {
    "odd width": (lambda: [nn.Linear(16, 33), nn.ReLU(), nn.Linear(33, 3)], 32),
    "width of 1": (lambda: [nn.Linear(16, 1), nn.Tanh(), nn.Linear(1, 3)], 32),
    "large": (lambda: [nn.Linear(16, 300), nn.ReLU(), nn.Linear(300, 3)], 64),
    "rows one by one": (lambda: [nn.Linear(16, 7), nn.Sigmoid(), nn.Linear(7, 3)], 1),
    "odd batch": (lambda: [nn.Linear(16, 9), nn.SiLU(), nn.Dropout(0.3), nn.Linear(9, 3)], 7),
    "large batch": (lambda: [nn.Linear(16, 5), nn.ELU(), nn.Linear(5, 3)], 110),
    "LayerNorm": (lambda: [nn.Linear(16, 11), nn.LayerNorm(11), nn.GELU(), nn.Linear(11, 3)], 20),
    "BatchNorm": (lambda: [nn.Linear(16, 13), nn.BatchNorm1d(13), nn.ReLU(), nn.Linear(13, 3)], 20),
    "Conv1d": (lambda: [nn.Unflatten(1, (1, 16)), nn.Conv1d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(192, 3)], 32),
    "Conv2d": (
        lambda: [
            nn.Unflatten(1, (1, 4, 4)),
            nn.Conv2d(1, 5, 3),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(20, 3),
        ],
        25,
    ),
}


def classifier(number, make, batch_size, **params):
    return NeuralNetClassifier(
        Layers,
        module__make=make,
        criterion=nn.CrossEntropyLoss,
        lr=0.01,
        batch_size=batch_size,
        max_epochs=2,
        iterator_train__shuffle=True,
        random_state=number,
        train_split=None,
        verbose=0,
        device="cpu",
        **params,
    )


def fit_together(nets, order, targets=Y):
    """Fit nets in a meeting; the places are in the order of the keys."""
    meeting = Meeting()
    keys = [(place,) for place in order]
    meeting.invite(*keys)

    def fold(key, net, n_rows):
        with meeting.member(key, Terms(always=True)):
            net.fit(X[:n_rows], targets[:n_rows])

    sizes = [150 - 4 * (number % 3) for number in range(len(nets))]
    with ThreadPoolExecutor(len(nets)) as pool:
        list(pool.map(fold, keys, nets, sizes))
    assert {note.reason for note in meeting.notes} == {None}
    return nets[0]


def numbers_of(net):
    return torch.cat([tensor.detach().double().flatten() for tensor in net.module_.state_dict().values()])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", [AdamW, SGD])
def test_numbers_do_not_depend_on_the_others(kind, optimizer):
    made = [
        fit_together([classifier(number, *KINDS[kind], optimizer=optimizer) for number in range(len(order))], order)
        for order in ([0], [0, 1], [1, 0], [4, 0, 1, 2, 3], list(range(8, -1, -1)))
    ]
    for other in made[1:]:
        assert torch.equal(numbers_of(made[0]), numbers_of(other))


@pytest.mark.parametrize("optimizer", [Adam, RMSprop])
def test_those_of_a_regression_do_not_either(optimizer):
    def regressor(number):
        return NeuralNetRegressor(
            Layers,
            module__make=lambda: [nn.Linear(16, 6), nn.Softplus(), nn.Linear(6, 1)],
            optimizer=optimizer,
            batch_size=30,
            max_epochs=2,
            random_state=number,
            train_split=None,
            verbose=0,
            device="cpu",
        )

    targets = X[:, :1] ** 2
    made = [
        fit_together([regressor(number) for number in range(len(order))], order, targets)
        for order in ([0], [2, 0, 1], [0, 1, 2, 3, 4, 5])
    ]
    for other in made[1:]:
        assert torch.equal(numbers_of(made[0]), numbers_of(other))
