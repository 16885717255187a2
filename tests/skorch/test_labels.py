"""Labels go in and come out as users have them; within, and in whatever callbacks read, they are codes."""

import pickle

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.metrics import f1_score, make_scorer  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from skorch.callbacks import BatchScoring, EpochScoring  # noqa: E402
from skorch.dataset import Dataset, ValidSplit  # noqa: E402
from skorch.helper import predefined_split  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

X, CODES = make_classification(150, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
NAMES = np.array(["cat", "dog", "eel"])
KINDS = {
    "strings": NAMES,
    "objects": NAMES.astype(object),
    "ints": np.array([3, 7, -1]),
    "int32": np.array([3, 7, 11], dtype=np.int32),
    "floats": np.array([1.0, 2.0, 5.0]),
    "codes": np.arange(3),
}


class Linear(torch.nn.Linear):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)


PARAMS = {
    "module__n_features": "auto",
    "module__n_outputs": "auto",
    "max_epochs": 20,
    "lr": 0.2,
    "verbose": 0,
    "random_state": 0,
}


def many(**params):
    return NeuralNetClassifier(Linear, **{**PARAMS, "criterion": torch.nn.CrossEntropyLoss, **params})


def binary(**params):
    return NeuralNetBinaryClassifier(Linear, **{**PARAMS, **params})


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_the_labels_that_were_given(kind):
    labels = KINDS[kind]
    y = labels[CODES]
    net = many().fit(X, y)
    assert net.classes_.tolist() == sorted(labels.tolist())
    assert net.predict(X).dtype == y.dtype
    assert net.score(X, y) > 0.6
    codes_predicted = many().fit(X, np.searchsorted(net.classes_, y)).predict(X)
    assert np.array_equal(net.predict(X), net.classes_[codes_predicted])


@pytest.mark.parametrize(
    "labels", [np.array(["no", "yes"]), np.array([False, True]), np.array([-1, 1]), np.array([0.0, 1.0]), np.arange(2)]
)
def test_binary_predictions_are_the_labels_that_were_given(labels):
    y = labels[(CODES == 1).astype(int)]
    net = binary().fit(X, y)
    assert np.array_equal(net.classes_, labels)
    assert net.predict(X).dtype == y.dtype
    assert net.predict_proba(X).shape == (len(X), 2)
    assert net.score(X, y) > 0.7
    assert np.array_equal(net.predict(X) == labels[1], net.predict_proba(X)[:, 1] > 0.5)


def test_threshold_of_the_binary_classifier_decides():
    y = NAMES[(CODES == 1).astype(int)]
    assert set(binary(threshold=0.0).fit(X, y).predict(X)) == {"dog"}
    assert set(binary(threshold=1.0).fit(X, y).predict(X)) == {"cat"}


@pytest.mark.parametrize("as_given", [pd.Series, list, lambda y: pd.Series(y, dtype="category"), lambda y: y[:, None]])
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_any_container_of_labels_is_taken(as_given):
    y = NAMES[CODES]
    assert np.array_equal(many().fit(X, as_given(y)).predict(X), many().fit(X, y).predict(X))


def test_tensors_of_labels_are_encoded_too():
    y = torch.tensor([3, 7, 9])[torch.as_tensor(CODES)]
    assert set(many().fit(X, y).predict(X)) <= {3, 7, 9}


def test_given_classes_are_the_order_of_the_modules_outputs():
    order = ["eel", "cat", "dog", "fox"]
    net = many(classes=order).fit(X, NAMES[CODES])
    assert net.classes_.tolist() == order
    assert net.predict_proba(X).shape == (len(X), 4)
    assert np.array_equal(net.predict(X), np.array(order)[net.predict_proba(X).argmax(axis=1)])


def test_partial_fit_takes_all_classes_at_the_first_call():
    net = many().partial_fit(X[CODES == 0], NAMES[CODES[CODES == 0]], classes=NAMES)
    net.partial_fit(X, NAMES[CODES])
    assert net.classes_.tolist() == NAMES.tolist()


