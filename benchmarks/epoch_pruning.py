"""How many epochs does pruning save, and what does it cost in score?

Tables first: networks with two hidden layers are trained with every setting of a grid that a practitioner would search
(learning rate over four decades, width, dropout, batch size) on the five folds of seven data sets, and the score of the
fold's test rows is kept after every epoch; so is the score of held-out rows after a training on all others. All are
trained side by side as one stack of matrices, which changes nothing for any of them. Then the shipped OptunaSearchCV
runs over a lookup whose `fit_epochs` reports the scores of the table: real curves, hundreds of searches, and the score
that a stopped candidate would have reached is known. Searches are paired by data set and seed. Settings were chosen on
other data sets (--tune) than those that are reported.

epochs    epochs that ran over those of the search without pruning, at the same number of trials
loss      mean CV score, in the table, of the candidate that the unpruned search chose minus that of the one that this
          one chose, in % of the task's spread (the best candidate of the grid minus the median one). The unpruned
          search chooses the best by just this number, so the loss is counted strictly
held out  the same of the scores on held-out rows, by which nothing was chosen
          Both with the 95 % bootstrap interval of the mean: data sets are drawn, then seeds.
fewer trials      no pruning, stopped when .45 of the epochs were spent: the mark that pruning has to beat
fewer, as race    no pruning, stopped when as many epochs were spent as the race spent on that data set and seed

--direct runs real searches with sk_optuna.skorch's networks instead, interleaved by seed: seconds are real, too.

Run: python benchmarks/epoch_pruning.py [--tune | --direct [--device cuda]] [--tiny]
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import optuna
import torch
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, PercentilePruner, SuccessiveHalvingPruner
from scipy.stats import loguniform
from sklearn import datasets
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from tables import CACHE, interval, print_versions, run_all

from sk_optuna import OptunaSearchCV
from sk_optuna.study import _epoch_race

N_FOLDS = 5
N_EPOCHS = 25
TARGET = 0.45
Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A data set; floats as targets make it one of regression, scored by R², others by accuracy."""

    name: str
    data: Callable[[], Data]
    batch_sizes: tuple[int, ...] = (32, 128)


def mnist1d() -> Data:
    """Return 2,500 of mnist1d's training rows."""
    from mnist1d.data import get_dataset_args, make_dataset

    made = make_dataset(get_dataset_args())
    return made["x"][:2500].reshape(2500, -1), made["y"][:2500]


def diabetes() -> Data:
    X, y = datasets.load_diabetes(return_X_y=True)
    return X, StandardScaler().fit_transform(y[:, None])[:, 0]


def friedman1() -> Data:
    X, y = datasets.make_friedman1(n_samples=500, noise=1.0, random_state=0)
    return X, StandardScaler().fit_transform(y[:, None])[:, 0]


def clusters() -> Data:
    return datasets.make_classification(
        800, 20, n_informative=8, n_classes=4, n_clusters_per_class=2, flip_y=0.05, class_sep=1.0, random_state=1
    )


REPORTED = [
    Task("digits", lambda: datasets.load_digits(return_X_y=True)),
    Task("mnist1d", mnist1d),
    Task("diabetes", diabetes, (8, 32)),
]
TUNING = [
    Task("wine", lambda: datasets.load_wine(return_X_y=True), (8, 32)),
    Task("cancer", lambda: datasets.load_breast_cancer(return_X_y=True), (16, 64)),
    Task("clusters", clusters, (16, 64)),
    Task("friedman1", friedman1, (8, 32)),
]
LEARNING_RATES = np.geomspace(1e-4, 1, 13).tolist()
DROPOUTS = [0.0, 0.2, 0.5]
WIDTHS = [8, 16, 32, 64]
SPACE = {"rate": range(13), "dropout": range(3), "width": range(4), "batch": range(2)}
SHAPE = tuple(map(len, SPACE.values()))


@dataclass(frozen=True)
class Table:
    """The scores of every candidate.

    Attributes
    ----------
    curves : ndarray of shape (n_candidates, n_folds, n_epochs)
        On the fold's test rows, after each epoch.
    held_out : ndarray of shape (n_candidates,)
        On the held-out rows, after a training on all others.
    """

    curves: np.ndarray
    held_out: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """CV scores at the last epoch, of shape (n_candidates,), equal where they differ by rounding only."""
        return self.curves[:, :, -1].mean(axis=1).round(12)

    @property
    def spread(self) -> float:
        """How much better the best candidate is than the median one: what losses are measured in."""
        return float(self.means.max() - np.median(self.means))


