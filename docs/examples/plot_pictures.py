"""
The pictures of a search
========================

What can be seen of a search that is over?

:doc:`Read the pictures </pictures>` says what each mark means.
"""

# %%
# A search whose candidates are stopped between epochs: logistic regression by stochastic gradient descent on
# handwritten digits. The first alternative has a penalty with a mix, the second one has not.

import matplotlib.pyplot as plt
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV
from sk_optuna.displays import (
    FoldScoresDisplay,
    LearningCurvesDisplay,
    ParallelCoordinateDisplay,
    ParamHeatmapDisplay,
    ParamImportancesDisplay,
    ParamSliceDisplay,
    SearchHistoryDisplay,
)

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]
model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", max_iter=10, random_state=0))
shared = {"sgdclassifier__alpha": loguniform(1e-6, 1e1), "sgdclassifier__average": [False, True]}
space = [
    {"sgdclassifier__penalty": ["elasticnet"], "sgdclassifier__l1_ratio": uniform(0, 1), **shared},
    {"sgdclassifier__penalty": ["l2"], **shared},
]
search = OptunaSearchCV(model, space, n_trials=40, cv=5, pruner="race", report="epoch", random_state=0).fit(X, y)
states = list(search.cv_results_["trial_state"])
print(f"{states.count('COMPLETE')} complete, {states.count('PRUNED')} stopped; best {search.best_score_:.4f}")

# %%
# Which values are good? A panel for each parameter, the most important one first.

slices = ParamSliceDisplay.from_search(search)
slices.figure_.savefig("pictures.png")

# %%
# Which parameters matter, and how sure is that?

importances = ParamImportancesDisplay.from_search(search)

# %%
# Which values are good together?

plane = ParamHeatmapDisplay.from_search(search, params=["sgdclassifier__alpha", "sgdclassifier__l1_ratio"])

# %%
# All parameters at once. The best lines show where good candidates agree.

lines = ParallelCoordinateDisplay.from_search(search, best=0.2)

# %%
# Does it still get better? Horizontally are the fits, of which stopped candidates take fewer.

history = SearchHistoryDisplay.from_search(search, x="fits")

# %%
# How does a candidate do on each fold, and what was spared?

folds = FoldScoresDisplay.from_search(search)

# %%
# After which epoch were candidates stopped?

curves = LearningCurvesDisplay.from_search(search)

# %%
# Any of them draws on axes of yours. The numbers are in `frame()`.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
history.plot(left)
importances.plot(right)
print(history.frame())
