"""How does the cost of a model grow with the number of models that train as one, and with the network's size?

Nets of this package that differ in learning rate, weight decay, seed and fold (fused.py) are fitted and scored: one
after the other, and in threads that meet at every epoch. Three sweeps, at batch 32 and 128: the number of models, for a
network of one hidden layer of 64 units; the width of two hidden layers, and the depth at 64 units, for 20 models.
Optimizer: AdamW. Everything is fused here, also what ``fuse="auto"`` would leave alone, to see whether it is right.

alone, ms          CPU time of a fit that trains by itself; of at most ten of them
fused, ms          CPU time of a model that trains with the others, all included but what a new kind of nets costs once
alone / fused      their ratio within a round: the median over the rounds
million            arithmetic of a step of one model, by which ``fuse="auto"`` decides

Run: python benchmarks/fused_growth.py [--batch 32 128] [--sweep models units layers] [--rounds N] [--all] [--tiny]
     --all: 400 models, too
"""

import argparse
import platform
from functools import partial
from importlib.metadata import version
from itertools import islice

import numpy as np
import torch
from fused import N_FOLDS, Task, data, fit_and_score, fit_together, fits_of, seconds

from sk_optuna.skorch import _fused_rounds

# Units of a step's arithmetic: one product of matrices of n x m and m x k is 2 n m k of them.
MILLION = 1e6
N_ROWS = 800
N_MODELS = 20
N_ALONE = 10
MODELS = (1, 4, 20, 100)
WIDTHS = (32, 64, 128, 256, 512, 1024)
DEPTHS = (2, 4, 8)
SWEEPS = ("models", "units", "layers")


def alone(task: Task, n_models: int) -> None:
    for net, train, test in islice(fits_of(task), n_models):
        fit_and_score(task, net, train, test)


def together(task: Task, n_models: int) -> None:
    fit_together(task, list(islice(fits_of(task), n_models)))


def flops() -> float:
    """Return the arithmetic of the one kind of step that is known."""
    (step,) = _fused_rounds._steps._known.values()
    return float(step.n_flops)  # type: ignore[union-attr]


def measure(task: Task, n_models: int, n_rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return milliseconds a model, alone and fused, by round; each goes first in every other round."""
    _fused_rounds._steps.clear()
    together(task._replace(n_epochs=1), n_models)  # a new kind of nets
    n_alone = min(n_models, N_ALONE)
    runs = {"alone": partial(alone, task, n_alone), "fused": partial(together, task, n_models)}
    counts = {"alone": n_alone, "fused": n_models}
    found: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(n_rounds):
        for name in list(runs)[:: 1 if i % 2 else -1]:
            found[name].append(1000 * seconds(runs[name], task.device) / counts[name])
    return np.array(found["alone"]), np.array(found["fused"])


def show(task: Task, label: str, n_models: int, n_rounds: int) -> None:
    by_itself, fused = measure(task, n_models, n_rounds)
    ratio = np.median(by_itself / fused)
    million = flops() / MILLION
    print(f"{label:>8} {np.median(by_itself):10.1f} {np.median(fused):10.1f} {ratio:14.2f} {million:9.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--sweep", nargs="+", choices=SWEEPS, default=SWEEPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="400 models, too")
    parser.add_argument("--tiny", action="store_true", help="see only that it runs")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    versions = ", ".join(f"{each} {version(each)}" for each in ("sk-optuna", "torch", "skorch", "scikit-learn"))
    print(f"Python {platform.python_version()}, {versions}")
    X, y = data("digits")
    n_rows, n_rounds = (200, 1) if arguments.tiny else (N_ROWS, arguments.rounds)
    models = (1, 4) if arguments.tiny else (*MODELS, 400) if arguments.all else MODELS
    widths, depths = ((32,), (2,)) if arguments.tiny else (WIDTHS, DEPTHS)
    print(f"digits, {n_rows} rows of 64 features, AdamW, CPU time on one thread, {n_rounds} rounds")

    def task(batch: int, n_models: int, width: int, depth: int) -> Task:
        # a few epochs of a wide network last long enough
        n_epochs = 1 if arguments.tiny else 10 if width <= 128 else 3
        return Task(X[:n_rows], y[:n_rows], -(-n_models // N_FOLDS), batch, n_epochs, "cpu", width, depth)

    n_models = 5 if arguments.tiny else N_MODELS
    for batch in arguments.batch:
        sweeps = {
            "models": ("1 hidden layer of 64 units", [(n, n, 64, 1) for n in models]),
            "units": (f"{n_models} models, 2 hidden layers", [(width, n_models, width, 2) for width in widths]),
            "layers": (f"{n_models} models, layers of 64 units", [(depth, n_models, 64, depth) for depth in depths]),
        }
        for name in arguments.sweep:
            about, cases = sweeps[name]
            print(f"\nbatch {batch}, {about}")
            print(f"{name:>8} {'alone, ms':>10} {'fused, ms':>10} {'alone / fused':>14} {'million':>9}")
            for value, n, width, depth in cases:
                show(task(batch, n, width, depth), str(value), n, n_rounds)


if __name__ == "__main__":
    main()
