"""scikit-learn's estimator checks: none fails, where some of them fail for GridSearchCV over the same estimators."""

import pytest
from optuna.distributions import FloatDistribution
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_optuna import OptunaSearchCV

# Optuna distributions, since pytest-xdist needs names of tests without addresses in them.
RIDGES = {"alpha": FloatDistribution(1e-2, 1e2, log=True)}


class Spread:
    """Scores a PCA where its own `score` fails, for sparse X: no candidate would have a score then."""

    def __call__(self, estimator, X, y=None):
        return float(estimator.transform(X).std())

    def __repr__(self):
        return "Spread()"


SEARCHES = [
    OptunaSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score="raise"),
    OptunaSearchCV(Ridge(), RIDGES, n_trials=2, cv=2, random_state=0),
    OptunaSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": RIDGES["alpha"]},
        n_trials=2,
        cv=2,
        random_state=0,
    ),
    OptunaSearchCV(PCA(n_components=1), {"whiten": [True, False]}, cv=2, scoring=Spread()),
    OptunaSearchCV(KMeans(n_clusters=2, n_init=1, random_state=0), {"max_iter": [2, 5]}, cv=2),
]
FURTHER_SEARCHES = [
    OptunaSearchCV(
        LogisticRegression(), {"C": FloatDistribution(1e-2, 1e2, log=True)}, n_trials=2, cv=2, random_state=0
    ),
    OptunaSearchCV(
        OptunaSearchCV(Ridge(), RIDGES, n_trials=2, cv=2, random_state=0),
        {"estimator__fit_intercept": [True, False]},
        cv=2,
    ),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(SEARCHES)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(FURTHER_SEARCHES)
def test_estimator_checks_of_further_searches(estimator, check):
    check(estimator)
