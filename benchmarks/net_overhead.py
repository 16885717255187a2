"""How much does a net add to the tensor operations of an epoch?

The same module is trained on the same rows in the same order with the same optimizer and criterion, at batch 128: by a
bare loop over tensors that lie on the device, by skorch as it comes (its DataLoader fetches rows one by one), and by
the net of this package. Rows are float32 already, nothing is split off, nothing is printed. A time is that of a fit
with many epochs less that of a fit with one, over the difference: so costs of a fit that come once are left out. On a
CPU it is CPU time on one thread, on another device wall time until the device is done. A ratio is taken within a round,
over the bare loop's time in the same round, and the median over the rounds is shown. Losses are compared: they must be
equal.

``--part`` also shows skorch with TensorLoader alone, and skorch with TensorLoader and DeferredLosses alone.

Run: python benchmarks/net_overhead.py [--device cuda] [--optimizer sgd] [--part]
"""

import argparse
import gc
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import skorch
import torch
from sklearn.datasets import load_digits

from sk_optuna.skorch import NeuralNetClassifier, TensorLoader
from sk_optuna.skorch._deferred import DeferredLosses

BATCH = 128
OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class MLP(torch.nn.Sequential):
    """A network so small that the costs around its operations show.

    Parameters
    ----------
    n_features, n_classes : int
        Its inputs and outputs.
    n_hidden : int
        Units of the one layer between them.
    """

    def __init__(self, n_features: int, n_classes: int, n_hidden: int = 64) -> None:
        super().__init__(torch.nn.Linear(n_features, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_classes))


class Deferring(DeferredLosses, skorch.NeuralNetClassifier):
    """skorch's net, whose epochs do not wait for the device at each step."""


class Task(NamedTuple):
    """A training: data, order, optimizer and device.

    Parameters
    ----------
    X, y : array
        Rows, float32, and codes of labels, int64.
    shuffle : bool
        Whether each epoch has an order of its own.
    optimizer : str
        A key of OPTIMIZERS.
    device : str
        Where to train.
    """

    X: np.ndarray
    y: np.ndarray
    shuffle: bool
    optimizer: str
    device: str

    @property
    def sizes(self) -> dict[str, int]:
        return {"n_features": self.X.shape[1], "n_classes": int(self.y.max()) + 1}


