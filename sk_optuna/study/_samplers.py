"""Samplers by name, each as if made anew for every trial from a seed of its own.

A sampler that lives through the search would make trial t depend on how many random numbers were drawn before it, which
a resumed search cannot know. Made from (random_state, t), a suggestion depends on nothing but the trials it was told.
"""

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from sk_optuna._compat._optuna import heeding_constraints, make_unwarned, n_at_random, reseeded, tpe_sampler
from sk_optuna._optional import require
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.samplers import BoundedHistorySampler, GaussianProcessSampler

SamplerFactory = Callable[[int], BaseSampler]
"""From a trial's number to the sampler that suggests it."""


def _tpe(seed: int) -> BaseSampler:
    return tpe_sampler(seed, group=False)  # type: ignore[no-any-return]


def _grouped_tpe(seed: int) -> BaseSampler:
    return tpe_sampler(seed, group=True)  # type: ignore[no-any-return]


def _random(seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _cmaes(seed: int) -> BaseSampler:
    return make_unwarned(optuna.samplers.CmaEsSampler, seed=seed, warn_independent_sampling=False)  # type: ignore[no-any-return]


def _nsgaii(seed: int) -> BaseSampler:
    return make_unwarned(optuna.samplers.NSGAIISampler, seed=seed)  # type: ignore[no-any-return]


def _qmc(seed: int, own_seed: int) -> BaseSampler:
    return make_unwarned(  # type: ignore[no-any-return]
        optuna.samplers.QMCSampler,
        seed=seed,
        scramble=True,
        independent_sampler=optuna.samplers.RandomSampler(seed=own_seed),
        warn_asynchronous_seeding=False,
        warn_independent_sampling=False,
    )


# From a seed to a sampler. "grid" draws at random, too: the search itself keeps combinations from repeating.
_BY_NAME: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
    "cmaes": _cmaes,
    "grid": _random,
    "nsgaii": _nsgaii,
}
# These keep nothing but random numbers between trials, and reseeding a sampler is cheaper than making one.
_RESEEDED = {"tpe", "random", "grid"}
# Their suggestions follow from the seed, the number and the study alone, so that nobody has to ask for past ones again.
_FUNCTIONS = {"auto", "gp", "grid", "random", "tpe"}
_NAMES = sorted([*_BY_NAME, "auto", "gp", "qmc"])
# By sampler, which is also the name of the extra.
_NEEDS = {"cmaes": "cmaes"}
# With sampler="auto" every fourth trial from this one on is TPE's, the others are the Gaussian process's.
_FIRST_OF_TPE, _TURNS = 15, 4


def sampler_factory(
    sampler: Any, random_state: int, *, is_grid: bool, is_conditional: bool = True, is_constrained: bool = False
) -> SamplerFactory:
    """Return the function that makes the sampler of each trial.

    Parameters
    ----------
    sampler : str, callable, optuna.samplers.BaseSampler or None
        The user's argument; None is TPE, as in Optuna.
    random_state : int
        Seed of the search.
    is_grid : bool
        Whether the space is a grid, as ``sampler="grid"`` needs it.
    is_conditional : bool, default=True
        Whether trials may have different parameters, which TPE then models in groups.
    is_constrained : bool, default=False
        Whether there are constraints, which samplers that can are to heed.

    Raises
    ------
    InvalidArgumentError
        Where `sampler` is none of these.
    MissingExtraError
        Where the sampler needs a package that is not installed.
    """
    make = _factory(sampler, random_state, is_grid=is_grid, is_conditional=is_conditional)
    return (lambda number: _constrained(make(number))) if is_constrained else make


def _factory(sampler: Any, random_state: int, *, is_grid: bool, is_conditional: bool) -> SamplerFactory:
    if sampler is None:
        sampler = "tpe"
    if isinstance(sampler, BaseSampler):
        own = deepcopy(sampler)
        return lambda number: own
    if isinstance(sampler, str):
        _check_name(sampler, is_grid=is_grid)
        return _named_factory(sampler, random_state, is_conditional=is_conditional)
    if callable(sampler):
        _check_takes_a_seed(sampler)
        return lambda number: _made_by_user(sampler, trial_seed(random_state, number))
    raise InvalidArgumentError(
        f"The 'sampler' parameter must be one of {_names()}, a callable from a seed to an optuna sampler, or an optuna "
        f"sampler, but got {sampler!r} of type {type(sampler).__name__}."
    )


def random_start(sampler: Any) -> int | None:
    """Return how many candidates are finished before the first is chosen by what others scored.

    None where none ever is, as with ``"random"``, and where the user's argument does not tell.
    """
    name = "tpe" if sampler is None else sampler
    if isinstance(name, str):
        if name in ("grid", "qmc", "random"):
            return None
        return n_at_random(_named_factory(name, 0, is_conditional=False)(0))
    return n_at_random(sampler) if isinstance(sampler, BaseSampler) else None


def _constrained(sampler: BaseSampler) -> BaseSampler:
    """Return the sampler, which heeds the constraints of trials from now on, or the one within does."""
    if isinstance(sampler, BoundedHistorySampler):
        heeding_constraints(sampler.sampler)
    return heeding_constraints(sampler)  # type: ignore[no-any-return]


