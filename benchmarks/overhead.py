"""How much CPU does a search add to the fits it runs, and does that grow with the number of trials?

Every search runs the same number of fits of a Ridge on 200 x 10, so only the work around the fits differs. A ratio is
taken within a round, over a bare loop of clone, set_params, fit and score in the same round, and the median over the
rounds is shown: the machine's mood cancels. The mark for OptunaSearchCV is printed beside it: GridSearchCV's overhead
plus the cost of Optuna's sampler by itself. That cost is measured twice: asked and told with nothing in between, and
around the bare loop, where every ask finds the processor's caches full of scikit-learn.

``--scale`` answers the second half with an estimator that does nothing. It shows the search's time per trial, less that
of the bare loop and of the bare sampler, at 100, 300 and 1000 trials. A search that were quadratic in its own right
would show ten times as much in the last row as in the first.

Run: python benchmarks/overhead.py [--scale]
"""

import argparse
import gc
import platform
import time
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler, TPESampler
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score
from threadpoolctl import threadpool_limits

from sk_optuna import OptunaSearchCV

try:
    import optuna_integration
except ImportError:
    optuna_integration = None

# Two numbers that leave the cost of a fit as it is; ten times five of them are a grid of 50.
ALPHA, TOL = (1e-4, 1e4), (1e-6, 1e-2)
SCIPY_SPACE = {"alpha": loguniform(*ALPHA), "tol": loguniform(*TOL)}
OPTUNA_SPACE = {"alpha": FloatDistribution(*ALPHA, log=True), "tol": FloatDistribution(*TOL, log=True)}
IN_FLIGHT = 4


