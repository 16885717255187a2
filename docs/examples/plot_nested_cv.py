"""
Was tuning worth it?
====================

A search ends with a best score. How much of it is left on rows that the search never saw? Is the tuned model better
than one with default parameters? And would other rows have led to the same parameters?
"""

# %%
# The data: ten measurements of each patient. The target here is whether diabetes had progressed further a year later
# than in the median patient, so that a guess is right for half of them.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV, nested_cross_validate

X, progress = load_diabetes(return_X_y=True)
y = np.where(progress > np.median(progress), "further", "less far")
space = {"svc__C": loguniform(1e-1, 1e4), "svc__gamma": loguniform(1e-4, 1)}
search = OptunaSearchCV(make_pipeline(StandardScaler(), SVC()), space, n_trials=20, cv=3, random_state=0)

# %%
# The search is run anew in each of five outer folds, on the rows for training only, and what it found is scored on the
# others. On the same folds there are the model with its defaults and a dummy.

outer = StratifiedKFold(5, shuffle=True, random_state=0)
results = nested_cross_validate(search, X, y, cv=outer)
print(results)

# %%
# ``mean`` is the accuracy on rows that no search saw, ``inner`` the best score that the searches reported, ``optimism``
# the difference of the two, ``gain`` that to the defaults. What has a code in brackets is a finding of the checks. A
# comparison has the gain with an interval: it is small beside that. On these data the search was not worth its time.

comparison = results.compare(reference="svc (defaults)")
for name, difference, low, high in zip(
    *(comparison[column] for column in ("model", "difference", "low", "high")), strict=True
):
    print(f"{name} minus defaults: {difference:+.3f}, interval of 95 % [{low:+.3f}, {high:+.3f}]")

# %%
# The parameters that each fold chose. The spread is the part of the searched range, from 0 to 1 on its own scale, that
# lies between the smallest and the largest.

chosen = [params for params in results.outer_["params"] if params]
for fold, params in enumerate(chosen):
    print(f"fold {fold}: C = {params['svc__C']:.3g}, gamma = {params['svc__gamma']:.3g}")
for name, spread in zip(results.stability_["parameter"], results.stability_["spread"], strict=True):
    print(f"{name} differs over {spread:.0%} of its range")

# %%
# Other metrics need no further fit, since the models of the outer folds are kept.

auc = results.score(X, y, scoring="roc_auc")
for name in ("svc", "svc (defaults)"):
    print(f"{name}: area under the ROC curve {np.mean(auc['test_score'][auc['search'] == name]):.3f}")

# %%
# The optimism is small where there are many rows and where all good candidates are alike. To see it grow, take few rows
# and toss a coin for each: there is nothing to learn, and every honest score is near one half. The best of twenty
# candidates looks better than that.

N_ROWS, N_TOSSES = 60, 4
tosses = []
for seed in range(N_TOSSES):
    draws = np.random.default_rng(seed)
    rows, coins = draws.choice(len(X), N_ROWS, replace=False), draws.permutation(np.arange(N_ROWS) % 2)
    table = nested_cross_validate(search, X[rows], coins, cv=outer, baselines=()).outer_
    tosses.append((np.mean(table["inner_best"]), np.mean(table["test_score"])))
inner, tested = np.mean(tosses, axis=0)
print(f"coins: best inner scores {inner:.3f} on average, scores on the outer folds {tested:.3f}")
print(f"standard error of the latter, if all is chance: {0.5 / np.sqrt(N_ROWS * N_TOSSES):.3f}")

# %%
# The model to use is fitted on all rows, and keeps the score of the procedure that made it.

final = results.fit_final("svc", X, y)
print(final.best_params_)
print(final.nested_score_)

# %%
# Left, lines from the best inner score (open) to the score on the rows that were held out (filled): the five outer
# folds of the patients, and the means of the five folds for each toss of the coins. Right, all candidates of the inner
# searches, and those that were chosen. The searches have one seed, and so begin with the same candidates.

figure, (scores, candidates) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=(4, 5))
own = results.outer_["search"] == "svc"
folds = list(zip(results.outer_["inner_best"][own], results.outer_["test_score"][own], strict=True))
for color, start, pairs in (("C0", 0, folds), ("C1", len(folds) + 1, tosses)):
    for place, (claimed, found) in enumerate(pairs, start):
        scores.plot([place, place], [claimed, found], color=color, linewidth=1)
        scores.plot(place, claimed, "o", color=color, markerfacecolor="white")
        scores.plot(place, found, "o", color=color)
scores.plot([], [], "o", color="0.4", markerfacecolor="white", label="best inner score")
scores.plot([], [], "o", color="0.4", label="score on the outer fold")
scores.axhline(0.5, color="0.6", linestyle="--", linewidth=1, label="a guess")
scores.set(ylabel="accuracy", xticks=[2, 7.5], xticklabels=["patients, by fold", "coins, by toss"])
scores.legend(loc="lower left", fontsize="small")
archive = results.archive_
C, gamma = (np.asarray(archive[f"param_{name}"], dtype=float) for name in space)
bests = np.asarray(results.outer_["inner_best"])[np.asarray(archive["outer_fold"])]  # the search's rows come first
behind = bests - np.asarray(archive["mean_test_score"])
points = candidates.scatter(C, gamma, c=behind, s=20, cmap="viridis_r")
stars = ([params[name] for params in chosen] for name in space)
candidates.plot(*stars, "*", color="C1", markersize=14, label="chosen by a fold")
candidates.set(xscale="log", yscale="log", xlabel="C", ylabel="gamma")
candidates.legend(fontsize="small")
figure.colorbar(points, ax=candidates, label="behind the best of its fold")
figure.savefig("nested_cv.png")
print("Scores and choices are drawn in nested_cv.png")
