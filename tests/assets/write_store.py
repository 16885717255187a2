"""Write the store of this version, `store-<version>.db`, beside this file: one for each version that is released.

Run: python tests/assets/write_store.py

The tests open each of them with the versions of today, so that the search is made of nothing that other versions of
scikit-learn or Optuna describe, draw or fit in another way.
"""

from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold

import sk_optuna

X = np.arange(60.0)[:, None] % 7
Y = np.arange(60) % 3
N_TRIALS = 8


class Level(ClassifierMixin, BaseEstimator):
    """Predicts one class, and one more above a level."""

    def __init__(self, level: float = 0.0, label: int = 0, how: str = "above") -> None:
        self.level = level
        self.label = label
        self.how = how

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Level":
        if self.how == "fails":
            raise ValueError("it fails")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        is_above = X[:, 0] > self.level if self.how == "above" else X[:, 0] < self.level
        return np.where(is_above, self.label, (self.label + 1) % 3)


def search(**arguments: object) -> sk_optuna.OptunaSearchCV:
    """Return the search that is in the stores."""
    space = [
        {"level": [0.5, 1.5, 2.5, 3.5, 4.5], "label": [0, 1, 2], "how": ["above", "below"]},
        {"level": [1.0, 2.0], "how": ["fails"]},
    ]
    defaults = {
        "n_trials": N_TRIALS,
        "sampler": "random",
        "pruner": "race",
        "cv": KFold(5, shuffle=True, random_state=0),
        "scoring": {"right": "accuracy", "f1": "f1_macro"},
        "refit": "right",
        "return_train_score": True,
        "random_state": 3,
    }
    return sk_optuna.OptunaSearchCV(Level(), space, **{**defaults, **arguments})


if __name__ == "__main__":
    # as the tests import it, since the name of a class is part of the search
    import write_store

    path = Path(__file__).with_name(f"store-{sk_optuna.__version__}.db")
    path.unlink(missing_ok=True)
    found = write_store.search(storage=path, study_name="kept").fit(X, Y)
    print(path.name, path.stat().st_size, "bytes", list(found.cv_results_["trial_state"]))
