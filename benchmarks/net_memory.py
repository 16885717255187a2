"""Does memory grow over 300 fits of a net?

One process runs one search (n_jobs=1) of a small net, again and again with other parameters. Read after 20, 100, 200
and 300 fits, between two trials:

- the process's resident memory. A search keeps a record of every fit and a study its trials, so some growth is due (see
  benchmarks/memory.py --growth), and which pages are given back is up to the allocator, which is noise of a few MB;
- how many tensors there are, which has no such noise: a net that is kept shows at once;
- with ``--device cuda``, the device's memory, allocated and reserved, and the highest of it so far.

The slope is that from the second reading on: until the first ones, libraries are loaded and caches filled.

``--with-out-of-memory`` has three fits in ten run out of memory while they hold a big tensor, in a local variable and
in a reference cycle: on a CUDA device by asking for more than there is, on the CPU by raising
``torch.cuda.OutOfMemoryError``. Were one of them kept, the figures would jump by 64 MB and a tensor.

Linux only. Run: python benchmarks/net_memory.py [--device cuda] [--with-out-of-memory] [--net skorch] [--tiny]
"""

import argparse
import gc
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.datasets import make_classification
from skorch import NeuralNetClassifier as SkorchClassifier
from skorch.callbacks import Callback

from sk_optuna import OptunaSearchCV

N_FEATURES, N_CLASSES = 40, 4
MARKS = (20, 100, 200, 300)
n_fits = 0
n_out_of_memory = 0


class CountFits(Callback):
    """Counts the fits that have begun."""

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Count."""
        global n_fits
        n_fits += 1


class Perceptron(torch.nn.Module):
    """Two layers, and an appetite."""

    def __init__(self, n_hidden: int = 64, hungry: bool = False, megabytes: int = 64) -> None:
        super().__init__()
        layers = torch.nn.Linear(N_FEATURES, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, N_CLASSES)
        self.layers = torch.nn.Sequential(*layers, torch.nn.Softmax(dim=-1))
        self.hungry = hungry
        self.megabytes = megabytes

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of the classes, unless hungry."""
        if self.hungry:
            run_out_of_memory(X.device, self.megabytes)
        return self.layers(X)


def run_out_of_memory(device: torch.device, megabytes: int) -> None:
    """Ask for more than there is, holding a tensor in a local variable and in a cycle."""
    global n_out_of_memory
    n_out_of_memory += 1
    held = torch.ones(megabytes * 2**18, device=device)
    cycle: list[Any] = [held]
    cycle.append(cycle)
    if device.type == "cuda":
        torch.empty(torch.cuda.get_device_properties(device).total_memory * 2, dtype=torch.uint8, device=device)
    raise torch.cuda.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {megabytes}.00 MiB. (An exercise.)")


class Reading(NamedTuple):
    """The memory held after so many fits, in bytes, and the number of tensors."""

    n_fits: int
    resident: float
    n_tensors: float
    allocated: float
    reserved: float
    highest: float


def read(device: str) -> Reading:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at some of torch's objects makes them warn
        n_tensors = sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())
    on_device = (np.nan, np.nan, np.nan)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
        readers = torch.cuda.memory_allocated, torch.cuda.memory_reserved, torch.cuda.max_memory_allocated
        on_device = tuple(reader(device) for reader in readers)
    return Reading(n_fits, resident, n_tensors, *on_device)


def make_net(which: str, device: str, n_epochs: int) -> Any:
    common = {"module": Perceptron, "max_epochs": n_epochs, "device": device, "callbacks": [("count", CountFits())]}
    if which == "skorch":
        return SkorchClassifier(**common, train_split=None, verbose=0)
    from sk_optuna.skorch import NeuralNetClassifier

    return NeuralNetClassifier(**common)


def readings(arguments: argparse.Namespace) -> list[Reading]:
    """Search until all fits have run, and return the readings at the marks."""
    n_rows = 200 if arguments.tiny else 2000
    X, y = make_classification(n_rows, N_FEATURES, n_informative=10, n_classes=N_CLASSES, random_state=0)
    space = {
        "lr": FloatDistribution(1e-3, 1, log=True),
        "batch_size": IntDistribution(32, 256),
        "module__n_hidden": IntDistribution(16, 256),
    }
    if arguments.with_out_of_memory:
        space["module__hungry"] = CategoricalDistribution([False, True])
    marks = sorted({max(mark * arguments.fits // MARKS[-1], 1) for mark in MARKS})
    found: list[Reading] = []

    def look(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if n_fits >= marks[len(found)]:
            found.append(read(arguments.device))
        if len(found) == len(marks):
            study.stop()

    search = OptunaSearchCV(
        make_net(arguments.net, arguments.device, 1 if arguments.tiny else 3),
        space,
        n_trials=arguments.fits,  # more than needed: a trial is two fits, but for one that runs out of memory
        sampler="random",
        cv=2,
        n_jobs=1,
        refit=False,
        random_state=0,
        study_callbacks=[look],
        **({"report": "epoch"} if arguments.report == "epoch" else {}),
    )
    search.fit(X.astype(np.float32), y.astype(np.int64))
    return found


def show(found: list[Reading], device: str) -> None:
    columns = {"resident": ("process MB", 1e6), "n_tensors": ("tensors", 1)}
    if device.startswith("cuda"):
        columns |= {name: (f"{name} MB", 1e6) for name in ("allocated", "reserved", "highest")}
    print(f"{'fits':>8}" + "".join(f"{title:>16}" for title, _ in columns.values()))
    for reading in found:
        values = "".join(f"{getattr(reading, name) / unit:16.1f}" for name, (_, unit) in columns.items())
        print(f"{reading.n_fits:8}{values}")
    settled = found[1:] if len(found) > 2 else found
    slopes = "".join(f"{_slope(settled, name) / unit * 1e3:16.2f}" for name, (_, unit) in columns.items())
    print(f"{'slope':>8}{slopes}   in kB (tensors: thousandths) per fit, from {settled[0].n_fits} fits on")


def _slope(found: list[Reading], name: str) -> float:
    if len(found) < 2:
        return np.nan
    return float(np.polyfit([each.n_fits for each in found], [getattr(each, name) for each in found], 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=300)
    parser.add_argument("--net", choices=["ours", "skorch"], default="ours", help="sk_optuna.skorch, or plain skorch")
    parser.add_argument("--device", default="cpu", help="as in torch; default: cpu")
    parser.add_argument("--with-out-of-memory", action="store_true", help="have some of the fits run out of memory")
    parser.add_argument("--report", choices=["fold", "epoch"], default="fold", help="as in the search; default: fold")
    parser.add_argument("--tiny", action="store_true", help="20 fits of a few rows, to see whether it runs")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.fits = 20

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")  # of the fits that fail on purpose
    packages = ["sk-optuna", "scikit-learn", "optuna", "skorch", "torch", "numpy"]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    on = torch.cuda.get_device_name(arguments.device) if arguments.device.startswith("cuda") else arguments.device
    found = readings(arguments)
    print(f"{arguments.net}, {on}, report={arguments.report!r}: {n_fits} fits, {n_out_of_memory} ran out of memory\n")
    show(found, arguments.device)


if __name__ == "__main__":
    main()
