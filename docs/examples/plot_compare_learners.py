"""
Which learner, if each is tuned?
================================

A linear model, a support vector machine, nearest neighbours: each has parameters, and a fair comparison tunes them all,
on the same rows. Is the first of them really better than the second, and what is the model to use in the end?
"""

# %%
# The data: ten measurements of each patient, and how far diabetes had progressed a year later. Errors are root mean
# squares in the units of the target; scores, which are maximized, are minus the errors.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform, randint
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sk_optuna import OptunaSearchCV, nested_cross_validate

X, y = load_diabetes(return_X_y=True)
spaces = {
    "ridge": (Ridge(), {"ridge__alpha": loguniform(1e-1, 1e4)}),
    "svm": (SVR(), {"svr__C": loguniform(1, 1e4), "svr__gamma": loguniform(1e-4, 1)}),
    "neighbours": (KNeighborsRegressor(), {"kneighborsregressor__n_neighbors": randint(2, 60)}),
}
searches = {
    name: OptunaSearchCV(
        make_pipeline(StandardScaler(), model),
        space,
        n_trials=12,
        cv=3,
        scoring="neg_root_mean_squared_error",
        random_state=0,
    )
    for name, (model, space) in spaces.items()
}

# %%
# All of them on the same ten outer splits, each with its defaults beside it, and a dummy that predicts the mean.

outer = ShuffleSplit(10, test_size=0.2, random_state=0)
results = nested_cross_validate(searches, X, y, cv=outer)
print(results)

# %%
# The gain says for each learner what tuning was worth: very much for one whose defaults are made for another scale of
# the target, nothing for another. A comparison of tuned learners alone would not show that, and one of learners with
# their defaults would rank them wrongly.

errors = {name: -mean for name, mean in zip(results.table_["search"], results.table_["mean"], strict=True)}
for name in searches:
    print(f"{name:11} error {errors[name]:.1f} tuned, {errors[f'{name} (defaults)']:.1f} with defaults")

# %%
# The intervals of the learners overlap, but that says little: a split that is hard for one is hard for the others. A
# comparison looks at the differences on the same split, and corrects for training rows that splits share. With
# ``rope=1`` a difference of less than 1 counts as none.

table = results.compare(reference="ridge", rope=1)
is_search = np.isin(np.asarray(table["model"], dtype=str), list(searches))
others = {name: np.asarray(table[name])[is_search] for name in ("model", "difference", "low", "high")}
odds = np.array([np.asarray(table[f"p_{kind}"], dtype=float)[is_search] for kind in ("worse", "equivalent", "better")])
for name, difference, low, high, (worse, equivalent, better) in zip(*others.values(), odds.T, strict=True):
    print(f"{name:11} minus ridge: score {difference:+.2f}, interval of 95 % [{low:+.2f}, {high:+.2f}]; ", end="")
    print(f"worse with probability {worse:.2f}, as good {equivalent:.2f}, better {better:.2f}")

# %%
# There is no reason here to take anything but the simplest of them. The final model is that search on all rows. Its
# score is the one of the procedure: it is for a model that was tuned and fitted in this way on four fifths of the rows.
# It would be a little too good if many learners had been compared, and the best was reported because it was the best.

final = results.fit_final("ridge", X, y)
print(final.best_params_)
print(final.nested_score_)

# %%
# Left, the errors on each split, joined by lines, and their means. Right, the probabilities of the comparison.

figure, (lines, bars) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=(5, 4))
columns = [*searches, "dummy"]
by_split = np.array([-results.cross_validate_[name]["test_score"] for name in columns])
lines.plot(columns, by_split, ".-", color="0.7", linewidth=1)
lines.plot(columns, by_split.mean(axis=1), "D", color="C0", label="mean of the splits")
lines.set_ylabel("error (RMSE) on the outer split")
lines.legend(loc="upper left")
left = np.zeros(odds.shape[1])
for kind, share, color in zip(("worse", "as good, within 1", "better"), odds, ("C3", "0.8", "C2"), strict=True):
    bars.barh(others["model"], share, left=left, color=color, label=kind)
    left += share
bars.set(xlabel="probability", title="compared with ridge", xlim=(0, 1), ylim=(1.5, -0.9))
bars.legend(loc="upper center", ncols=3, fontsize="small", columnspacing=1)
figure.savefig("compare_learners.png")
print("Errors and probabilities are drawn in compare_learners.png")
