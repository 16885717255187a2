"""Ready spaces: each can be searched whole, has the estimator's defaults, and can be read, changed and sent."""

import pickle
import subprocess
import sys

import optuna
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskLasso,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from sk_optuna import OptunaSearchCV, suggest_space
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.spaces._domains import domain_of
from sk_optuna.spaces._ready_spaces import READY

AS_THEY_COME = [
    ElasticNet(),
    ExtraTreesClassifier(),
    ExtraTreesRegressor(),
    GradientBoostingClassifier(),
    GradientBoostingRegressor(),
    HistGradientBoostingClassifier(),
    HistGradientBoostingRegressor(),
    KNeighborsClassifier(),
    KNeighborsRegressor(),
    Lasso(),
    LinearSVC(),
    LinearSVR(),
    LogisticRegression(),
    MLPClassifier(),
    MLPRegressor(),
    MultiTaskElasticNet(),
    MultiTaskLasso(),
    RandomForestClassifier(),
    RandomForestRegressor(),
    Ridge(),
    RidgeClassifier(),
    SGDClassifier(),
    SGDRegressor(),
    SVC(),
    SVR(),
]
# Set up in ways that change the space: the names that come, and those that go.
SET_UP = [
    (SVC(kernel="linear"), set(), {"gamma"}),
    (SVC(kernel="poly"), {"degree", "coef0"}, set()),
    (SVC(kernel="sigmoid"), {"coef0"}, set()),
    (SVR(kernel="precomputed"), set(), {"gamma"}),
    (LogisticRegression(solver="saga", penalty="elasticnet", l1_ratio=0.5), {"l1_ratio"}, set()),
    (SGDClassifier(penalty="elasticnet"), {"l1_ratio"}, set()),
    (SGDClassifier(learning_rate="adaptive", eta0=0.01), {"eta0"}, set()),
    (SGDRegressor(learning_rate="optimal"), set(), {"eta0"}),
    (KNeighborsClassifier(metric="cosine"), set(), {"p"}),
    (RandomForestRegressor(bootstrap=False), set(), {"max_samples"}),
    (ExtraTreesClassifier(bootstrap=True), {"max_samples"}, set()),
    (MLPClassifier(solver="lbfgs"), set(), {"learning_rate_init"}),
]
# Defaults that are no points of a range. None stands for 1.0.
NO_POINTS = {
    ("gamma", "scale"),
    ("max_features", "sqrt"),
    ("max_features", None),
    ("max_samples", None),
    ("l2_regularization", 0.0),
    ("epsilon", 0.0),
}
# For the time that they take, not for what they do.
FEWER = {"max_iter": [5, 10], "n_estimators": [5, 10]}
ROWS = 120
# In scikit-learn 1.6 these ask for metadata in a way that no search accepts, GridSearchCV included.
UNSEARCHED = (MultiTaskElasticNet, MultiTaskLasso) if sklearn.__version__.startswith("1.6") else ()

# Penalties by name are deprecated from scikit-learn 1.8 on; corners of a space need not converge.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*penalty.*:FutureWarning"),
]


def named(each):
    """Return the name of a case; sets are sorted, since all processes of a run must give it the same name."""
    return repr(sorted(each) if isinstance(each, set) else each).replace("\n", "")


def data_for(estimator):
    if is_classifier(estimator):
        return make_classification(ROWS, 8, n_classes=3, n_informative=5, random_state=0)
    return make_regression(ROWS, 8, n_targets=2 if "MultiTask" in repr(estimator) else 1, random_state=0)


def corners(space):
    """Return the points at which all parameters have their first value, and their last."""
    ends = {name: _ends(values) for name, values in space.items()}
    return [{name: end[place] for name, end in ends.items()} for place in (0, 1)]


def _ends(values):
    return (values[0], values[-1]) if isinstance(values, list | range) else (values.low, values.high)


def search_all_over(estimator, space, n_random=2):
    """Search the corners of a space and a few points within; any fit that fails is an error."""
    X, y = data_for(estimator)
    X = abs(X @ X.T) if getattr(estimator, "kernel", None) == "precomputed" else X
    options = {"sampler": "random", "cv": 2, "refit": False, "error_score": "raise", "random_state": 0}
    first = corners(space)
    search = OptunaSearchCV(estimator, space, n_trials=2 + n_random, initial_params=first, **options).fit(X, y)
    assert search.cv_results_["params"][:2] == first
    return search


# --- each space -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [*AS_THEY_COME, *(each for each, _, _ in SET_UP)], ids=named)
def test_corners_and_points_within_can_be_fitted(estimator):
    if isinstance(estimator, UNSEARCHED):
        pytest.skip("scikit-learn cannot search it")
    estimator = clone(estimator)
    if "n_estimators" in estimator.get_params() and "n_estimators" not in suggest_space(estimator):
        estimator.set_params(n_estimators=5)
    space = suggest_space(estimator)
    search_all_over(estimator, space | {name: FEWER[name] for name in FEWER if name in space})


@pytest.mark.parametrize("estimator", AS_THEY_COME, ids=named)
def test_defaults_lie_within(estimator):
    for name, values in suggest_space(estimator).items():
        default = estimator.get_params()[name]
        if (name, default) not in NO_POINTS:
            domain_of(name, values).encode(default)
        elif default is None:
            domain_of(name, values).encode(1.0)


