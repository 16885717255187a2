"""
A grid wastes its points where one parameter matters
====================================================

Bergstra and Bengio (2012) gave a reason to draw candidates at random: most parameters hardly matter, it is not known
beforehand which, and a grid tries few values of each. Is this so for a classifier on real data, and what is lost?
"""

# %%
# The data: tumours, benign or malignant. The model is a linear classifier, trained by ten passes of stochastic gradient
# descent. It has three parameters: the learning rate, the strength of the penalty, and the penalty's kind, from squares
# (0) to absolute values (1).

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV

X, y = load_breast_cancer(return_X_y=True)
classifier = SGDClassifier(
    loss="log_loss", penalty="elasticnet", learning_rate="constant", eta0=0.01, max_iter=10, tol=None, random_state=0
)
model = make_pipeline(StandardScaler(), classifier)
N_LINES = 3
N_POINTS = N_LINES**3
wide = {
    "sgdclassifier__eta0": loguniform(1e-6, 10),
    "sgdclassifier__alpha": loguniform(1e-7, 1e-2),
    "sgdclassifier__l1_ratio": uniform(0, 1),
}
names = dict(zip(wide, ("learning rate", "strength", "kind"), strict=True))

# %%
# A grid has three values of each parameter, evenly spaced, and so 27 points. Where it begins is drawn anew each time:
# neither good nor bad luck with the place of its lines is to decide. Random search has as many points in the same
# ranges.


def grid_of(ranges, seed):
    """Return evenly spaced values of each parameter, shifted at random by less than their distance."""
    shifts = np.random.default_rng(seed).random(len(ranges))
    places = [(np.arange(N_LINES) + shift) / N_LINES for shift in shifts]
    return {name: values.ppf(place) for (name, values), place in zip(ranges.items(), places, strict=True)}


def searches_of(ranges, n_repeats):
    """Return fitted searches, by grid and at random, on so many hold-out sets."""
    found = {"grid": [], "random": []}
    for seed in range(n_repeats):
        options = {"cv": ShuffleSplit(1, test_size=0.3, random_state=seed), "scoring": "neg_log_loss"}
        grid = OptunaSearchCV(model, grid_of(ranges, seed), **options)
        drawn = OptunaSearchCV(model, ranges, sampler="random", n_trials=N_POINTS, random_state=seed, **options)
        found["grid"].append(grid.fit(X, y))
        found["random"].append(drawn.fit(X, y))
    return found


def compare(found):
    """Print the mean of the best losses by grid and at random, and their paired difference."""
    grid, drawn = (np.array([-search.best_score_ for search in found[kind]]) for kind in ("grid", "random"))
    gain = grid - drawn
    print(f"best log loss of {N_POINTS} points, mean of {len(gain)}: grid {grid.mean():.4f}, random {drawn.mean():.4f}")
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(
        f"difference {gain.mean():+.4f}, standard error {error:.4f}; random better in {np.sum(gain > 0)} of {len(gain)}"
    )


# %%
# How much does each parameter matter? All points that were drawn at random are sorted by it and divided into eight
# parts. If the mean losses of the parts differ, the parameter matters: printed is the share of the variance that lies
# between the parts, and the share that chance alone gives to a parameter without any effect. (Losses above that of a
# guess count as the loss of a guess.)

found = searches_of(wide, n_repeats=8)
losses = np.concatenate([-search.cv_results_["mean_test_score"] for search in found["random"]])
losses = np.minimum(losses, np.log(2))
for name in wide:
    values = np.concatenate([search.cv_results_[f"param_{name}"] for search in found["random"]])
    parts = np.array_split(losses[np.argsort(values)], 8)
    between = np.var([part.mean() for part in parts]) / np.var(losses)
    tried = [len(set(found[kind][0].cv_results_[f"param_{name}"])) for kind in found]
    print(f"{names[name]:13} {between:4.0%} of the variance; values tried: grid {tried[0]}, random {tried[1]}")
print(f"{'(chance)':13} {7 / (len(losses) - 1):4.0%}")
compare(found)

# %%
# Only the learning rate is of weight. The grid tries three values of it, each at nine points that are nearly alike;
# random search tries 27, and would try as many of another parameter, had that one mattered. The best of 27 values is
# nearer to the right one than the best of three.
#
# The advantage goes where three values are enough. Somebody who knows a good learning rate within a factor of about
# thirty can use either:

narrow = wide | {"sgdclassifier__eta0": loguniform(3e-3, 1e-1)}
compare(searches_of(narrow, n_repeats=4))

# %%
# Above, the points of the first repeat, and their learning rates as ticks; of the grid's points three lie in each
# place, with penalties of different kinds. Below, their losses by the learning rate, those of all repeats in grey; what
# is above the frame is cut off.

figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex=True, sharey="row", layout="constrained")
everything = [search for each in found.values() for search in each]
for (above, below), kind in zip(axes.T, found, strict=True):
    for search in everything:
        rates = search.cv_results_["param_sgdclassifier__eta0"]
        below.plot(rates, -search.cv_results_["mean_test_score"], ".", color="0.8", markersize=4)
    table = found[kind][0].cv_results_
    rates = table["param_sgdclassifier__eta0"]
    above.plot(rates, table["param_sgdclassifier__alpha"], "o", color="C0", markersize=5)
    below.plot(rates, -table["mean_test_score"], "o", color="C0", markersize=5)
    for rate in rates:
        above.axvline(rate, ymax=0.04, color="C1")
    above.set(yscale="log", title=f"{kind}: {len(set(rates))} learning rates in {N_POINTS} points")
    below.set(xscale="log", xlabel="learning rate", ylim=(0, 0.8))
axes[0, 0].set_ylabel("strength of the penalty")
axes[1, 0].set_ylabel("log loss")
figure.savefig("random_vs_grid.png")
print("The points and their losses are drawn in random_vs_grid.png")
