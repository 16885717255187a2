"""A space written as a function of the trial, for conditions that no list of dicts can say."""

from collections.abc import Callable, Mapping
from typing import Any

from optuna import Trial, TrialPruned

from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._choices import is_plain, plain
from sk_optuna.spaces._parameter_names import check_params


class DefineByRunSpace:
    """A callable ``space(trial) -> dict`` that suggests each parameter with Optuna's own methods.

    Only a call tells its parameters: the space has no size, combinations may repeat, and each new set of names is
    checked against `estimator`.
    """

    size: None = None
    is_grid = False
    is_conditional = True

    def __init__(self, function: Callable[[Trial], Mapping[str, Any]], estimator: Any) -> None:
        self._function = function
        self._estimator = estimator
        self._checked: set[frozenset[str]] = set()

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Call the function and return the estimator's parameters."""
        try:
            params = self._function(trial)
        except TrialPruned as pruned:
            raise InvalidSpaceError(
                "A callable param_distributions must return a dict for every trial, but it raised "
                f"optuna.TrialPruned({str(pruned)!r}): there is nothing to prune before the first fold. Suggest values "
                "so that each combination can be fitted; one that fails is scored by error_score."
            ) from pruned
        if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
            name = getattr(self._function, "__qualname__", repr(self._function))
            raise InvalidSpaceError(
                f"A callable param_distributions must return a dict from parameter names to values, but {name}(trial) "
                f"returned {params!r} of type {type(params).__name__}. End it with, for example, "
                "return {'C': trial.suggest_float('C', 1e-3, 1e3, log=True)}."
            )
        names = frozenset(params)
        if names not in self._checked:
            check_params(self._estimator, params)
            self._checked.add(names)
        return dict(params)

    def fix(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `params`; only `suggest` can tell whether the space contains them."""
        return params

    def fix_known(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of `params` that a study can store; only `suggest` can tell which the space contains."""
        return {name: plain(value) for name, value in params.items() if is_plain(value)}
