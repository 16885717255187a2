"""
A nested cross-validation of a network, one by one and together
===============================================================

A nested cross-validation of a small network trains it more than a hundred times. How long does that take if the
networks are trained one after another, how long if they are trained as one batched model, and is the result the same?
"""

# %%
# The data are scikit-learn's digits, the network has one hidden layer. torch computes on one thread in both ways. The
# clock is CPU time, so that other programs on the machine hardly count.

import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.skorch import NeuralNetClassifier

torch.set_num_threads(1)
X, y = load_digits(return_X_y=True)
X, y = X[:500].astype(np.float32), y[:500]


class MLP(torch.nn.Sequential):
    def __init__(self, n_features, n_classes, n_hidden=32):
        super().__init__(torch.nn.Linear(n_features, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_classes))


net = NeuralNetClassifier(
    MLP,
    module__n_features="auto",
    module__n_classes="auto",
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.AdamW,
    lr=1e-3,
    batch_size=32,
    max_epochs=10,
    verbose=0,
)
space = {
    "neuralnetclassifier__lr": loguniform(3e-4, 1e-2),
    "neuralnetclassifier__optimizer__weight_decay": loguniform(1e-4, 1e-1),
}
search = OptunaSearchCV(make_pipeline(StandardScaler(), net), space, n_trials=6, cv=4, sampler="random", random_state=0)

# %%
# Five outer folds, in each a search of six candidates on four inner folds: 120 networks, and then a refit for each
# outer fold. Baselines are left out, as nothing is asked about them. ``fuse`` is the only difference between the two
# runs. The first nets of all are trained beforehand, so that neither way pays for imports.

outer = StratifiedKFold(5, shuffle=True, random_state=0)
ways = {"one by one": False, "together": "auto"}
results, seconds = {}, {}
clone(search).set_params(n_trials=1, fuse=False).fit(X, y)
for way, fuse in ways.items():
    start = time.process_time()
    searches = {"net": clone(search).set_params(fuse=fuse)}
    results[way] = nested_cross_validate(searches, X, y, cv=outer, baselines=())
    seconds[way] = time.process_time() - start
    print(f"{way:10}: {seconds[way]:5.1f} s of CPU time")
print(f"trained together, it takes {seconds['together'] / seconds['one by one']:.2f} of the time")

# %%
# What the search says of a network is in ``fused_``: how many were trained as one, and if not, why not.

fitted = clone(search).fit(X, y)
for group, n_models, fused in zip(*(fitted.fused_[name] for name in ("group", "n_models", "fused")), strict=True):
    print(f"a search alone: {n_models} networks {group}, {'trained together' if fused else 'one by one'}")

# %%
# Is the result the same? The same candidates were tried. In float32, sums are rounded in another order if networks are
# trained together, so that scores are equal, or a row in hundreds is classified otherwise.

archives = {way: found.archive_ for way, found in results.items()}
rates = [np.asarray(archives[way]["param_neuralnetclassifier__lr"], dtype=float) for way in ways]
inner = [np.asarray(archives[way]["mean_test_score"], dtype=float) for way in ways]
print(f"the same candidates: {np.array_equal(*rates)}")
print(f"largest difference of an inner score: {np.abs(inner[0] - inner[1]).max():.4f}")
for way in ways:
    own = np.asarray(results[way].outer_["search"]) == "net"
    scores = np.asarray(results[way].outer_["test_score"])[own]
    print(f"{way:10}: accuracy on the outer folds {scores.mean():.4f}")

# %%
# Left, the CPU time. Right, the inner scores of all candidates in all outer folds, one way against the other: on the
# line they are equal.

figure, (times, scores) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", width_ratios=(3, 4))
bars = times.barh(list(seconds), list(seconds.values()), color=["0.73", "C0"])
times.bar_label(bars, fmt="%.1f s", padding=3)
times.margins(x=0.2)
times.set(xlabel="CPU time of the nested cross-validation")
times.invert_yaxis()
scores.axline((inner[0].mean(), inner[0].mean()), slope=1, color="0.6", linewidth=1)
scores.plot(*inner, "o", markersize=5, alpha=0.6)
scores.set(xlabel="inner score, one by one", ylabel="inner score, together")
figure.savefig("fused_nested_cv.png")
print("Times and scores are drawn in fused_nested_cv.png")
