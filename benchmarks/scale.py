"""What do ask and tell cost with 100 to 10,000 trials held, and does the search's own share grow with their number?

The same history is held by a plain Optuna study and by the search's own machinery (`sk_optuna.study.Proposals`), which
made it trial by trial, at random. Both are then asked and told by the same samplers in turn, four trials in flight,
round by round: TPE, TPE in a BoundedHistorySampler, random draws. The search's own share is the difference between the
two, taken within a round; that of random draws is the sharpest, since TPE's own milliseconds do not drown it. A
search that looked through all its trials would show it a hundred times as large in the last row as in the first.
Every round adds three trials to either history. The bounded sampler's own TPE models groups, as it must not know the
space; that costs more than the flat model of the column TPE, which shows where the bound does not bite yet.

``--quality`` shows the cost of the bound: regret after 1000 trials of plain TPE and of the bounded one, on functions
and seeds that had no part in the design of BoundedHistorySampler.

Run: python benchmarks/scale.py [--quality]
"""

import argparse
import gc
import math
import platform
import time
import warnings
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from itertools import product

import numpy as np
import optuna
from joblib import Parallel, delayed
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from scipy.interpolate import RegularGridInterpolator
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, cross_val_score
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

from sk_optuna.samplers import BoundedHistorySampler
from sk_optuna.spaces import space_from_user
from sk_optuna.study import Proposals, open_study, sampler_factory

IN_FLIGHT = 4
Space = dict[str, BaseDistribution]
Objective = Callable[[dict], float]


# --- cost -------------------------------------------------------------------------------------------------------------


class Model(BaseEstimator):
    """Ten parameters, for the search to check names against."""

    def __init__(self, x0=0.0, x1=0.0, x2=0.0, x3=0.0, x4=0.0, x5=0.0, x6=0.0, x7=0.0, x8=0.0, x9=0.0) -> None:
        self.x0, self.x1, self.x2, self.x3, self.x4 = x0, x1, x2, x3, x4
        self.x5, self.x6, self.x7, self.x8, self.x9 = x5, x6, x7, x8, x9


def bowl(params: dict[str, float]) -> float:
    return -sum((x - 0.3) ** 2 for x in params.values())


def tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, constant_liar=True)


FACTORIES: dict[str, Callable[[int], BaseSampler]] = {
    "TPE": tpe,
    "bounded": lambda seed: BoundedHistorySampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}
PAIR = ("TPE", "bounded")


class Search:
    """The search's machinery with `n_held` trials, and each next one from a sampler by name."""

    def __init__(self, space: Space, n_held: int) -> None:
        table = space_from_user(space, None, Model())
        arguments = {"tpe": "TPE", FACTORIES["bounded"]: "bounded", "random": "random"}
        factories = {
            name: sampler_factory(argument, 0, is_grid=table.is_grid, is_conditional=table.is_conditional)
            for argument, name in arguments.items()
        }
        self._name = "random"
        self.proposals = Proposals(
            open_study(0), table, lambda number: factories[self._name](number), random_state=0, n_trials=n_held + 10**6
        )
        self._running: deque = deque()
        for _ in range(n_held + IN_FLIGHT - 1):
            self.step("random")

    def step(self, name: str) -> None:
        """Ask for a trial and tell the oldest that is running."""
        self._name = name
        self._running.append(self.proposals.ask())
        if len(self._running) == IN_FLIGHT:
            proposal = self._running.popleft()
            value = bowl(proposal.params)
            attributes = {"mean_test_score": value, "std_test_score": 0.0}
            self.proposals.tell(proposal, value, attributes=attributes)


class Plain:
    """An Optuna study with the finished trials of another, and each next one from a sampler by name."""

    def __init__(self, space: Space, study: optuna.Study) -> None:
        self._space = space
        self._samplers = {name: factory(0) for name, factory in FACTORIES.items()}
        self.study = optuna.create_study(direction="maximize")
        self.study.add_trials(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))
        self._running: deque = deque()
        for _ in range(IN_FLIGHT - 1):
            self.step("random")

    def step(self, name: str) -> None:
        """Ask for a trial and tell the oldest that is running."""
        self.study.sampler = self._samplers[name]
        self._running.append(self.study.ask(self._space))
        if len(self._running) == IN_FLIGHT:
            trial = self._running.popleft()
            self.study.tell(trial, bowl(trial.params))