def build(task: Task, cache_dir: Path, device: str) -> float:
    """Train all candidates unless their table is on the disk, and return the seconds that it took."""
    if (path := _path(task, cache_dir)).exists():
        return 0.0
    start = time.perf_counter()
    X, y, cv_rows, held_out = _parts(task)
    kind = KFold if y.dtype.kind == "f" else StratifiedKFold
    splits = list(kind(N_FOLDS, shuffle=True, random_state=0).split(X[cv_rows], y[cv_rows]))
    train, test = (_even([cv_rows[split[i]] for split in splits]) for i in (0, 1))
    shape = SHAPE[:2], SHAPE[2:]
    curves = np.empty((*shape[0], *shape[1], N_FOLDS, N_EPOCHS), np.float32)
    finals = np.empty((*shape[0], *shape[1]), np.float32)
    for place in product(*map(range, shape[1])):
        width, size = WIDTHS[place[0]], task.batch_sizes[place[1]]
        seed = 2 * int(np.ravel_multi_index(place, shape[1]))
        found = train_stack(X, y, train, test, width, size, seed, device)
        curves[:, :, *place] = found.reshape(*shape[0], N_FOLDS, N_EPOCHS)
        final = train_stack(X, y, cv_rows[None], held_out[None], width, size, seed + 1, device)
        finals[:, :, *place] = final[:, 0, -1].reshape(shape[0])
    cache_dir.mkdir(parents=True, exist_ok=True)
    np.savez(path, curves=curves.reshape(-1, N_FOLDS, N_EPOCHS), held_out=finals.ravel())
    return time.perf_counter() - start


def _parts(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, scaled by those of cross-validation, targets, and who is of cross-validation and who held out."""
    X, y = task.data()
    y = y.astype(np.float32) if y.dtype.kind == "f" else y.astype(np.int64)
    labels = None if y.dtype.kind == "f" else y
    rows, held_out = train_test_split(np.arange(len(y)), test_size=0.3, stratify=labels, random_state=0)
    return StandardScaler().fit(X[rows]).transform(X).astype(np.float32), y, rows, held_out


def _even(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of the folds as one array, without the one row that some have more."""
    return np.array([each[: min(map(len, rows))] for each in rows])


def train_stack(
    X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, width: int, size: int, seed: int, device: str
) -> np.ndarray:
    """Train a net for each learning rate, dropout and fold, side by side with Adam.

    Returns
    -------
    ndarray of shape (n_learning_rates * n_dropouts, n_folds, n_epochs)
        Scores on the test rows.
    """
    torch.manual_seed(seed)
    settings = list(product(LEARNING_RATES, DROPOUTS))
    n_nets, n_rows = len(settings) * len(train), train.shape[1]
    rate, dropout = (
        torch.tensor([s[i] for s in settings], device=device).repeat_interleave(len(train)) for i in (0, 1)
    )
    inputs, targets = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)
    own, seen = (torch.from_numpy(part).to(device).repeat(len(settings), 1) for part in (train, test))
    n_outputs = 1 if targets.is_floating_point() else int(targets.max()) + 1
    shapes = [(X.shape[1], width), (1, width), (width, width), (1, width), (width, n_outputs), (1, n_outputs)]
    weights = torch.cat(
        [_initial(n_nets, shape, fan, device) for shape, fan in zip(shapes, _fans(shapes), strict=True)], 1
    )
    weights.requires_grad_()
    moments, size = [torch.zeros_like(weights), torch.zeros_like(weights)], min(size, n_rows)
    scores = np.empty((n_nets, N_EPOCHS), np.float32)
    n_steps = 0
    for epoch in range(N_EPOCHS):
        order = own.gather(1, torch.rand(n_nets, n_rows, device=device).argsort(dim=1))
        for first in range(0, n_rows - size + 1, size):
            rows = order[:, first : first + size]
            out = _forward(weights, shapes, inputs[rows], dropout)
            (gradient,) = torch.autograd.grad(_loss(out, targets[rows]), weights)
            n_steps += 1
            _adam_step(weights, gradient, moments, rate, n_steps)
        with torch.no_grad():
            scores[:, epoch] = _score(_forward(weights, shapes, inputs[seen], None), targets[seen]).cpu().numpy()
    return scores.reshape(len(settings), len(train), N_EPOCHS)


