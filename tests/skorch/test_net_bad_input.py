"""What cannot work is said before the first epoch has ended, in words that tell what to do."""

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from sklearn.datasets import make_classification  # noqa: E402
from sklearn.exceptions import FitFailedWarning, NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.exceptions import InvalidArgumentError, InvalidSpaceError, MissingExtraError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

X, Y = make_classification(60, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)


class Linear(torch.nn.Sequential):
    def __init__(self, n_features, n_outputs, ending=None):
        layers = [torch.nn.Linear(n_features, n_outputs)]
        super().__init__(*layers, *([] if ending is None else [ending]))


PARAMS = {"module__n_features": "auto", "module__n_outputs": "auto", "verbose": 0, "random_state": 0}


def many(module=Linear, **params):
    return NeuralNetClassifier(module, **{**PARAMS, "criterion": torch.nn.CrossEntropyLoss, **params})


def binary(**params):
    return NeuralNetBinaryClassifier(Linear, **{**PARAMS, **params})


def regressor(**params):
    return NeuralNetRegressor(Linear, **{**PARAMS, **params})


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"module": LogisticRegression}, "module must be a subclass of torch.nn.Module.*but got <class"),
        ({"module": "Linear"}, "module must be a subclass of torch.nn.Module.*but got 'Linear'"),
        ({"module": lambda n_features, n_outputs: 3}, "must return a torch.nn.Module, but <lambda> returned int"),
        ({"criterion": "mse"}, "criterion must be a loss class"),
        ({"criterion": torch.nn.functional.cross_entropy}, "cross_entropy needs criterion__input, criterion__target"),
        ({"batch_size": 0}, "batch_size must be an int of at least 1, or -1 for all rows, but got 0"),
        ({"batch_size": -2}, "but got -2"),
        ({"batch_size": 16.0}, "but got 16.0"),
        ({"batch_size": True}, "but got True"),
        ({"iterator_train__batch_size": 0}, "iterator_train__batch_size must be an int"),
        ({"max_epochs": -1}, "max_epochs must be an int of at least 0, but got -1"),
        ({"max_epochs": 2.5}, "max_epochs must be an int of at least 0, but got 2.5"),
        ({"lr": -0.1}, "lr must be a finite number of at least 0, but got -0.1"),
        ({"lr": "auto"}, "lr must be a finite number of at least 0, but got 'auto'"),
        ({"lr": float("nan")}, "lr must be a finite number"),
        ({"random_state": -1}, "random_state must be None, an int from 0"),
        ({"random_state": "0"}, "random_state must be None, an int from 0"),
        ({"random_state": np.random.default_rng(0)}, "random_state must be None, an int from 0"),
        ({"train_split": 0.2}, r"train_split must be None or a callable such as skorch.dataset.ValidSplit\(5\)"),
        ({"class_weight": "balancd"}, "class_weight must be None, 'balanced' or a dict"),
        ({"module__n_hiden": 3}, "Linear does not take module__n_hiden"),
        ({"module__endng": 3}, "Linear does not take module__endng. Nearest to .*: 'module__ending'"),
        ({"module__n_inputs": 3}, "Linear does not take module__n_inputs. Nearest to .*: 'module__n_outputs'"),
        ({"optimizer__momentun": 0.9}, "SGD does not take optimizer__momentun. Nearest to .*: 'optimizer__momentum'"),
        (
            {"criterion__weigth": None},
            "CrossEntropyLoss does not take criterion__weigth. Nearest to .*: 'criterion__weight'",
        ),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(InvalidArgumentError, match=message):
        many(**params).fit(X, Y)


def test_good_parameters_are_taken():
    many(lr=0, max_epochs=0, batch_size=-1).fit(X, Y)
    many(lr=np.float32(0.1), max_epochs=np.int64(1), batch_size=np.int32(7), random_state=np.int64(3)).fit(X, Y)
    many(optimizer__param_groups=[("0.bias", {"lr": 0.5})], optimizer__momentum=0.9).fit(X, Y)


def test_arguments_that_are_missing_are_named():
    net = NeuralNetClassifier(Linear, criterion=torch.nn.CrossEntropyLoss, module__n_outputs=3)
    with pytest.raises(
        InvalidArgumentError, match=r"Linear needs module__n_features\. module__n_features can be 'auto'"
    ):
        net.fit(X, Y)


@pytest.mark.parametrize("name", ["module__n_hiden", "optimizer__momentun", "criterion__weigth"])
def test_names_are_checked_where_they_are_set(name):
    with pytest.raises(InvalidArgumentError, match=f"does not take {name}"):
        many().set_params(**{name: 1})


