"""Draw a whole row of a table at once, so that rows can be prescribed and need not repeat.

Optuna's samplers answer parameter by parameter and know nothing of each other's repeats. Telling a repeated trial as
failed and asking again would fill the study with trials that were never evaluated; drawing again before the trial has
its parameters leaves no trace.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import as_of_now
from sk_optuna._distributions import on_step
from sk_optuna.study._tried import Row, Table, TriedRows
from sk_optuna.study._wrapped_sampler import WrappedSampler

# Draws of the sampler before an untried row is chosen at random: after so many repeats the sampler will hardly leave
# the rows that it knows.
_ATTEMPTS = 4


class RowSampler(WrappedSampler):
    """Sampler of one trial over a table: fixed values first, the rest from `sampler`, and no row that was tried.

    Parameters
    ----------
    table : Table
        The space.
    sampler : BaseSampler
        The sampler that suggests.
    fixed : mapping
        Values that the sampler does not choose.
    tried : TriedRows or None
        Rows that are not to be drawn again; None where rows may repeat.
    seed : int
        Seed of the choice where the sampler only repeats itself.
    """

    def __init__(
        self, table: Table, sampler: BaseSampler, *, fixed: Mapping[str, Any], tried: TriedRows | None, seed: int
    ) -> None:
        super().__init__(sampler)
        self._table = table
        self._fixed = fixed
        self._tried = tried
        self._seed = seed
        self._row: Row = {}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return everything: all parameters are drawn together."""
        return self._table.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a whole row."""
        self._row = self._new_row(study, trial)
        return self._row

    def _new_row(self, study: Study, trial: FrozenTrial) -> Row:
        row = self._draw(self._sampler, self._fixed, study, trial)
        if self._tried is None or row not in self._tried:
            return row
        for _ in range(_ATTEMPTS - 1):
            row = self._draw(self._sampler, self._fixed, study, trial)
            if row not in self._tried:
                return row
        random = RandomSampler(seed=self._seed)
        return self._tried.choose(
            self._fixed, lambda fixed: self._draw(random, fixed, study, trial), np.random.default_rng(self._seed)
        )

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a value of the row.

        Optuna asks for it where it does not accept the row's, since its test is coarse over millions of steps.
        """
        if param_name in self._row:
            return self._row[param_name]
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def _draw(self, sampler: BaseSampler, fixed: Mapping[str, Any], study: Study, trial: FrozenTrial) -> Row:
        return _Draw(self._table, sampler, fixed, study, trial).row()


class _Draw:
    """One draw of a row.

    Each value is fixed, or drawn jointly with others, or drawn by itself after the values before it.
    """

    def __init__(
        self, table: Table, sampler: BaseSampler, fixed: Mapping[str, Any], study: Study, trial: FrozenTrial
    ) -> None:
        self._table = table
        self._sampler = sampler
        self._fixed = fixed
        self._study = study
        self._trial = trial
        self._drawn: Row = {}

    def row(self) -> Row:
        """Draw the row."""
        return self._table.walk(self._pick)

    def _pick(self, name: str, distribution: BaseDistribution) -> Any:
        value = self._drawn[name] = on_step(distribution, self._value(name, distribution))
        return value

    def _value(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self._fixed:
            return self._fixed[name]
        if distribution.single():
            return _only_value(distribution)
        if name in self._jointly:
            return self._jointly[name]
        return self._sampler.sample_independent(self._study, self._with_drawn(), name, distribution)

    @cached_property
    def _jointly(self) -> dict[str, Any]:
        """Values of the free parameters that the sampler models jointly, sampled when first needed."""
        space = self._sampler.infer_relative_search_space(self._study, self._trial)
        free = {name: distribution for name, distribution in space.items() if name not in self._fixed}
        return self._sampler.sample_relative(self._study, self._trial, free)

    def _with_drawn(self) -> FrozenTrial:
        """Return the trial as if it had the values drawn so far, which the sampler then knows."""
        now = self._now
        now.params = dict(self._drawn)
        now.distributions = {name: self._table.distributions[name] for name in self._drawn}
        return now

    @cached_property
    def _now(self) -> FrozenTrial:
        return as_of_now(self._study, self._trial)


def _only_value(distribution: Any) -> Any:
    return distribution.choices[0] if isinstance(distribution, CategoricalDistribution) else distribution.low
