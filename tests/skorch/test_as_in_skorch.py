"""What skorch's nets take, ours take too: recipes of skorch's users, each beside skorch's own net."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.dataset import Dataset  # noqa: E402
from skorch.helper import predefined_split  # noqa: E402
from torch.nn.utils.rnn import pad_sequence  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetClassifier  # noqa: E402

RNG = np.random.RandomState(0)
X, Y = RNG.rand(36, 4).astype(np.float32), np.arange(36) % 3
SAME = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 2, "verbose": 0, "train_split": None}
LINEAR = {"module": torch.nn.Linear, "module__in_features": 4, "module__out_features": 3, **SAME}


def losses(base, X, y, override=None, **params):
    torch.manual_seed(0)
    net = (base if override is None else override(base))(**params)
    return net.fit(X, y).history[:, "train_loss"]


def reduces_by_itself(base):
    class Net(base):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return super().get_loss(y_pred, y_true, *args, **kwargs).mean()

    return Net


def test_losses_of_rows_that_get_loss_reduces_train_as_in_skorch():
    params = {**LINEAR, "criterion__reduction": "none", "iterator_train": torch.utils.data.DataLoader}
    found, expected = (
        losses(base, X, Y, reduces_by_itself, **params) for base in (NeuralNetClassifier, skorch.NeuralNetClassifier)
    )
    assert found == pytest.approx(expected, rel=1e-6)
    with pytest.raises(InvalidArgumentError, match="gave 36 losses for a batch, and one is needed"):
        NeuralNetClassifier(**params).fit(X, Y)


@pytest.mark.parametrize("class_weight", [None, {0: 1.0, 1: 2.0, 2: 3.0}])
def test_validation_rows_of_the_users_own_need_no_sample_weight(class_weight):
    split = predefined_split(Dataset(X[:9], Y[:9]))
    params = {**LINEAR, "random_state": 0, "train_split": split, "class_weight": class_weight}
    columns = ("train_loss", "valid_loss")
    without, ones, some = (
        NeuralNetClassifier(**params).fit(X, Y, **fit).history[:, columns]
        for fit in ({}, {"sample_weight": np.ones(36)}, {"sample_weight": np.arange(36.0)})
    )
    np.testing.assert_allclose(ones, without, rtol=1e-5)
    assert np.all(np.not_equal(some, without))


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.GRU(5, 3, batch_first=True)

    def forward(self, rows):
        return self.layer(rows)[0][:, -1]


def test_sequences_may_be_longer_than_those_of_the_fit():
    net = NeuralNetClassifier(Recurrent, **SAME, random_state=0).fit(RNG.rand(36, 7, 5), Y)
    longer = RNG.rand(6, 9, 5)
    assert net.predict_proba(longer).shape == (6, 3)
    assert len(net.partial_fit(longer, Y[:6]).history) == 4


class Ragged(torch.utils.data.Dataset):
    def __init__(self, X, y=None):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], 0 if self.y is None else self.y[i]


def padded(rows):
    return pad_sequence([row for row, _ in rows], batch_first=True), torch.tensor([y for _, y in rows])


def test_lists_of_sequences_are_left_to_the_users_dataset_as_in_skorch():
    rows = [torch.full((k % 4 + 2, 5), k / 36) for k in range(36)]
    collate = {"iterator_train__collate_fn": padded, "iterator_valid__collate_fn": padded}
    params = {"module": Recurrent, "dataset": Ragged, **SAME, **collate}
    found = losses(NeuralNetClassifier, rows, Y, iterator_train=torch.utils.data.DataLoader, **params)
    assert found == pytest.approx(losses(skorch.NeuralNetClassifier, rows, Y, **params), rel=1e-6)


def with_defaults(init):
    @functools.wraps(init)
    def wrapped(self, *args, **kwargs):
        init(self, *args, **{"n_inputs": 4, "n_outputs": 3, **kwargs})

    return wrapped


class Decorated(torch.nn.Linear):
    @with_defaults
    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)


def test_arguments_that_a_decorator_fills_in_are_not_missing():
    search = OptunaSearchCV(NeuralNetClassifier(Decorated, **SAME), {"lr": [0.01, 0.1]}, cv=2, random_state=0)
    assert search.fit(X, Y).n_trials_ == 2


def test_rows_that_no_fold_touches_may_have_nan_if_there_is_no_refit():
    rows = X.copy()
    rows[3, 2] = np.nan
    used = np.flatnonzero(np.arange(36) != 3)
    search = OptunaSearchCV(NeuralNetClassifier(**LINEAR), {"lr": [0.1]}, cv=[(used[:20], used[20:])], random_state=0)
    assert np.isfinite(search.set_params(refit=False).fit(rows, Y).cv_results_["mean_test_score"]).all()
    with pytest.raises(InvalidArgumentError, match="contains NaN"):
        search.set_params(refit=True).fit(rows, Y)
    with pytest.raises(InvalidArgumentError, match="contains NaN"):
        search.set_params(refit=False, cv=2).fit(rows, Y)
