"""Weights of classes and rows mean what they mean in scikit-learn and torch."""

from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.datasets import make_classification  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import accuracy_score, r2_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from skorch.dataset import Dataset, ValidSplit  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

X, CODES = make_classification(90, 5, n_informative=4, n_redundant=0, n_classes=3, weights=[0.6, 0.3], random_state=0)
NAMES = np.array(["common", "odd", "rare"])
Y = NAMES[CODES]
SOME = np.random.RandomState(0).randint(0, 4, len(X))


class Linear(torch.nn.Linear):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs, dtype=torch.float64)


PARAMS = {"module__n_features": "auto", "module__n_outputs": "auto", "verbose": 0, "random_state": 0, "lr": 0.2}


def classifier(**params):
    return NeuralNetClassifier(Linear, **{**PARAMS, "criterion": torch.nn.CrossEntropyLoss, **params})


def binary(**params):
    return NeuralNetBinaryClassifier(Linear, **{**PARAMS, **params})


def regressor(**params):
    return NeuralNetRegressor(Linear, **{**PARAMS, "lr": 0.05, **params})


def weights(net):
    return np.concatenate([weight.detach().numpy().ravel() for weight in net.module_.parameters()])


NETS = {"many": (classifier, Y), "binary": (binary, Y == "common"), "regressor": (regressor, X @ np.arange(5.0))}


# --- class_weight -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", [torch.nn.CrossEntropyLoss, torch.nn.NLLLoss])
def test_class_weights_are_those_of_torchs_criterion(criterion):
    class Net(Linear):
        def forward(self, X):
            scores = super().forward(X)
            return scores if criterion is torch.nn.CrossEntropyLoss else scores.softmax(1)

    params = {**PARAMS, "criterion": criterion, "batch_size": 32}
    ours = NeuralNetClassifier(Net, **params, class_weight={"common": 0.5, "odd": 1.0, "rare": 3.0}).fit(X, Y)
    table = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    torchs = NeuralNetClassifier(Net, **params, criterion__weight=table).fit(X, Y)
    np.testing.assert_allclose(weights(ours), weights(torchs), rtol=1e-12)
    np.testing.assert_allclose(ours.history[:, "train_loss"], torchs.history[:, "train_loss"], rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_weights_of_classes_are_weights_of_their_rows(smoothing):
    params = {"criterion__label_smoothing": smoothing, "batch_size": 32}
    by_class = classifier(class_weight={"rare": 3}, **params).fit(X, Y)
    by_row = classifier(**params).fit(X, Y, sample_weight=np.where(Y == "rare", 3, 1))
    np.testing.assert_allclose(weights(by_class), weights(by_row), rtol=1e-9)
    assert by_class.criterion_.weight is None


def test_classes_of_no_weight_have_no_influence():
    fitted = classifier(class_weight={"rare": 0, "odd": 2}, batch_size=2).fit(X, Y)
    by_row = classifier(batch_size=2).fit(X, Y, sample_weight=np.array([1, 2, 0])[CODES])
    np.testing.assert_allclose(weights(fitted), weights(by_row), rtol=1e-9)
    assert np.isfinite(weights(fitted)).all()


def test_balanced_weights_are_scikit_learns():
    counts = np.bincount(CODES)
    same = dict(zip(NAMES, len(Y) / (3 * counts), strict=True))
    balanced, given = classifier(class_weight="balanced").fit(X, Y), classifier(class_weight=same).fit(X, Y)
    np.testing.assert_allclose(weights(balanced), weights(given), rtol=1e-6)


def test_a_balanced_net_comes_to_a_balanced_regression():
    params = {"max_epochs": 3000, "batch_size": -1, "lr": 0.5, "class_weight": "balanced"}
    net = classifier(**params).fit(X, Y)
    regression = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=10000, tol=1e-8).fit(X, Y)
    np.testing.assert_allclose(net.predict_proba(X), regression.predict_proba(X), atol=5e-3)


def test_classes_left_out_of_a_dict_weigh_one():
    full = classifier(class_weight={"common": 1, "odd": 1, "rare": 5}).fit(X, Y)
    assert np.array_equal(weights(full), weights(classifier(class_weight={"rare": 5}).fit(X, Y)))


def test_weights_of_two_classes_are_weights_of_their_rows():
    y = Y == "common"
    by_class = binary(class_weight={True: 1, False: 4}).fit(X, y)
    by_row = binary().fit(X, y, sample_weight=np.where(y, 1, 4))
    np.testing.assert_allclose(weights(by_class), weights(by_row), rtol=1e-12)