def bare_loop(task: Task, n_epochs: int) -> list[float]:
    """Train by hand; return the loss of each step."""
    torch.manual_seed(0)
    module = MLP(**task.sizes).to(task.device)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = OPTIMIZERS[task.optimizer](module.parameters(), lr=0.01)
    X, y = (torch.from_numpy(part).to(task.device) for part in (task.X, task.y))
    losses = []
    for _ in range(n_epochs):
        module.train()
        for X_batch, y_batch in batches(X, y, shuffle=task.shuffle):
            optimizer.zero_grad()
            loss = criterion(module(X_batch), y_batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return torch.stack(losses).tolist()


def batches(X: torch.Tensor, y: torch.Tensor, *, shuffle: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = drawn_as_data_loader_does(len(X)).to(X.device) if shuffle else None
    for start in range(0, len(X), BATCH):
        rows = slice(start, start + BATCH) if order is None else order[start : start + BATCH]
        yield X[rows], y[rows]


def drawn_as_data_loader_does(n_rows: int) -> torch.Tensor:
    """Return the next order that a DataLoader would draw from the global generator."""
    torch.empty((), dtype=torch.int64).random_()
    generator = torch.Generator()
    generator.manual_seed(int(torch.empty((), dtype=torch.int64).random_().item()))
    return torch.randperm(n_rows, generator=generator)


def net_fit(cls: type, loader: type | None, task: Task, n_epochs: int) -> list[float]:
    """Train a net; return the loss of each step."""
    torch.manual_seed(0)
    net = cls(
        MLP,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=OPTIMIZERS[task.optimizer],
        lr=0.01,
        batch_size=BATCH,
        max_epochs=n_epochs,
        train_split=None,
        verbose=0,
        device=task.device,
        iterator_train__shuffle=task.shuffle,
        **{f"module__{name}": size for name, size in task.sizes.items()},
        **({} if loader is None else {"iterator_train": loader}),
    )
    if loader is not None and cls is not NeuralNetClassifier:  # to which this package's nets tell where
        net.set_params(iterator_train__device=task.device)
    history = net.fit(task.X, task.y).history
    return [loss for epoch in history[:, "batches", :, "train_loss"] for loss in epoch]


def contestants(*, parts: bool) -> dict[str, Callable[[Task, int], list[float]]]:
    found: dict[str, Callable[[Task, int], list[float]]] = {
        "bare tensor loop": bare_loop,
        "skorch, DataLoader": partial(net_fit, skorch.NeuralNetClassifier, None),
    }
    if parts:
        found["skorch, TensorLoader"] = partial(net_fit, skorch.NeuralNetClassifier, TensorLoader)
        found["skorch, both parts"] = partial(net_fit, Deferring, TensorLoader)
    found["sk_optuna.skorch"] = partial(net_fit, NeuralNetClassifier, None)
    return found


def seconds(run: Callable[[], object], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    gc.collect()
    start = clock()
    run()
    if device != "cpu":
        torch.accelerator.synchronize()
    return clock() - start


def per_epoch(fit: Callable[[Task, int], list[float]], task: Task, n_epochs: int) -> float:
    """Return the seconds that an epoch takes, without the costs of a fit that come once."""
    once, many = (seconds(partial(fit, task, n), task.device) for n in (1, 1 + n_epochs))
    return (many - once) / n_epochs


def measure(task: Task, n_epochs: int, n_rounds: int, *, parts: bool) -> dict[str, np.ndarray]:
    """Return the seconds per epoch of each contestant by round, each round in an order of its own."""
    fits = contestants(parts=parts)
    losses = {name: fit(task, 2) for name, fit in fits.items()}  # imports and caches, too
    different = [name for name, found in losses.items() if found != losses["bare tensor loop"]]
    print(f"losses of all steps equal to the last bit: {'no: ' + ', '.join(different) if different else 'yes'}")
    times: dict[str, list[float]] = {name: [] for name in fits}
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(list(fits)):
            times[name].append(per_epoch(fits[name], task, n_epochs))
    return {name: np.array(by_round) for name, by_round in times.items()}


def data(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    if (n_rows, n_features) == (1797, 64):
        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y.astype(np.int64)
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, n_features)).astype(np.float32), rng.integers(0, 10, n_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="such as cuda or mps")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adam")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=800, help="of the optimizer, about, in what is timed")
    parser.add_argument("--shapes", nargs="+", default=["1797x64", "50000x100"], help="rows x features")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    parser.add_argument("--part", action="store_true", help="show the parts of this package by themselves as well")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    name = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else arguments.device
    packages = ["sk-optuna", "skorch", "torch", "numpy", "scikit-learn"]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{each} {version(each)}" for each in packages))
    print(f"{name}, {arguments.threads} thread(s), batch {BATCH}, {arguments.optimizer}, {arguments.rounds} rounds")
    for shape in arguments.shapes:
        X, y = data(*map(int, shape.split("x")))
        n_steps = -(-len(X) // BATCH)
        n_epochs = max(1, round(arguments.steps / n_steps))
        for shuffle in (True, False):
            task = Task(X, y, shuffle, arguments.optimizer, arguments.device)
            order = "a new order each epoch" if shuffle else "always in the same order"
            print(f"\n{shape}, {n_steps} steps an epoch, {n_epochs} epochs timed, {order}")
            times = measure(task, n_epochs, arguments.rounds, parts=arguments.part)
            print(f"{'':28}{'ms an epoch':>14}{'over bare':>12}{'quartiles':>16}")
            for contestant, by_round in times.items():
                ratios = by_round / times["bare tensor loop"]
                low, high = np.quantile(ratios, [0.25, 0.75])
                ms = np.median(by_round) * 1e3
                print(f"{contestant:28}{ms:14.2f}{np.median(ratios):12.2f}{f'{low:.2f} - {high:.2f}':>16}")


if __name__ == "__main__":
    main()
