"""How many times faster is a fit when the nets of several folds and trials train as one batched model?

Candidates that differ in learning rate and weight decay are fitted and scored on each of five folds: by skorch under
GridSearchCV, by a bare loop over tensors, by the nets of this package one after the other, and by these nets in threads
that meet at every epoch. The floor is the products of matrices alone, forward and backward, of the same steps of all
models at once. Optimizer: AdamW. With ``--models 100`` there are twenty candidates, as many nets as four trials of
each of five outer folds.

On a CPU the time is CPU time on one thread of torch, everything included: threads, scores, and what a new kind of nets
costs once (writing down its step), which "again" leaves out. On another device it is wall time. A ratio is taken within
a round over the time of the fused fits in that round; the median over the rounds is shown.

Run: python benchmarks/fused.py [--data digits cancer wine] [--batch 32 128] [--models 20 100] [--device cuda]
"""

import argparse
import gc
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import skorch
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from sk_optuna.skorch import NeuralNetClassifier, _fused_rounds
from sk_optuna.worker import Meeting, Terms

DATA = {"digits": load_digits, "cancer": load_breast_cancer, "wine": load_wine}
N_FOLDS = 5


class MLP(torch.nn.Module):
    """A network of hidden layers of one width.

    Parameters
    ----------
    n_features, n_classes : int
        Its inputs and outputs.
    n_hidden, depth : int
        Width and number of hidden layers.
    """

    def __init__(self, n_features: int, n_classes: int, n_hidden: int, depth: int) -> None:
        super().__init__()
        sizes = [n_features, *[n_hidden] * depth, n_classes]
        layers: list[torch.nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
        self.layers = torch.nn.Sequential(*layers[:-1])

    def forward(self, X: torch.Tensor) -> Any:
        return self.layers(X)


class Task(NamedTuple):
    """Fits to make: data, candidates, batch size, epochs, device and the network's sizes."""

    X: np.ndarray
    y: np.ndarray
    n_candidates: int
    batch_size: int
    n_epochs: int
    device: str
    n_hidden: int
    depth: int

    @property
    def module(self) -> dict[str, int]:
        sizes = {"n_features": self.X.shape[1], "n_classes": int(self.y.max()) + 1}
        return {**sizes, "n_hidden": self.n_hidden, "depth": self.depth}

    @property
    def candidates(self) -> list[dict[str, float]]:
        rates = np.geomspace(1e-3, 1e-2, self.n_candidates)
        return [{"lr": float(lr), "optimizer__weight_decay": 0.01 * (i % 3)} for i, lr in enumerate(rates)]

    @property
    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(self.X, self.y))

    def net(self, kind: type, **params: Any) -> Any:
        return net_of(kind, MLP, self.module, self.batch_size, self.n_epochs, device=self.device, **params)


def net_of(kind: type, module: type, sizes: dict[str, int], batch_size: int, n_epochs: int, **params: Any) -> Any:
    return kind(
        module,
        **{f"module__{name}": size for name, size in sizes.items()},
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        batch_size=batch_size,
        max_epochs=n_epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        **params,
    )


def skorch_grid(task: Task) -> None:
    grids = [{name: [value] for name, value in candidate.items()} for candidate in task.candidates]
    GridSearchCV(task.net(skorch.NeuralNetClassifier), grids, cv=task.folds, refit=False).fit(task.X, task.y)


def fits_of(task: Task) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    for number, candidate in enumerate(task.candidates):
        for fold, (train, test) in enumerate(task.folds):
            yield task.net(NeuralNetClassifier, random_state=number * N_FOLDS + fold, **candidate), train, test


def fit_and_score(task: Task, net: Any, train: np.ndarray, test: np.ndarray) -> float:
    return float(net.fit(task.X[train], task.y[train]).score(task.X[test], task.y[test]))


def one_by_one(task: Task) -> None:
    for net, train, test in fits_of(task):
        fit_and_score(task, net, train, test)


def fused(task: Task, *, known: bool = False) -> None:
    if not known:
        _fused_rounds._steps.clear()
    fit_together(task, list(fits_of(task)))


def fit_together(task: Task, fits: list[tuple[Any, np.ndarray, np.ndarray]]) -> None:
    meeting = Meeting()
    meeting.invite(*((number,) for number in range(len(fits))))

    def fold(number: int) -> float:
        with meeting.member((number,), Terms(always=True)):
            return fit_and_score(task, *fits[number])

    with ThreadPoolExecutor(len(fits)) as pool:
        for future in [pool.submit(fold, number) for number in range(len(fits))]:
            future.result()
    reasons = {note.reason for note in meeting.notes}
    assert reasons == {None}, reasons


