"""The boosters that are followed, of LightGBM, XGBoost and CatBoost: found by the module of an estimator's class."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple, Protocol

from sk_optuna.epochs import _catboost, _lightgbm, _xgboost
from sk_optuna.epochs._boosters import HeldOut, has_own_evaluation_set, names_evaluation_set
from sk_optuna.epochs._leaf import leaf_of, name_of_leaf
from sk_optuna.epochs._params import fit_plainly
from sk_optuna.epochs._protocol import EpochMonitor
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import current_fold


class Follower(Protocol):
    """The functions of a library's file."""

    def rounds(self, leaf: Any) -> tuple[tuple[str, ...], Any]:
        """Return the names of the number of rounds, and its value."""

    def refusal(self, leaf: Any) -> str | None:
        """Return why a booster cannot be followed; None if it can."""

    def patience(self, leaf: Any) -> tuple[str, int] | None:
        """Return the parameter by which a booster stops early, and its value; None if it does not."""

    def changes_rounds(self, leaf: Any) -> str | None:
        """Return the parameter by which later rounds of a booster change those before; None if they do not."""

    def stop_early(
        self, leaf: Any, y: Any, held_out: HeldOut, n_iter_no_change: int, fit_params: Mapping[str, Any]
    ) -> Any:
        """Return arguments of `fit` by which a booster stops early on rows that are held out."""

    def n_rounds_kept(self, leaf: Any) -> int:
        """Return the number of rounds with which a fitted booster predicts."""

    def fit(self, leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
        """Fit a booster, and report its rounds."""

    def in_share(self, leaf: Any) -> AbstractContextManager[None]:
        """Return a context in which a booster has the number of threads that is its fold's share of the cores."""


class Library(NamedTuple):
    """A library of boosters.

    Attributes
    ----------
    name : str
        The name of its module.
    base : str
        The class from which its estimators are derived.
    oldest : tuple of int
        The oldest version whose estimators are scikit-learn's of the oldest version that is supported.
    follower : Follower
        How they are followed.
    patience : str
        The parameter by which they stop early.
    """

    name: str
    base: str
    oldest: tuple[int, ...]
    follower: Follower
    patience: str


LIBRARIES = (
    Library("lightgbm", "LGBMModel", (4, 6), _lightgbm, "early_stopping_round"),
    Library("xgboost", "XGBModel", (2, 1, 4), _xgboost, "early_stopping_rounds"),
    Library("catboost", "CatBoost", (1, 2, 9), _catboost, "early_stopping_rounds"),
)


def library_of(leaf: Any) -> Library | None:
    """Return the library of a booster; None for every other estimator."""
    if isinstance(leaf, type):
        return None
    for base in type(leaf).__mro__:
        for library in LIBRARIES:
            if base.__name__ == library.base and base.__module__.partition(".")[0] == library.name:
                return library
    return None


def how_to_follow(leaf: Any) -> Callable[..., Any] | None:
    """Return the function that fits a booster and reports its rounds; None for other estimators, and if it cannot be.

    The function raises InvalidArgumentError where a candidate would stop on the test rows, unsaid.
    """
    library = library_of(leaf)
    return None if library is None or reason_not_to_follow(leaf) is not None else partial(_fit, library)


def how_to_fit_in_share(leaf: Any) -> Callable[..., Any] | None:
    """Return the function that fits a booster on its fold's share of the cores; None where nothing is to be changed."""
    library, fold = library_of(leaf), current_fold()
    return None if library is None or fold is None or fold.n_threads is None else partial(_fit_in_share, library)


def reason_not_to_follow(leaf: Any) -> str | None:
    """Return in words why a booster cannot be followed; None if it can, and for other estimators."""
    library = library_of(leaf)
    if library is None:
        return None
    version = str(getattr(sys.modules.get(library.name), "__version__", ""))
    if version and tuple(map(int, re.findall(r"\d+", version)[:3])) < library.oldest:
        oldest = ".".join(map(str, library.oldest))
        return f"rounds are followed by hooks of {library.name} {oldest} or newer, and this is {version}"
    return library.follower.refusal(leaf)


def rounds_of_booster(leaf: Any) -> tuple[tuple[str, ...], Any] | None:
    """Return the names of a booster's number of rounds, and its value; None for other estimators."""
    library = library_of(leaf)
    return None if library is None else library.follower.rounds(leaf)


def check_early_stopping(estimator: Any, names: Iterable[str], fit_params: Iterable[str]) -> None:
    """Refuse a booster that would stop early on the test rows of each fold, for a search that keeps the last round.

    Parameters
    ----------
    estimator : estimator
        The estimator that is tuned.
    names : iterable of str
        The parameters that are searched.
    fit_params : iterable of str
        The names of the arguments of its `fit`. If there is an evaluation set among them, it stops by that.

    Raises
    ------
    InvalidArgumentError
        Where it would.
    """
    leaf = leaf_of(estimator)
    library = library_of(leaf)
    if library is None or names_evaluation_set(fit_params):
        return
    own = library.follower.patience(leaf)
    searched = name_of_leaf(estimator) + library.patience
    if own is not None:
        raise _stops_on_test_rows(leaf, f"{own[0]}={own[1]}")
    if searched in names:
        raise _stops_on_test_rows(leaf, f"{searched!r} in the space")


def _fit(library: Library, leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    stops = library.follower.patience(leaf)
    is_own = monitor.valid_rows is None or monitor.keeps_best or has_own_evaluation_set(fit_params)
    if stops is not None and not is_own:
        raise _stops_on_test_rows(leaf, f"{stops[0]}={stops[1]}")
    return library.follower.fit(leaf, X, y, monitor, **fit_params)


def _fit_in_share(library: Library, leaf: Any, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Any:
    with library.follower.in_share(leaf):
        fit_plainly(leaf, X, y, fit_params)
    return leaf


def _stops_on_test_rows(leaf: Any, which: str) -> InvalidArgumentError:
    name = type(leaf).__name__
    return InvalidArgumentError(
        f"{name} with {which} stops early by an evaluation set, and in a search with report='epoch' that would be the "
        "test rows of each fold, which makes scores too good. To hold out rows of the training part instead, use "
        f"sk_optuna.boosting.EarlyStoppingBooster({name}(...)) without that parameter. To choose the round on the "
        "test rows all the same, use checkpoint='best'."
    )
