"""Branches of unions and columns, frames and texts are shared; the scores stay."""

import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2, mutual_info_classif
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, OneHotEncoder, StandardScaler

from sk_optuna._compat._joblib import cloudpickle

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1
Y = (X[:, 1] + X[:, 2] * X[:, 3] > 2).astype(int)
TARGET = np.exp(X[:, 1] + 0.3 * X[:, 2])
FRAME = pd.DataFrame(X, columns=list("abcdef"))
DOCUMENTS = [" ".join(_RNG.choice(list("abcdefgh"), 12)) for _ in range(42)]
TABLE = FRAME.assign(text=DOCUMENTS, kind=_RNG.choice(list("uvw"), 42))


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


def every_second(X):
    return X[:, ::2]


def frame_changed_in_place(frame):
    frame["z"] = frame["z"] * 2 if "z" in frame else frame["a"] * 2
    return frame[["z", "b"]]


MI = partial(mutual_info_classif, random_state=0)


def case(make, space, X=X, y=Y, **arguments):
    return make, space, X, y, arguments


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


TABLES = {
    "union": case(
        lambda: pipe(
            FeatureUnion([("p", pipe(StandardScaler(), PCA(random_state=0))), ("k", SelectKBest(MI, k=2))]),
            GaussianNB(),
        ),
        {"a__p__a__with_std": [True, False], "a__p__b__n_components": [1, 2], "a__k__k": [1, 2]},
    ),
    "columns": case(
        lambda: pipe(
            ColumnTransformer(
                [
                    ("n", pipe(StandardScaler(), PCA(random_state=0)), ["a", "b", "c"]),
                    ("s", pipe(StandardScaler(), PCA(2, random_state=0), MinMaxScaler()), slice(0, 4)),
                    ("f", pipe(StandardScaler(), PCA(2, random_state=0), MinMaxScaler()), lambda frame: ["a", "c"]),
                    ("m", pipe(MinMaxScaler(), PCA(2, random_state=0), MinMaxScaler()), make_column_selector("^[bd]$")),
                    ("t", pipe(CountVectorizer(token_pattern=r"\w"), SelectKBest(chi2, k=3), MaxAbsScaler()), "text"),
                    ("o", pipe(OneHotEncoder(handle_unknown="ignore"), MaxAbsScaler()), ["kind"]),
                ],
                sparse_threshold=0,
            ),
            GaussianNB(),
        ),
        {"a__n__b__n_components": [1, 2], "a__t__b__k": [2, 3], "a__m__a__clip": [True, False]},
        X=TABLE,
    ),
    "pipelines in pipelines": case(
        lambda: pipe(
            pipe(StandardScaler(), pipe(PCA(random_state=0), MinMaxScaler())),
            pipe(FunctionTransformer(every_second), pipe(StandardScaler(), GaussianNB())),
        ),
        {"a__b__a__n_components": [2, 3], "b__b__a__with_std": [True, False], "b__b__b__var_smoothing": [1e-9, 1e-2]},
    ),
    "pandas output": case(
        lambda: pipe(StandardScaler(), PCA(3, random_state=0), GaussianNB()).set_output(transform="pandas"),
        {"b__whiten": [True, False], **last("c")},
        X=FRAME,
    ),
    "frames of strided columns": case(
        lambda: pipe(FunctionTransformer(lambda frame: frame.iloc[:, ::2]), Ridge(solver="cholesky")),
        {"b__alpha": [0.1, 1.0]},
        X=FRAME,
        y=TARGET,
    ),
    "frames of many kinds": case(
        lambda: pipe(FunctionTransformer(lambda frame: frame.assign(g=1, h=frame.a > 1)[list("hgcab")]), Ridge()),
        {"b__alpha": [0.1, 1.0]},
        X=FRAME,
        y=TARGET,
    ),
    "frames changed in place": case(
        lambda: pipe(FunctionTransformer(frame_changed_in_place), StandardScaler(), GaussianNB()), last("c"), X=FRAME
    ),
    "lists of numbers": case(
        lambda: pipe(StandardScaler(), GaussianNB()),
        {"a__with_std": [True, False], **last("b")},
        X=X.tolist(),
        y=list(Y),
    ),
    "lists of texts": case(
        lambda: pipe(TfidfVectorizer(token_pattern=r"\w"), SelectKBest(chi2), Ridge()),
        {"a__norm": ["l1", "l2"], "b__k": [3, 4], "c__alpha": [0.1, 1.0]},
        X=DOCUMENTS,
    ),
    "a series of texts": case(
        lambda: pipe(CountVectorizer(token_pattern=r"\w"), TfidfTransformer(), Ridge()),
        {"a__binary": [True, False], "b__norm": ["l1", "l2"], "c__alpha": [0.1, 1.0]},
        X=pd.Series(DOCUMENTS),
    ),
}


@pytest.mark.parametrize(
    "name", [*list(TABLES)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(TABLES)[3:])]
)
def test_scores_are_those_without_sharing(name, sharing):
    make, space, X, y, arguments = TABLES[name]
    shares = name not in ("frames changed in place", "frames of strided columns")
    sharing.assert_changes_nothing(make, space, X, y, shares=shares, **arguments)
