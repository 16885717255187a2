"""How often does the interval of a nested cross-validation contain the true score?

Data sets of 120 rows are drawn from two distributions that are known, and 10,000 further rows say what each model is
worth. On each data set a search is cross-validated; the corrected interval (Nadeau and Bengio's resampled t) and its
peer, the plain t interval over the same outer scores, are then compared with two truths:

- "procedure": the accuracy that models of the outer folds have on average, over all data sets. This is what the outer
  mean estimates.
- "final model": the accuracy of the model that the same search finds on all rows of this data set. It varies from data
  set to data set, and is trained on more rows than those of the outer folds.

The level is 95 percent. Ranges in parentheses are exact binomial ones of 95 percent.

Run: python benchmarks/nested_coverage.py [--datasets N] [--problem 1 2] [--jobs N] [--tiny]
"""

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed
from scipy import stats
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, cross_validate
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.nested._statistics import corrected_interval, outer_splits

N_ROWS, N_TEST, LEVEL = 120, 10_000, 0.95
Data = tuple[np.ndarray, np.ndarray]


def normal(n: int, rng: np.random.Generator) -> Data:
    """Two normal classes, with means apart in the first of ten directions; one label in twenty is wrong."""
    y = rng.integers(2, size=n)
    X = rng.normal(size=(n, 10))
    X[:, 0] += 1.6 * y
    return X, np.where(rng.random(n) < 0.05, 1 - y, y)


def checkerboard(n: int, rng: np.random.Generator) -> Data:
    """Squares of two classes in two of four directions, which a tree learns from case to case."""
    X = rng.uniform(0, 3, size=(n, 4))
    y = (np.floor(X[:, 0]) + np.floor(X[:, 1])).astype(int) % 2
    return X, np.where(rng.random(n) < 0.05, 1 - y, y)


@dataclass(frozen=True)
class Problem:
    """A distribution, and a search for a model of it."""

    name: str
    draw: Callable[[int, np.random.Generator], Data]
    estimator: BaseEstimator
    space: dict[str, Any]


PROBLEMS = [
    Problem("normal, RidgeClassifier", normal, RidgeClassifier(), {"alpha": loguniform(1e-2, 1e3)}),
    Problem(
        "checkerboard, tree",
        checkerboard,
        DecisionTreeClassifier(random_state=0),
        {"max_depth": range(2, 11), "min_samples_leaf": range(1, 11)},
    ),
]


def splitters(seed: int) -> dict[str, Any]:
    return {
        "5 folds": KFold(5, shuffle=True, random_state=seed),
        "5 folds, twice": RepeatedKFold(n_splits=5, n_repeats=2, random_state=seed),
        "10 shuffles": ShuffleSplit(10, test_size=0.2, random_state=seed),
    }


@dataclass(frozen=True)
class Nested:
    """One nested cross-validation: its outer scores, what its models are worth, and the best inner scores."""

    scores: np.ndarray
    worth: np.ndarray
    inner: np.ndarray
    test_to_train: float
    final: float

    def intervals(self) -> dict[str, tuple[float, float]]:
        mean, half = self.scores.mean(), stats.t.ppf((1 + LEVEL) / 2, len(self.scores) - 1) * stats.sem(self.scores)
        return {
            "corrected": corrected_interval(self.scores, self.test_to_train, LEVEL),
            "plain t": (mean - half, mean + half),
        }


def run(problem: Problem, seed: int, n_trials: int) -> dict[str, Nested]:
    """Cross-validate the search on one data set, with each kind of outer splits."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(seed)
    (X, y), (X_test, y_test) = problem.draw(N_ROWS, rng), problem.draw(N_TEST, rng)
    search = OptunaSearchCV(
        problem.estimator, problem.space, n_trials=n_trials, cv=3, sampler="random", random_state=seed
    )
    final = float(clone(search).fit(X, y).score(X_test, y_test))
    found = {}
    for name, splitter in splitters(seed).items():
        output = cross_validate(search, X, y, cv=splitter, return_estimator=True, return_indices=True)
        models = output["estimator"]
        found[name] = Nested(
            output["test_score"],
            np.array([model.score(X_test, y_test) for model in models]),
            np.array([model.best_score_ for model in models]),
            outer_splits(output["indices"]["train"], output["indices"]["test"]).test_to_train,
            final,
        )
    return found


def share(hits: list[bool]) -> str:
    """Write a share with its exact binomial range."""
    low, high = stats.binomtest(sum(hits), len(hits)).proportion_ci(0.95)
    return f"{np.mean(hits):.3f} ({low:.2f}, {high:.2f})"


def report(problem: Problem, runs: list[dict[str, Nested]]) -> None:
    print(f"\n{problem.name}: {len(runs)} data sets of {N_ROWS} rows")
    for name in runs[0]:
        nested = [each[name] for each in runs]
        procedure = float(np.mean([each.worth.mean() for each in nested]))
        outer, inner, final = (
            float(np.mean([np.mean(getattr(each, key)) for each in nested])) for key in ("scores", "inner", "final")
        )
        print(f"{name}: true {procedure:.4f}, outer mean {outer:.4f}, best inner {inner:.4f}, final model {final:.4f}")
        for interval in ("corrected", "plain t"):
            bounds = [each.intervals()[interval] for each in nested]
            covers = [low <= procedure <= high for low, high in bounds]
            covers_final = [low <= each.final <= high for (low, high), each in zip(bounds, nested, strict=True)]
            width = float(np.mean([high - low for low, high in bounds]))
            print(f"  {interval:10s} procedure {share(covers)}  final model {share(covers_final)}  width {width:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=120)
    parser.add_argument("--problem", type=int, nargs="+", choices=[1, 2], default=[1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="two data sets, two trials")
    options = parser.parse_args()
    n_datasets, n_trials = (2, 2) if options.tiny else (options.datasets, 8)
    began = time.perf_counter()
    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy"]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    print(f"{n_trials} random trials, 3 inner folds; coverage of intervals of {100 * LEVEL:.0f} percent")
    for problem in [PROBLEMS[i - 1] for i in options.problem]:
        report(problem, Parallel(options.jobs)(delayed(run)(problem, seed, n_trials) for seed in range(n_datasets)))
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