class Nothing(RegressorMixin, BaseEstimator):
    """Fits in no time and scores best in the middle of the space, so that TPE has something to model."""

    def __init__(self, alpha: float = 1.0, tol: float = 1e-4) -> None:
        self.alpha = alpha
        self.tol = tol

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Nothing":
        """Do nothing."""
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return a smooth function of the parameters."""
        return objective({"alpha": self.alpha, "tol": self.tol})


def objective(params: dict[str, float]) -> float:
    return -float(np.log(params["alpha"]) ** 2 + np.log(params["tol"] / 1e-4) ** 2)


def grid(n_trials: int) -> dict[str, np.ndarray]:
    n_tol = next(n for n in (5, 4, 3, 2, 1) if n_trials % n == 0)
    return {"alpha": np.geomspace(*ALPHA, n_trials // n_tol), "tol": np.geomspace(*TOL, n_tol)}


def draws(n_trials: int, seed: int) -> list[dict[str, float]]:
    rng = np.random.default_rng(seed)
    return [{name: v.rvs(random_state=rng) for name, v in SCIPY_SPACE.items()} for _ in range(n_trials)]


def bare_loop(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, cv: KFold, n_trials: int, seed: int) -> None:
    splits = list(cv.split(X, y))
    for params in draws(n_trials, seed):
        for train, test in splits:
            clone(estimator).set_params(**params).fit(X[train], y[train]).score(X[test], y[test])


def by_hand(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, cv: KFold, n_trials: int, seed: int) -> None:
    def mean_score(trial: optuna.Trial) -> float:
        params = {name: trial.suggest_float(name, d.low, d.high, log=d.log) for name, d in OPTUNA_SPACE.items()}
        return float(cross_val_score(clone(estimator).set_params(**params), X, y, cv=cv).mean())

    study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=seed))
    study.optimize(mean_score, n_trials=n_trials)


def ask_and_tell(make_sampler: Callable[[int], optuna.samplers.BaseSampler], n_trials: int, seed: int) -> None:
    """Ask and tell with nothing in between, as many trials in flight as OptunaSearchCV has."""
    study = optuna.create_study(direction="maximize", sampler=make_sampler(seed))
    running: deque[optuna.Trial] = deque()
    for _ in range(n_trials):
        running.append(study.ask(OPTUNA_SPACE))
        if len(running) == IN_FLIGHT:
            trial = running.popleft()
            study.tell(trial, objective(trial.params))
    for trial in running:
        study.tell(trial, objective(trial.params))


def ask_and_tell_around(
    estimator: BaseEstimator, X: np.ndarray, y: np.ndarray, cv: KFold, n_trials: int, seed: int
) -> None:
    """Ask and tell around the bare loop: caches are as cold for the sampler as they are in a search."""
    study = optuna.create_study(direction="maximize", sampler=flat_tpe(seed))
    splits = list(cv.split(X, y))
    running: deque[optuna.Trial] = deque()
    for n_asked in range(n_trials + IN_FLIGHT - 1):
        if n_asked < n_trials:
            running.append(study.ask(OPTUNA_SPACE))
        if n_asked >= IN_FLIGHT - 1:
            trial = running.popleft()
            scores = [
                clone(estimator).set_params(**trial.params).fit(X[train], y[train]).score(X[test], y[test])
                for train, test in splits
            ]
            study.tell(trial, float(np.mean(scores)))


def grouped_tpe(seed: int) -> TPESampler:
    return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def flat_tpe(seed: int) -> TPESampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True)


def random_sampler(seed: int) -> RandomSampler:
    return RandomSampler(seed=seed)


def cpu_seconds(run: Callable[[int], object], seed: int) -> float:
    gc.collect()
    start = time.process_time()
    run(seed)
    return time.process_time() - start


def interleaved(contestants: dict[str, Callable[[int], object]], n_rounds: int) -> dict[str, np.ndarray]:
    """Return the CPU seconds of each contestant by round, each round in an order of its own."""
    names = list(contestants)
    for name in names:  # imports and caches
        contestants[name](10**6)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(names):
            seconds[name].append(cpu_seconds(contestants[name], seed=i))
    return {name: np.array(by_round) for name, by_round in seconds.items()}


def searches(n_trials: int, n_folds: int) -> tuple[dict[str, Callable[[int], object]], list[str]]:
    """Return the contestants, each a callable of a seed, and the names of those that are searches."""
    X, y = make_regression(n_samples=200, n_features=10, noise=10.0, random_state=0)
    cv, ridge = KFold(n_folds), Ridge()

    def ours(space: dict, seed: int, **kwargs: object) -> object:
        return OptunaSearchCV(ridge, space, cv=cv, refit=False, random_state=seed, **kwargs).fit(X, y)

    found: dict[str, Callable[[int], object]] = {
        "bare loop": lambda seed: bare_loop(ridge, X, y, cv, n_trials, seed),
        "GridSearchCV": lambda seed: GridSearchCV(ridge, grid(n_trials), cv=cv, refit=False).fit(X, y),
        "RandomizedSearchCV": lambda seed: RandomizedSearchCV(
            ridge, SCIPY_SPACE, n_iter=n_trials, cv=cv, refit=False, random_state=seed
        ).fit(X, y),
        "TPE asked + told around the loop": lambda seed: ask_and_tell_around(ridge, X, y, cv, n_trials, seed),
        "study.optimize(cross_val_score)": lambda seed: by_hand(ridge, X, y, cv, n_trials, seed),
        "OptunaSearchCV, tpe": partial(ours, SCIPY_SPACE, n_trials=n_trials),
        "OptunaSearchCV, random": partial(ours, SCIPY_SPACE, n_trials=n_trials, sampler="random"),
        "OptunaSearchCV, a grid": partial(ours, grid(n_trials)),
    }
    if optuna_integration is not None:
        found["optuna_integration.OptunaSearchCV"] = lambda seed: optuna_integration.OptunaSearchCV(
            ridge, OPTUNA_SPACE, n_trials=n_trials, cv=cv, refit=False, random_state=seed
        ).fit(X, y)
    names = list(found)
    found["ask + tell, TPE grouped"] = partial(ask_and_tell, grouped_tpe, n_trials)
    found["ask + tell, TPE ungrouped"] = partial(ask_and_tell, flat_tpe, n_trials)
    found["ask + tell, random"] = partial(ask_and_tell, random_sampler, n_trials)
    return found, names


def compare_searches(n_trials: int, n_folds: int, n_rounds: int) -> None:
    contestants, names = searches(n_trials, n_folds)
    seconds = interleaved(contestants, n_rounds)
    n_fits = n_trials * n_folds
    bare = seconds["bare loop"]
    print(f"Ridge on 200 x 10, {n_trials} trials x {n_folds} folds, n_jobs=1, {n_rounds} rounds, CPU time\n")
    print(f"{'':36}{'ms per fit':>12}{'over bare':>12}{'quartiles':>16}")
    for name in names:
        ratios = seconds[name] / bare
        low, high = np.quantile(ratios, [0.25, 0.75])
        per_fit = np.median(seconds[name]) / n_fits * 1e3
        print(f"{name:36}{per_fit:12.3f}{np.median(ratios):12.2f}{f'{low:.2f} - {high:.2f}':>16}")
    if optuna_integration is None:
        print(f"{'optuna_integration.OptunaSearchCV':36}{'absent: pip install optuna-integration':>56}")
    print(f"\n{'the sampler alone':36}{'ms per trial':>12}{'over bare':>12}")
    for name in list(contestants)[len(names) :]:
        per_trial = np.median(seconds[name]) / n_trials * 1e3
        print(f"{name:36}{per_trial:12.3f}{np.median(seconds[name] / bare):12.2f}")

    grid_search, around = seconds["GridSearchCV"], seconds["TPE asked + told around the loop"]
    allowed = {
        "tpe": [grid_search + seconds["ask + tell, TPE ungrouped"], grid_search + around - bare],
        "random": [grid_search + seconds["ask + tell, random"]],
        "a grid": [grid_search],
    }
    print(f"\n{'':36}{'measured':>12}{'GridSearchCV + sampler alone':>32}{'+ sampler around the loop':>28}")
    for name, sums in allowed.items():
        measured = np.median(seconds[f"OptunaSearchCV, {name}"] / bare)
        columns = [f"{np.median(total / bare):.2f}" for total in sums] + [""]
        print(f"{'OptunaSearchCV, ' + name:36}{measured:12.2f}{columns[0]:>32}{columns[1]:>28}")


def compare_lengths(lengths: list[int], n_folds: int, n_rounds: int) -> None:
    X, y = make_regression(n_samples=200, n_features=10, random_state=0)
    cv, nothing = KFold(n_folds), Nothing()
    print(f"an estimator that does nothing, {n_folds} folds, n_jobs=1, {n_rounds} rounds, CPU ms per trial (medians)\n")
    columns = {"OptunaSearchCV": 16, "bare loop": 12, "TPE alone": 12, "own share": 12, "RandomizedSearchCV": 20}
    print(f"{'trials':>8}" + "".join(f"{column:>{width}}" for column, width in columns.items()))
    own = []
    for n in lengths:
        contestants: dict[str, Callable[[int], object]] = {
            "total": lambda seed, n=n: OptunaSearchCV(
                nothing, SCIPY_SPACE, n_trials=n, cv=cv, refit=False, random_state=seed
            ).fit(X, y),
            "bare": lambda seed, n=n: bare_loop(nothing, X, y, cv, n, seed),
            "sampler": lambda seed, n=n: ask_and_tell(flat_tpe, n, seed),
            "randomized": lambda seed, n=n: RandomizedSearchCV(
                nothing, SCIPY_SPACE, n_iter=n, cv=cv, refit=False, random_state=seed
            ).fit(X, y),
        }
        ms = {name: by_round / n * 1e3 for name, by_round in interleaved(contestants, n_rounds).items()}
        own.append(float(np.median(ms["total"] - ms["bare"] - ms["sampler"])))
        total, bare, sampler, randomized = (np.median(ms[name]) for name in contestants)
        print(f"{n:8}{total:16.2f}{bare:12.2f}{sampler:12.2f}{own[-1]:12.2f}{randomized - bare:20.2f}")
    print(
        "\nRandomizedSearchCV is shown without the bare loop. Own share per trial over that at the first length: "
        + ", ".join(f"{share / own[0]:.2f}" for share in own)
        + f" (linear in trials: 1, quadratic: {lengths[-1] / lengths[0]:.0f} at the last)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--rounds", type=int, help="default: 9, with --scale 3")
    parser.add_argument("--scale", action="store_true", help="the search's own share at several numbers of trials")
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 300, 1000], help="with --scale: the numbers")
    arguments = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy", "joblib"]
    packages += ["optuna-integration"] if optuna_integration is not None else []
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    with threadpool_limits(1):
        if arguments.scale:
            compare_lengths(arguments.lengths, arguments.folds, arguments.rounds or 3)
        else:
            compare_searches(arguments.trials, arguments.folds, arguments.rounds or 9)


if __name__ == "__main__":
    main()