def check_heeds_constraints(sampler: Any) -> None:
    """Refuse a sampler that is known to search for the best score whatever the constraints.

    Raises
    ------
    InvalidArgumentError
        Where it is CMA-ES.
    """
    if sampler == "cmaes" or isinstance(sampler, optuna.samplers.CmaEsSampler):
        raise InvalidArgumentError(
            f"sampler={sampler!r} cannot be used with constraints: CMA-ES does not know of them, and would search "
            "where no candidate may be chosen. Use 'tpe', 'auto', 'gp' or 'nsgaii', which do."
        )


def check_takes_objectives(sampler: Any) -> None:
    """Refuse a sampler that is known to maximize one value only.

    Raises
    ------
    InvalidArgumentError
        Where it is.
    """
    kinds = GaussianProcessSampler | BoundedHistorySampler | optuna.samplers.CmaEsSampler
    if isinstance(sampler, kinds) or (isinstance(sampler, str) and sampler in ("auto", "cmaes", "gp")):
        raise InvalidArgumentError(
            f"sampler={sampler!r} maximizes one metric, and cannot be used with several objectives. Use 'tpe', "
            "'nsgaii' or 'random', or an optuna sampler for several; or maximize one metric and bound the others by "
            "constraints."
        )


def is_gaussian_process(sampler: Any) -> bool:
    """Return whether the user's argument stands for our Gaussian process, by itself or with turns of TPE."""
    return isinstance(sampler, GaussianProcessSampler) or (isinstance(sampler, str) and sampler in ("auto", "gp"))


def remembers(sampler: Any) -> bool:
    """Return whether the sampler that the user's argument stands for may remember what the study does not show."""
    return sampler is not None and not (isinstance(sampler, str) and sampler in _FUNCTIONS)


def trial_seed(random_state: int, number: int) -> int:
    """Return the seed of trial `number`, between 0 and 2**32 - 1."""
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0])


def _named_factory(name: str, random_state: int, *, is_conditional: bool) -> SamplerFactory:
    # QMC is one sequence: every trial continues it, so every trial must scramble it alike.
    if name == "qmc":
        return lambda number: _qmc(random_state, trial_seed(random_state, number))
    if name in ("gp", "auto"):
        # a function of its seed and the trial's number, so that one serves all trials
        process = GaussianProcessSampler(seed=random_state)
        if name == "gp":
            return lambda number: process
        tpe = _named_factory("tpe", random_state, is_conditional=is_conditional)
        return lambda number: tpe(number) if _is_turn_of_tpe(number) else process
    make = _grouped_tpe if name == "tpe" and is_conditional else _BY_NAME[name]
    if name in _RESEEDED:
        own = make(random_state)
        return lambda number: reseeded(own, trial_seed(random_state, number))
    return lambda number: make(trial_seed(random_state, number))


def _is_turn_of_tpe(number: int) -> bool:
    return number >= _FIRST_OF_TPE and (number - _FIRST_OF_TPE) % _TURNS == 0


def _check_name(name: str, *, is_grid: bool) -> None:
    if name not in _NAMES:
        raise InvalidArgumentError(
            f"The 'sampler' parameter must be one of {_names()}, a callable or an optuna sampler, but got {name!r}."
        )
    if name == "grid" and not is_grid:
        raise InvalidArgumentError(
            "sampler='grid' needs a space made of lists only, but this one contains a distribution or a callable. Use "
            "another sampler, or write the values as lists."
        )
    if name in _NEEDS:
        require(_NEEDS[name], extra=name, purpose=f"sampler={name!r}")


def _check_takes_a_seed(factory: Callable[..., Any]) -> None:
    if isinstance(factory, type) and issubclass(factory, BaseSampler):
        raise InvalidArgumentError(
            f"The 'sampler' parameter must be a name, a callable from a seed to an optuna sampler, or an optuna "
            f"sampler, but got the class {factory.__name__}. Write lambda seed: {factory.__name__}(seed=seed)."
        )
    try:
        inspect.signature(factory).bind(0)
    except TypeError as error:
        raise InvalidArgumentError(
            f"A callable 'sampler' must take one argument, the seed, but {factory!r} does not: {error}. Write, for "
            "example, lambda seed: optuna.samplers.TPESampler(seed=seed)."
        ) from None
    except ValueError:
        # A function written in C may have no signature.
        pass


def _made_by_user(factory: Callable[[int], Any], seed: int) -> BaseSampler:
    sampler = factory(seed)
    if not isinstance(sampler, BaseSampler):
        name = getattr(factory, "__qualname__", repr(factory))
        raise InvalidArgumentError(
            f"A callable 'sampler' must return an optuna sampler for a seed, but {name}({seed}) returned {sampler!r} "
            f"of type {type(sampler).__name__}. Write, for example, lambda seed: optuna.samplers.TPESampler(seed=seed)."
        )
    return sampler


def _names() -> str:
    return ", ".join(map(repr, _NAMES))
