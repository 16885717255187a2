"""Draw the picture on top of README.md, docs/_static/search.png; its caption has the numbers that this prints."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV

X, y = load_digits(return_X_y=True)
space = {
    "svc__C": loguniform(1e-2, 1e3),
    "svc__gamma": loguniform(1e-5, 1e0),
    "scaler": [StandardScaler(), MinMaxScaler()],
}
model = Pipeline([("scaler", StandardScaler()), ("svc", SVC())])
search = OptunaSearchCV(model, space, n_trials=60, n_jobs=2, pruner="race", random_state=0).fit(X[:1000], y[:1000])
figure = search.plot()
figure.savefig(Path(__file__).parent.parent / "docs" / "_static" / "search.png", dpi=100)
stopped = int((search.cv_results_["n_folds_run"] < search.n_splits_).sum())
print(f"{len(search.cv_results_['params'])} candidates, {stopped} stopped, best score {search.best_score_:.4f}")
