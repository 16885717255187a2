"""On noise, inner best scores are too good and outer scores are not."""

import numpy as np
from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.svm import SVC

from sk_optuna import nested_cross_validate


def test_on_noise_the_outer_mean_is_chance_and_the_inner_best_is_not():
    """The mean over data sets, whose standard error is that of so many independent means."""
    space = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-4, 1e2)}
    rng = np.random.default_rng(0)
    outer, inner = [], []
    for seed in range(12):
        X, y = rng.normal(size=(60, 5)), rng.permutation(np.arange(60) % 2)
        search = RandomizedSearchCV(SVC(), space, n_iter=10, cv=3, random_state=seed)
        cv = StratifiedKFold(3, shuffle=True, random_state=seed)
        (row,) = nested_cross_validate(search, X, y, cv=cv, baselines=(), keep="nothing").table_.to_dict("records")
        outer.append(row["mean"])
        inner.append(row["inner_best"])
    standard_error = np.std(outer, ddof=1) / np.sqrt(len(outer))
    assert abs(np.mean(outer) - 0.5) < 2 * standard_error
    assert np.mean(inner) - 0.5 > 3 * np.std(inner, ddof=1) / np.sqrt(len(inner))
