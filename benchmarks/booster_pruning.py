"""How many rounds of boosting does pruning save, and what does it cost in score?

Tables first: LightGBM is fitted with every setting of a grid (learning rate, leaves, rows of a leaf, columns of a tree)
on three folds of three data sets, and the score of the fold's test rows is kept at fifty of its rounds; so is that of
held-out rows after a fit on all others, and what becomes of each fit that stops early on a tenth of its training rows.
Then the shipped OptunaSearchCV runs over a lookup. Searches are paired by data set and seed.

rounds    rounds that ran over those of the search without pruning, at the same number of trials
loss      mean CV score at the best round of each fold, in the table, of the candidate that the unpruned search chose
          minus that of the one that this one chose, in % of the task's spread (the best candidate minus the median one)
held out  the same of the scores on held-out rows, of a model with as many rounds as the search says
          Both with the 95 % bootstrap interval of the mean: data sets are drawn, then seeds.
no pruning       report="epoch", checkpoint="best"
race, median, hyperband   the same under a pruner
rows held out    EarlyStoppingBooster with a tenth of the rows and a patience of twenty rounds, report="fold"
by hand          an objective for Optuna: LightGBM is trained on the first split, LightGBMPruningCallback of
                 optuna-integration reports each round to Optuna's MedianPruner, and the model has all rounds

Run: python benchmarks/booster_pruning.py [--tiny]
"""

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import optuna
from lightgbm import LGBMClassifier, LGBMRegressor
from optuna_integration import LightGBMPruningCallback
from sklearn import datasets
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from tables import CACHE, interval, print_versions, run_all

from sk_optuna import OptunaSearchCV
from sk_optuna.boosting import EarlyStoppingBooster
from sk_optuna.epochs import Predictions

N_FOLDS, N_LOOKS, PATIENCE = 3, 50, 20
GRID = {
    "learning_rate": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
    "num_leaves": [4, 8, 16, 32],
    "min_child_samples": [5, 20],
    "colsample_bytree": [0.5, 1.0],
}
SPACE = {name: range(len(values)) for name, values in GRID.items()}
TASKS: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "friedman1": lambda: datasets.make_friedman1(n_samples=600, noise=1.0, random_state=0),
}


@dataclass(frozen=True)
class Table:
    """The scores of every candidate.

    Attributes
    ----------
    curves : ndarray of shape (n_candidates, n_folds, n_looks)
        On the fold's test rows.
    held_out : ndarray of shape (n_candidates, n_looks)
        On the held-out rows, after a fit on all others.
    stopped : ndarray of shape (n_candidates, n_folds)
        On the fold's test rows, of the fit that stops early on rows of its training part.
    n_rounds : ndarray of shape (n_candidates, n_folds)
        Rounds that this fit made.
    n_kept : ndarray of shape (n_candidates,)
        Rounds that it keeps if it is fitted on all rows but the held-out ones.
    period : int
        Rounds from one look to the next.
    """

    curves: np.ndarray
    held_out: np.ndarray
    stopped: np.ndarray
    n_rounds: np.ndarray
    n_kept: np.ndarray
    period: int

    @property
    def means(self) -> np.ndarray:
        """CV scores at the best look of each fold, of shape (n_candidates,), equal if they differ by rounding only."""
        return self.curves.max(axis=2).mean(axis=1).round(12)

    @property
    def spread(self) -> float:
        return float(self.means.max() - np.median(self.means))


def build(task: str, path: Path, n_rounds: int) -> None:
    """Fit all candidates, unless their table is on the disk."""
    if path.exists():
        return
    X, X_test, y, y_test, splits = parts(task)
    scorer = get_scorer("neg_log_loss" if of_classes(y) else "r2")
    kind = LGBMClassifier if of_classes(y) else LGBMRegressor
    looks = np.arange(n_rounds // N_LOOKS, n_rounds + 1, n_rounds // N_LOOKS)

    def curve(booster: Any, rows: np.ndarray, targets: np.ndarray) -> list[float]:
        return [scorer(at_round(booster, rows, int(n)), rows, targets) for n in looks]

    shape = (len(rows_of_grid()), N_FOLDS)
    found = {"curves": np.empty((*shape, len(looks))), "held_out": np.empty((shape[0], len(looks)))}
    found |= {"stopped": np.empty(shape), "n_rounds": np.empty(shape), "n_kept": np.empty(shape[0])}
    for row, params in enumerate(rows_of_grid()):
        booster = kind(n_estimators=n_rounds, n_jobs=1, random_state=0, verbose=-1, **params)
        stopping = EarlyStoppingBooster(booster, n_iter_no_change=PATIENCE, random_state=0)
        for fold, (train, test) in enumerate(splits):
            found["curves"][row, fold] = curve(booster.fit(X[train], y[train]), X[test], y[test])
            found["stopped"][row, fold] = scorer(stopping.fit(X[train], y[train]), X[test], y[test])
            found["n_rounds"][row, fold] = min(stopping.n_iter_ + PATIENCE, n_rounds)
        found["held_out"][row] = curve(booster.fit(X, y), X_test, y_test)
        found["n_kept"][row] = stopping.fit(X, y).n_iter_
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, period=looks[0], **found)


