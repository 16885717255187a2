"""Real fold scores, computed once, and an estimator that looks them up: hundreds of searches cost minutes, not days.

A task is a data set, a metric and one or more models, each with a grid that is finer than anybody would try. All of its
folds are fitted for 5- and for 10-fold cross-validation and kept on disk. `search` then runs the shipped OptunaSearchCV
over a `Lookup`, whose parameters are positions in the grid, as ranges: TPE sees ordered dimensions as in a real search.
The score that a stopped candidate would have reached is in the table, too, and only there.

The tasks are in two halves that share no data set. Rules are chosen on one (race_rules.py) and tried on the other.
"""

import hashlib
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed, parallel_config
from sklearn import datasets
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import KFold, RandomizedSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from sk_optuna import OptunaSearchCV

FOLDS = (5, 10)
CACHE = Path(tempfile.gettempdir()) / "sk_optuna_tables"
Grid = dict[str, Sequence[Any]]


@dataclass(frozen=True)
class Task:
    """A data set, a metric, and branches of a space: a model and a grid each; the first axis varies slowest."""

    name: str
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    scoring: str
    branches: list[tuple[BaseEstimator, Grid]]

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        return [tuple(map(len, grid.values())) for _, grid in self.branches]

    def candidates(self) -> list[BaseEstimator]:
        return [
            clone(model).set_params(**dict(zip(grid, values, strict=True)))
            for model, grid in self.branches
            for values in product(*grid.values())
        ]

    def space(self) -> Any:
        """Return the space of `Lookup`: a range for each axis, names of its own for each branch."""
        letters = iter("abcdefg")
        branches = []
        for i, size in enumerate(self.sizes):
            branches.append({"branch": [i]} | {next(letters): range(n) for n in size})
        return branches if len(branches) > 1 else {name: v for name, v in branches[0].items() if name != "branch"}


def scaled(model: BaseEstimator) -> BaseEstimator:
    return make_pipeline(StandardScaler(), model)


def logs(low: float, high: float, n: int) -> list[float]:
    return np.geomspace(low, high, n).tolist()


def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:400]
    return X[rows], y[rows]


def hastie() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_hastie_10_2(n_samples=400, random_state=0)


def quantiles() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_gaussian_quantiles(n_samples=300, n_features=6, n_classes=3, random_state=0)


def friedman1() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_friedman1(n_samples=200, noise=1.0, random_state=0)


def friedman2() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_friedman2(n_samples=250, noise=100.0, random_state=0)


def friedman3() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_friedman3(n_samples=250, noise=0.1, random_state=0)


def redundant() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_classification(400, 30, n_informative=6, n_redundant=10, flip_y=0.1, random_state=0)


def clusters() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_classification(
        400, 12, n_informative=5, n_classes=3, n_clusters_per_class=2, flip_y=0.05, class_sep=0.8, random_state=1
    )


def moons() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_moons(200, noise=0.3, random_state=0)


def circles() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_circles(250, noise=0.2, factor=0.5, random_state=0)


def bundled(load: Callable[..., Any]) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    return lambda: load(return_X_y=True)


def svm_kernels(n: int) -> list[tuple[BaseEstimator, Grid]]:
    """SVC, of which the kernel decides which parameters there are."""
    return [
        (scaled(SVC(kernel="rbf")), {"svc__C": logs(1e-2, 1e3, n), "svc__gamma": logs(1e-5, 1e1, n)}),
        (scaled(SVC(kernel="linear")), {"svc__C": logs(1e-4, 1e2, 2 * n)}),
        (
            scaled(SVC(kernel="poly", coef0=1.0)),
            {"svc__C": logs(1e-3, 1e2, n), "svc__degree": [2, 3, 4], "svc__gamma": logs(1e-3, 1e0, 4)},
        ),
    ]


def regressors() -> list[tuple[BaseEstimator, Grid]]:
    """Three models, each with parameters of its own."""
    return [
        (scaled(SVR()), {"svr__C": logs(1e-1, 1e4, 12), "svr__gamma": logs(1e-4, 1e1, 12)}),
        (
            scaled(KNeighborsRegressor()),
            {
                "kneighborsregressor__n_neighbors": range(1, 25),
                "kneighborsregressor__weights": ["uniform", "distance"],
            },
        ),
        (scaled(ElasticNet()), {"elasticnet__alpha": logs(1e-4, 1e2, 14), "elasticnet__l1_ratio": [0.1, 0.4, 0.7, 1]}),
    ]


