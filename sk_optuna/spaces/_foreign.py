"""Refuse spaces written for another library, and show the spelling that this package takes.

A dimension of scikit-optimize has an `rvs`, an expression of Hyperopt has a length: without this check the first would
pass for a random variable, the second for a list. Their modules' names tell them; these libraries are not imported.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from sk_optuna.exceptions import InvalidSpaceError

_LIBRARIES = {
    "skopt": "scikit-optimize",
    "hyperopt": "Hyperopt",
    "ray": "Ray Tune",
    "flaml": "FLAML",
    "ConfigSpace": "ConfigSpace",
}
_PRIORS = {"uniform": False, "log-uniform": True, "loguniform": True, "log_uniform": True, "log": True}
_FORMS = "a list of values, scipy.stats.loguniform(low, high) or optuna.distributions.IntDistribution(low, high)"


def refuse_foreign(label: str, written: Any) -> None:
    """Raise InvalidSpaceError if `written` belongs to another library's spaces.

    Parameters
    ----------
    label : str
        The argument or parameter, for the error.
    written : object
        The user's spelling.
    """
    library = _library_of(written)
    if library is not None:
        raise InvalidSpaceError(
            f"{label} is written for {library} (its class is {type(written).__name__}), but a search takes lists, "
            "scipy.stats distributions and optuna.distributions distributions. Write "
            f"{_counterpart(written) or _FORMS} instead."
        )


def warn_of_range(label: str, written: Any) -> None:
    """Warn where a list of values looks like scikit-optimize's ``(low, high, "log-uniform")``."""
    if not isinstance(written, list | tuple) or not 3 <= len(written) <= 4:
        return
    low, high, prior = written[:3]
    if isinstance(prior, str) and prior in _PRIORS and all(map(_is_number, (low, high, *written[3:]))):
        as_range = _as_range(low, high, log=_PRIORS[prior], whole=isinstance(low, int) and isinstance(high, int))
        warnings.warn(
            f"{label} is taken as a list of {len(written)} values, {written!r}. Was a range meant, as scikit-optimize "
            f"writes it? Then write {as_range}.",
            UserWarning,
            stacklevel=2,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _library_of(written: Any) -> str | None:
    if isinstance(written, Mapping) and set(written) == {"grid_search"}:
        return _LIBRARIES["ray"]
    roots = (base.__module__.partition(".")[0] for base in type(written).__mro__)
    return next((_LIBRARIES[root] for root in roots if root in _LIBRARIES), None)


def _counterpart(written: Any) -> str | None:
    """Return the same space in our spelling; None where `written` does not tell it."""
    if isinstance(written, Mapping):
        values = written.get("grid_search")
        return repr(values) if isinstance(values, list) else None
    if hasattr(written, "pos_args"):
        return _of_hyperopt(written)
    for name in ("categories", "choices", "sequence"):
        if isinstance(getattr(written, name, None), list | tuple):
            return repr(list(getattr(written, name)))
    low: Any = getattr(written, "low", getattr(written, "lower", None))
    high: Any = getattr(written, "high", getattr(written, "upper", None))
    if not (_is_number(low) and _is_number(high)):
        return None
    sampler = type(getattr(written, "sampler", None)).__name__
    log = getattr(written, "log", None) is True or _PRIORS.get(getattr(written, "prior", ""), "Log" in sampler)
    whole = "Int" in type(written).__name__
    # the upper bound of Ray Tune's integers is exclusive
    excluded = whole and hasattr(written, "sampler")
    return _as_range(low, high - 1 if excluded else high, log=log, whole=whole)


def _of_hyperopt(expression: Any) -> str | None:
    """Translate an expression of ``hp.uniform`` and the like: a distribution inside of conversions and a label."""
    while expression.name in ("float", "int", "hyperopt_param"):
        expression = expression.pos_args[expression.name == "hyperopt_param"]
    arguments = [*expression.pos_args, *(value for _, value in expression.named_args)]
    if expression.name == "switch":
        arguments = arguments[1:]
    if not all(argument.name == "literal" for argument in arguments):
        return None
    values = [argument.obj for argument in arguments]
    return repr(values) if expression.name == "switch" else _by_name_in_hyperopt(expression.name, values)


def _by_name_in_hyperopt(name: str, values: Sequence[Any]) -> str | None:
    match name, *values:
        case "uniform", low, high:
            return _as_range(low, high, log=False, whole=False)
        case "loguniform", low, high:
            return _as_range(math.exp(low), math.exp(high), log=True, whole=False)
        case "quniform" | "uniformint", low, high, step:
            return _as_range(low, high, log=False, whole=float(step).is_integer(), step=step)
        case "randint", high:
            return _as_range(0, high - 1, log=False, whole=True)
        case "randint", low, high:
            return _as_range(low, high - 1, log=False, whole=True)
        case "normal", mean, deviation:
            return f"scipy.stats.norm({mean}, {deviation})"
        case "lognormal", mean, deviation:
            return f"scipy.stats.lognorm({deviation}, scale={math.exp(mean):.6g})"
    return None


def _as_range(low: Any, high: Any, *, log: bool, whole: bool, step: Any = 1) -> str:
    """Write a range as a distribution with the same bounds."""
    bounds = f"{low:.0f}, {high:.0f}" if whole else f"{low:.12g}, {high:.12g}"
    if whole:
        more = ", log=True" if log else f", step={step:.0f}" if step != 1 else ""
        return f"optuna.distributions.IntDistribution({bounds}{more})"
    if log:
        return f"scipy.stats.loguniform({bounds}) or optuna.distributions.FloatDistribution({bounds}, log=True)"
    more = f", step={step:.12g}" if step != 1 else ""
    return f"optuna.distributions.FloatDistribution({bounds}{more})"
