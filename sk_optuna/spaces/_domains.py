"""Translate one parameter of the user's space to an Optuna distribution, and stored values back.

Optuna stores floats, integers and choices that are None, bool, int, float or str; users search over estimators,
tuples, arrays and scipy distributions. A domain keeps the user's objects and shows the study plain values only: a study
without objects can be pickled, stored and shown.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats
from sklearn.model_selection import ParameterGrid

from sk_optuna._distributions import Steps, has_finite_bounds, on_step
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._choices import Choices, plain
from sk_optuna.spaces._foreign import refuse_foreign, warn_of_range

# Quantiles stay this far from 0 and 1, where distributions without bounds are infinite and some of scipy's inexact.
_EDGE = 1e-6


class Domain(Protocol):
    """The values one parameter may take."""

    is_list: bool
    """True if the user wrote a list of values, as GridSearchCV takes it."""

    is_ordered: bool
    """True if the study shows choices whose order a sampler may use, since they are numbers that rise or fall."""

    @property
    def distribution(self) -> BaseDistribution:
        """The distribution that the study samples from."""

    def study_name(self, name: str) -> str:
        """Return the name under which the study shows the parameter `name`."""

    def decode(self, stored: Any) -> Any:
        """Return the user's value for a value that the study stored."""

    def encode(self, value: Any) -> Any:
        """Return the value that the study stores for `value`; ValueError if the domain does not contain it."""

    def column(self) -> Sequence[Any] | None:
        """Return all stored values in the user's order, duplicates kept; None if they cannot be counted."""

    def largest(self) -> float | None:
        """Return the largest number among the user's values; None if there is none, or it is not known."""


def domain_of(name: str, written: Any, argument: str = "param_distributions") -> Domain:
    """Return the domain of the parameter `name` from the user's spelling of it.

    Parameters
    ----------
    name : str
        The parameter; errors name it.
    written : list, tuple, range, 1-D array, scipy distribution or Optuna distribution
        The user's spelling.
    argument : str, default="param_distributions"
        The constructor's argument that contains it; errors name it.

    Raises
    ------
    InvalidSpaceError
        If `written` is none of these, is empty, or describes no values.
    """
    label = f"Parameter {name!r} of {argument}"
    if isinstance(written, CategoricalDistribution):
        return Choices(list(written.choices), in_order=False)
    if isinstance(written, FloatDistribution | IntDistribution):
        return Native(_checked_range(label, written))
    if isinstance(written, BaseDistribution):
        raise InvalidSpaceError(
            f"{label} is a {type(written).__name__}; use optuna's FloatDistribution, "
            "IntDistribution or CategoricalDistribution."
        )
    refuse_foreign(label, written)
    if not isinstance(written, type) and (_quantile_function(written) or hasattr(written, "rvs")):
        return _from_random_variable(name, written, argument)
    _check_list(name, written, argument)
    warn_of_range(label, written)
    if isinstance(written, range) and written.step > 0:
        return Native(IntDistribution(written[0], written[-1], step=written.step), is_list=True)
    return Choices(list(written))


def _checked_range(label: str, written: FloatDistribution | IntDistribution) -> FloatDistribution | IntDistribution:
    """Return a range in Optuna's current class; a study keeps the deprecated subclasses apart from it.

    Raises
    ------
    InvalidSpaceError
        If a bound is infinite or no number, which Optuna does not check.
    """
    if not has_finite_bounds(written):
        raise InvalidSpaceError(
            f"{label} must have bounds that are finite numbers, and a finite distance between them, but got {written}. "
            "Give it bounds, for example FloatDistribution(1e-3, 1e3, log=True)."
        )
    kind = FloatDistribution if isinstance(written, FloatDistribution) else IntDistribution
    if type(written) is kind:
        return written
    return kind(written.low, written.high, log=written.log, step=written.step)  # type: ignore[arg-type]


