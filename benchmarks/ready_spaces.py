"""What is a ready space worth, beside the estimator's defaults and beside ranges from papers?

Nested cross-validation. A part of each data set is held out; on the rest the estimator is fitted as it comes, and tuned
by OptunaSearchCV with its default sampler, 25 trials and 3 folds, over `suggest_space` and over the ranges of a paper.
All three are scored on the part that was held out, and run one after the other on each split: differences are paired.
Features are scaled for the models that want it. Data are scikit-learn's own and its generators' (tables.py).

default      mean score on held-out rows, in points: hundredths of the accuracy or of R2
suggested    gain over the default, in points, and the 95 % bootstrap interval of its mean: data sets are drawn, then
             splits
paper        the same for the paper's ranges
over paper   the suggested space's gain over the paper's ranges
better       splits in which the suggested space is above the default, and in which it is below, in %
time         CPU time of the searches over the suggested space, over that of those over the paper's ranges

Not measured are the ready spaces of estimators that take longer: MLPs, GradientBoosting, LightGBM, XGBoost, CatBoost,
nets.

Run: python benchmarks/ready_spaces.py [--tiny]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from scipy.stats import loguniform, uniform
from sklearn import datasets
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR
from tables import (
    bundled,
    circles,
    clusters,
    digits,
    friedman1,
    friedman2,
    friedman3,
    hastie,
    interval,
    moons,
    print_versions,
    quantiles,
    redundant,
    scaled,
)
from threadpoolctl import threadpool_limits

from sk_optuna import OptunaSearchCV, suggest_space

Data = Callable[[], tuple[np.ndarray, np.ndarray]]
Space = dict[str, Any]


def log_integers(low: int, high: int) -> optuna.distributions.IntDistribution:
    return optuna.distributions.IntDistribution(low, high, log=True)


@dataclass(frozen=True)
class Model:
    """An estimator, the data it is tried on, and the ranges that a paper has for it.

    Attributes
    ----------
    paper : dict
        Ranges by the names of the last step's parameters.
    splits : float
        Share of the splits that are run: less for models that take longer.
    """

    name: str
    estimators: list[BaseEstimator]
    data: dict[str, Data]
    source: str
    paper: Space
    splits: float = 1.0


cancer, wine, diabetes = (
    bundled(load) for load in (datasets.load_breast_cancer, datasets.load_wine, datasets.load_diabetes)
)
REGRESSION = {"diabetes": diabetes, "friedman1": friedman1, "friedman3": friedman3}
# Kühn et al. 2018, arXiv:1806.10961, whose experiments Probst et al. 2019 analyse; as mlr3tuningspaces ("rbv1") has
# them.
KUHN_SVM = {"C": loguniform(1e-4, 1e3), "gamma": loguniform(1e-4, 1e3)}
MODELS = [
    Model(
        "SVC",
        [scaled(SVC())],
        {"digits": digits, "wine": wine, "circles": circles, "quantiles": quantiles},
        "Kühn et al. 2018",
        KUHN_SVM,
    ),
    Model("SVR", [scaled(SVR())], REGRESSION, "Kühn et al. 2018", KUHN_SVM),
    Model(
        "k nearest neighbours",
        [scaled(KNeighborsClassifier())],
        {"wine": wine, "moons": moons, "clusters": clusters, "circles": circles},
        "auto-sklearn 2015",
        {"n_neighbors": log_integers(1, 100), "weights": ["uniform", "distance"], "p": [1, 2]},
    ),
    Model(
        "logistic regression",
        [scaled(LogisticRegression(max_iter=1000))],
        {"cancer": cancer, "redundant": redundant, "digits": digits, "quantiles": quantiles},
        "TabArena 2025",
        {"C": loguniform(0.1, 1e3)},
    ),
    Model(
        "SGDClassifier",
        [scaled(SGDClassifier(random_state=0))],
        {"cancer": cancer, "redundant": redundant, "digits": digits, "clusters": clusters},
        "auto-sklearn 2015",
        {
            "alpha": loguniform(1e-7, 1e-1),
            "loss": ["hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"],
            "penalty": ["l1", "l2", "elasticnet"],
            "l1_ratio": loguniform(1e-9, 1),
            "tol": loguniform(1e-5, 1e-1),
            "learning_rate": ["optimal", "invscaling", "constant"],
            "eta0": loguniform(1e-7, 1e-1),
            "average": [False, True],
        },
    ),
    Model("Ridge", [scaled(Ridge())], REGRESSION, "Kühn et al. 2018", {"alpha": loguniform(1e-4, 1e3)}),
    Model(
        "ElasticNet",
        [scaled(ElasticNet())],
        REGRESSION,
        "Kühn et al. 2018",
        {"alpha": loguniform(1e-4, 1e3), "l1_ratio": uniform(0, 1)},
    ),
    Model(
        "random forest",
        [RandomForestClassifier(25, random_state=0), RandomForestRegressor(25, random_state=0)],
        {"hastie": hastie, "clusters": clusters, "friedman1": friedman1},
        "Grinsztajn et al. 2022",
        {
            "max_features": ["sqrt", "log2", None, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
            "max_depth": [None, 2, 3, 4],
            "min_samples_split": [2, 3],
            "min_samples_leaf": log_integers(1, 50),
            "bootstrap": [True, False],
            "min_impurity_decrease": [0.0, 0.01, 0.02, 0.05],
        },
        splits=0.6,
    ),
    Model(
        "HistGradientBoosting",
        [HistGradientBoostingClassifier(random_state=0), HistGradientBoostingRegressor(random_state=0)],
        {"hastie": hastie, "diabetes": diabetes, "friedman2": friedman2},
        "auto-sklearn 2.0, 2022",
        {
            "max_iter": [512],
            "learning_rate": loguniform(0.01, 1),
            "min_samples_leaf": log_integers(1, 200),
            "max_leaf_nodes": log_integers(3, 2047),
            "l2_regularization": loguniform(1e-10, 1),
        },
        splits=0.25,
    ),
]


@dataclass(frozen=True)
class Cell:
    """The scores on the rows that one split holds out, and the CPU seconds of the two searches."""

    model: str
    data: str
    default: float
    suggested: float
    paper: float
    seconds_suggested: float
    seconds_paper: float


def estimator_for(model: Model, y: np.ndarray) -> BaseEstimator:
    """Return the model's classifier for labels, its regressor for other targets."""
    return model.estimators[0 if len(model.estimators) == 1 or np.issubdtype(y.dtype, np.integer) else 1]


