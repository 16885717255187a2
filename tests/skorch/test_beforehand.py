"""`check_fit` says what `fit` would, before there is a module, and leaves no trace."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.dataset import Dataset  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from sk_optuna.skorch import _on_device as devices  # noqa: E402

X, Y = make_classification(40, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
made = []


class Counted(torch.nn.Linear):
    def __init__(self, n_features, n_outputs=3, n_hidden=4):
        made.append(self)
        super().__init__(n_features, n_outputs)


class Forgives(Counted):
    def forward(self, X):
        return super().forward(torch.nan_to_num(X))


@pytest.fixture(autouse=True)
def _count_modules():
    made.clear()


def net(module=Counted, **params):
    given = {"module__n_features": "auto", "criterion": torch.nn.CrossEntropyLoss, "verbose": 0, "device": "cpu"}
    params = {**given, **params}
    return NeuralNetClassifier(module, **{name: value for name, value in params.items() if value is not ...})


def spoilt(value, rows=X):
    rows = np.array(rows)
    rows[3, 1] = value
    return rows


PARAMETERS = [
    ({"device": "cuda:7"}, "torch finds"),
    ({"device": "gpu"}, "device must be 'auto', None, or a device of torch"),
    ({"amp": "fp16"}, "amp='fp16' needs a CUDA device"),
    ({"amp": "bf16"}, "amp='bf16' cannot be computed by this machine's 'cpu'"),
    ({"class_weight": "balance"}, "class_weight must be None, 'balanced' or a dict"),
    ({"lr": -1}, "lr must be a finite number"),
    ({"criterion": "mse"}, "criterion must be a loss class"),
    ({"module__n_features": ...}, r"Counted needs module__n_features\. module__n_features can be 'auto'"),
    ({"module": torch.nn.Linear, "module__n_features": ...}, "Linear needs module__in_features, module__out_features"),
    ({"criterion": torch.nn.functional.mse_loss}, "mse_loss needs criterion__input, criterion__target"),
    ({"module__n_hiden": 3}, "Counted does not take module__n_hiden. Nearest to .*: 'module__n_hidden'"),
    (
        {"criterion__weigth": None},
        "CrossEntropyLoss does not take criterion__weigth. Nearest to .*: 'criterion__weight'",
    ),
    ({"optimizer__momentun": 0.9}, "SGD does not take optimizer__momentun. Nearest to .*: 'optimizer__momentum'"),
    ({"iterator_train__shufle": True}, "TensorLoader does not take iterator_train__shufle. Nearest .*train__shuffle"),
    ({"iterator_valid__num_worker": 1}, "TensorLoader does not take iterator_valid__num_worker. Nearest .*num_workers"),
    ({"iterator_train": DataLoader, "iterator_train__origin": b""}, "DataLoader does not take iterator_train__origin"),
    ({"iterator_train__dataset": None}, "TensorLoader does not take iterator_train__dataset"),
    ({"btach_size": 3}, "unexpected argument.*Nearest to 'btach_size': 'batch_size'"),
    ({"optimzer__lr": 3}, "unexpected argument.*Nearest to 'optimzer__lr': 'optimizer__'"),
    ({"iterator_train_shuffle": True}, r"did you mean iterator_train__shuffle\?$"),
]


@pytest.mark.parametrize(("params", "message"), PARAMETERS)
def test_what_ends_every_fit_is_said_before_there_is_a_module(params, message, monkeypatch):
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidArgumentError, match=message):
        net(**params).check_fit()
    assert made == []
    with pytest.raises(InvalidArgumentError, match=message):
        net(**params).fit(X, Y)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"module": Counted(5), "module__n_features": ...},
        {"module": lambda **kwargs: Counted(**kwargs)},
        {"optimizer": torch.optim.Adam, "optimizer__param_groups": [("*.bias", {"lr": 0.5})]},
        {"iterator_train__shuffle": True, "iterator_train__device_share": 0.1, "iterator_valid__num_workers": 0},
        {"iterator_train": DataLoader, "iterator_train__collate_fn": None},
        {"callbacks__print_log": None, "callbacks": []},
        {"compile__mode": "default", "dataset__length": None},
    ],
)
def test_what_can_be_fitted_is_let_pass(params):
    net(**params).check_fit()
    net(**params).check_fit(X, Y)


def test_parts_that_a_subclass_makes_are_its_own_matter():
    class Own(NeuralNetClassifier):
        def initialize_module(self):
            self.module_, self.second_ = Counted(5), Counted(5)
            return self

        def get_iterator(self, dataset, training=False):
            return DataLoader(dataset)

    Own(Counted, module__width=3, second__depth=2, iterator_train__own=1).check_fit(X, Y)


# --- names in set_params ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iterator_train__shufle", "iterator_valid__batchsize", "iterator_train__dataset"])
def test_names_of_iterators_are_checked_where_they_are_set(name):
    with pytest.raises(InvalidArgumentError, match=f"TensorLoader does not take {name}"):
        net().set_params(**{name: 1})


def test_names_are_those_of_the_iterator_set_with_them():
    class Own(DataLoader):
        def __init__(self, dataset, batch_size=1, *, width=1):
            super().__init__(dataset, batch_size)

    net().set_params(iterator_train__width=3, iterator_train=Own).check_fit()
    with pytest.raises(InvalidArgumentError, match="Own does not take iterator_train__shuffle"):
        net().set_params(iterator_train__shuffle=True, iterator_train=Own)


# --- data -------------------------------------------------------------------------------------------------------------

BAD_ROWS = {
    "nan": (spoilt(np.nan), "Input X contains NaN, and so does the module's output"),
    "infinity": (spoilt(np.inf), "Input X contains infinity"),
    "a frame": (pd.DataFrame(spoilt(np.nan)), "Input X contains NaN, and so does the module's output"),
    "sparse": (sparse.csr_matrix(spoilt(np.nan)), "Input X contains NaN, and so does the module's output"),
    "a list": (spoilt(np.nan).tolist(), "Input X contains NaN, and so does the module's output"),
    "text": (pd.DataFrame({"a": X[:, 0], "b": "text"}), "could not convert .*Turn text and categories into numbers"),
    "category": (
        pd.DataFrame({"a": X[:, 0], "b": pd.Series(["text"] * len(X), dtype="category")}),
        "could not convert .*Turn text and categories into numbers",
    ),
}


@pytest.mark.parametrize("method", ["check_fit", "fit"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_no_fit_can_take_are_refused(case, method):
    rows, message = BAD_ROWS[case]
    with pytest.raises(InvalidArgumentError, match=message):
        getattr(net(), method)(rows, Y)


def test_rows_with_nan_pass_where_the_module_takes_them():
    net(Forgives).check_fit(spoilt(np.nan), Y)
    assert len(made) == 1


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_no_trace_is_left(value):
    rows, state, numpys = spoilt(value), torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    it = net(Forgives, random_state=np.random.RandomState(3))
    attributes, drawn = dict(vars(it)), it.random_state.get_state()[1].copy()
    it.check_fit(rows, Y)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpys)  # noqa: NPY002
    assert np.array_equal(it.random_state.get_state()[1], drawn)
    assert vars(it) == attributes
    assert not it.initialized_


def test_an_instance_is_left_as_it_is():
    module = Counted(5).train()
    weights = module.weight.detach().clone()
    with pytest.raises(InvalidArgumentError, match="contains NaN"):
        net(module, module__n_features=...).check_fit(spoilt(np.nan), Y)
    assert module.training
    assert torch.equal(module.weight, weights)


def test_clean_rows_need_no_module():
    net().check_fit(X, Y)
    net().check_fit(sparse.csr_matrix(X), Y)
    net().check_fit(pd.DataFrame(X), Y)
    net().check_fit(torch.as_tensor(X), Y)
    net().check_fit(Dataset(X.astype(np.float32), Y))
    assert made == []


def test_rows_that_fit_does_not_look_into_are_not_looked_into():
    net().check_fit(torch.as_tensor(spoilt(np.nan)), Y)
    net().check_fit(Dataset(spoilt(np.nan), Y))
    assert made == []


@pytest.mark.parametrize(
    ("make", "y", "message"),
    [
        (NeuralNetClassifier, np.array([*"ab" * 19, None, 3], dtype=object), "labels of several kinds"),
        (NeuralNetClassifier, np.where(Y, Y, np.nan), "Input y contains NaN"),
        (NeuralNetBinaryClassifier, Y, "Only binary classification is supported"),
        (NeuralNetRegressor, np.where(Y, Y, np.nan), "Input y contains NaN"),
        (NeuralNetClassifier, Y[:-1], "inconsistent numbers of samples: X has 40 rows, y has 39"),
    ],
)
def test_targets_that_no_fit_can_take_are_refused(make, y, message):
    for method in ("check_fit", "fit"):
        with pytest.raises(InvalidArgumentError, match=message):
            getattr(make(Counted, module__n_features="auto", verbose=0), method)(X, y)
    assert made == []


def test_class_weights_of_labels_that_are_not_there_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"The classes, .* are not in class_weight"):
        net(class_weight={"no": 3.0}).check_fit(X, Y)


def test_what_auto_cannot_know_is_said():
    for method in ("check_fit", "fit"):
        with pytest.raises(InvalidArgumentError, match="module__n_features='auto' is not known from such an X"):
            getattr(net(), method)(X[:, 0], Y)


def test_targets_that_do_not_reach_the_net_are_not_asked_for():
    net(module__n_outputs="auto").check_fit(X)
    net(module__n_outputs="auto").check_fit(spoilt(np.nan))


def test_a_module_that_cannot_be_made_is_left_to_fit():
    def fails(n_features):
        raise RuntimeError("out of memory")

    it = net(fails)
    it.check_fit(spoilt(np.nan), Y)
    with pytest.raises(RuntimeError, match="out of memory"):
        it.fit(spoilt(np.nan), Y)


def test_warnings_are_left_to_fit():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(iterator_valid__shuffle=True).check_fit(X, Y.reshape(-1, 1))


def test_clones_can_be_fitted_after():
    it = net(random_state=0, max_epochs=1)
    it.check_fit(X, Y)
    assert np.array_equal(it.fit(X, Y).predict_proba(X), clone(it).fit(X, Y).predict_proba(X))