@cache
def parts(task: str) -> tuple[Any, ...]:
    """Return the rows to search on, those held out, their targets, and the folds of the former."""
    X, y = TASKS[task]()
    X, X_test, y, y_test = train_test_split(X, y, stratify=y if of_classes(y) else None, random_state=0)
    splitter = StratifiedKFold if of_classes(y) else KFold
    return X, X_test, y, y_test, [*splitter(N_FOLDS, shuffle=True, random_state=0).split(X, y)]


def of_classes(y: np.ndarray) -> bool:
    return y.dtype.kind in "iu"


def at_round(booster: Any, rows: np.ndarray, n: int) -> Predictions:
    """Return the predictions of a fitted booster with its first `n` rounds."""
    proba = (lambda: booster.predict_proba(rows, num_iteration=n)) if is_classifier(booster) else None
    return Predictions(booster, predict=lambda: booster.predict(rows, num_iteration=n), predict_proba=proba)


def rows_of_grid() -> list[dict[str, Any]]:
    return [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]


@cache
def table(path: Path) -> Table:
    with np.load(path) as parts:
        return Table(**{name: parts[name] for name in parts.files})


def row_of(params: Mapping[str, int]) -> int:
    return int(np.ravel_multi_index([params[name] for name in GRID], [*map(len, GRID.values())]))


class Replay(BaseEstimator):
    """Reports the scores of a table; the test row is the number of the fold."""

    def __init__(
        self,
        path: Path,
        learning_rate: int = 0,
        num_leaves: int = 0,
        min_child_samples: int = 0,
        colsample_bytree: int = 0,
        stops_early: bool = False,
    ) -> None:
        self.path = path
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample_bytree = colsample_bytree
        self.stops_early = stops_early

    def fit(self, X: np.ndarray, y: None = None) -> "Replay":
        """Take the score of a fit that stops early."""
        (fold,) = np.setdiff1d(range(N_FOLDS), X)
        self.score_ = table(self.path).stopped[row_of(self.get_params()), fold]
        return self

    def fit_epochs(self, X: np.ndarray, y: None, monitor: Any) -> "Replay":
        """Report the scores by look."""
        if self.stops_early:
            return self.fit(X)
        (fold,) = np.setdiff1d(range(N_FOLDS), X)
        for score in table(self.path).curves[row_of(self.get_params()), fold].tolist():
            self.score_ = score
            if monitor.report(score=score):
                break
        return self

    def score(self, X: np.ndarray, y: None = None) -> float:
        return self.score_


@dataclass(frozen=True)
class Run:
    """One search: its rounds, and the candidate that it chose, with its CV score and that on held-out rows."""

    task: str
    n_rounds: float
    score: float
    held_out: float
    spread: float