@pytest.mark.parametrize("estimator", [*AS_THEY_COME, *(each for each, _, _ in SET_UP)], ids=named)
def test_can_be_read_sent_and_names_the_estimators_parameters(estimator):
    space = suggest_space(estimator)
    assert type(space) is dict
    assert space.keys() <= estimator.get_params().keys()
    assert eval(repr(space), dict(vars(optuna.distributions))) == space
    assert pickle.loads(pickle.dumps(space)) == space


@pytest.mark.parametrize(("estimator", "more", "fewer"), SET_UP, ids=named)
def test_follows_what_the_estimator_is_set_to(estimator, more, fewer):
    space, plain = suggest_space(estimator), suggest_space(type(estimator)())
    assert space.keys() - plain.keys() == more
    assert plain.keys() - space.keys() == fewer


def test_each_estimator_of_scikit_learn_in_the_table_is_tested():
    known = {name for (package, name), ready in READY.items() if package == "sklearn" and ready is not None}
    assert {type(each).__name__ for each in AS_THEY_COME} == known


def test_each_call_returns_a_space_of_its_own():
    space = suggest_space(KNeighborsClassifier())
    space["weights"].append("mine")
    space["n_neighbors"].high = 7
    del space["p"]
    assert suggest_space(KNeighborsClassifier())["weights"] == ["uniform", "distance"]
    assert suggest_space(KNeighborsClassifier())["n_neighbors"].high > 7
    assert "p" in suggest_space(KNeighborsClassifier())


# --- composite estimators ---------------------------------------------------------------------------------------------


class Renamed(SVC):
    """A subclass that takes what its base class takes."""


class Linear(SVC):
    """A subclass that fixes the kernel, and has a constructor of its own."""

    def __init__(self, C=1.0):
        super().__init__(C=C, kernel="linear")


@pytest.mark.parametrize(
    ("whole", "prefix"),
    [
        (make_pipeline(StandardScaler(), PCA(), SVC()), "svc__"),
        (make_pipeline(StandardScaler(), make_pipeline("passthrough", SVC())), "pipeline__svc__"),
        (make_pipeline(ColumnTransformer([("a", PCA(), [0]), ("b", "drop", [1])]), None, SVC()), "svc__"),
        (make_pipeline(FeatureUnion([("a", PCA()), ("b", StandardScaler())]), SVC()), "svc__"),
        (BaggingClassifier(SVC()), "estimator__"),
        (make_pipeline(StandardScaler(), BaggingClassifier(SVC())), "baggingclassifier__estimator__"),
        (TransformedTargetRegressor(SVC()), "regressor__"),
        (Renamed(), ""),
    ],
    ids=lambda each: each if isinstance(each, str) else named(each),
)
def test_parts_have_their_spaces_under_their_prefixes(whole, prefix):
    space = suggest_space(whole)
    assert space == {prefix + name: values for name, values in suggest_space(SVC()).items()}
    whole.set_params(**corners(space)[0])


def test_all_parts_are_joined():
    space = suggest_space(VotingClassifier([("svm", SVC()), ("other", make_pipeline(PCA(), KNeighborsClassifier()))]))
    assert {name.rpartition("__")[0] for name in space} == {"svm", "other__kneighborsclassifier"}


def test_a_pipeline_is_searched():
    search_all_over(make_pipeline(StandardScaler(), SVC()), suggest_space(make_pipeline(StandardScaler(), SVC())))


def test_a_subclass_with_fewer_parameters_has_a_space_of_these():
    assert list(suggest_space(Linear())) == ["C"]
    search_all_over(Linear(), suggest_space(Linear()))


# --- other packages, by name ------------------------------------------------------------------------------------------


def pretend(package, base, **defaults):
    """Return an estimator whose base class has the name of another package's."""

    class Base(BaseEstimator):
        def __init__(self, **params):
            self.params = params

        def get_params(self, deep=True):
            return defaults | self.params

    Base.__module__, Base.__name__ = f"{package}.sklearn", base
    return type("Derived", (Base,), {})


def test_other_packages_are_known_by_name_and_by_the_names_that_were_used():
    boosted = pretend("catboost", "CatBoost")
    assert list(suggest_space(boosted())) == ["iterations", "learning_rate", "depth", "l2_leaf_reg", "random_strength"]
    renamed = suggest_space(boosted(max_depth=3, n_estimators=20))
    assert list(renamed) == ["n_estimators", "learning_rate", "max_depth", "l2_leaf_reg", "random_strength"]


def test_packages_are_not_imported():
    program = (
        "import sys, sk_optuna\n"
        "suggest_space = sk_optuna.suggest_space\n"
        "packages = {'catboost', 'lightgbm', 'sklearn.ensemble', 'sklearn.svm', 'skorch', 'torch', 'xgboost'}\n"
        "print(sorted(packages & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "[]"


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (GaussianNB(), "but got GaussianNB. There are spaces for SVC, "),
        (make_pipeline(PCA(), GaussianNB()), "but got Pipeline of PCA, GaussianNB. There are spaces for"),
        (GridSearchCV(SVC(), {"C": [1]}), "but got GridSearchCV. There are spaces for"),
        (LogisticRegressionCV(), "but got LogisticRegressionCV. There are spaces for"),
        (SVC, r"must be an estimator, but got the class SVC. Make one, for example suggest_space\(SVC\(\)\)"),
        ("svc", "must be an estimator with get_params, but got 'svc' of type str"),
    ],
    ids=str,
)
def test_what_has_no_space_is_refused(wrong, message):
    with pytest.raises(InvalidArgumentError, match=message):
        suggest_space(wrong)
