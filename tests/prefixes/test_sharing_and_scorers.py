"""A scorer may refit, pickle or change a pipeline, and routed weights reach its steps; the scores stay."""

import copy
import pickle
import sys

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna._compat._joblib import cloudpickle

# Workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [
    pytest.mark.usefixtures("cheap_steps_are_shared"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(42, 6)) * [5, 1, 1, 2, 1, 0.5] + 1


def pipe(*steps, **arguments):
    return Pipeline([(name, step) for name, step in zip("abcdefg", steps, strict=False)], **arguments)


class Stateless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


class GoesOn(Stateless):
    """Fitted again it remembers, as a step with warm_start does."""

    def fit(self, X, y=None):
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1
        return self

    def transform(self, X):
        return X**self.n_fits_


class Weighted(Stateless):
    def fit(self, X, y=None, sample_weight=None):
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        return self

    def transform(self, X):
        return (X - self.mean_) ** 3


class LooksAt(Stateless):
    """Centers by other rows than those it is fitted on."""

    def fit(self, X, y=None, X_val=None):
        self.mean_ = np.mean(X_val, axis=0)
        return self

    def transform(self, X):
        return (X - self.mean_) ** 3


def refits(estimator, X, y):
    return estimator.fit(X, y).score(X, y)


def refits_a_clone_on_some_rows(estimator, X, y):
    return clone(estimator).fit(X[:15], y[:15]).score(X, y)


def unpickles_and_refits(estimator, X, y):
    return pickle.loads(pickle.dumps(estimator)).fit(X[:15], y[:15]).score(X, y)


def copies_and_refits(estimator, X, y):
    return copy.deepcopy(estimator).fit(X[:15], y[:15]).score(X, y) + copy.copy(estimator).score(X[15:], y[15:])


def weighs_anew(estimator, X, y):
    first = estimator.fit(X, y, a__sample_weight=1.0 + (X[:, 0] > 1)).predict_proba(X).sum(axis=0)[0]
    return first + 10 * estimator.fit(X, y, a__sample_weight=1.0 + (X[:, 0] < 0)).predict_proba(X).sum(axis=0)[0]


def pickles(estimator, X, y):
    return pickle.loads(pickle.dumps(estimator)).predict_proba(X)[:, 0].sum() + copy.deepcopy(estimator).score(X, y)


def slices(estimator, X, y):
    return float(np.sum(estimator[:-1].transform(X))) + float(np.sum(estimator[:-1].transform(X[3:])))


def looks_inside(estimator, X, y):
    first = estimator.named_steps["a"]
    return (
        float(first.mean_.sum()) + len([name for name in vars(first) if name.endswith("_")]) + len(first.get_params())
    )


def scores_some_rows(estimator, X, y):
    return estimator.predict_proba(X[:10]).sum(axis=0)[0] + estimator.predict_proba(X[10:])[:, 0].sum()


def asks_for_frames(estimator, X, y):
    estimator.predict(X)
    return float(hasattr(estimator[:1].set_output(transform="pandas").transform(X), "columns"))


def leaves_frames_behind(estimator, X, y):
    made = estimator[:-1].transform(X)
    estimator[:-1].set_output(transform="pandas")
    return float(hasattr(made, "columns"))


def configures_frames(estimator, X, y):
    estimator.predict(X)
    with sklearn.config_context(transform_output="pandas"):
        return float(hasattr(estimator[:1].transform(X), "columns"))


def permutes_in_place(estimator, X, y):
    before = estimator.predict_proba(X)[:, 0].sum()
    X[:, 0] = X[::-1, 0].copy()
    return before - estimator.predict_proba(X)[:, 0].sum()


def changes_a_fitted_step(estimator, X, y):
    estimator.named_steps["a"].mean_ = estimator.named_steps["a"].mean_ + 1
    return estimator.predict_proba(X)[:, 0].sum()


def refits_a_step(estimator, X, y):
    estimator.named_steps["a"].fit(X[:7])
    return estimator.predict_proba(X)[:, 0].sum()


def two_numbers(estimator, X, y):
    return {"p": estimator.predict_proba(X)[:, 0].sum(), "accuracy": estimator.score(X, y)}


