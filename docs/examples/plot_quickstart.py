"""
GridSearchCV beside OptunaSearchCV
==================================

How many fits does it take to tune a support vector machine on handwritten digits?
"""

# %%
# The data: 1797 images of 8 x 8 pixels, a quarter of them held out.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
model = make_pipeline(StandardScaler(), SVC())

# %%
# The grid: 7 x 6 combinations, five folds each.

grid = GridSearchCV(model, {"svc__C": np.logspace(-2, 4, 7), "svc__gamma": np.logspace(-5, 0, 6)})

# %%
# The same ranges, sampled: one word changed, and distributions instead of lists.

space = {"svc__C": loguniform(1e-2, 1e4), "svc__gamma": loguniform(1e-5, 1e0)}
sampled = OptunaSearchCV(model, space, n_trials=20, random_state=0)

# %%
# Both, with what they cost and what they found.

for search in (grid, sampled):
    start = time.perf_counter()
    search.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    n_fits = len(search.cv_results_["params"]) * search.n_splits_
    print(
        f"{type(search).__name__:15} {n_fits:4d} fits  {seconds:5.1f} s  "
        f"cross-validated accuracy {search.best_score_:.4f}  held-out accuracy {search.score(X_test, y_test):.4f}"
    )

# %%
# The best score so far, fit by fit. The grid is ordered, so its curve says as much about the order as about the grid.

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for search in (grid, sampled):
    best_so_far = np.maximum.accumulate(search.cv_results_["mean_test_score"])
    n_fits = search.n_splits_ * np.arange(1, len(best_so_far) + 1)
    axes.step(n_fits, best_so_far, where="post", label=type(search).__name__)
axes.set(xlabel="fits", ylabel="best cross-validated accuracy so far", title="Tuning an SVM on digits")
axes.legend(loc="lower right")
figure.savefig("quickstart.png")
print("The best score so far, fit by fit, is drawn in quickstart.png")