def classifiers() -> list[tuple[BaseEstimator, Grid]]:
    return [
        (scaled(SVC()), {"svc__C": logs(1e-1, 1e4, 12), "svc__gamma": logs(1e-4, 1e1, 12)}),
        (
            scaled(KNeighborsClassifier()),
            {
                "kneighborsclassifier__n_neighbors": range(1, 25),
                "kneighborsclassifier__weights": ["uniform", "distance"],
            },
        ),
        (
            DecisionTreeClassifier(random_state=0),
            {"max_depth": [1, 2, 3, 4, 6, 8], "min_samples_leaf": [1, 2, 4, 8, 16, 32], "max_features": [0.5, 1.0]},
        ),
    ]


RBF = {"svc__C": logs(1e-2, 1e4, 17), "svc__gamma": logs(1e-6, 1e1, 17)}
ELASTIC_NET = scaled(LogisticRegression(solver="saga", l1_ratio=0.5, max_iter=60, tol=1e-3, random_state=0))
ELASTIC_NET_GRID = {
    "logisticregression__C": logs(1e-3, 1e2, 16),
    "logisticregression__l1_ratio": np.linspace(0, 1, 11).tolist(),
}
FOREST = RandomForestClassifier(n_estimators=12, random_state=0)
FOREST_GRID = {
    "max_features": [0.1, 0.2, 0.35, 0.5, 0.7, 1.0],
    "min_samples_leaf": [1, 2, 3, 5, 8, 13],
    "max_depth": [2, 4, 6, 8, 12],
}
BOOSTING_GRID = {
    "learning_rate": logs(0.02, 0.8, 8),
    "max_leaf_nodes": [2, 4, 8, 16, 31],
    "min_samples_leaf": [3, 6, 12, 24, 48],
}
WIDTHS = [(4,), (8,), (16,), (32,), (64,)]

# By data set, not by task: what is measured on the second half comes from data that no rule was chosen on.
CHOOSING = [
    Task("cancer, SVC", bundled(datasets.load_breast_cancer), "accuracy", [(scaled(SVC()), RBF)]),
    Task(
        "cancer, elastic net", bundled(datasets.load_breast_cancer), "neg_log_loss", [(ELASTIC_NET, ELASTIC_NET_GRID)]
    ),
    Task("digits, SVC kernels", digits, "accuracy", svm_kernels(10)),
    Task(
        "diabetes, boosting",
        bundled(datasets.load_diabetes),
        "r2",
        [(HistGradientBoostingRegressor(max_iter=25, early_stopping=False, random_state=0), BOOSTING_GRID)],
    ),
    Task("diabetes, three models", bundled(datasets.load_diabetes), "neg_root_mean_squared_error", regressors()),
    Task("hastie, forest", hastie, "roc_auc", [(FOREST, FOREST_GRID)]),
    Task("quantiles, SVC", quantiles, "accuracy", [(scaled(SVC()), RBF)]),
    Task(
        "friedman1, MLP",
        friedman1,
        "r2",
        [
            (
                scaled(MLPRegressor(max_iter=40, random_state=0)),
                {
                    "mlpregressor__hidden_layer_sizes": WIDTHS,
                    "mlpregressor__alpha": logs(1e-4, 1e1, 6),
                    "mlpregressor__learning_rate_init": logs(1e-3, 2e-1, 7),
                },
            )
        ],
    ),
]
HELD_OUT = [
    Task("wine, SVC", bundled(datasets.load_wine), "accuracy", [(scaled(SVC()), RBF)]),
    Task("redundant, elastic net", redundant, "accuracy", [(ELASTIC_NET, ELASTIC_NET_GRID)]),
    Task("iris, three models", bundled(datasets.load_iris), "accuracy", classifiers()),
    Task("clusters, forest", clusters, "accuracy", [(FOREST, FOREST_GRID)]),
    Task(
        "friedman2, boosting",
        friedman2,
        "r2",
        [(HistGradientBoostingRegressor(max_iter=25, early_stopping=False, random_state=0), BOOSTING_GRID)],
    ),
    Task("friedman3, three models", friedman3, "r2", regressors()),
    Task("circles, SVC kernels", circles, "accuracy", svm_kernels(9)),
    Task(
        "moons, MLP",
        moons,
        "neg_log_loss",
        [
            (
                scaled(MLPClassifier(max_iter=40, random_state=0)),
                {
                    "mlpclassifier__hidden_layer_sizes": WIDTHS,
                    "mlpclassifier__alpha": logs(1e-4, 1e1, 6),
                    "mlpclassifier__learning_rate_init": logs(1e-3, 2e-1, 7),
                },
            )
        ],
    ),
]


