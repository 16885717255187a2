"""How much sooner does a whole search end when its networks train as one, and does it find as good a candidate?

Speed. A Pipeline of StandardScaler and a network of one hidden layer of 64 units (AdamW, ten epochs, digits) is
searched over learning rate and weight decay, and then searched within each of five outer folds. All are given the same
random candidates and the same folds; each round has candidates and an order of its own. Every process computes with one
thread of torch. Workers are started beforehand, and need a core each that is idle. What a new kind of networks costs
once (writing down its step) counts.

wall s             seconds of the search, the median over the rounds
CPU s              the same in CPU time of this process and its threads; "-" where workers compute
times the fused    wall time over that of the fused search in the same round, the median over the rounds

Quality. TPE searches over learning rate, weight decay and dropout, with ``fuse=False`` and with ``fuse="auto"``. Both
are given the same seed: the same folds, first candidates, initial weights and orders of rows. They differ by rounding,
and by what TPE makes of it.

alone, fused       best inner score, the mean over the seeds
difference         fused minus alone, the mean over the seeds and its standard error
largest            largest absolute difference of a seed
same               seeds in which both searches chose the same candidate
Wilcoxon           p of the signed-rank test of the differences that are not zero; "-" where all are

Run: python benchmarks/fused_searches.py [--part speed quality] [--batch 32 128] [--rounds N] [--seeds N] [--tiny]
"""

import argparse
import gc
import platform
import time
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import skorch
import torch
from fused import DATA, MLP, N_FOLDS, net_of
from joblib import parallel_config
from scipy.stats import loguniform, uniform, wilcoxon
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.skorch import NeuralNetClassifier, _fused_rounds

N_NESTED = 4
N_QUALITY_ROWS = 600
SPACE = {"net__lr": loguniform(1e-3, 1e-2), "net__optimizer__weight_decay": loguniform(1e-5, 1e-1)}
# A wider one, with bad candidates in it.
QUALITY_SPACE = {**SPACE, "net__lr": loguniform(1e-4, 1e-1), "net__module__dropout": uniform(0.05, 0.5)}


class DropoutMLP(torch.nn.Sequential):
    """A network of one hidden layer, with dropout."""

    def __init__(self, n_features: int, n_classes: int, dropout: float = 0.2) -> None:
        hidden = torch.nn.Linear(n_features, 64), torch.nn.ReLU(), torch.nn.Dropout(dropout)
        super().__init__(*hidden, torch.nn.Linear(64, n_classes))


class Task(NamedTuple):
    """A search to make: data, batch size, epochs, number of candidates and seed."""

    X: np.ndarray
    y: np.ndarray
    batch_size: int
    n_epochs: int
    n_trials: int
    seed: int = 0

    @property
    def smallest(self) -> "Task":
        return self._replace(n_epochs=1, n_trials=1)

    @property
    def common(self) -> dict[str, Any]:
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=self.seed)
        return {"cv": folds, "random_state": self.seed, "error_score": "raise"}

    def pipeline(self, kind: type, module: type, **sizes: int) -> Pipeline:
        sizes |= {"n_features": self.X.shape[1], "n_classes": int(self.y.max()) + 1}
        net = net_of(kind, module, sizes, self.batch_size, self.n_epochs)
        return Pipeline([("scale", StandardScaler()), ("net", net)])


def theirs(task: Task, n_jobs: int, *, nested: bool = False) -> None:
    pipeline = task.pipeline(skorch.NeuralNetClassifier, MLP, n_hidden=64, depth=1)
    n_inner = 1 if nested else n_jobs
    search = RandomizedSearchCV(pipeline, SPACE, n_iter=task.n_trials, n_jobs=n_inner, refit=nested, **task.common)
    if nested:
        cross_val_score(search, task.X, task.y, cv=search.cv, n_jobs=n_jobs, error_score="raise")
    else:
        search.fit(task.X, task.y)