def test_labels_unseen_in_training_are_refused_by_partial_fit_and_warm_start():
    net = many(warm_start=True).fit(X[CODES < 2], NAMES[CODES[CODES < 2]])
    for again in (net.partial_fit, net.fit):
        with pytest.raises(InvalidArgumentError, match=r"not among the labels that the net was trained on: 'eel'"):
            again(X, NAMES[CODES])


def test_labels_of_another_kind_are_unseen_ones():
    net = many().fit(X, NAMES[CODES])
    with pytest.raises(InvalidArgumentError, match="Known labels: 'cat', 'dog', 'eel'"):
        net.partial_fit(X, CODES)


def test_one_class_alone_can_be_learnt():
    assert set(many().fit(X, np.full(len(X), "cat")).predict(X)) == {"cat"}
    assert set(binary(max_epochs=100).fit(X, np.ones(len(X), int)).predict(X)) == {1}
    with pytest.raises(InvalidArgumentError, match=r"needs two classes, but y has only \[.cat.\]"):
        binary().fit(X, np.full(len(X), "cat"))


def test_a_binary_classifier_refuses_three_classes():
    with pytest.raises(InvalidArgumentError, match=r"multiclass: y has 3 classes\. Use NeuralNetClassifier"):
        binary().fit(X, CODES)


# --- what callbacks see -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_caching", ["auto", False])
@pytest.mark.parametrize("labels", [NAMES, np.array([2, 1, 0]), np.array([5, 6, 7]), np.arange(3)])
def test_accuracy_on_a_split_is_that_of_codes(labels, use_caching):
    split = ValidSplit(5, stratified=True)
    net = many(train_split=split, use_caching=use_caching).fit(X, labels[CODES])
    ranks = np.argsort(np.argsort(labels))
    codes = many(train_split=split).fit(X, ranks[CODES])
    assert net.history[:, "valid_acc"] == codes.history[:, "valid_acc"]
    assert net.history[-1, "valid_acc"] > 0.5


def test_binary_accuracy_on_a_split_is_that_of_codes():
    split = ValidSplit(5, stratified=True)
    y = (CODES == 1).astype(int)
    histories = [binary(train_split=split).fit(X, each[y]).history for each in (NAMES[:2], np.arange(2))]
    assert histories[0][:, "valid_acc"] == histories[1][:, "valid_acc"]


def test_scorers_of_callbacks_speak_the_users_labels():
    scorer = make_scorer(f1_score, pos_label="dog", average="binary")
    y = NAMES[(CODES == 1).astype(int)]
    callbacks = [
        EpochScoring(scorer, name="f1", lower_is_better=False),
        EpochScoring("roc_auc", name="auc", lower_is_better=False),
        BatchScoring(scorer, name="batch_f1", lower_is_better=False),
    ]
    net = binary(train_split=ValidSplit(3, stratified=True), callbacks=callbacks).fit(X, y)
    assert net.history[-1, "f1"] > 0.5
    assert net.history[-1, "auc"] > 0.7
    assert net.history[-1, "batch_f1"] == pytest.approx(net.history[-1, "f1"])


def test_scoring_callbacks_are_left_as_they_were():
    callback = EpochScoring("accuracy", name="acc", lower_is_better=False, on_train=True)
    extractor = callback.target_extractor
    many(callbacks=[callback]).fit(X, NAMES[CODES])
    assert callback.target_extractor is extractor


def test_validation_data_of_ones_own_are_encoded_as_the_training_data():
    valid = predefined_split(Dataset(X[100:], NAMES[CODES[100:]]))
    net = many(train_split=valid).fit(X[:100], NAMES[CODES[:100]])
    assert net.history[-1, "valid_acc"] == pytest.approx(net.score(X[100:], NAMES[CODES[100:]]))