def _check_list(name: str, written: Any, argument: str) -> None:
    """Refuse values of a parameter that GridSearchCV refuses, in its words and with a remedy."""
    try:
        ParameterGrid({name: written})
    except (TypeError, ValueError) as error:
        reason = str(error)
        if repr(name) not in reason:
            reason = f"Parameter grid for parameter {name!r} needs to be a list or a numpy array, but got {written!r}"
        raise InvalidSpaceError(
            f"{reason.rstrip('.')}. In {argument}, write for {name!r} a list with at least one value (list(...) of a "
            "set, a generator or a Series), a frozen scipy.stats distribution, or an optuna.distributions distribution."
        ) from None


class Native:
    """A range of floats or integers, which Optuna models itself; a Python range is one, written as a list."""

    is_ordered = False

    def __init__(self, distribution: FloatDistribution | IntDistribution, *, is_list: bool = False) -> None:
        self.distribution: FloatDistribution | IntDistribution = distribution
        self.is_list = is_list

    def study_name(self, name: str) -> str:
        """Return `name`: the study shows the value itself."""
        return name

    def decode(self, stored: Any) -> Any:
        """Return `stored`, or the nearest step of a range with steps: rounding must not make two values of one."""
        return on_step(self.distribution, stored)

    def encode(self, value: Any) -> Any:
        """Return `value` as a Python number, if it lies in the range."""
        number = _number(value)
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        if isinstance(self.distribution, IntDistribution):
            if low <= number <= high and (number - low) % step == 0:  # type: ignore[operator]
                return int(number)
        elif math.isfinite(number):
            stored = float(on_step(self.distribution, float(number)))
            rounding = 0.0 if step is None else 1e-8 * step + 4 * math.ulp(stored)
            if low <= stored <= high and abs(stored - number) <= rounding:
                return stored
        raise ValueError(f"{value!r} is not in {self.distribution}")

    def column(self) -> Sequence[Any] | None:
        """Return the integers or steps of the range; None for a continuous one."""
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        if step is None:
            return None
        if isinstance(self.distribution, IntDistribution):
            return range(int(low), int(high) + 1, int(step))
        return Steps(low, high, step)

    def largest(self) -> float:
        """Return the upper bound."""
        return self.distribution.high


class Quantile:
    """A distribution that Optuna lacks: the study sees its quantile, uniform between 0 and 1."""

    is_list = False
    is_ordered = False

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self._quantile_function: Callable[[float], Any] = _quantile_function(variable)  # type: ignore[assignment]
        self._discrete = _is_discrete(variable)
        self.distribution = FloatDistribution(_EDGE, 1.0 - _EDGE)

    def study_name(self, name: str) -> str:
        """Return ``quantile(name)``, which says that the study does not show the value itself."""
        return f"quantile({name})"

    def decode(self, stored: Any) -> Any:
        """Return the value at this quantile, as a Python number."""
        value = float(np.asarray(self._quantile_function(stored)).item())
        return int(value) if self._discrete and value.is_integer() else value

    def encode(self, value: Any) -> Any:
        """Return the quantile of `value`; ValueError if `decode` does not lead back to `value`."""
        number = _number(value)
        quantile = float(self._variable.cdf(number))
        if self._discrete:
            # the middle of the step, so that rounding cannot lead to the neighbour
            quantile = (quantile + float(self._variable.cdf(np.nextafter(number, -np.inf)))) / 2
        quantile = float(np.clip(quantile, self.distribution.low, self.distribution.high))
        if not np.isclose(self.decode(quantile), number):
            low, high = self.decode(self.distribution.low), self.decode(self.distribution.high)
            raise ValueError(f"{value!r} is no value between {low:.6g} and {high:.6g} that the distribution takes")
        return quantile

    def column(self) -> None:
        """Return None: its values cannot be counted."""

    def largest(self) -> float:
        """Return the value at the highest quantile."""
        return float(self.decode(self.distribution.high))


class Draw:
    """A random variable with `rvs` only: the study sees the seed of a draw, which no sampler can model."""

    is_list = False
    is_ordered = False

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self.distribution = IntDistribution(0, 2**31 - 1)

    def study_name(self, name: str) -> str:
        """Return ``seed(name)``, which says that the study does not show the value itself."""
        return f"seed({name})"

    def decode(self, stored: Any) -> Any:
        """Return the draw with this seed."""
        return self._variable.rvs(random_state=np.random.RandomState(stored))

    def encode(self, value: Any) -> Any:
        """Raise ValueError: no method finds the seed that draws `value`."""
        raise ValueError(f"{self._variable!r} can only be drawn from, so no value can be asked of it")

    def column(self) -> None:
        """Return None: its values cannot be counted."""

    def largest(self) -> None:
        """Return None: it is not known."""