def cpu_ms(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1e3


def measure(n_params: int, n_held: int, n_rounds: int) -> dict[tuple[str, str], np.ndarray]:
    """Return milliseconds of ask + tell by who holds the trials and by sampler, an entry per round."""
    space: Space = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(n_params)}
    search = Search(space, n_held)
    holders = {"plain": Plain(space, search.proposals.study), "search": search}
    contestants = list(product(holders, FACTORIES))
    ms: dict[tuple[str, str], list[float]] = {contestant: [] for contestant in contestants}
    for i in range(n_rounds + 1):
        gc.collect()
        for k in np.random.default_rng(i).permutation(len(contestants)):
            holder, name = contestants[k]
            took = cpu_ms(lambda holder=holder, name=name: holders[holder].step(name))
            if i:  # the first round fills caches
                ms[holder, name].append(took)
    return {contestant: np.array(by_round) for contestant, by_round in ms.items()}


def compare_costs(lengths: list[int], n_rounds: int) -> None:
    print(f"ask + tell, CPU ms, medians of {n_rounds} rounds; own share: the search minus plain Optuna\n")
    for n_params in (2, 10):
        print(f"{n_params} parameters")
        print(f"{'':>8}{'plain Optuna':>28}{'the search':>28}{'own share':>20}{'TPE over':>12}")
        print(
            f"{'held':>8}" + f"{'TPE':>10}{'bounded':>9}{'random':>9}" * 2 + f"{'TPE':>11}{'random':>9}{'bounded':>12}"
        )
        rows = []
        for n_held in lengths:
            ms = measure(n_params, n_held, n_rounds)
            shown = [np.median(ms[holder, name]) for holder, name in product(("plain", "search"), FACTORIES)]
            own = [float(np.median(ms["search", name] - ms["plain", name])) for name in ("TPE", "random")]
            ratio = float(np.median(ms["search", "TPE"] / ms["search", "bounded"]))
            rows.append((shown, own))
            cells = "".join(f"{value:{width}.2f}" for value, width in zip(shown, (10, 9, 9) * 2, strict=True))
            print(f"{n_held:8}{cells}{own[0]:11.2f}{own[1]:9.2f}{ratio:12.1f}")
        for label, series in (
            ("own share (random)", [own[1] for _, own in rows]),
            ("the search, TPE", [shown[3] for shown, _ in rows]),
            ("the search, bounded", [shown[4] for shown, _ in rows]),
        ):
            print(f"{label:>20} over that at {lengths[0]}: " + ", ".join(f"{x / series[0]:.2f}" for x in series))
        print()
    print(f"Over that at {lengths[0]}: 1 does not grow with the trials, {lengths[-1] / lengths[0]:.0f} is linear.")


# --- quality ----------------------------------------------------------------------------------------------------------

_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(params: dict[str, float]) -> float:
    x = np.array([params[f"x{i}"] for i in range(6)])
    return 3.322368011415514 - float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


def branin(params: dict[str, float]) -> float:
    x, y = params["x"], params["y"]
    valley = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return valley + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816


def mixed(params: dict) -> float:
    """Four floats in a curved valley, three integers, three choices of which one moves the valley."""
    shift = {"a": 0.0, "b": 0.15, "c": 0.3, "d": -0.2}
    logs = [(math.log10(params[f"log{i}"]) + 3) / 4 for i in range(4)]
    loss = sum((logs[i] - 0.3 - shift[params["c0"]] - 0.5 * logs[i - 1] ** 2) ** 2 for i in range(1, 4))
    loss += (logs[0] - 0.2) ** 2 + 0.15 * "cabd".index(params["c0"]) / 3
    loss += 0.1 * "dbca".index(params["c1"]) * (1 + 0.3 * "acbd".index(params["c2"])) + 0.05 * "acbd".index(
        params["c2"]
    )
    return loss + sum(((params[f"n{i}"] - best) / 20) ** 2 for i, best in enumerate((3, 11, 18)))


def mixed_space() -> Space:
    space: Space = {f"log{i}": FloatDistribution(1e-5, 1e1, log=True) for i in range(4)}
    space |= {f"n{i}": IntDistribution(1, 20) for i in range(3)}
    return space | {f"c{i}": CategoricalDistribution("abcd") for i in range(3)}


