"""Ask a sampler for a trial that was told before, and propose what it had proposed then.

A sampler with a memory of its own, such as CMA-ES or an instance of the user's, comes to the state that it was in only
if it is asked again. Its answers are the same where it has a seed; where it has none, the trials that were told count.
"""

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from sk_optuna.study._wrapped_sampler import WrappedSampler


class PastSampler(WrappedSampler):
    """Sampler of one trial: `sampler` is asked, `past` answers.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that is asked, as at the first time.
    past : BaseSampler
        A sampler that is held to the trial's parameters.
    """

    def __init__(self, sampler: BaseSampler, past: BaseSampler) -> None:
        super().__init__(sampler)
        self._past = past
        self._answered: set[str] = set()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask the sampler, and return the values that the trial had, as far as they are modelled jointly."""
        self._answered = set(super().sample_relative(study, trial, search_space))
        return self._past.sample_relative(study, trial, self._past.infer_relative_search_space(study, trial))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Ask the sampler, unless it has answered with the others, and return the value that the trial had."""
        if param_name not in self._answered:
            super().sample_independent(study, trial, param_name, param_distribution)
        return self._past.sample_independent(study, trial, param_name, param_distribution)