def test_names_of_nothing_are_refused_with_the_nearest():
    with pytest.raises(
        InvalidArgumentError, match=r"Invalid parameter 'btach_size' .*\. Nearest to .*: 'batch_size'\."
    ):
        many().set_params(btach_size=3)
    with pytest.raises(InvalidArgumentError, match=r"unexpected argument.*Nearest to 'btach_size': 'batch_size'\."):
        many(btach_size=3).fit(X, Y)
    with pytest.raises(InvalidArgumentError, match="'learning_rate': 'lr'"):
        many().set_params(learning_rate=0.1)
    with pytest.raises(InvalidArgumentError, match=r"Nearest to 'optimzer__momentum': 'optimizer__'"):
        many(optimzer__momentum=3).fit(X, Y)
    with pytest.raises(
        InvalidArgumentError, match=r"'foo' for estimator NeuralNet.* are: \['amp', .*'warm_start'\], and"
    ):
        many().set_params(foo=1)
    many().set_params(device="cpu", verbose=0, lr=0.1, max_epochs=1, callbacks__print_log=None).fit(X, Y)


def test_names_of_a_module_set_with_it_are_its_own():
    class Wider(Linear):
        def __init__(self, n_features, n_outputs, width=3):
            super().__init__(n_features, n_outputs)

    many().set_params(module__width=5, module=Wider).fit(X, Y)

    class Any(Linear):
        def __init__(self, **kwargs):
            super().__init__(5, 3)

    many(Any).set_params(module__whatever=5).fit(X, Y)


def test_a_search_over_a_name_that_does_not_exist_ends_before_its_first_trial():
    search = OptunaSearchCV(many(), {"module__endng": [1, 2]}, cv=2, n_trials=2)
    with pytest.raises(InvalidSpaceError, match=r"Nearest to .*: 'module__ending'"):
        search.fit(X, Y)


def test_in_a_search_a_bad_value_is_a_failed_fit():
    search = OptunaSearchCV(many(max_epochs=1), {"batch_size": [0, 16]}, cv=2, n_trials=None, refit=False)
    with (
        pytest.warns(FitFailedWarning, match="batch_size must be an int of at least 1"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(X, Y)
    scores = dict(zip(search.cv_results_["param_batch_size"], search.cv_results_["mean_test_score"], strict=True))
    assert np.isnan(scores[0])
    assert np.isfinite(scores[16])


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "rows", "y", "message"),
    [
        (many, X, Y[:-1], "X has 60 rows, y has 59"),
        (many, X[:0], Y[:0], "Found array with 0 sample"),
        (many, X, None, "requires y to be passed, but the target y is None"),
        (many, X, X[:, 0], "Unknown label type: continuous"),
        (many, X, np.where(Y == 0, np.nan, Y), "contains NaN"),
        (many, X, np.where(Y == 0, None, "a"), r"labels of several kinds \(NoneType, str\).*label is missing"),
        (many, X, np.c_[Y, Y].astype(str), "Labels are one for each row; of several, only.*MultiOutputClassifier"),
        (many, X[:, 0], Y, "module__n_features='auto' is not known from such an X"),
        (many, pd.DataFrame({"a": list("xyz") * 20}), Y, "could not convert string to float.*OneHotEncoder"),
        (many, X + 1j, Y, "Complex data not supported"),
        (many, X[:, :0], Y, "0 feature"),
        (regressor, X, np.where(Y == 0, np.nan, Y), "Input y contains NaN"),
        (regressor, X, np.where(Y == 0, np.inf, Y), "Input y contains infinity"),
        (regressor, X, np.array(["a", "b", "c"])[Y], "strings.*A regressor needs a number"),
        (regressor, X, None, "requires y to be passed"),
        (regressor, X, np.ones(59), "X has 60 rows, y has 59"),
        (regressor, X, 3.0, "got scalar.*A regressor needs a number, or several, for each row"),
        (binary, X, Y, "Only binary classification is supported"),
    ],
)
def test_bad_data_are_refused(make, rows, y, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make().fit(rows, y)


def test_rows_to_predict_are_checked_against_those_of_the_fit():
    net = many().fit(X, Y)
    with pytest.raises(InvalidArgumentError, match="X has 3 features, but NeuralNetClassifier is expecting 5"):
        net.predict(X[:, :3])
    with pytest.raises(InvalidArgumentError, match=r"Expected 2D array, got 1D array.*X.reshape\(1, -1\)"):
        net.predict(X[0])
    with pytest.raises(InvalidArgumentError, match="X has 3 features"):
        net.partial_fit(X[:, :3], Y)


def test_partial_fit_refuses_targets_of_another_shape():
    net = regressor().fit(X, X[:, :2])
    with pytest.raises(InvalidArgumentError, match=r"targets of shape \(\) a row, but the net was trained on \(2,\)"):
        net.partial_fit(X, X[:, 0])


def test_an_unfitted_net_says_so():
    for make in (many, binary, regressor):
        with pytest.raises(NotFittedError, match="not initialized yet"):
            make().predict(X)


# --- module, criterion and y ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "params", "y", "message"),
    [
        (many, {"module__n_outputs": 2}, Y, r"y has 3 classes.*output has shape \(60, 2\).*last layer 3 out"),
        (many, {"module__n_outputs": 1, "criterion": torch.nn.NLLLoss}, Y, "criterion=NLLLoss needs"),
        (many, {"criterion": torch.nn.BCEWithLogitsLoss}, Y, "criterion=BCEWithLogitsLoss does not fit the labels"),
        (many, {"criterion": torch.nn.MSELoss}, Y, "criterion=MSELoss does not fit the labels.*CrossEntropyLoss"),
        (binary, {"module__n_outputs": 2}, Y > 0, r"Expected module output to have shape \(n,\) or \(n, 1\)"),
        (binary, {"criterion": torch.nn.CrossEntropyLoss}, Y > 0, "needs one output a class.*BCEWithLogitsLoss"),
        (binary, {"criterion": torch.nn.BCELoss}, Y > 0, "BCELoss needs probabilities from 0 to 1.*with a sigmoid"),
        (regressor, {"module__n_outputs": 3}, X[:, 0], r"output has shape \(60, 3\), but y in this batch \(60,\)"),
        (regressor, {"module__n_outputs": 1}, X[:, :2], "Give the module's last layer .2,. output.*n_outputs='auto'"),
        (regressor, {"criterion": torch.nn.CrossEntropyLoss}, X[:, 0], "is for class labels.*torch.nn.MSELoss"),
        (regressor, {"criterion__reduction": "none"}, X[:, 0], "gave 60 losses for a batch, and one is needed"),
        (regressor, {"criterion": torch.nn.CosineSimilarity}, X[:, :2], "gave 60 losses"),
        (many, {"criterion": torch.nn.PoissonNLLLoss}, Y, "PoissonNLLLoss cannot compare the module"),
    ],
)
def test_criteria_that_do_not_fit_are_refused_before_the_first_step(make, params, y, message):
    net = make(**params)
    with pytest.raises((InvalidArgumentError, ValueError), match=message):
        net.fit(X, y)
    assert "train_loss" not in net.history[-1]