def bare_loop(task: Task) -> None:
    X, y = (torch.from_numpy(each).to(task.device) for each in (task.X, task.y))
    for candidate in task.candidates:
        for train, test in task.folds:
            module = MLP(**task.module).to(task.device)
            criterion = torch.nn.CrossEntropyLoss()
            decay = candidate["optimizer__weight_decay"]
            optimizer = torch.optim.AdamW(module.parameters(), lr=candidate["lr"], weight_decay=decay)
            rows = torch.from_numpy(train).to(task.device)
            X_train, y_train = X[rows], y[rows]
            for _ in range(task.n_epochs):
                for where in torch.randperm(len(rows), device=task.device).split(task.batch_size):
                    optimizer.zero_grad()
                    criterion(module(X_train[where]), y_train[where]).backward()
                    optimizer.step()
            with torch.no_grad():
                (module(X[torch.from_numpy(test).to(task.device)]).argmax(1).cpu().numpy() == task.y[test]).mean()


def floor(task: Task) -> None:
    """Multiply as all steps of all models do: forward, gradients of weights, gradients of inputs but the first."""
    n_models = task.n_candidates * N_FOLDS
    sizes = [task.module["n_features"], *[task.n_hidden] * task.depth, task.module["n_classes"]]
    layers = []
    for n_in, n_out in pairwise(sizes):
        shapes = (task.batch_size, n_in), (n_in, n_out), (task.batch_size, n_out)
        layers.append([torch.rand((n_models, *shape), device=task.device) for shape in shapes])
    n_steps = task.n_epochs * -(-len(task.folds[0][0]) // task.batch_size)
    for _ in range(n_steps):
        for i, (inputs, weights, outputs) in enumerate(layers):
            torch.bmm(inputs, weights)
            torch.bmm(inputs.transpose(1, 2), outputs)
            if i:
                torch.bmm(outputs, weights.transpose(1, 2))


CONTESTANTS: dict[str, Callable[[Task], None]] = {
    "skorch, GridSearchCV": skorch_grid,
    "bare loop": bare_loop,
    "our nets, one by one": one_by_one,
    "our nets, fused": fused,
    "fused, again": partial(fused, known=True),
    "floor": floor,
}


def seconds(run: Callable[[], object], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    gc.collect()
    start = clock()
    run()
    if device != "cpu":
        torch.accelerator.synchronize()
    return clock() - start


def measure(task: Task, n_rounds: int) -> dict[str, np.ndarray]:
    """Return seconds by contestant and round, each round in an order of its own."""
    for contestant in CONTESTANTS.values():
        contestant(task._replace(n_epochs=1, n_candidates=1))  # imports and caches
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(list(CONTESTANTS)[:-2]):
            times[name].append(seconds(partial(CONTESTANTS[name], task), task.device))
        for name in list(CONTESTANTS)[-2:]:  # "again" needs a fused run before
            times[name].append(seconds(partial(CONTESTANTS[name], task), task.device))
    return {name: np.array(by_round) for name, by_round in times.items()}


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = DATA[name](return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32), y.astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=sorted(DATA), default=["digits"])
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--models", nargs="+", type=int, default=[20])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", nargs="+", type=int, default=[64])
    parser.add_argument("--depth", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="such as cuda")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else arguments.device
    versions = ", ".join(f"{each} {version(each)}" for each in ("torch", "skorch", "scikit-learn"))
    print(f"{name}, {platform.machine()}, Python {platform.python_version()}, {versions}")
    print("milliseconds a fit; in brackets, times that of the fused fits")
    for of_data in arguments.data:
        X, y = data(of_data)
        for batch in arguments.batch:
            for n_models in arguments.models:
                for hidden in arguments.hidden:
                    for depth in arguments.depth:
                        n_candidates = max(1, n_models // N_FOLDS)
                        task = Task(X, y, n_candidates, batch, arguments.epochs, arguments.device, hidden, depth)
                        times = measure(task, arguments.rounds)
                        print(f"{of_data}, batch {batch}, {n_models} models, {depth} x {hidden} units")
                        for contestant, found in times.items():
                            ratio = np.median(found / times["our nets, fused"])
                            per_fit = 1000 * np.median(found) / (n_candidates * N_FOLDS)
                            print(f"  {contestant:22} {per_fit:9.1f}  ({ratio:.2f})", flush=True)


if __name__ == "__main__":
    main()