@dataclass(frozen=True)
class Table:
    """The scores of a task's candidates.

    Attributes
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
        Fold scores, greater is better.
    """

    sizes: list[tuple[int, ...]]
    scores: np.ndarray

    def row(self, branch: int, place: Sequence[int]) -> int:
        """Return the number of a candidate, from its branch and its position in the branch's grid."""
        before = sum(int(np.prod(size)) for size in self.sizes[:branch])
        return before + int(np.ravel_multi_index(tuple(place), self.sizes[branch]))

    @property
    def means(self) -> np.ndarray:
        """Full-CV scores, of shape (n_candidates,), equal where they differ by rounding only."""
        return self.scores.mean(axis=1).round(12)

    @property
    def spread(self) -> float:
        """How much better the best candidate is than the median one: what losses are measured in."""
        return float(self.means.max() - np.median(self.means))


@cache
def table(name: str, n_folds: int, cache_dir: Path) -> Table:
    """Return a task's table from the disk, where `build` has put it."""
    task = next(task for task in CHOOSING + HELD_OUT if task.name == name)
    return Table(task.sizes, np.load(_path(task, n_folds, cache_dir)))


def build(tasks: Sequence[Task], cache_dir: Path, n_jobs: int, folds: Sequence[int] = FOLDS) -> None:
    """Compute the tables that are not on the disk."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    missing = [(task, k) for task in tasks for k in folds if not _path(task, k, cache_dir).exists()]
    start = time.perf_counter()
    for task, n_folds in missing:
        X, y = task.data()
        candidates = task.candidates()
        kind = StratifiedKFold if is_classifier(candidates[0]) else KFold
        splits = list(kind(n_folds, shuffle=True, random_state=0).split(X, y))
        with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
            scores = Parallel(batch_size=4)(delayed(_scores)(c, X, y, splits, task.scoring) for c in candidates)
        # another benchmark may be building, or reading, the same
        with tempfile.NamedTemporaryFile(dir=cache_dir, suffix=".part", delete=False) as file:
            np.save(file, np.array(scores))
        os.replace(file.name, _path(task, n_folds, cache_dir))
    if missing:
        n_fits = sum(len(task.candidates()) * k for task, k in missing)
        print(
            f"{len(missing)} tables of {n_fits} fits built in {time.perf_counter() - start:.0f} s, kept in {cache_dir}"
        )


def _scores(model: BaseEstimator, X: np.ndarray, y: np.ndarray, splits: list, scoring: str) -> np.ndarray:
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        return cross_val_score(model, X, y, cv=splits, scoring=scoring, error_score="raise")


def _path(task: Task, n_folds: int, cache_dir: Path) -> Path:
    """Return where a table lies: its name changes with the task, the data and the version of scikit-learn."""
    written = repr((task.name, task.scoring, version("scikit-learn"), task.branches)).encode()
    key = hashlib.sha1(written + b"".join(part.tobytes() for part in task.data())).hexdigest()
    return cache_dir / f"{task.name.replace(', ', '-').replace(' ', '_')}-{n_folds}-{key[:10]}.npy"


class Lookup(BaseEstimator):
    """Scores as the table says; X tells which fold it is not trained on."""

    def __init__(
        self,
        task: str = "",
        n_folds: int = 5,
        cache_dir: Path = CACHE,
        branch: int = 0,
        a: int | None = None,
        b: int | None = None,
        c: int | None = None,
        d: int | None = None,
        e: int | None = None,
        f: int | None = None,
        g: int | None = None,
    ) -> None:
        self.task = task
        self.n_folds = n_folds
        self.cache_dir = cache_dir
        self.branch = branch
        self.a = a
        self.b = b
        self.c = c
        self.d = d
        self.e = e
        self.f = f
        self.g = g

    def fit(self, X: np.ndarray, y: None = None) -> "Lookup":
        """Do nothing."""
        return self

    def score(self, X: np.ndarray, y: None = None) -> float:
        """Return the score of the fold that X consists of."""
        place = [p for p in (self.a, self.b, self.c, self.d, self.e, self.f, self.g) if p is not None]
        known = table(self.task, self.n_folds, self.cache_dir)
        return float(known.scores[known.row(self.branch, place), int(X[0, 0])])


@dataclass(frozen=True)
class Run:
    """One search, in the order of its trials.

    Attributes
    ----------
    rows : ndarray of shape (n_trials,)
        Candidates.
    n_run : ndarray of shape (n_trials,)
        Folds that ran of each.
    """

    task: str
    half: str
    n_folds: int
    seed: int
    rows: np.ndarray
    n_run: np.ndarray
    means: np.ndarray
    spread: float
    top: float

    def first(self, n_trials: int) -> "Run":
        """Return the search as it would have been with fewer trials: the first ones do not depend on how many come."""
        return replace(self, rows=self.rows[:n_trials], n_run=self.n_run[:n_trials], means=self.means[:n_trials])

    @property
    def complete(self) -> np.ndarray:
        """Whether each trial ran all folds."""
        return self.n_run == self.n_folds

    @property
    def n_fits(self) -> int:
        return int(self.n_run.sum())

    @property
    def best(self) -> float:
        """Full-CV score of the candidate that the search chooses."""
        return float(self.means[self.complete].max())

    @property
    def lost(self) -> float:
        """How much better than the chosen one the best candidate was that the search stopped, in spreads; or 0."""
        return max(0.0, float(self.means.max()) - self.best) / self.spread

    def fits_to(self, regret: float) -> float:
        """Return the fits until a complete trial was within `regret` spreads of the table's best; inf if none was."""
        reached = self.complete & (self.top - self.means <= regret * self.spread + 1e-12)
        return float(self.n_run[: reached.argmax() + 1].sum()) if reached.any() else np.inf


