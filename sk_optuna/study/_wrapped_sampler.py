"""The base of samplers that change a part of the behaviour of another sampler."""

from collections.abc import Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


class WrappedSampler(BaseSampler):
    """Sampler that forwards every call to another one.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that suggests.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def shown(self, study: Study) -> Study:
        """Return the study that the sampler reads before it suggests."""
        return study

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the sampler models jointly."""
        return self._sampler.infer_relative_search_space(self.shown(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values that the sampler suggests jointly."""
        return self._sampler.sample_relative(self.shown(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value that the sampler suggests for one parameter."""
        return self._sampler.sample_independent(self.shown(study), trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the sampler prepare."""
        self._sampler.before_trial(self.shown(study), trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let the sampler take note, with the study itself, which it may want to stop."""
        self._sampler.after_trial(study, trial, state, values)
