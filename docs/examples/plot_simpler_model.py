"""
The simplest model that is good enough
======================================

A search over the number of principal components takes the one with the best mean score. How many components can be left
out before the folds notice, and what does that cost on images that no fold has seen?
"""

# %%
# The data: 1797 images of 8 x 8 pixels, of which 800 are searched on.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform, randint
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.refit import OneStandardError, PercentLoss

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=800, stratify=y, random_state=0)
model = Pipeline([("pca", PCA(random_state=0)), ("svc", SVC())])
space = {"pca__n_components": randint(3, 40), "svc__C": loguniform(0.1, 100)}

# %%
# Fewer components are simpler; among as many, a smaller C, whose boundary is smoother.

simpler = {"pca__n_components": "low", "svc__C": "low"}
policies = {
    "the best": True,
    "one standard error": OneStandardError(simpler),
    "two percent": PercentLoss(2, simpler=simpler),
}

# %%
# A policy changes the choice, not the candidates: the second and the third search go on from the first one's, and fit
# nothing but their last model.

searches = {}
search = OptunaSearchCV(model, space, n_trials=30, cv=5, random_state=0, warm_start=True)
for name, policy in policies.items():
    search.set_params(refit=policy).fit(X_train, y_train)
    searches[name] = search.best_index_, search.best_params_["pca__n_components"]
    print(
        f"{name:20} {search.best_params_['pca__n_components']:3d} components  "
        f"cross-validated {search.best_score_:.4f}  held out {search.score(X_test, y_test):.4f}"
    )
    if name != "the best":
        print(f"{'':20} {search.refit_choice_}")

# %%
# The same policy in GridSearchCV, whose table it reads as well.

policy = OneStandardError({"pca__n_components": "low"})
grid = GridSearchCV(model, {"pca__n_components": range(4, 40, 4)}, refit=policy).fit(X_train, y_train)
print(grid.best_params_, policy.explain(grid.cv_results_))

# %%
# Each candidate's mean difference to the best one, with the standard error that decides: that of the five paired
# differences, corrected for the training rows that folds share. A candidate whose bar reaches zero is within one.

table = search.cv_results_
scores = np.column_stack([table[f"split{i}_test_score"] for i in range(5)])
differences = scores - scores[searches["the best"][0]]
errors = np.sqrt(differences.var(axis=1, ddof=1) * (1 / 5 + 1 / 4))
components = table["param_pca__n_components"].astype(int)
means = differences.mean(axis=1)

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
near = means + errors >= 0
for which, color, label in ((near, "C0", "within one standard error"), (~near, "lightgray", "further away")):
    ax.errorbar(components[which], means[which], errors[which], fmt="o", color=color, capsize=2, label=label)
ax.axhline(0, color="black", linewidth=0.8)
for (name, (row, _)), marker in zip(searches.items(), "*sD", strict=True):
    ax.plot(components[row], means[row], marker, markersize=13, color="C3", fillstyle="none", label=f"chosen: {name}")
ax.set(xlabel="components", ylabel="accuracy minus that of the best", ylim=(-0.1, 0.02))
ax.legend(loc="lower right")
figure.savefig("simpler_model.png")
print("The choices are drawn in simpler_model.png")