def test_class_weights_are_a_parameter_to_be_searched():
    space = {"class_weight": [None, "balanced", {"rare": 10}]}
    search = OptunaSearchCV(classifier(max_epochs=3), space, n_trials=None, cv=2, random_state=0).fit(X, Y)
    assert len(search.cv_results_["params"]) == 3


def test_class_weights_hold_for_labels_in_a_dataset():
    net = classifier(class_weight="balanced").fit(Dataset(X, CODES), None)
    assert np.array_equal(weights(net), weights(classifier(class_weight="balanced").fit(X, CODES)))


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balance", "class_weight must be None, 'balanced' or a dict"),
        ({"common": -1}, "finite numbers that are not negative"),
        ({"comon": 2}, r"The classes, .* are not in class_weight.*labels of y as keys"),
        ({"common": "heavy"}, "finite numbers"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, message):
    with pytest.raises(InvalidArgumentError, match=message):
        classifier(class_weight=class_weight).fit(X, Y)


# --- sample_weight ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_whole_weights_are_repeated_rows(name):
    make, y = NETS[name]
    weighted = make(batch_size=-1).fit(X, y, sample_weight=SOME)
    repeated = make(batch_size=-1).fit(np.repeat(X, SOME, axis=0), np.repeat(y, SOME))
    np.testing.assert_allclose(weights(weighted), weights(repeated), rtol=1e-9)
    np.testing.assert_allclose(weighted.history[:, "train_loss"], repeated.history[:, "train_loss"], rtol=1e-9)


@pytest.mark.parametrize("name", NETS)
def test_rows_of_no_weight_have_no_influence(name):
    make, y = NETS[name]
    other = y[::-1].copy()
    kept = SOME > 0
    one, two = (make().fit(X, np.where(kept, y, each), sample_weight=kept) for each in (y, other))
    assert np.array_equal(weights(one), weights(two))


@pytest.mark.parametrize("name", NETS)
def test_equal_weights_are_no_weights(name):
    make, y = NETS[name]
    for same in (np.full(len(X), 3.0), 3.0):
        weighted = make(iterator_train__shuffle=True).fit(X, y, sample_weight=same)
        np.testing.assert_allclose(weights(weighted), weights(make(iterator_train__shuffle=True).fit(X, y)), rtol=1e-9)


def test_a_batch_without_weight_changes_nothing():
    order = np.argsort(SOME, kind="stable")
    rows, labels, row_weights = X[order], Y[order], SOME[order] > 0
    n_zero = (~row_weights).sum()
    net = classifier(batch_size=int(n_zero), max_epochs=1).fit(rows, labels, sample_weight=row_weights)
    rest = classifier(batch_size=int(n_zero), max_epochs=1).fit(rows[n_zero:], labels[n_zero:])
    np.testing.assert_allclose(weights(net), weights(rest), rtol=1e-12)
    assert np.isfinite(net.history[:, "train_loss"]).all()


def test_several_targets_of_a_row_share_its_weight():
    y = np.c_[X @ np.arange(5.0), X[:, 0]]
    weighted = regressor(batch_size=-1).fit(X, y, sample_weight=SOME)
    repeated = regressor(batch_size=-1).fit(np.repeat(X, SOME, axis=0), np.repeat(y, SOME, axis=0))
    np.testing.assert_allclose(weights(weighted), weights(repeated), rtol=1e-9)


def test_summed_losses_are_summed_by_weight():
    params = {"criterion__reduction": "sum", "batch_size": -1, "lr": 1e-3}
    y = np.c_[X @ np.arange(5.0), X[:, 0]]
    weighted = regressor(**params).fit(X, y, sample_weight=SOME)
    repeated = regressor(**params).fit(np.repeat(X, SOME, axis=0), np.repeat(y, SOME, axis=0))
    np.testing.assert_allclose(weights(weighted), weights(repeated), rtol=1e-9)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("loader", [None, DataLoader])
def test_weights_stay_with_their_rows_when_shuffled_and_split(name, loader):
    make, y = NETS[name]
    params = {} if loader is None else {"iterator_train": loader, "iterator_valid": loader}
    split = ValidSplit(3, stratified=name != "regressor")
    net = make(iterator_train__shuffle=True, batch_size=16, train_split=split, **params)
    seen = {}

    class Recording(type(net)):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            loss = super().get_loss(y_pred, y_true, X=X, training=training)
            assert isinstance(y_true, torch.Tensor)
            seen.update(zip(X[:, 0].tolist(), self._fitting_.weights_of(y_true, y_pred).tolist(), strict=True))
            return loss

    Recording(**net.get_params(deep=False)).fit(X, y, sample_weight=SOME)
    assert seen == dict(zip(X[:, 0].tolist(), SOME.tolist(), strict=True))


