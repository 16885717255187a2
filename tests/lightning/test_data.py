"""Labels, rows, targets and outputs of many kinds: an estimator takes and returns scikit-learn's."""
# ruff: noqa: E402

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from sklearn.datasets import load_digits, make_classification, make_regression
from torch.nn import functional

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning import LightningClassifier, LightningRegressor

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


class Probabilities(Net):
    def forward(self, X):
        return super().forward(X).softmax(dim=1)

    def training_step(self, batch, batch_idx):
        X, y = batch
        return functional.nll_loss(self(X).log(), y)


class LogProbabilities(Net):
    def forward(self, X):
        return super().forward(X).log_softmax(dim=1)

    def training_step(self, batch, batch_idx):
        X, y = batch
        return functional.nll_loss(self(X), y)


class OneLogit(Net):
    def __init__(self, n_features, flat=False):
        super().__init__(n_features, 1)
        self.flat = flat

    def forward(self, X):
        return super().forward(X).squeeze(1) if self.flat else super().forward(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        output = self(X)
        return functional.binary_cross_entropy_with_logits(output, y.to(output).view_as(output))


def classifier(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


def regressor(module=Net, **params):
    return LightningRegressor(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


# --- scikit-learn's contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [y, y.astype(bool), NAMES, NAMES.astype(object), y - 5, pd.Series(NAMES)])
def test_labels_of_any_kind_come_back(labels):
    net = classifier(max_epochs=10).fit(X, labels)
    np.testing.assert_array_equal(net.classes_, np.unique(labels))
    assert net.score(X, labels) > 0.85
    np.testing.assert_array_equal(net.predict(X), net.classes_[net.predict_proba(X).argmax(axis=1)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.uint8])
def test_rows_of_any_dtype_are_taken(dtype):
    digits, labels = load_digits(return_X_y=True)
    reference = classifier().fit(digits[:200], labels[:200]).predict_proba(digits[:50])
    np.testing.assert_array_equal(
        classifier().fit(digits[:200].astype(dtype), labels[:200]).predict_proba(digits[:50].astype(dtype)), reference
    )


def test_data_frames_are_taken_and_their_columns_remembered():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    net = classifier().fit(frame, y)
    np.testing.assert_array_equal(net.predict_proba(frame), classifier().fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(net.feature_names_in_, list("abcdef"))


def test_integers_can_be_tokens():
    class Tokens(Net):
        def __init__(self, n_classes):
            super().__init__(8, n_classes)
            self.embedding = torch.nn.EmbeddingBag(20, 8)

        def forward(self, X):
            return super().forward(self.embedding(X))

    tokens = np.random.default_rng(0).integers(0, 20, (60, 5))
    net = classifier(Tokens, dtype="int64").fit(tokens, tokens[:, 0] > 9)
    assert net.predict(tokens).shape == (60,)


def test_images_are_taken():
    class Conv(Net):
        def __init__(self, n_features, n_classes):
            super().__init__(4, n_classes)
            assert n_features == 1
            self.conv = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

        def forward(self, X):
            return super().forward(self.conv(X))

    images = load_digits().images[:100, None]
    assert classifier(Conv).fit(images, load_digits().target[:100]).predict_proba(images).shape == (100, 10)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (Net, {}),
        (Probabilities, {"output": "probabilities"}),
        (LogProbabilities, {"output": "log_probabilities"}),
    ],
)
def test_probabilities_are_the_same_however_the_module_puts_them(module, params):
    expected = classifier().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(classifier(module, **params).fit(X, y).predict_proba(X), expected, atol=0.05)


@pytest.mark.parametrize("flat", [False, True])
def test_two_classes_may_be_one_output(flat):
    net = classifier(OneLogit, max_epochs=10, module__flat=flat).fit(X, NAMES)
    assert net.score(X, NAMES) > 0.85
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("targets", "shape"), [(y_reg, (120,)), (np.c_[y_reg, -y_reg], (120, 2)), (y_reg[:, None], (120, 1))]
)
def test_predictions_have_the_shape_of_the_targets(targets, shape):
    net = regressor(max_epochs=40).fit(X_reg, targets)
    assert net.predict(X_reg).shape == shape
    assert net.score(X_reg, targets) > 0.8


@pytest.mark.parametrize("flat", [False, True])
def test_a_column_is_never_compared_with_a_row(flat):
    class Flat(Net):
        def forward(self, X):
            return super().forward(X).squeeze(1) if flat else super().forward(X)

        def training_step(self, batch, batch_idx):
            assert self(batch[0]).shape == batch[1].shape
            return super().training_step(batch, batch_idx)

    assert regressor(Flat, max_epochs=40).fit(X_reg, y_reg).score(X_reg, y_reg) > 0.8


# --- errors -----------------------------------------------------------------------------------------------------------


def test_targets_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(X_reg, np.where(y_reg > 1, np.nan, y_reg))
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier().fit(X_reg, y_reg)
    with pytest.raises(InvalidArgumentError, match=r"forward returns shape \(2, 2\).*y has 1 outputs"):
        regressor(module__n_outputs=2).fit(X_reg, y_reg)


def test_a_module_that_returns_no_tensor_is_refused():
    class Two(Net):
        def forward(self, X):
            return super().forward(X), X

    with pytest.raises(InvalidArgumentError, match="forward must return one tensor, got tuple"):
        classifier(Two).fit(X, y)