def search(task: str, path: Path, seed: int, n_trials: int, stops_early: bool, **options: Any) -> Run:
    """Run OptunaSearchCV over a task's table."""
    folds = np.arange(N_FOLDS)
    found = OptunaSearchCV(
        Replay(path, stops_early=stops_early),
        SPACE,
        n_trials=n_trials,
        cv=[(np.delete(folds, k), folds[[k]]) for k in folds],
        refit=False,
        random_state=seed,
        **({} if stops_early else {"report": "epoch", "checkpoint": "best"}),
        **options,
    )
    found.fit(folds[:, None])
    scores, results = table(path), found.cv_results_
    rows = np.array([row_of(params) for params in results["params"]])
    chosen = int(rows[found.best_index_])
    if stops_early:
        n_rounds, look = scores.n_rounds[rows].sum(), int(scores.n_kept[chosen] // scores.period) - 1
    else:
        n_rounds = scores.period * int(np.sum(results["n_epochs_run"]))
        look = int(np.median(scores.curves[chosen].argmax(axis=1)))
    return Run(task, n_rounds, scores.means[chosen], scores.held_out[chosen, max(look, 0)], scores.spread)


def by_hand(task: str, path: Path, seed: int, n_trials: int, n_rounds: int) -> Run:
    """Run an objective for Optuna, as its examples write it for LightGBM."""
    X, _, y, _, ((train, test), *_) = parts(task)
    objective_name, metric = ("binary", "binary_logloss") if of_classes(y) else ("regression", "l2")
    fixed = {"objective": objective_name, "metric": metric, "num_threads": 1, "seed": 0, "verbose": -1}

    def objective(trial: optuna.Trial) -> float:
        # a data set keeps the parameters of its first booster
        rows = lightgbm.Dataset(X[train], y[train])
        booster = lightgbm.train(
            fixed | {name: trial.suggest_categorical(name, values) for name, values in GRID.items()},
            rows,
            num_boost_round=n_rounds,
            valid_sets=[lightgbm.Dataset(X[test], y[test], reference=rows)],
            callbacks=[LightGBMPruningCallback(trial, metric)],
        )
        return booster.best_score["valid_0"][metric]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=n_trials)
    chosen = row_of({name: values.index(study.best_params[name]) for name, values in GRID.items()})
    n_run = sum(len(trial.intermediate_values) for trial in study.trials)
    scores = table(path)
    return Run(task, n_run, scores.means[chosen], scores.held_out[chosen, -1], scores.spread)


def report(runs: Mapping[str, Sequence[Run]]) -> None:
    whole = runs["no pruning"]
    columns = (("rounds", 8), ("95 % interval", 16), ("loss", 8), ("95 % interval", 18), ("held out", 10))
    print(" " * 16 + "".join(f"{name:>{width}}" for name, width in (*columns, columns[3])))
    for name, found in runs.items():
        tasks, pairs = [run.task for run in found], [*zip(found, whole, strict=True)]
        rounds = np.array([run.n_rounds / base.n_rounds for run, base in pairs])
        losses = np.array([100 * (base.score - run.score) / base.spread for run, base in pairs])
        held_out = np.array([100 * (base.held_out - run.held_out) / base.spread for run, base in pairs])
        of_rounds = "[{:.2f}, {:.2f}]".format(*interval(rounds, tasks))
        of_loss, of_held_out = ("[{:+.1f}, {:+.1f}]".format(*interval(part, tasks)) for part in (losses, held_out))
        print(
            f"{name:16}{rounds.mean():8.3f}{of_rounds:>16}{losses.mean():8.2f}{of_loss:>18}"
            f"{held_out.mean():10.2f}{of_held_out:>18}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=100, help="of a booster; a multiple of 50")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, help="directory of the tables")
    parser.add_argument("--tiny", action="store_true", help="as small as it goes")
    arguments = parser.parse_args()
    tasks = list(TASKS)
    if arguments.tiny:
        tasks, arguments.seeds, arguments.trials, arguments.rounds = ["diabetes"], 1, 8, N_LOOKS
        GRID.update(learning_rate=[0.1, 0.5], num_leaves=[4, 8], min_child_samples=[20], colsample_bytree=[1.0])
        SPACE.update({name: range(len(values)) for name, values in GRID.items()})

    print_versions("lightgbm", "optuna-integration")
    key = hashlib.sha256(repr((GRID, arguments.rounds, N_FOLDS, PATIENCE)).encode()).hexdigest()[:8]
    paths = {task: arguments.cache / f"boosters_{task}_{key}.npz" for task in tasks}
    run_all([(build, (task, path, arguments.rounds), {}) for task, path in paths.items()], arguments.jobs)
    contestants: dict[str, tuple[Callable[..., Run], dict[str, Any]]] = {
        "no pruning": (search, {"stops_early": False}),
        **{name: (search, {"stops_early": False, "pruner": name}) for name in ("race", "median", "hyperband")},
        "rows held out": (search, {"stops_early": True}),
        "by hand": (by_hand, {"n_rounds": arguments.rounds}),
    }
    cells = list(product(tasks, range(arguments.seeds)))
    calls = [(run, (t, paths[t], s, arguments.trials), own) for t, s in cells for run, own in contestants.values()]
    runs = run_all(calls, arguments.jobs)
    print(f"{len(cells)} searches of {len(tasks)} data sets, {arguments.trials} trials, {arguments.rounds} rounds\n")
    report({name: runs[i :: len(contestants)] for i, name in enumerate(contestants)})


if __name__ == "__main__":
    main()