def test_callbacks_see_plain_batches_and_scores_on_a_split():
    net = classifier(train_split=ValidSplit(3, stratified=True), use_caching=False).fit(X, Y, sample_weight=SOME)
    cached = classifier(train_split=ValidSplit(3, stratified=True)).fit(X, Y, sample_weight=SOME)
    assert net.history[:, "valid_acc"] == cached.history[:, "valid_acc"]


def test_weights_reach_the_net_through_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), classifier())
    pipeline.fit(X, Y, neuralnetclassifier__sample_weight=SOME)
    direct = classifier().fit(StandardScaler().fit_transform(X), Y, sample_weight=SOME)
    assert np.array_equal(weights(pipeline[-1]), weights(direct))


def test_weights_reach_the_folds_of_a_search():
    search = OptunaSearchCV(classifier(), {"lr": [0.2]}, cv=3, n_trials=1, random_state=0)
    search.fit(X, Y, sample_weight=(Y == "rare") + 0.01)
    assert (search.predict(X) == "rare").mean() > 0.5


def test_rows_and_classes_may_both_have_weights():
    both = classifier(class_weight={"rare": 3}).fit(X, Y, sample_weight=SOME)
    product = classifier().fit(X, Y, sample_weight=SOME * np.where(Y == "rare", 3, 1))
    np.testing.assert_allclose(weights(both), weights(product), rtol=1e-9)


def test_partial_fit_takes_weights():
    start = classifier(max_epochs=0).fit(X, Y)
    start.max_epochs = 5
    start.partial_fit(X, Y, sample_weight=SOME)
    assert np.array_equal(weights(start), weights(classifier(max_epochs=5).fit(X, Y, sample_weight=SOME)))


def test_scores_are_weighted_as_in_scikit_learn():
    net = classifier().fit(X, Y)
    assert net.score(X, Y, sample_weight=SOME) == accuracy_score(Y, net.predict(X), sample_weight=SOME)
    targets = X @ np.arange(5.0)
    numbers = regressor().fit(X, targets)
    expected = r2_score(targets, numbers.predict(X), sample_weight=SOME)
    assert numbers.score(X, targets, sample_weight=SOME) == expected


def test_without_weights_the_criterion_is_called_as_ever():
    class Counting(torch.nn.CrossEntropyLoss):
        reductions: ClassVar = []

        def forward(self, *args):
            self.reductions.append(self.reduction)
            return super().forward(*args)

    classifier(criterion=Counting, max_epochs=1).fit(X, Y)
    assert set(Counting.reductions) == {"mean"}
    net = classifier(criterion=Counting, max_epochs=1).fit(X, Y, sample_weight=SOME)
    assert "none" in Counting.reductions
    assert net.criterion_.reduction == "mean"


class Odd(torch.nn.Module):
    def forward(self, y_pred, y_true):
        return torch.nn.functional.cross_entropy(y_pred, y_true)


class Deaf(Odd):
    reduction = "mean"


@pytest.mark.parametrize("criterion", [Odd, Deaf])
def test_a_criterion_without_losses_of_rows_is_refused(criterion):
    with pytest.raises(InvalidArgumentError, match="need the losses of single rows"):
        classifier(criterion=criterion).fit(X, Y, sample_weight=SOME)


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (SOME[:-1], "sample_weight has 89 weights, but X has 90 rows"),
        (SOME[:, None], "must be 1D array"),
        (SOME - 1, "must be finite and not negative"),
        (np.full(len(X), np.nan), "must be finite"),
        (np.zeros(len(X)), "Every sample_weight is zero"),
        (["heavy"] * len(X), "sample_weight must be numbers"),
    ],
)
def test_bad_weights_are_refused(sample_weight, message):
    with pytest.raises(InvalidArgumentError, match=message):
        classifier().fit(X, Y, sample_weight=sample_weight)


def test_weights_of_rows_in_a_foreign_dataset_are_refused():
    dataset = TensorDataset(torch.as_tensor(X), torch.as_tensor(CODES))
    with pytest.raises(InvalidArgumentError, match=r"sample_weight needs X and y as arrays.*TensorDataset"):
        classifier(module__n_features=5, module__n_outputs=3).fit(dataset, None, sample_weight=SOME)
