"""An installed sk_optuna, seen from a folder that is not the clone: `smoke.py VERSION`."""

import pickle
import sys
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import sk_optuna

assert Path(sk_optuna.__file__).is_relative_to(sys.prefix), f"{sk_optuna.__file__} is not the one that was installed"
assert sk_optuna.__version__ == metadata.version("sk-optuna") == sys.argv[1]
assert files("sk_optuna").joinpath("py.typed").is_file()

from sk_optuna import OptunaSearchCV  # noqa: E402

heavy = {"torch", "pandas", "matplotlib", "IPython", "skorch", "lightning"} & set(sys.modules)
assert not heavy, f"import sk_optuna brings {heavy}"

from scipy.stats import loguniform  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

X, y = load_iris(return_X_y=True)
search = OptunaSearchCV(SVC(), {"C": loguniform(0.01, 100)}, n_trials=12, n_jobs=2, pruner="race", random_state=0).fit(
    X, y
)
assert search.best_score_ > 0.9
again = pickle.loads(pickle.dumps(search))
assert (again.predict(X) == search.predict(X)).all()
sk_optuna.show_versions()