def svr_table() -> Objective:
    """Cross-validated scores of an SVR on a grid, linear in between, so that the best value is known."""
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:200], (y[:200] - y.mean()) / y.std()
    axes = np.linspace(-2, 3, 8), np.linspace(-3, 3, 8), np.linspace(-3, 0, 5)
    scores = [
        cross_val_score(SVR(C=10**c, gamma=10**g, epsilon=10**e), X, y, cv=KFold(3)).mean()
        for c, g, e in product(*axes)
    ]
    table = RegularGridInterpolator(axes, np.reshape(scores, [len(axis) for axis in axes]))
    best = max(scores)
    return lambda params: best - table([math.log10(params[name]) for name in ("C", "gamma", "epsilon")]).item()


def functions() -> dict[str, tuple[Objective, Space]]:
    """Return functions whose least value is 0, or nearly so, with their spaces."""
    svr_space: Space = {
        "C": FloatDistribution(1e-2, 1e3, log=True),
        "gamma": FloatDistribution(1e-3, 1e3, log=True),
        "epsilon": FloatDistribution(1e-3, 1.0, log=True),
    }
    return {
        "Hartmann, 6 floats": (hartmann6, {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(6)}),
        "mixed, 10 parameters": (mixed, mixed_space()),
        "Branin, 2 floats": (branin, {"x": FloatDistribution(-5, 10), "y": FloatDistribution(0, 15)}),
        "SVR's scores, 3 floats": (svr_table(), svr_space),
    }


def least(objective: Objective, space: Space, name: str, seed: int, n_trials: int) -> tuple[float, float]:
    """Return the least value that was found and the CPU seconds it took."""
    silence()
    start = time.process_time()
    study = optuna.create_study(sampler=FACTORIES[name](seed))
    running: deque[optuna.Trial] = deque()
    for n_asked in range(n_trials + IN_FLIGHT - 1):
        if n_asked < n_trials:
            running.append(study.ask(space))
        if n_asked >= IN_FLIGHT - 1:
            trial = running.popleft()
            study.tell(trial, objective(trial.params))
    return study.best_value, time.process_time() - start


def interval(differences: np.ndarray) -> str:
    """Return the mean and the middle 95% of the means of 10,000 bootstrap samples."""
    draws = np.random.default_rng(0).choice(differences, (10_000, len(differences))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def compare_quality(n_trials: int, n_seeds: int, n_jobs: int) -> None:
    print(f"regret after {n_trials} trials, {n_seeds} seeds; difference: log10 regret, bounded minus TPE, + is worse\n")
    print(f"{'':24}{'median regret':>22}{'mean difference, 95%':>30}{'CPU s':>18}")
    print(f"{'':24}{'TPE':>11}{'bounded':>11}{'':30}{'TPE':>9}{'bounded':>9}")
    pooled = []
    for title, (objective, space) in functions().items():
        searches = [delayed(least)(objective, space, name, 1000 + i, n_trials) for i in range(n_seeds) for name in PAIR]
        found = np.reshape(Parallel(n_jobs)(searches), (n_seeds, len(PAIR), 2))
        regret, seconds = found[..., 0], np.median(found[..., 1], axis=0)
        logs = np.log10(np.maximum(regret, 0) + 1e-6)
        pooled.append(logs[:, 1] - logs[:, 0])
        cells = "".join(f"{median:11.2g}" for median in np.median(regret, axis=0))
        cpu = "".join(f"{median:9.1f}" for median in seconds)
        print(f"{title:24}{cells}{interval(pooled[-1]):>30}{cpu}", flush=True)
    print(f"{'all':46}{interval(np.concatenate(pooled)):>30}")


def silence() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--held", type=int, nargs="+", default=[100, 1000, 3000, 10000], help="numbers of trials held")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quality", action="store_true", help="regret of plain and bounded TPE")
    parser.add_argument("--trials", type=int, default=1000, help="with --quality: trials of each search")
    parser.add_argument("--seeds", type=int, default=8, help="with --quality: searches of each kind per function")
    parser.add_argument("--jobs", type=int, default=1, help="with --quality: processes")
    arguments = parser.parse_args()

    silence()
    packages = ["sk-optuna", "optuna", "numpy", "scikit-learn"]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    with threadpool_limits(1):
        if arguments.quality:
            compare_quality(arguments.trials, arguments.seeds, arguments.jobs)
        else:
            compare_costs(arguments.held, arguments.rounds)


if __name__ == "__main__":
    main()
