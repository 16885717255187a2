"""Estimators that grow by rounds: boosters and forests, whose parameter says how many trees or iterations there are.

A round is much shorter than an epoch of a network, and a score after each would take longer than the training. So they
report after a period of rounds, which is the same for all candidates, since a judge compares them at the same round.
"""

from typing import Any, NamedTuple

from sk_optuna.epochs._libraries import rounds_of_booster

N_LOOKS = 50
"""Reports of a candidate with the most rounds in the space."""


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
    if hasattr(leaf, "fit_epochs") or not hasattr(leaf, "get_params") or isinstance(leaf, type):
        return None
    if (of_booster := rounds_of_booster(leaf)) is not None:
        return RoundsParameter(*of_booster)
    params = leaf.get_params(deep=False)
    if "warm_start" not in params:
        return None
    if is_histogram_boosting(leaf):
        return RoundsParameter(("max_iter",), params["max_iter"])
    if "n_estimators" in params and not (hasattr(leaf, "partial_fit") and "max_iter" in params):
        return RoundsParameter(("n_estimators",), params["n_estimators"])
    return None


def is_histogram_boosting(leaf: Any) -> bool:
    """Return whether an estimator is scikit-learn's boosting of trees on histograms, or derived from it."""
    return any(base.__name__.startswith("HistGradientBoosting") for base in type(leaf).__mro__)
