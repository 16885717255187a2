"""Estimators that grow by rounds: boosters and forests, whose parameter says how many trees or iterations there are.

A round is much shorter than an epoch of a network, and a score after each would take longer than the training. So they
report after a period of rounds, which is the same for all candidates, since a judge compares them at the same round.
"""

from typing import Any, NamedTuple

from sk_optuna.epochs._libraries import rounds_of_booster

N_LOOKS = 50
"""Reports of a candidate with the most rounds in the space."""
PREDICTS = ("predict", "predict_proba", "decision_function")
"""Methods by which an estimator predicts what a scorer asks for."""


class RoundsParameter(NamedTuple):
    """The parameter of an estimator that says how many rounds its fit makes.

    Attributes
    ----------
    names : tuple of str
        Its name, and other names that the estimator takes for it.
    value : int
        Its value in this estimator.
    """

    names: tuple[str, ...]
    value: int


def rounds_parameter(leaf: Any) -> RoundsParameter | None:
    """Return the parameter of an estimator that grows by rounds; None for those that count passes over the rows."""
    if not hasattr(leaf, "get_params") or isinstance(leaf, type):
        return None
    if hasattr(leaf, "fit_epochs"):
        return leaf.rounds_parameter() if hasattr(leaf, "rounds_parameter") else None
    if (of_booster := rounds_of_booster(leaf)) is not None:
        return RoundsParameter(*of_booster)
    params = leaf.get_params(deep=False)
    if "warm_start" not in params:
        return None
    if inherits(leaf, "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        return RoundsParameter(("max_iter",), params["max_iter"])
    if "n_estimators" in params and not (hasattr(leaf, "partial_fit") and "max_iter" in params):
        return RoundsParameter(("n_estimators",), params["n_estimators"])
    return None


def inherits(leaf: Any, *names: str) -> bool:
    """Return whether an estimator is of one of these classes of sklearn.ensemble, or derived from it."""
    return any(base.__name__ in names and _is_of_ensemble(base) for base in type(leaf).__mro__)


def is_as_in_ensemble(leaf: Any, *methods: str) -> bool:
    """Return whether these methods of an estimator, as far as it has them, are those of sklearn.ensemble.

    A class that is derived from one of them may train or predict in a way of its own.
    """
    owners = (next((base for base in type(leaf).__mro__ if name in vars(base)), None) for name in methods)
    return all(owner is None or _is_of_ensemble(owner) for owner in owners)


def _is_of_ensemble(base: type) -> bool:
    return base.__module__.startswith("sklearn.ensemble.")