def at_any_rate(task: Task, fuse: Any) -> Any:
    """Return `fuse`; True for "auto" where a task is so small, with --tiny and at the start, that nothing is gained."""
    return fuse and (True if len(task.X) * task.n_epochs * task.n_trials < 20_000 else fuse)


def ours(task: Task, n_jobs: int, fuse: Any, *, nested: bool = False) -> None:
    search = OptunaSearchCV(
        task.pipeline(NeuralNetClassifier, MLP, n_hidden=64, depth=1),
        SPACE,
        n_trials=task.n_trials,
        sampler="random",
        # those that RandomizedSearchCV draws
        initial_params=list(ParameterSampler(SPACE, task.n_trials, random_state=task.seed)),
        fuse=at_any_rate(task, fuse),
        n_jobs=1 if nested else n_jobs,
        refit=nested,
        **task.common,
    )
    if nested:
        results = nested_cross_validate(
            search, task.X, task.y, cv=search.cv, n_jobs=n_jobs, baselines=(), error_score="raise"
        )
        (searches,) = (of_row["estimator"] for of_row in results.cross_validate_.values())
    else:
        searches = [search.fit(task.X, task.y)]
    for each in searches if fuse else ():
        n_fused = each.fused_["n_models"][each.fused_["fused"]].sum()
        assert n_fused == task.n_trials * N_FOLDS, each.fused_


# The last of each is the fused one.
SEARCHES = {
    "RandomizedSearchCV, skorch": partial(theirs, n_jobs=1),
    "RandomizedSearchCV, skorch, n_jobs=2": partial(theirs, n_jobs=2),
    "OptunaSearchCV, fuse=False": partial(ours, n_jobs=1, fuse=False),
    "OptunaSearchCV, fuse=False, n_jobs=2": partial(ours, n_jobs=2, fuse=False),
    'OptunaSearchCV, fuse="auto"': partial(ours, n_jobs=1, fuse="auto"),
}
NESTED = {
    "cross_val_score, skorch": partial(theirs, n_jobs=1, nested=True),
    "cross_val_score, skorch, n_jobs=2": partial(theirs, n_jobs=2, nested=True),
    "nested_cross_validate, fuse=False": partial(ours, n_jobs=1, fuse=False, nested=True),
    'nested_cross_validate, fuse="auto"': partial(ours, n_jobs=1, fuse="auto", nested=True),
}


def seconds(contestant: partial[None], task: Task) -> tuple[float, float]:
    """Return wall and CPU time; NaN for the CPU time of workers."""
    in_workers = contestant.keywords["n_jobs"] > 1
    if in_workers:  # they may have ended meanwhile
        contestant(task.smallest)
    _fused_rounds._steps.clear()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    contestant(task)
    return time.perf_counter() - wall, np.nan if in_workers else time.process_time() - cpu


def print_speed(task: Task, contestants: dict[str, partial[None]], n_rounds: int) -> None:
    for contestant in contestants.values():
        contestant(task.smallest)  # imports and caches
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(list(contestants)):
            found[name].append(seconds(contestants[name], task._replace(seed=i)))
    times = {name: np.array(by_round) for name, by_round in found.items()}
    fused = list(times.values())[-1][:, 0]
    print(f"{'':38}{'wall s':>8}{'CPU s':>8}{'times the fused':>17}")
    for name, by_round in times.items():
        wall, cpu = np.median(by_round, axis=0)
        shown = "-" if np.isnan(cpu) else f"{cpu:.2f}"
        print(f"  {name:36}{wall:8.2f}{shown:>8}{np.median(by_round[:, 0] / fused):17.2f}", flush=True)