def test_validation_labels_unseen_in_training_are_refused():
    valid = predefined_split(Dataset(X, NAMES[CODES]))
    with pytest.raises(InvalidArgumentError, match="not among the labels that the net was trained on: 'eel'"):
        many(train_split=valid).fit(X[CODES < 2], NAMES[CODES[CODES < 2]])


# --- as in scikit-learn and skorch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro"])
def test_scikit_learns_scorers_take_string_labels(scoring):
    assert np.isfinite(cross_val_score(many(), X, NAMES[CODES], scoring=scoring, cv=3)).all()


def test_probabilities_can_be_calibrated():
    calibrated = CalibratedClassifierCV(many(), cv=2).fit(X, NAMES[CODES])
    assert calibrated.score(X, NAMES[CODES]) > 0.6


def test_a_pickle_knows_the_labels():
    net = many().fit(X, NAMES[CODES])
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict(X), net.predict(X))


def test_what_is_in_a_dataset_are_codes_as_in_skorch():
    X32 = X.astype(np.float32)
    net = many(classes=NAMES).fit(Dataset(X32, CODES), None)
    assert np.array_equal(net.predict(X32), many().fit(X, CODES).predict(X))


def test_outputs_beyond_the_classes_are_not_predicted():
    net = many(module__n_outputs=5, max_epochs=0)
    with pytest.warns(UserWarning, match=r"5 outputs, but y has 3 classes.*classes=\[...\]"):
        net.set_params(max_epochs=1).fit(X, NAMES[CODES])
    assert set(net.predict(X)) <= set(NAMES)


# --- numbers ----------------------------------------------------------------------------------------------------------


def regressor(**params):
    return NeuralNetRegressor(Linear, **{**PARAMS, "max_epochs": 60, "lr": 0.05, **params})


TARGETS = X[:, :2] @ np.array([[1.0, 0.5], [-1.0, 2.0]])


@pytest.mark.parametrize("y", [TARGETS[:, 0], TARGETS[:, :1], TARGETS], ids=["(n,)", "(n, 1)", "(n, 2)"])
def test_predictions_have_the_shape_of_the_targets(y):
    net = regressor().fit(X, y)
    assert net.predict(X).shape == y.shape
    assert net.score(X, y) > 0.9


def test_the_shape_of_one_target_makes_no_difference_to_training():
    flat, column = (regressor().fit(X, y) for y in (TARGETS[:, 0], TARGETS[:, :1]))
    assert np.array_equal(flat.predict(X), column.predict(X)[:, 0])


def test_a_module_may_have_flat_outputs():
    class Flat(Linear):
        def forward(self, X):
            return super().forward(X)[:, 0]

    params = {"max_epochs": 60, "lr": 0.05, "verbose": 0, "random_state": 0, "module__n_outputs": 1}
    flat = NeuralNetRegressor(Flat, module__n_features="auto", **params).fit(X, TARGETS[:, 0])
    assert np.array_equal(flat.predict(X), regressor().fit(X, TARGETS[:, 0]).predict(X))
    column = NeuralNetRegressor(Flat, module__n_features="auto", **params).fit(X, TARGETS[:, :1])
    assert np.array_equal(column.predict(X)[:, 0], flat.predict(X))


@pytest.mark.parametrize("dtype", [int, np.float32, np.float64, bool])
def test_targets_of_any_number_type_are_taken(dtype):
    y = (TARGETS[:, 0] > 0).astype(dtype) if dtype is bool else TARGETS[:, 0].astype(dtype)
    assert regressor().fit(X, y).predict(X).dtype == np.float32


@pytest.mark.parametrize("as_given", [pd.Series, list, lambda y: pd.DataFrame({"a": y, "b": y})])
def test_any_container_of_targets_is_taken(as_given):
    assert regressor().fit(X, as_given(TARGETS[:, 0])).score(X, as_given(TARGETS[:, 0])) > 0.9