@pytest.mark.parametrize(
    ("criterion", "ending", "message"),
    [
        (torch.nn.NLLLoss, None, "outputs are raw scores, not probabilities.*torch.nn.CrossEntropyLoss"),
        (torch.nn.NLLLoss, torch.nn.LogSoftmax(1), "outputs are log-probabilities.*replace log_softmax by softmax"),
        (torch.nn.CrossEntropyLoss, torch.nn.Softmax(1), "outputs are probabilities.*applies a softmax itself"),
    ],
)
def test_outputs_on_the_wrong_scale_are_warned_of_once_a_fit(criterion, ending, message):
    net = many(criterion=criterion, module__ending=ending, max_epochs=2, batch_size=10)
    with pytest.warns(UserWarning, match=message) as caught:
        net.fit(X, Y)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("criterion", "ending"), [(torch.nn.NLLLoss, torch.nn.Softmax(1)), (torch.nn.CrossEntropyLoss, None)]
)
def test_outputs_on_the_right_scale_are_not_warned_of(criterion, ending):
    many(criterion=criterion, module__ending=ending).fit(X, Y)


def test_a_module_that_does_not_take_the_rows_is_told_what_they_were():
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as caught:
        many(module__n_features=7).fit(X, Y)
    assert caught.value.__notes__[0].startswith("The module failed at the first batch (shape (60, 5), float32).")


def test_running_out_of_memory_stays_what_it_is():
    class Greedy(torch.nn.CrossEntropyLoss):
        def forward(self, *args):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        many(criterion=Greedy).fit(X, Y)


@pytest.mark.parametrize("missing", ["torch", "skorch"])
def test_a_missing_package_is_named_with_its_extra(missing, monkeypatch):
    import importlib
    import importlib.util

    import sk_optuna._optional as optional
    import sk_optuna.skorch as room

    find = importlib.util.find_spec
    monkeypatch.setattr(optional, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(MissingExtraError, match=rf"needs the package '{missing}'.*sk-optuna\[skorch\]"):
        importlib.reload(room)


def test_a_name_that_skorch_corrects_is_corrected_once():
    with pytest.raises(InvalidArgumentError, match=r"did you mean iterator_train__shuffle\?$"):
        many(iterator_train_shuffle=True).fit(X, Y)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "initialize"])
def test_a_trimmed_net_is_told_that_it_was_trimmed(method):
    net = many(max_epochs=1).fit(X, Y)
    net.trim_for_prediction()
    with pytest.raises(skorch.exceptions.SkorchTrainingImpossibleError, match="trimmed for prediction"):
        getattr(net, method)(*([] if method == "initialize" else [X, Y]))
    assert net.predict(X).shape == Y.shape


@pytest.mark.parametrize("dtype", ["object", "category", "str"])
def test_text_in_a_frame_gets_one_hint_whatever_its_dtype(dtype):
    frame = pd.DataFrame(X[:, :3], columns=[*"abc"]).assign(text=pd.Series(["a", "b"] * 30).astype(dtype))
    with pytest.raises(
        InvalidArgumentError, match=r"could not convert string to float: .* Turn text and categories into"
    ):
        many().fit(frame, Y)


def test_categories_that_are_numbers_are_numbers():
    frame = pd.DataFrame(X[:, :3], columns=[*"abc"]).assign(n=pd.Series([1, 2] * 30).astype("category"))
    plain = pd.DataFrame(X[:, :3], columns=[*"abc"]).assign(n=[1, 2] * 30)
    assert np.array_equal(many().fit(frame, Y).predict_proba(frame), many().fit(plain, Y).predict_proba(plain))