def as_labels(y: np.ndarray) -> np.ndarray:
    """Return labels that are written as floats, such as those of make_hastie_10_2, as integers."""
    return y.astype(int) if len(np.unique(y)) <= 10 else y


def run_cell(model: Model, data: str, split: int, n_trials: int) -> Cell:
    """Score the defaults and both searches on one split of one data set."""
    X, y = model.data[data]()
    y = as_labels(y)
    estimator = estimator_for(model, y)
    labelled = is_classifier(estimator)
    splitter = (StratifiedShuffleSplit if labelled else ShuffleSplit)(1, test_size=0.4, random_state=split)
    train, test = next(splitter.split(X, y))
    folds = (StratifiedKFold if labelled else KFold)(3, shuffle=True, random_state=split)
    suggested = suggest_space(estimator)
    prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    paper = {prefix + name: values for name, values in model.paper.items()}
    scores, seconds = [clone(estimator).fit(X[train], y[train]).score(X[test], y[test])], []
    for space in (suggested, paper):
        search = OptunaSearchCV(estimator, space, n_trials=n_trials, cv=folds, random_state=split)
        start = time.process_time()
        search.fit(X[train], y[train])
        seconds.append(time.process_time() - start)
        scores.append(search.score(X[test], y[test]))
    return Cell(model.name, data, *(100 * score for score in scores), *seconds)


def gain(cells: list[Cell], of: str, over: str) -> str:
    """Return a mean difference in points, and its interval."""
    values = np.array([getattr(cell, of) - getattr(cell, over) for cell in cells])
    low, high = interval(values, [f"{cell.model}, {cell.data}" for cell in cells])
    return f"{values.mean():+6.1f} {f'[{low:+.1f}, {high:+.1f}]':>14}"


def line(name: str, cells: list[Cell]) -> str:
    """Return a row of the table."""
    default = np.mean([cell.default for cell in cells])
    above = 100 * np.mean([cell.suggested > cell.default for cell in cells])
    below = 100 * np.mean([cell.suggested < cell.default for cell in cells])
    spent = sum(cell.seconds_suggested for cell in cells) / sum(cell.seconds_paper for cell in cells)
    return (
        f"{name:22}{default:8.1f}  {gain(cells, 'suggested', 'default')}  {gain(cells, 'paper', 'default')}  "
        f"{gain(cells, 'suggested', 'paper')}{f'{above:.0f} / {below:.0f}':>11}{spent:7.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=4, help="of each data set; fewer for models that take longer")
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--tiny", action="store_true", help="two models, one data set and split of each, 4 trials")
    arguments = parser.parse_args()
    models, n_trials = MODELS, arguments.trials
    if arguments.tiny:
        models, n_trials = [model for model in MODELS if model.name in ("SVR", "random forest")], 4

    print_versions()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    start = time.process_time()
    cells: list[Cell] = []
    with threadpool_limits(1):
        for model in models:
            n_splits = 1 if arguments.tiny else max(1, round(model.splits * arguments.splits))
            names = list(model.data)[-1:] if arguments.tiny else list(model.data)
            cells += [run_cell(model, data, split, n_trials) for split in range(n_splits) for data in names]
    print(f"{n_trials} trials of 3 folds; {len(cells)} splits of {len({(c.model, c.data) for c in cells})} tasks\n")
    print(f"{'':22}{'default':>8}{'suggested':>14}{'paper':>24}{'over paper':>27}{'better':>18}{'time':>7}")
    for model in models:
        print(line(model.name, [cell for cell in cells if cell.model == model.name]))
    print(line("all", cells))
    print("\ndata sets, and papers")
    for model in models:
        print(f"{model.name:22}{', '.join(model.data):38}{model.source}")
    print(f"\n({time.process_time() - start:.0f} s of CPU time)")


if __name__ == "__main__":
    main()
