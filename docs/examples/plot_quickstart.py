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
# Where the candidates lie. The grid spends as much on the dark corners as on the plateau; the sampler, once its first
# candidates, drawn at random, have shown it the plateau, stays near it.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
for ax, search in zip(axes, (grid, sampled), strict=True):
    table = search.cv_results_
    C, gamma = (np.asarray(table[f"param_svc__{name}"], dtype=float) for name in ("C", "gamma"))
    points = ax.scatter(C, gamma, c=table["mean_test_score"], vmin=0, vmax=1, s=60, edgecolor="gray")
    ax.set(xscale="log", yscale="log", xlabel="C", title=f"{type(search).__name__}, {len(C)} candidates")
axes[0].set_ylabel("gamma")
figure.colorbar(points, ax=axes, label="cross-validated accuracy")
figure.savefig("quickstart.png")
print("Where the candidates lie is drawn in quickstart.png")