def search(task: Task, n_folds: int, seed: int, cache_dir: Path, n_trials: int, **options: Any) -> Run:
    """Run OptunaSearchCV over a task's table; options are its own."""
    X = np.arange(n_folds)[:, None]
    splits = [(np.delete(np.arange(n_folds), k), np.array([k])) for k in range(n_folds)]
    lookup = Lookup(task.name, n_folds, cache_dir)
    found = OptunaSearchCV(
        lookup, task.space(), n_trials=n_trials, cv=splits, refit=False, random_state=seed, **options
    ).fit(X)
    results = found.cv_results_
    return _run(task, n_folds, seed, cache_dir, results["params"], results.get("n_folds_run"))


def search_at_random(task: Task, n_folds: int, seed: int, cache_dir: Path, n_trials: int) -> Run:
    """Run RandomizedSearchCV over a task's table: the branches are alike in probability, as in OptunaSearchCV."""
    X = np.arange(n_folds)[:, None]
    splits = [(np.delete(np.arange(n_folds), k), np.array([k])) for k in range(n_folds)]
    space = task.space()
    if isinstance(space, dict):
        space = {name: list(values) for name, values in space.items()}
    found = RandomizedSearchCV(
        Lookup(task.name, n_folds, cache_dir), space, n_iter=n_trials, cv=splits, refit=False, random_state=seed
    ).fit(X)
    return _run(task, n_folds, seed, cache_dir, found.cv_results_["params"], None)


def _run(task: Task, n_folds: int, seed: int, cache_dir: Path, params: list[dict], n_run: np.ndarray | None) -> Run:
    known = table(task.name, n_folds, cache_dir)
    rows = np.array([known.row(p.get("branch", 0), [p[n] for n in sorted(p) if n != "branch"]) for p in params])
    n_run = np.full(len(rows), n_folds) if n_run is None else np.asarray(n_run)
    half = "choosing" if task.name in {chosen.name for chosen in CHOOSING} else "held out"
    return Run(task.name, half, n_folds, seed, rows, n_run, known.means[rows], known.spread, float(known.means.max()))


def run_all(calls: Sequence[tuple[Callable[..., Run], tuple, dict]], n_jobs: int) -> list[Run]:
    """Run independent searches, each in one process."""
    with parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
        return Parallel(batch_size=2)(delayed(_quietly)(function, a, k) for function, a, k in calls)


def _quietly(function: Callable[..., Run], args: tuple, kwargs: dict) -> Run:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1):
        return function(*args, **kwargs)


def interval(values: np.ndarray, tasks: Sequence[str], n_draws: int = 2000) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the mean: tasks are drawn, and then runs of each, so tasks may differ."""
    rng = np.random.default_rng(0)
    tasks = np.asarray(tasks)
    by_task = [values[tasks == task] for task in sorted(set(tasks))]
    means = []
    for _ in range(n_draws):
        drawn = rng.integers(len(by_task), size=len(by_task))
        means.append(np.mean([rng.choice(by_task[i], len(by_task[i])).mean() for i in drawn]))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def print_versions(*more: str) -> None:
    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy", "joblib", *more]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