SCORERS = [
    refits,
    refits_a_clone_on_some_rows,
    unpickles_and_refits,
    copies_and_refits,
    weighs_anew,
    pickles,
    slices,
    looks_inside,
    scores_some_rows,
    asks_for_frames,
    configures_frames,
    permutes_in_place,
    changes_a_fitted_step,
    refits_a_step,
    two_numbers,
]


# --- scorers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scorer",
    [*list(SCORERS)[:3], *(pytest.param(further, marks=pytest.mark.slow) for further in list(SCORERS)[3:])],
    ids=lambda scorer: scorer.__name__,
)
@pytest.mark.filterwarnings("ignore:X has feature names")  # of frames that a scorer asked for, with sharing and without
def test_scores_of_any_scorer_are_those_without_sharing(scorer, sharing):
    space = {"b__n_components": [2, 3], "c__var_smoothing": [1e-9, 1e-2]}
    make = lambda: pipe(StandardScaler(), PCA(random_state=0), GaussianNB())  # noqa: E731
    sharing.assert_changes_nothing(make, space, scoring=scorer, refit=False)


def test_output_set_by_a_scorer_does_not_reach_other_candidates(sharing):
    make = lambda: pipe(StandardScaler(), GaussianNB()).set_output(transform="default")  # noqa: E731
    sharing.assert_changes_nothing(make, {"b__var_smoothing": [1e-9, 1e-2]}, scoring=leaves_frames_behind)


def test_scorer_that_refits_finds_a_step_that_goes_on_where_it_was(sharing):
    sharing.assert_changes_nothing(
        lambda: pipe(StandardScaler(), GoesOn(), GaussianNB()), {"c__var_smoothing": [1e-9, 1e-2]}, scoring=refits
    )


@pytest.mark.parametrize("scoring", [["accuracy"], ["accuracy", "roc_auc", "neg_log_loss"]])
@pytest.mark.parametrize("copies", [True, False])
def test_scores_of_several_metrics_are_those_without_sharing(scoring, copies, sharing):
    make = lambda: pipe(StandardScaler(copy=copies), PCA(2, random_state=0), GaussianNB())  # noqa: E731
    space = {"c__var_smoothing": [1e-9, 1e-2], "a__with_std": [True, False]}
    sharing.assert_changes_nothing(make, space, scoring=scoring, shares=copies)


def last(name, values=(1e-9, 1e-2)):
    return {f"{name}__var_smoothing": list(values)}


WEIGHTS = np.arange(42.0) % 5 + 0.5


# --- fit parameters ---------------------------------------------------------------------------------------------------


def test_scores_with_weights_for_a_step_are_those_without_sharing(sharing):
    sharing.assert_changes_nothing(
        lambda: pipe(Weighted(), PCA(2, random_state=0), GaussianNB()),
        {"b__whiten": [True, False], **last("c")},
        fit_params={"a__sample_weight": WEIGHTS, "c__sample_weight": WEIGHTS},
    )


def test_scores_with_routed_weights_are_those_without_sharing(sharing):
    with sklearn.config_context(enable_metadata_routing=True):
        steps = [Weighted().set_fit_request(sample_weight=value) for value in (True, False, "other")]
        sharing.assert_changes_nothing(
            lambda: pipe(
                Weighted().set_fit_request(sample_weight=True),
                StandardScaler().set_fit_request(sample_weight="other"),
                GaussianNB().set_fit_request(sample_weight=True),
            ),
            {"a": steps, **last("c")},
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            fit_params={"sample_weight": WEIGHTS, "other": WEIGHTS[::-1]},
        )


def test_scores_with_transformed_metadata_are_those_without_sharing(sharing):
    with sklearn.config_context(enable_metadata_routing=True):
        sharing.assert_changes_nothing(
            lambda: pipe(
                StandardScaler(), LooksAt().set_fit_request(X_val=True), GaussianNB(), transform_input=["X_val"]
            ),
            {"a__with_std": [True, False], "transform_input": [None, ["X_val"]], **last("c")},
            fit_params={"X_val": X[:9] + 1},
        )
