"""The versions that a report of a bug needs."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from sk_optuna._version import __version__

_NEEDED = ("scikit-learn", "optuna", "numpy", "scipy", "joblib")
# Distributions that bring the same package stand side by side.
_OPTIONAL = (
    "pandas",
    "polars",
    "matplotlib",
    "plotly",
    "ipython",
    "torch",
    "skorch",
    "lightning",
    "pytorch-lightning",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "catboost",
    "cmaes",
    "distributed",
    "ray",
    "sqlalchemy",
    "psycopg",
)


def show_versions() -> None:
    """Print the versions of Python, of the packages that sk_optuna needs, and of those that it can use, for a report.

    Nothing is imported for it. An optional package that is not installed is left out.

    See Also
    --------
    sklearn.show_versions : Prints the libraries that compute, too, such as BLAS and OpenMP.

    Examples
    --------
    >>> import sk_optuna
    >>> sk_optuna.show_versions()  # doctest: +ELLIPSIS
    Python ...
    sk-optuna ...
    """
    rows = {"Python": sys.version.split()[0], "platform": platform.platform(), "cores": str(os.cpu_count())}
    rows["sk-optuna"] = __version__  # metadata of an editable install are those of the day on which it was installed
    for name in (*_NEEDED, *_OPTIONAL):
        try:
            rows[name] = version(name)
        except PackageNotFoundError:
            if name in _NEEDED:
                rows[name] = "not installed as a package"
    for name, text in rows.items():
        print(f"{name:18}{text}")
