"""The number of features that "auto" gives to a module, and what is said of it where the module fails."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.dataset import Dataset  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sk_optuna.skorch import NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

N = 24
RNG = np.random.RandomState(0)
Y = np.arange(N) % 2
ROWS, SERIES, IMAGES = RNG.rand(N, 6), RNG.rand(N, 5, 7), RNG.rand(N, 3, 8, 9)


class Takes(torch.nn.Module):
    """Takes anything, and keeps what it was given."""

    def __init__(self, n_features):
        super().__init__()
        self.n_features = n_features
        self.out = torch.nn.Linear(1, 2)

    def forward(self, X):
        return self.out(X.reshape(len(X), -1).mean(1, keepdim=True))


class Recurrent(torch.nn.Module):
    def __init__(self, n_features, n_outputs=2):
        super().__init__()
        self.lstm, self.out = torch.nn.LSTM(n_features, 4, batch_first=True), torch.nn.Linear(4, n_outputs)

    def forward(self, X):
        return self.out(self.lstm(X)[0][:, -1])


def net(module, cls=NeuralNetClassifier, **params):
    given = {"module__n_features": "auto", "verbose": 0, "max_epochs": 1, "device": "cpu"}
    if cls is NeuralNetClassifier:
        given["criterion"] = torch.nn.CrossEntropyLoss
    return cls(module, **{**given, **params})


@pytest.mark.parametrize(("X", "n_features"), [(ROWS, 6), (SERIES, 7), (IMAGES, 3), (RNG.rand(N, 2, 3, 4, 5), 2)])
def test_auto_is_columns_or_features_of_a_time_step_or_channels(X, n_features):
    X = X.astype(np.float32)
    kinds = [X, torch.as_tensor(X), Dataset(X, Y), TensorDataset(torch.as_tensor(X), torch.as_tensor(Y)), X.tolist()]
    for given in kinds:
        is_dataset = isinstance(given, torch.utils.data.Dataset)
        fitted = net(Takes, classes=[0, 1]).fit(given, None if is_dataset else Y)
        assert fitted.module_.n_features == n_features
        assert fitted.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("convert", [pd.DataFrame, sparse.csr_matrix])
def test_auto_is_columns_of_frames_and_sparse_matrices(convert):
    assert net(Takes).fit(convert(ROWS), Y).module_.n_features == 6


def test_sequences_of_any_length_train_with_auto():
    for cls in (NeuralNetClassifier, NeuralNetRegressor):
        outputs = {"module__n_outputs": 2 if cls is NeuralNetClassifier else 1}
        fitted = net(Recurrent, cls, **outputs).fit(SERIES, Y)
        assert fitted.module_.lstm.input_size == 7
        assert len(fitted.predict(SERIES)) == N


def failed(net, X):
    with pytest.raises(RuntimeError) as caught:
        net.fit(X, Y)
    return caught.value.__notes__[0]


def test_the_note_of_a_failed_batch_says_what_auto_took():
    class OtherAxis(Recurrent):
        def forward(self, X):
            return super().forward(X.transpose(1, 2))

    assert failed(net(OtherAxis), SERIES) == (
        "The module failed at the first batch (shape (24, 5, 7), float32). module__n_features='auto' gave it 7, the "
        "last axis of X, of shape (n_rows, time, features). If another axis belongs there, pass a number."
    )


def test_the_note_of_a_failed_batch_names_auto_where_it_was_not_used():
    note = failed(net(Recurrent, module__n_features=5), SERIES)
    assert note.endswith(
        "Does the module take such rows? A parameter module__n_features='auto' would give it 7, the last axis of X, "
        "of shape (n_rows, time, features)."
    )


def test_a_module_that_starts_with_bfloat16_predicts():
    class Half(torch.nn.Linear):
        def __init__(self):
            super().__init__(6, 2)
            self.to(torch.bfloat16)

    params = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 1, "verbose": 0, "device": "cpu"}
    fitted = NeuralNetClassifier(Half, **params).fit(ROWS, Y)
    probabilities = fitted.predict_proba(ROWS)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=0.02)
    assert np.array_equal(fitted.predict(ROWS), probabilities.argmax(1))
    assert fitted.forward(ROWS).dtype is torch.bfloat16


def test_infinite_and_missing_values_in_sparse_matrices_are_found_row_by_row():
    from sk_optuna.skorch._inputs import first_bad_rows

    dense = np.where(RNG.rand(50, 6) > 0.5, RNG.rand(50, 6), 0)
    dense[[7, 31], [2, 5]] = np.nan, np.inf
    for kind in (sparse.csr_matrix, sparse.csr_array):
        np.testing.assert_array_equal(first_bad_rows(kind(dense)), dense[[7, 31]])
