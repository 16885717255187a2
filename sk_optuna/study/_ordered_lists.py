"""Let samplers see the values of an ordered list as neighbours.

The study keeps the user's numbers, as choices of Optuna's own kind, so that it stays legible and can be stored. The
sampler is shown places in the list instead, integers from 0, and the value at the place that it suggests is handed on.
Not taken: an IntDistribution that translates by itself. Random, CMA-ES and genetic samplers compute with the numbers
that a study shows, and do not ask the distribution what they mean.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    GridSampler,
    PartialFixedSampler,
    RandomSampler,
)
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import refreshed
from sk_optuna._study_view import study_showing
from sk_optuna.samplers import BoundedHistorySampler
from sk_optuna.study._wrapped_sampler import WrappedSampler

# They have no use for neighbours, or were told values by their users.
_KNOW_VALUES = (RandomSampler, GridSampler, BruteForceSampler, PartialFixedSampler)
# Samplers of other packages, and users' own, may know the values of a list, or what kind of distribution it has.
_PACKAGES = ("optuna", "sk_optuna")


class OrderedLists:
    """Translation of studies between the values of ordered lists and their places.

    Parameters
    ----------
    lists : mapping of str to CategoricalDistribution
        The ordered lists by their names in the study.
    """

    def __init__(self, lists: Mapping[str, CategoricalDistribution]) -> None:
        self._lists = dict(lists)
        self._places = {name: IntDistribution(0, len(values.choices) - 1) for name, values in lists.items()}
        self._translated: dict[int, tuple[FrozenTrial, FrozenTrial]] = {}
        self._study: Study | None = None
        self._view: Study | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedLists, (self._lists,)

    def shown_to(self, sampler: BaseSampler) -> BaseSampler:
        """Return a sampler that suggests values as `sampler` suggests places, or `sampler` if there is no need."""
        return OrderedListsSampler(sampler, self) if self._lists and _asks_for_places(sampler) else sampler

    def study(self, study: Study) -> Study:
        """Return a view of `study` in places."""
        if self._view is None or self._study is not study:
            self._study, self._view = study, study_showing(study, self._trials)
        return refreshed(self._view)

    def trial(self, trial: FrozenTrial) -> FrozenTrial:
        """Return a copy of `trial` in places."""
        translated = copy(trial)
        translated.params = {name: self._place(name, value) for name, value in trial.params.items()}
        translated.distributions = self.in_places(trial.distributions)
        return translated

    def in_places(self, space: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
        """Return `space` with integers for ordered lists."""
        return {name: self._places.get(name, distribution) for name, distribution in space.items()}

    def in_values(self, space: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
        """Return `space` with ordered lists for their places."""
        return {name: self._lists.get(name, distribution) for name, distribution in space.items()}

    def value(self, name: str, suggested: Any) -> Any:
        """Return the value at a place of the list `name`; of any other parameter what was suggested."""
        return self._lists[name].choices[suggested] if name in self._lists else suggested

    def _place(self, name: str, value: Any) -> Any:
        return int(self._lists[name].to_internal_repr(value)) if name in self._lists else value

    def _trials(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [self._remembered(trial) for trial in trials]

    def _remembered(self, trial: FrozenTrial) -> FrozenTrial:
        """Return `trial` in places, translated once: a storage exchanges a trial for another object to change it."""
        original, translated = self._translated.get(trial.number, (None, None))
        if translated is None or original is not trial:
            translated = self.trial(trial)
            self._translated[trial.number] = trial, translated
        return translated


class OrderedListsSampler(WrappedSampler):
    """Sampler of values, whose places in ordered lists another sampler suggests.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that suggests places.
    lists : OrderedLists
        The translation.
    """

    def __init__(self, sampler: BaseSampler, lists: OrderedLists) -> None:
        super().__init__(sampler)
        self._lists = lists

    def shown(self, study: Study) -> Study:
        """Return the study in places."""
        return self._lists.study(study)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the sampler models jointly, as the study knows them."""
        return self._lists.in_values(super().infer_relative_search_space(study, self._lists.trial(trial)))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values at the places that the sampler suggests jointly."""
        params = super().sample_relative(study, self._lists.trial(trial), self._lists.in_places(search_space))
        return {name: self._lists.value(name, suggested) for name, suggested in params.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value at the place that the sampler suggests for one parameter."""
        place = self._lists.in_places({param_name: param_distribution})[param_name]
        suggested = super().sample_independent(study, self._lists.trial(trial), param_name, place)
        return self._lists.value(param_name, suggested)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the sampler prepare, for a trial in places."""
        super().before_trial(study, self._lists.trial(trial))

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let the sampler take note of a trial in places."""
        super().after_trial(study, self._lists.trial(trial), state, values)

    def reseed_rng(self) -> None:
        """Give the sampler other random numbers."""
        self._sampler.reseed_rng()


def _asks_for_places(sampler: BaseSampler) -> bool:
    """Return whether a sampler, or the one within, models neighbours and nothing that its user told it."""
    if isinstance(sampler, BoundedHistorySampler):
        return _asks_for_places(sampler.sampler)
    return type(sampler).__module__.partition(".")[0] in _PACKAGES and not isinstance(sampler, _KNOW_VALUES)
