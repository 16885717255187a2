"""A criterion that weighs or ignores labels by itself, with weights of rows and classes besides: torch's means hold."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.dataset import Dataset  # noqa: E402
from torch.nn import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, MultiMarginLoss, NLLLoss  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

RNG = np.random.RandomState(0)
N = 60
X = RNG.rand(N, 4)
Y = RNG.randint(0, 3, N)
TIMES = RNG.randint(0, 4, N)
TABLE = torch.tensor([1.0, 1.5, 4.0], dtype=torch.float64)
MASKS = RNG.randint(0, 3, (N, 2, 2))
SOFT = RNG.dirichlet([1, 1, 1], N)


class Linear(torch.nn.Linear):
    def __init__(self, n_outputs=3):
        super().__init__(4, n_outputs, dtype=torch.float64)


class Softmax(Linear):
    def forward(self, X):
        return super().forward(X).softmax(1)


class Pixels(Linear):
    """Scores of three classes for each of 2 x 2 pixels."""

    def __init__(self):
        super().__init__(12)

    def forward(self, X):
        return super().forward(X).reshape(-1, 3, 2, 2)


class PixelsSoftmax(Pixels):
    def forward(self, X):
        return super().forward(X).softmax(1)


def many(criterion, module=Linear, *, lr=0.3, max_epochs=4, **params):
    parts = {f"criterion__{name}": value for name, value in params.pop("own", {}).items()}
    return NeuralNetClassifier(
        module, criterion=criterion, max_epochs=max_epochs, verbose=0, random_state=0, lr=lr, **parts, **params
    )


def binary(own):
    parts = {f"criterion__{name}": value for name, value in own.items()}
    return NeuralNetBinaryClassifier(Linear, module__n_outputs=1, max_epochs=4, verbose=0, random_state=0, **parts)


CASES = {
    "ignored": (lambda **p: many(CrossEntropyLoss, own={"ignore_index": 1}, **p), Y),
    "weights": (lambda **p: many(CrossEntropyLoss, own={"weight": TABLE}, **p), Y),
    "both": (lambda **p: many(CrossEntropyLoss, own={"weight": TABLE, "ignore_index": 0}, **p), Y),
    "smoothed": (
        lambda **p: many(CrossEntropyLoss, own={"weight": TABLE, "ignore_index": 0, "label_smoothing": 0.2}, **p),
        Y,
    ),
    "nll": (lambda **p: many(NLLLoss, Softmax, own={"weight": TABLE, "ignore_index": 2}, **p), Y),
    "margin": (lambda **p: many(MultiMarginLoss, own={"weight": TABLE}, **p), Y),
    "masks": (lambda **p: many(CrossEntropyLoss, Pixels, own={"weight": TABLE, "ignore_index": 1}, **p), MASKS),
    "nll of masks": (lambda **p: many(NLLLoss, PixelsSoftmax, own={"weight": TABLE}, **p), MASKS),
    "soft labels": (lambda **p: many(CrossEntropyLoss, own={"weight": TABLE, "label_smoothing": 0.1}, **p), SOFT),
    "soft masks": (
        lambda **p: many(CrossEntropyLoss, Pixels, own={"weight": TABLE}, **p),
        RNG.dirichlet([1, 1, 1], (N, 2, 2)).transpose(0, 3, 1, 2),
    ),
    "several labels": (
        lambda **p: many(BCEWithLogitsLoss, own={"weight": TABLE, "pos_weight": TABLE.flip(0)}, **p),
        (SOFT > 0.3).astype(float),
    ),
    "summed": (
        lambda **p: many(CrossEntropyLoss, own={"weight": TABLE, "ignore_index": 0, "reduction": "sum"}, lr=0.005, **p),
        Y,
    ),
    "two classes": (lambda: binary({"pos_weight": torch.tensor([3.0], dtype=torch.float64)}), Y == 1),
}


def outcome(net):
    return [*net.history[:, "train_loss"], *(float(w) for p in net.module_.parameters() for w in p.detach().flatten())]


@pytest.mark.parametrize("name", CASES)
def test_equal_weights_are_no_weights_whatever_the_criterion_weighs(name):
    make, y = CASES[name]
    plain = outcome(make().fit(X, y))
    np.testing.assert_allclose(outcome(make().fit(X, y, sample_weight=np.ones(N))), plain, rtol=1e-9)
    if name != "summed":
        np.testing.assert_allclose(outcome(make().fit(X, y, sample_weight=np.full(N, 7.0))), plain, rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_whole_weights_are_repeated_rows_whatever_the_criterion_weighs(name):
    make, y = CASES[name]
    weighted = make().set_params(batch_size=-1).fit(X, y, sample_weight=TIMES)
    repeated = make().set_params(batch_size=-1).fit(np.repeat(X, TIMES, axis=0), np.repeat(y, TIMES, axis=0))
    np.testing.assert_allclose(outcome(weighted), outcome(repeated), rtol=1e-8)


@pytest.mark.parametrize("name", ["ignored", "weights", "both", "smoothed", "nll"])
def test_class_weights_of_one_are_no_weights_whatever_the_criterion_weighs(name):
    make, y = CASES[name]
    np.testing.assert_allclose(
        outcome(make(class_weight=dict.fromkeys(range(3), 1.0)).fit(X, y)), outcome(make().fit(X, y)), rtol=1e-9
    )


def test_class_weights_multiply_those_of_the_criterion():
    given = np.array([2.0, 0.5, 3.0])
    both = many(CrossEntropyLoss, own={"weight": TABLE}, class_weight=dict(enumerate(given))).fit(X, Y)
    product = many(CrossEntropyLoss, own={"weight": TABLE * torch.as_tensor(given)}).fit(X, Y)
    np.testing.assert_allclose(outcome(both), outcome(product), rtol=1e-9)


class ByNumber(CrossEntropyLoss):
    """A criterion of the user's, with weights by whose sum it does not divide."""

    def forward(self, y_pred, y_true):
        losses = torch.nn.functional.cross_entropy(
            y_pred, y_true, weight=self.weight, ignore_index=self.ignore_index, reduction="none"
        )
        losses = (1 - torch.exp(-losses)) ** 2 * losses
        return losses.mean() if self.reduction == "mean" else losses


