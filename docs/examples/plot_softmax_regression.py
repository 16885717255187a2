"""
One learning rate, random search and TPE
========================================

The first search of Dive into Deep Learning: the learning rate of softmax regression on images, 8 epochs of it, chosen
by the validation error. What is gained by a sampler that learns, and by stopping candidates after an epoch?
"""

# %%
# The images are animals, from the files in the package animal-mnist, which is not imported; without it they are
# scikit-learn's digits. With ``SK_OPTUNA_FASHION_MNIST`` naming a directory that has FashionMNIST's own two training
# files, they are those of the book. ``SK_OPTUNA_EXAMPLE_SIZE=small`` takes some thousands of them.

import gzip
import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import LogNorm
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit, train_test_split

from sk_optuna import OptunaSearchCV
from sk_optuna.skorch import NeuralNetClassifier

FULL = os.environ.get("SK_OPTUNA_EXAMPLE_SIZE", "small") == "full"
N_IMAGES, N_TRIALS, N_SEEDS = (60_000, 50, 5) if FULL else (4000, 25, 3)
torch.set_num_threads(1)  # a net so small is no faster with more of them


def read_idx(path):
    """Return the array in an idx file: two zeros, a type (8: bytes), the number of axes, their lengths, the values."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no idx file of bytes.")
    n_axes = content[3]
    shape = np.frombuffer(content, ">i4", count=n_axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def load_images():
    """Return a name, images of shape (n_images, height, width) with values from 0 to 1, and their labels."""
    fashion = os.environ.get("SK_OPTUNA_FASHION_MNIST")
    if fashion:
        files = [sorted(Path(fashion).glob(f"train-{kind}*")) for kind in ("images?idx3", "labels?idx1")]
        if not all(files):
            raise FileNotFoundError(f"No train-images-idx3-ubyte(.gz) or no train-labels-idx1-ubyte(.gz) in {fashion}.")
        images, labels = (read_idx(found[0]) for found in files)
        return "FashionMNIST", images / np.float32(255), labels
    animals = find_spec("animal_mnist")
    if animals is not None:
        folder = Path(animals.origin).parent / "data" / "Animal_MNIST"
        paths = (folder / f"animal_{kind}_version_3.gz" for kind in ("data", "label"))
        images, labels = (pickle.loads(gzip.decompress(path.read_bytes())) for path in paths)
        images, first = np.unique(images, axis=0, return_index=True)  # some are there twice
        return "animals", images / np.float32(255), labels[first]
    digits = load_digits()
    return "digits", (digits.images / 16).astype(np.float32), digits.target


name, images, labels = load_images()
chosen = np.random.default_rng(0).permutation(len(images))[:N_IMAGES]
X_train, X_test, y_train, y_test = train_test_split(
    images[chosen], labels[chosen], test_size=0.25, stratify=labels[chosen], random_state=0
)
print(f"{len(chosen)} images of {name}, {len(X_test)} of them held out")

# %%
# Softmax regression: one linear layer. The softmax is in the criterion.


class SoftmaxRegression(torch.nn.Sequential):
    def __init__(self, n_pixels, n_classes):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(n_pixels, n_classes))


net = NeuralNetClassifier(
    SoftmaxRegression,
    module__n_pixels=X_train[0].size,
    module__n_classes="auto",
    criterion=torch.nn.CrossEntropyLoss,
    batch_size=256,
    max_epochs=8,
)

# %%
# Two searches on one split. One draws at random and trains every candidate to its end; the other learns from the
# candidates before, and stops one that after some epoch is worse than their median at that epoch. TPE draws its first
# ten at random, too. What a search finds is a matter of luck, so each runs with several seeds.

space = {"lr": loguniform(1e-4, 1)}
split = ShuffleSplit(1, test_size=0.25, random_state=0)
kinds = {
    "random": {"sampler": "random"},
    "random, median pruner": {"sampler": "random", "pruner": "median"},
    "TPE, median pruner": {"sampler": "tpe", "pruner": "median"},
}
searches = {
    kind: [
        OptunaSearchCV(
            net, space, report="epoch", n_trials=N_TRIALS, cv=split, scoring="accuracy", random_state=seed, **how
        ).fit(X_train, y_train)
        for seed in range(N_SEEDS)
    ]
    for kind, how in kinds.items()
}

# %%
# What counts is the last column: the error of the chosen models on images that played no part in the choice. The
# validation error was chosen for being small, the best of many on one split. With one parameter there is little to
# learn, and random search finds as good a learning rate. The median pruner costs it nothing and saves half of its
# epochs; of TPE's candidates, which are better, it stops fewer.

print(f"means of {N_SEEDS} searches    epochs   best validation error   held-out error")
for kind, fitted in searches.items():
    epochs = np.mean([search.cv_results_["n_epochs_run"].sum() for search in fitted])
    validation = np.mean([1 - search.best_score_ for search in fitted])
    held_out = np.mean([1 - search.score(X_test, y_test) for search in fitted])
    print(f"{kind:22} {epochs:9.0f} {validation:23.4f} {held_out:16.4f}")
print(f"standard error of a held-out error: {np.sqrt(held_out * (1 - held_out) / len(y_test)):.4f}")

# %%
# Left and middle, the candidates of the first seed: a line that ends early was stopped. Right, the best validation
# error so far of each search, not over candidates but over what they cost.

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
axes[1].sharey(axes[0])
rates = plt.cm.ScalarMappable(LogNorm(1e-4, 1), "viridis")
for ax, kind in zip(axes, ("random", "TPE, median pruner"), strict=False):
    curves, table = searches[kind][0].learning_curves_, searches[kind][0].cv_results_
    for number, lr in zip(table["trial_number"], table["param_lr"], strict=True):
        own = curves["trial_number"] == number
        ax.plot(curves["epoch"][own], 1 - curves["valid_score"][own], ".-", linewidth=1, color=rates.to_rgba(lr))
    ax.set(xlabel="epoch", ylabel="validation error", title=kind)
figure.colorbar(rates, ax=axes[:2]).ax.set_title("learning\nrate", fontsize="small")
lowest = 1.0
for color, (kind, fitted) in enumerate(searches.items()):
    for seed, search in enumerate(fitted):
        table = search.cv_results_
        error = np.where(table["trial_state"] == "COMPLETE", 1 - table["mean_test_score"], np.inf)
        best, spent = np.minimum.accumulate(error), table["n_epochs_run"].cumsum()
        lowest = min(lowest, best[-1])
        axes[2].step(spent, best, where="post", color=f"C{color}", alpha=0.7, label=None if seed else kind)
axes[2].set(xlabel="epochs spent", title="Best validation error so far", ylim=(lowest - 0.005, lowest + 0.08))
axes[2].legend()
figure.savefig("softmax_regression.png")
print("Curves and costs are drawn in softmax_regression.png")
