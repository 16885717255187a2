"""The record of the parameters that the outer folds of a search chose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._nested_tables import by_fold, check_nested, column, known_names

_SHARES = ("active_share", "modal_share", "spread", "space_low", "space_high")


# Not frozen: a display is its own record, and users may change it before they draw it again.
@dataclass(kw_only=True, eq=False, repr=False)
class ParamStabilityRecord:
    """Choices of one search by parameter and outer fold.

    Parameters
    ----------
    search : str
        Name of the search.
    parameter : sequence of str of length n_parameters
        Names of the parameters that any outer fold chose.
    chosen : ndarray of object of shape (n_parameters, n_outer_folds)
        The chosen values; None where there is no choice.
    is_set : ndarray of bool of shape (n_parameters, n_outer_folds)
        True where the parameter was there; a conditional one may not be.
    failed : ndarray of bool of shape (n_outer_folds,)
        True for outer folds that failed, and chose nothing.
    is_numeric : ndarray of bool of shape (n_parameters,)
        True for parameters of which all choices are numbers.
    space_low, space_high : ndarray of shape (n_parameters,)
        Bounds of the space; NaN where they are not known.
    space_log : ndarray of bool of shape (n_parameters,)
        True where the space is log.
    active_share : ndarray of shape (n_parameters,)
        Share of the folds with a choice in which the parameter was there.
    mode : sequence of str of length n_parameters
        The choice made most often.
    modal_share : ndarray of shape (n_parameters,)
        Its share among folds in which the parameter was there.
    spread : ndarray of shape (n_parameters,)
        Distance of the lowest and the highest choice as a share of the range; NaN for what is no number.
    """

    search: str
    parameter: Sequence[str]
    chosen: np.ndarray
    is_set: np.ndarray
    failed: np.ndarray
    is_numeric: np.ndarray
    space_low: np.ndarray
    space_high: np.ndarray
    space_log: np.ndarray
    active_share: np.ndarray
    mode: Sequence[str]
    modal_share: np.ndarray
    spread: np.ndarray

    def columns(self) -> dict[str, np.ndarray]:
        """Return the choices as columns, one row for each point, by parameter and outer fold.

        Returns
        -------
        dict of str to ndarray of shape (n_parameters * n_outer_folds,)
            `parameter`, `outer_fold`, `chosen`, `is_set` and `failed`; and, the same for all folds of a parameter,
            `mode`, `modal_share`, `active_share`, `spread`, `space_low` and `space_high`.
        """
        n_parameters, n_folds = self.chosen.shape
        return {
            "parameter": np.repeat(np.asarray(self.parameter, dtype=object), n_folds),
            "outer_fold": np.tile(np.arange(n_folds), n_parameters),
            "chosen": self.chosen.ravel(),
            "is_set": self.is_set.ravel(),
            "failed": np.tile(self.failed, n_parameters),
            "mode": np.repeat(np.asarray(self.mode, dtype=object), n_folds),
            **{name: np.repeat(getattr(self, name), n_folds) for name in _SHARES},
        }


def param_stability_record(results: Any, *, search: str | None = None) -> ParamStabilityRecord:
    """Record the choices of one search of nested results.

    Parameters
    ----------
    results : NestedCVResults
        The results.
    search : str or None, default=None
        Name of the search; None for the best one that has choices.

    Raises
    ------
    InvalidArgumentError
        Where `results` are no nested results, there is no such search, or it chose nothing.
    """
    check_nested(results)
    stability = results.stability_
    with_choices = set(column(stability, "search"))
    names = [str(name) for name in column(results.table_, "search")]
    searches = [name for name in names if name in with_choices]
    if search is None and not searches:
        raise InvalidArgumentError(
            "There are no chosen parameters to draw: no row is a search that chose some on any outer fold. See "
            "results.errors_ for searches that failed."
        )
    (name,) = known_names(search, names, searches[:1])
    if name not in with_choices:
        raise InvalidArgumentError(
            f"There are no chosen parameters of {name!r} to draw: it is no search, or failed on every outer fold. "
            f"The rows with choices are {searches}."
        )
    here = column(stability, "search") == name
    of_search = {key: column(stability, key)[here] for key in (*_SHARES, "space_log", "low", "mode", "parameter")}
    (params,), (errors,) = (by_fold(results.outer_, [name], key) for key in ("params", "error"))
    chosen = np.full((here.sum(), len(params)), None, dtype=object)
    is_set = np.zeros(chosen.shape, dtype=bool)
    for i, parameter in enumerate(of_search["parameter"]):
        for fold, choice in enumerate(params):
            if parameter in choice:
                chosen[i, fold], is_set[i, fold] = choice[parameter], True
    return ParamStabilityRecord(
        search=name,
        parameter=[str(each) for each in of_search["parameter"]],
        chosen=chosen,
        is_set=is_set,
        failed=errors != "",
        is_numeric=np.isfinite(of_search["low"].astype(float)),
        space_log=of_search["space_log"].astype(bool),
        mode=[str(each) for each in of_search["mode"]],
        **{key: of_search[key].astype(float) for key in _SHARES},
    )