def best_of(task: Task, pruner: str | None, fuse: Any) -> tuple[float, dict[str, Any]]:
    pipeline = task.pipeline(NeuralNetClassifier, DropoutMLP)
    options = {
        "n_trials": task.n_trials,
        "pruner": pruner,
        "fuse": at_any_rate(task, fuse),
        "n_jobs": 1,
        "refit": False,
        **task.common,
    }
    search = OptunaSearchCV(pipeline, QUALITY_SPACE, **options).fit(task.X, task.y)
    assert not fuse or search.fused_["fused"].all(), search.fused_
    return search.best_score_, search.best_params_


def print_quality(name: str, task: Task, pruner: str | None, n_seeds: int) -> None:
    tasks = [task._replace(seed=seed) for seed in range(n_seeds)]
    pairs = [[best_of(each, pruner, fuse) for fuse in (False, "auto")] for each in tasks]
    alone, fused = np.array([[score for score, _ in pair] for pair in pairs]).T
    differences = np.round(fused - alone, 12)  # without the rounding of means
    error = differences.std(ddof=1) / np.sqrt(n_seeds)
    same = sum(one == other for (_, one), (_, other) in pairs)
    p = f"{wilcoxon(differences[differences != 0]).pvalue:.2f}" if differences.any() else "-"
    print(
        f"  {name:10}{pruner or 'none':8}{alone.mean():9.4f}{fused.mean():9.4f}"
        f"{f'{differences.mean():+.5f} +- {error:.5f}':>24}{np.abs(differences).max():10.5f}"
        f"{f'{same} of {n_seeds}':>11}{p:>10}",
        flush=True,
    )


def data(name: str, n_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return data that is not scaled, since the Pipeline does it."""
    X, y = DATA[name](return_X_y=True)
    return X[:n_rows].astype(np.float32), y[:n_rows].astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=("speed", "quality"), default=["speed", "quality"])
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 128], help="batch sizes of the speed part")
    parser.add_argument("--trials", type=int, default=12, help="candidates of a search that is not nested")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=20, help="pairs of searches in the quality part, at least two")
    parser.add_argument("--quality-trials", type=int, default=20)
    parser.add_argument("--tiny", action="store_true", help="see only that it runs, with threads for workers")
    arguments = parser.parse_args()
    n_rows, n_epochs, n_nested, workers = None, 10, N_NESTED, {"backend": "loky", "inner_max_num_threads": 1}
    if arguments.tiny:
        n_rows, n_epochs, n_nested, workers = 150, 1, 1, {"backend": "threading"}
        arguments.batch, arguments.trials, arguments.rounds = [32], 2, 1
        arguments.seeds, arguments.quality_trials = 2, 3

    torch.set_num_threads(1)
    packages = ("sk-optuna", "torch", "skorch", "scikit-learn", "optuna", "joblib")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{each} {version(each)}" for each in packages))
    with parallel_config(**workers):
        for batch in arguments.batch if "speed" in arguments.part else ():
            task = Task(*data("digits", n_rows), batch, n_epochs, arguments.trials)
            about = f"{len(task.y)} rows of digits, batch {batch}, epochs {n_epochs}, rounds {arguments.rounds}"
            print(f"\n{about}: a search of {task.n_trials} candidates on {N_FOLDS} folds")
            print_speed(task, SEARCHES, arguments.rounds)
            print(f"\n{about}: a search of {n_nested} candidates within each of {N_FOLDS} outer folds")
            print_speed(task._replace(n_trials=n_nested), NESTED, arguments.rounds)
    if "quality" in arguments.part:
        print(f"\nbest inner score of {arguments.quality_trials} candidates of TPE on {N_FOLDS} folds, batch 32")
        columns = f"{'alone':>9}{'fused':>9}{'difference':>24}{'largest':>10}{'same':>11}{'Wilcoxon':>10}"
        print(f"  {'data':10}{'pruner':8}{columns}")
        for name in ("digits", "cancer"):
            task = Task(*data(name, n_rows or N_QUALITY_ROWS), 32, n_epochs, arguments.quality_trials)
            for pruner in (None, "race"):
                print_quality(name, task, pruner, arguments.seeds)


if __name__ == "__main__":
    main()