class ByWeights(ByNumber):
    """A criterion of the user's that divides as torch's does."""

    def forward(self, y_pred, y_true):
        if self.reduction == "none":
            return super().forward(y_pred, y_true)
        losses = type(self)(self.weight, ignore_index=self.ignore_index, reduction="none")(y_pred, y_true)
        return losses.sum() / (self.weight[y_true] * (y_true != self.ignore_index)).sum()


class Doubled(MSELoss):
    def forward(self, y_pred, y_true):
        return super().forward(y_pred, y_true) * (2 if self.reduction == "mean" else 1)


@pytest.mark.parametrize("criterion", [ByNumber, ByWeights])
def test_equal_weights_are_no_weights_for_criteria_of_the_users(criterion):
    own = {"weight": TABLE, "ignore_index": 1}
    plain = outcome(many(criterion, own=own, batch_size=7).fit(X, Y))
    weighted = many(criterion, own=own, batch_size=7).fit(X, Y, sample_weight=np.full(N, 2.0))
    np.testing.assert_allclose(outcome(weighted), plain, rtol=1e-9)


def test_class_weights_are_weights_of_rows_for_criteria_of_the_users():
    by_class = many(ByNumber, class_weight={0: 5.0, 1: 0.5, 2: 1.0}).fit(X, Y)
    by_row = many(ByNumber).fit(X, Y, sample_weight=np.array([5.0, 0.5, 1.0])[Y])
    np.testing.assert_allclose(outcome(by_class), outcome(by_row), rtol=1e-6)


def test_weights_are_refused_where_a_criterion_has_a_mean_of_its_own():
    with pytest.raises(InvalidArgumentError, match=r"criterion=Doubled gave another number with reduction='mean'"):
        NeuralNetRegressor(Linear, criterion=Doubled, verbose=0).fit(X, SOFT, sample_weight=TIMES)


@pytest.mark.filterwarnings("ignore:The module has 5 outputs")
def test_class_weights_hold_where_the_module_has_outputs_beyond_the_classes():
    by_class = many(CrossEntropyLoss, module__n_outputs=5, class_weight={0: 5.0, 1: 0.5}).fit(X, Y)
    by_row = many(CrossEntropyLoss, module__n_outputs=5).fit(X, Y, sample_weight=np.array([5.0, 0.5, 1.0])[Y])
    np.testing.assert_allclose(outcome(by_class), outcome(by_row), rtol=1e-6)


def test_a_loss_is_the_weighted_mean_written_out():
    net = many(CrossEntropyLoss, own={"weight": TABLE, "ignore_index": 1}, batch_size=-1, max_epochs=1, lr=0)
    weights = RNG.rand(N)
    net.fit(X, Y, sample_weight=weights)
    logs = -np.log(net.predict_proba(X))[np.arange(N), Y]
    effective = weights * TABLE.numpy()[Y] * (Y != 1)
    assert net.history[0, "train_loss"] == pytest.approx((effective * logs).sum() / effective.sum(), rel=1e-6)


@pytest.mark.parametrize("y", [MASKS, SOFT], ids=["masks", "soft labels"])
def test_class_weights_are_refused_where_a_row_has_more_than_a_label(y):
    module = Pixels if y is MASKS else Linear
    with pytest.raises(InvalidArgumentError, match=r"class_weight needs one label a row\. Use sample_weight, or .*cri"):
        many(CrossEntropyLoss, module, class_weight={0: 2.0}).fit(X, y)
    with pytest.raises(InvalidArgumentError, match="class_weight needs one label a row"):
        many(CrossEntropyLoss, module, class_weight="balanced").fit(Dataset(X, y), None)
