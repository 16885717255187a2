"""
Lasso or ridge, each with its own alpha
=======================================

Both linear models have a penalty ``alpha``, but not on the same scale. How is a search to choose between the models and
tune the one it chose? And does it matter whether a candidate is scored on one hold-out set or by k-fold?
"""

# %%
# The data: ten measurements of each patient, and how far diabetes had progressed a year later. A quarter is for the
# test: no search sees it. The error is a root mean square, in the units of the target; scores are maximized, so the
# score is minus the error.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold, ShuffleSplit, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = Pipeline([("scale", StandardScaler()), ("model", Lasso())])
options = {"scoring": "neg_root_mean_squared_error", "n_trials": 20, "random_state": 0}
print(f"{len(X_train)} rows for the searches, {len(X_test)} held out")

# %%
# Lasso alone, each candidate scored on one fifth of the rows.

hold_out = ShuffleSplit(1, test_size=0.2, random_state=0)
lasso_alphas, ridge_alphas = loguniform(1e-2, 1e2), loguniform(1e-1, 1e5)
alone = OptunaSearchCV(model, {"model__alpha": lasso_alphas}, cv=hold_out, **options).fit(X_train, y_train)
print(f"Lasso: alpha {alone.best_params_['model__alpha']:.3g}, error {-alone.best_score_:.2f}")

# %%
# Lasso or ridge: a list with a dict for each of the alternatives. Lasso divides the sum of squared errors by twice the
# number of rows before it adds its penalty, ridge does not. So each has a range of its own, and the sampler learns
# about each alpha separately. (With the same range in both the sampler would take them for one parameter.) The number
# of candidates is the same, so that fewer are left for each model.

alternatives = [
    {"model": [Lasso()], "model__alpha": lasso_alphas},
    {"model": [Ridge()], "model__alpha": ridge_alphas},
]
either = OptunaSearchCV(model, alternatives, cv=hold_out, **options).fit(X_train, y_train)
print(f"Lasso or ridge: {either.best_params_}, error {-either.best_score_:.2f}")

# %%
# The same space as a function, in Optuna's manner: it suggests values under names of its own and returns the model's
# parameters. It is the same search, candidate for candidate.


def by_hand(trial):
    if trial.suggest_categorical("kind", ["lasso", "ridge"]) == "lasso":
        return {"model": Lasso(), "model__alpha": trial.suggest_float("lasso_alpha", 1e-2, 1e2, log=True)}
    return {"model": Ridge(), "model__alpha": trial.suggest_float("ridge_alpha", 1e-1, 1e5, log=True)}


written = OptunaSearchCV(model, by_hand, cv=hold_out, **options).fit(X_train, y_train)
same = np.array_equal(written.cv_results_["mean_test_score"], either.cv_results_["mean_test_score"])
print(f"The function's candidates have the same scores: {same}")
print(f"Parameters of its best trial: {written.best_trial_.params}")

# %%
# A hold-out set is a matter of luck, and so are the folds. So the search is run on several hold-out sets, and on as
# many divisions into five folds.

N_SPLITS = 6
kinds = {
    "hold-out": [ShuffleSplit(1, test_size=0.2, random_state=seed) for seed in range(N_SPLITS)],
    "5-fold": [KFold(5, shuffle=True, random_state=seed) for seed in range(N_SPLITS)],
}
searches = {
    kind: [OptunaSearchCV(model, alternatives, cv=cv, **options).fit(X_train, y_train) for cv in splits]
    for kind, splits in kinds.items()
}


def errors_of(search, estimator):
    """Return the alphas of the candidates with this estimator, and their errors."""
    table = search.cv_results_
    own = np.array([isinstance(each, estimator) for each in table["param_model"]])
    return np.asarray(table["param_model__alpha"], dtype=float)[own], -table["mean_test_score"][own]


print(f"\n{'scored by':9} {'fits':>5}  lasso chosen  best error: mean (range)  between the models  test error")
for kind, fitted in searches.items():
    n_fits = len(fitted[0].cv_results_["params"]) * fitted[0].n_splits_
    lassos = sum(isinstance(search.best_params_["model"], Lasso) for search in fitted)
    best = [-search.best_score_ for search in fitted]
    between = [abs(errors_of(search, Lasso)[1].min() - errors_of(search, Ridge)[1].min()) for search in fitted]
    test = np.mean([-search.score(X_test, y_test) for search in fitted])
    print(
        f"{kind:9} {n_fits:5d}  {lassos:5d} of {N_SPLITS}  {np.mean(best):12.1f} ({min(best):.1f} to {max(best):.1f})"
        f"  {np.mean(between):18.2f}  {test:10.2f}"
    )

# %%
# How large the error is said to be depends on the rows of a hold-out set far more than on the model: between the best
# lasso and the best ridge there is little to choose, and from one hold-out set to the next there is a good deal. Five
# folds cost five times the fits; every row is once in a test part, and the error hardly moves from one division to the
# next. (It would move more with other patients, which no division shows.) The models chosen in the end are about
# equally good on the test rows: where the curves are flat, a poor estimate of the error still leads to a good alpha.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, estimator in zip(axes, (Lasso, Ridge), strict=True):
    for color, (kind, fitted) in zip(("C1", "C0"), searches.items(), strict=True):
        for number, search in enumerate(fitted):
            alphas, errors = errors_of(search, estimator)
            order = np.argsort(alphas)
            ax.plot(alphas[order], errors[order], ".-", linewidth=1, color=color, label=None if number else kind)
    ax.set(xscale="log", xlabel="alpha", title=estimator.__name__)
axes[0].set_ylabel("error (RMSE) of the candidates")
axes[0].legend(title="a line for each search")
figure.savefig("conditional_space.png")
print("The candidates of all searches are drawn in conditional_space.png")