def _fans(shapes: Sequence[tuple[int, int]]) -> list[int]:
    return [shapes[i - i % 2][0] for i in range(len(shapes))]


def _initial(n_nets: int, shape: tuple[int, int], fan: int, device: str) -> torch.Tensor:
    """Return uniform weights as torch's own linear layers draw them."""
    return (torch.rand(n_nets, shape[0] * shape[1], device=device) * 2 - 1) / fan**0.5


def _forward(
    weights: torch.Tensor, shapes: Sequence[tuple[int, int]], X: torch.Tensor, dropout: torch.Tensor | None
) -> torch.Tensor:
    parts = weights.split([a * b for a, b in shapes], dim=1)
    layers = [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]
    for i in range(0, len(layers), 2):
        X = torch.baddbmm(layers[i + 1], X, layers[i])
        if i < len(layers) - 2:
            X = X.relu()
            if dropout is not None:
                kept = 1 - dropout[:, None, None]
                X = X * (torch.rand_like(X) < kept) / kept
    return X


def _loss(out: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the sum of the nets' mean losses, whose gradient is each net's own."""
    if targets.is_floating_point():
        return ((out[..., 0] - targets) ** 2).mean(dim=1).sum()
    return torch.nn.functional.cross_entropy(out.flatten(0, 1), targets.flatten(), reduction="sum") / targets.shape[1]


def _adam_step(
    weights: torch.Tensor, gradient: torch.Tensor, moments: list[torch.Tensor], rate: torch.Tensor, n_steps: int
) -> None:
    with torch.no_grad():
        moments[0].lerp_(gradient, 0.1)
        moments[1].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = (moments[1] / (1 - 0.999**n_steps)).sqrt_().add_(1e-8)
        weights -= (rate / (1 - 0.9**n_steps))[:, None] * moments[0] / scale


def _score(out: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return accuracy, or R² with those of nets that ran away cut at -10."""
    if not targets.is_floating_point():
        return (out.argmax(dim=2) == targets).float().mean(dim=1)
    error = ((out[..., 0] - targets) ** 2).mean(dim=1)
    return (1 - error / targets.var(dim=1, correction=0)).nan_to_num(-10.0).clamp(min=-10.0)


def _path(task: Task, cache_dir: Path) -> Path:
    """Return where a table lies: its name changes with the grid, the data and torch."""
    written = repr((LEARNING_RATES, DROPOUTS, WIDTHS, task.batch_sizes, N_FOLDS, N_EPOCHS, version("torch"))).encode()
    key = hashlib.sha1(written + b"".join(part.tobytes() for part in task.data())).hexdigest()
    return cache_dir / f"curves-{task.name}-{key[:10]}.npz"


@cache
def table(path: Path) -> Table:
    """Return a table from the disk, where `build` has put it."""
    with np.load(path) as kept:
        return Table(kept["curves"].astype(float), kept["held_out"].astype(float))


class Replay(BaseEstimator):
    """Reports the scores of the table; X tells which fold it is not trained on."""

    def __init__(
        self,
        path: Path = CACHE,
        rate: int = 0,
        dropout: int = 0,
        width: int = 0,
        batch: int = 0,
        n_epochs: int = N_EPOCHS,
    ) -> None:
        self.path = path
        self.rate = rate
        self.dropout = dropout
        self.width = width
        self.batch = batch
        self.n_epochs = n_epochs

    def fit_epochs(self, X: np.ndarray, y: None, monitor: Any) -> "Replay":
        """Report epoch after epoch."""
        missing = sum(range(N_FOLDS)) - int(X.sum())
        for score in table(self.path).curves[row_of(vars(self)), missing, : self.n_epochs].tolist():
            self.score_ = score
            if monitor.report(score=score):
                break
        return self

    def fit(self, X: np.ndarray, y: None = None) -> "Replay":
        """Do nothing."""
        return self

    def score(self, X: np.ndarray, y: None = None) -> float:
        """Return the score after the last epoch that ran."""
        return self.score_


def row_of(params: Mapping[str, int]) -> int:
    return int(np.ravel_multi_index([params[name] for name in SPACE], SHAPE))


@dataclass(frozen=True)
class Run:
    """One search, in the order of its trials.

    Attributes
    ----------
    rows : ndarray of shape (n_trials,)
        Candidates.
    n_epochs : ndarray of shape (n_trials,)
        Epochs that ran of each, in all folds.
    complete : ndarray of shape (n_trials,)
        Whether none of them was spared.
    """

    task: str
    seed: int
    path: Path
    rows: np.ndarray
    n_epochs: np.ndarray
    complete: np.ndarray

    def first(self, n_trials: int) -> "Run":
        """Return the search as it would have been with fewer trials: the first ones do not depend on how many come."""
        kept = (part[:n_trials] for part in (self.rows, self.n_epochs, self.complete))
        return Run(self.task, self.seed, self.path, *kept)

    @property
    def chosen(self) -> int:
        """The candidate that the search chooses; if none is left, the grid's median one."""
        means = table(self.path).means
        if not self.complete.any():
            return int(np.argsort(means)[len(means) // 2])
        return int(self.rows[self.complete][means[self.rows[self.complete]].argmax()])

    @property
    def score(self) -> float:
        return float(table(self.path).means[self.chosen])

    @property
    def held_out(self) -> float:
        return float(table(self.path).held_out[self.chosen])

    @property
    def spread(self) -> float:
        return table(self.path).spread


def search(task: str, path: Path, seed: int, n_trials: int, chance: float = _epoch_race.CHANCE, **options: Any) -> Run:
    """Run OptunaSearchCV over a task's table; options are its own, `chance` is the race's."""
    X = np.arange(N_FOLDS)[:, None]
    splits = [(np.delete(np.arange(N_FOLDS), k), np.array([k])) for k in range(N_FOLDS)]
    found = OptunaSearchCV(
        Replay(path), SPACE, n_trials=n_trials, cv=splits, refit=False, random_state=seed, report="epoch", **options
    )
    with (
        patch.object(_epoch_race, "CHANCE", chance),
        suppress(ValueError),
    ):  # where no candidate is left, the table is there all the same
        found.fit(X)
    results = found.cv_results_
    rows = np.array([row_of(params) for params in results["params"]])
    complete = np.asarray(results["trial_state"]) == "COMPLETE"
    return Run(task, seed, path, rows, np.asarray(results["n_epochs_run"]), complete)


def contestants() -> dict[str, dict[str, Any]]:
    """Return the contestants of the report: the names that users write."""
    names = ("race", "median", "percentile", "hyperband", "halving")
    return {"no pruning": {}} | {f'pruner="{name}"': {"pruner": name} for name in names}


def settings() -> dict[str, dict[str, Any]]:
    """Return settings that a name could stand for, Optuna's defaults among them, and another sampler under a pruner."""
    found: dict[str, BasePruner] = {}
    for n_startup, n_warmup in product((5, 10), (0, 3, 8)):
        found[f"median, {n_startup} trials, {n_warmup} epochs"] = MedianPruner(n_startup, n_warmup)
    for percent, n_startup, n_warmup in product((25.0, 66.0, 75.0, 90.0), (5, 10), (0, 3)):
        found[f"best {percent:.0f} %, {n_startup}, {n_warmup}"] = PercentilePruner(percent, n_startup, n_warmup)
    for least, factor in product((1, 2, 3, 6), (2, 3, 4)):
        found[f"halving, from {least}, 1/{factor}"] = SuccessiveHalvingPruner(least, factor)
        found[f"hyperband, from {least}, 1/{factor}"] = HyperbandPruner(least, "auto", factor)
    found["halving, from 1, 1/3, 5 wait"] = SuccessiveHalvingPruner(1, 3, 0, 5)
    options = {name: {"pruner": pruner} for name, pruner in found.items()}
    races = {f"race, chance {chance}": {"pruner": "race", "chance": chance} for chance in (0.05, 0.1, 0.12, 0.15)}
    at_random = {"random, median": {"pruner": MedianPruner(), "sampler": "random"}}
    return {"no pruning": {}} | races | options | {"random, no pruning": {"sampler": "random"}} | at_random


def compare(
    options: Mapping[str, Mapping[str, Any]],
    paths: Mapping[str, Path],
    seeds: Sequence[int],
    n_trials: int,
    n_jobs: int,
) -> dict[str, list[Run]]:
    """Return the runs of each contestant, in one order of tasks and seeds; contestants take turns."""
    cells = list(product(paths, seeds))
    calls = [(search, (t, paths[t], s, n_trials), own) for t, s in cells for own in options.values()]
    runs = run_all(calls, n_jobs)
    found = {name: runs[i :: len(options)] for i, name in enumerate(options)}
    whole = found["no pruning"]
    added = {"fewer trials": [run.first(round(TARGET * n_trials)) for run in whole]}
    if (race := found.get('pruner="race"')) is not None:
        shares = [run.n_epochs.sum() / base.n_epochs.sum() for run, base in zip(race, whole, strict=True)]
        added["fewer, as race"] = [base.first(round(s * n_trials)) for base, s in zip(whole, shares, strict=True)]
    return {"no pruning": whole, **added, **found}


def print_comparison(runs: Mapping[str, Sequence[Run]]) -> None:
    whole = runs["no pruning"]
    print(f"\n{len(whole)} searches of {len({run.task for run in whole})} data sets, {len(whole[0].rows)} trials")
    print(
        f"{'':30}{'epochs':>7}{'95 % interval':>16}{'least':>7}{'most':>6}"
        f"{'loss':>8}{'95 % interval':>18}{'best':>7}{'worst':>7}{'held out':>10}{'95 % interval':>18}{'complete':>10}"
    )
    for name, found in runs.items():
        print(_line(name, found, whole))


def _line(name: str, found: Sequence[Run], whole: Sequence[Run]) -> str:
    tasks = [run.task for run in found]
    epochs = np.array([run.n_epochs.sum() / base.n_epochs.sum() for run, base in zip(found, whole, strict=True)])
    losses, held_out = (_losses(found, whole, what) for what in ("score", "held_out"))
    of_epochs = "[{:.2f}, {:.2f}]".format(*interval(epochs, tasks))
    of_loss, of_held_out = ("[{:+.1f}, {:+.1f}]".format(*interval(part, tasks)) for part in (losses, held_out))
    return (
        f"{name:30}{epochs.mean():7.3f}{of_epochs:>16}{epochs.min():7.2f}{epochs.max():6.2f}"
        f"{losses.mean():8.2f}{of_loss:>18}{losses.min():7.1f}{losses.max():7.1f}"
        f"{held_out.mean():10.2f}{of_held_out:>18}{np.mean([run.complete.sum() for run in found]):10.1f}"
        + (f"  none left in {empty}" if (empty := sum(not run.complete.any() for run in found)) else "")
    )


def _losses(found: Sequence[Run], whole: Sequence[Run], what: str) -> np.ndarray:
    """Return the losses, in % of the spread."""
    pairs = zip(found, whole, strict=True)
    return np.array([100 * (getattr(base, what) - getattr(run, what)) / base.spread for run, base in pairs])


def print_tasks(runs: Mapping[str, Sequence[Run]]) -> None:
    """Print, data set by data set, the loss in the metric's own unit."""
    print("\nmean loss of CV score, its 95 % interval over seeds, and epochs, data set by data set")
    whole = runs["no pruning"]
    tasks = list(dict.fromkeys(run.task for run in whole))
    print(f"{'':30}" + "".join(f"{task:>38}" for task in tasks))
    for name, found in runs.items():
        cells = []
        for task in tasks:
            pairs = [(run, base) for run, base in zip(found, whole, strict=True) if run.task == task]
            losses = np.array([base.score - run.score for run, base in pairs])
            low, high = interval(losses, [task] * len(losses))
            epochs = np.mean([run.n_epochs.sum() / base.n_epochs.sum() for run, base in pairs])
            cells.append(f"{losses.mean():.4f} [{low:+.4f}, {high:+.4f}]  {epochs:.2f}")
        print(f"{name:30}" + "".join(f"{cell:>38}" for cell in cells))
    spreads = "".join(f"{next(run.spread for run in whole if run.task == task):38.4f}" for task in tasks)
    print(f"{'spread':30}{spreads}")


class TwoLayers(torch.nn.Sequential):
    """The nets of the tables, for --direct."""

    def __init__(self, n_features: int, n_outputs: int, width: int = 32, dropout: float = 0.0) -> None:
        layers: list[torch.nn.Module] = []
        for n_inputs in (n_features, width):
            layers += [torch.nn.Linear(n_inputs, width), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
        super().__init__(*layers, torch.nn.Linear(width, n_outputs))


def search_directly(
    task: Task, seed: int, n_trials: int, n_epochs: int, device: str, options: Mapping[str, Any]
) -> tuple[int, float, float, float]:
    """Search with real nets; return epochs, best mean score, the refitted net's held-out score, and seconds."""
    from sk_optuna.skorch import NeuralNetClassifier, NeuralNetRegressor

    X, y, cv_rows, held_out = _parts(task)
    parts = {"module__n_features": "auto", "module__n_outputs": "auto", "optimizer": torch.optim.Adam}
    common = {**parts, "max_epochs": n_epochs, "device": device, "verbose": 0}
    if y.dtype.kind == "f":
        net, cv = NeuralNetRegressor(TwoLayers, **common), KFold
    else:
        net, cv = NeuralNetClassifier(TwoLayers, criterion=torch.nn.CrossEntropyLoss, **common), StratifiedKFold
    space = {
        "lr": loguniform(LEARNING_RATES[0], LEARNING_RATES[-1]),
        "module__width": WIDTHS,
        "module__dropout": DROPOUTS,
        "batch_size": list(task.batch_sizes),
    }
    start = time.perf_counter()
    found = OptunaSearchCV(
        net,
        space,
        n_trials=n_trials,
        cv=cv(N_FOLDS, shuffle=True, random_state=0),
        report="epoch",
        random_state=seed,
        **options,
    ).fit(X[cv_rows], y[cv_rows])
    seconds = time.perf_counter() - start
    n_run = int(np.sum(found.cv_results_["n_epochs_run"]))
    return n_run, found.best_score_, found.score(X[held_out], y[held_out]), seconds


def print_direct(tasks: Sequence[Task], seeds: Sequence[int], n_trials: int, n_epochs: int, device: str) -> None:
    """Run real searches, contestants taking turns, and print ratios and differences to those without pruning."""
    print(f"\nreal nets on {device}, {n_trials} trials of {N_FOLDS} folds of {n_epochs} epochs")
    print(f"{'':12}{'':22}{'epochs':>8}{'seconds':>9}{'CV score lost':>26}{'held-out score lost':>26}")
    for task in tasks:
        runs: dict[str, list[tuple[int, float, float, float]]] = {name: [] for name in contestants()}
        for seed in seeds:
            for name, options in contestants().items():
                runs[name].append(search_directly(task, seed, n_trials, n_epochs, device, options))
        whole = np.array(runs["no pruning"])
        for name, found in runs.items():
            ratios = (np.array(found) / whole).mean(axis=0)
            lost = [_with_interval(whole[:, i] - np.array(found)[:, i]) for i in (1, 2)]
            print(f"{task.name:12}{name:22}{ratios[0]:8.3f}{ratios[3]:9.3f}{lost[0]:>26}{lost[1]:>26}", flush=True)
        print(f"{'':12}no pruning: {whole[:, 3].mean():.1f} s, CV score {whole[:, 1].mean():.4f}")


def _with_interval(losses: np.ndarray) -> str:
    low, high = interval(losses, ["one"] * len(losses))
    return f"{losses.mean():.4f} [{low:+.4f}, {high:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="searches per data set and contestant (default: 20, direct: 5)")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--tune", action="store_true", help="other settings of the pruners, on the tuning data sets")
    parser.add_argument("--direct", action="store_true", help="real searches with networks of sk_optuna.skorch")
    parser.add_argument(
        "--device", default="cpu", help="where networks are trained, cpu or cuda (default: %(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="where tables are kept (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="one small data set, two seeds, 12 trials")
    arguments = parser.parse_args()

    print_versions()
    print(f"torch {torch.__version__}" + (f", {torch.cuda.get_device_name()}" if arguments.device == "cuda" else ""))
    torch.set_num_threads(1)  # the nets are small
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tasks, n_trials = TUNING if arguments.tune else REPORTED, arguments.trials
    seeds = range(arguments.seeds or (5 if arguments.direct else 20))
    if arguments.tiny:
        tasks, seeds, n_trials = TUNING[:1], range(2), 12
    start = time.perf_counter()
    if arguments.direct:
        print_direct(tasks, seeds, n_trials, 5 if arguments.tiny else N_EPOCHS, arguments.device)
    else:
        seconds = sum(build(task, arguments.cache, arguments.device) for task in tasks)
        n_nets = int(np.prod(SHAPE)) * (N_FOLDS + 1) * len(tasks)
        print(f"tables of {n_nets} networks: {seconds:.0f} s, kept in {arguments.cache}")
        paths = {task.name: _path(task, arguments.cache) for task in tasks}
        runs = compare(settings() if arguments.tune else contestants(), paths, seeds, n_trials, arguments.jobs)
        print_comparison(runs)
        print_tasks(runs)
    print(f"\n({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