def _number(value: Any) -> int | float:
    """Return `value` as a Python number; ValueError if it is no number."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{value!r} is not a number")
    return number


def _quantile_function(variable: Any) -> Callable[[float], Any] | None:
    """Return the quantile function of a frozen scipy distribution, old style or new; None if there is none."""
    function = getattr(variable, "ppf", None) or getattr(variable, "icdf", None)
    return function if callable(function) and hasattr(variable, "cdf") else None


def _is_discrete(variable: Any) -> bool:
    """Return whether a scipy distribution, frozen or not, old style or new, takes separate values."""
    family = getattr(variable, "dist", variable)
    return isinstance(family, stats.rv_discrete) or any(
        base.__name__ == "DiscreteDistribution" for base in type(variable).__mro__
    )


def _from_random_variable(name: str, variable: Any, argument: str) -> Domain:
    """Return the equal distribution of Optuna if there is one, else a Quantile, else a Draw."""
    if _quantile_function(variable) is None:
        return Draw(variable)
    low, high = _support(name, variable, argument)
    family = getattr(variable, "dist", variable)
    if isinstance(family, type(stats.randint)):
        return Native(IntDistribution(int(low), int(high)))
    if isinstance(family, type(stats.uniform)):
        return Native(FloatDistribution(low, high))
    # a loguniform shifted by loc is no longer uniform in the logarithm: its median differs
    if isinstance(family, type(stats.loguniform)) and np.isclose(variable.median(), math.sqrt(low * high)):
        return Native(FloatDistribution(low, high, log=True))
    if _is_discrete(variable) and math.isinf(high - low) and not _has_variance(variable):
        # scipy takes very many steps to a quantile, for example of zipf(1.2)
        return Draw(variable)
    quantile = Quantile(variable)
    if not math.isfinite(quantile.decode(0.5)):
        raise InvalidSpaceError(
            f"{_label(name, variable, argument)} must have finite values, but with {_arguments(variable)} "
            f"half of them lie below {quantile.decode(0.5)}. Give it finite arguments."
        )
    return quantile


def _has_variance(variable: Any) -> bool:
    """Return whether the variance is finite, as far as scipy says."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(variable.var())) if hasattr(variable, "var") else True


def _label(name: str, variable: Any, argument: str) -> str:
    family = getattr(variable, "dist", variable)
    family_name = getattr(family, "name", type(family).__name__)
    return f"The scipy distribution {family_name!r} for parameter {name!r} of {argument}"


def _arguments(variable: Any) -> tuple[Any, ...]:
    return (*getattr(variable, "args", ()), *getattr(variable, "kwds", {}).items())


def _support(name: str, variable: Any, argument: str) -> tuple[float, float]:
    """Return the bounds of `variable`; refuse it if its arguments make no distribution."""
    family = getattr(variable, "dist", variable)
    label = _label(name, variable, argument)
    try:
        with np.errstate(invalid="ignore"):
            bounds = np.asarray(variable.support(), dtype=float)
    except TypeError as error:
        raise InvalidSpaceError(
            f"{label} must be frozen, that is, have its arguments as in loguniform(1e-3, 1e3), but scipy says: {error}."
        ) from None
    if bounds.shape != (2,):
        raise InvalidSpaceError(
            f"{label} must be of one number, but its arguments are arrays (its bounds have the shape "
            f"{bounds.shape[1:]}). Give each parameter a distribution of its own."
        )
    low, high = map(float, bounds)
    exact = isinstance(family, type(stats.randint) | type(stats.uniform) | type(stats.loguniform))
    if not low <= high or (exact and not math.isfinite(high - low)):
        raise InvalidSpaceError(
            f"{label} has no values: with the arguments {_arguments(variable)} its bounds are {low} and {high}. low <= "
            "high must hold, both finite (low > 0 for loguniform; uniform takes loc and width; randint's high is "
            "exclusive)."
        )
    return low, high
