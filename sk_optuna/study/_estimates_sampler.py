"""Let samplers learn from pruned trials as from complete ones.

Most of Optuna's samplers leave pruned trials out, and TPE ranks all of them behind the complete ones, in the order of
their steps. The estimate of a whole trial's value says more, but told as a value it could pass for one in the study.
"""

from optuna import Study
from optuna.samplers import BaseSampler

from sk_optuna.study._wrapped_sampler import WrappedSampler


class EstimatesSampler(WrappedSampler):
    """Sampler of one trial: `sampler`, to which the study looks like `view`.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that suggests.
    view : Study
        View of the study in which pruned trials are complete, with their estimates.
    """

    def __init__(self, sampler: BaseSampler, view: Study) -> None:
        super().__init__(sampler)
        self._view = view

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the sampler models jointly."""
        return self._sampler.infer_relative_search_space(self._view, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the sampler's joint suggestion."""
        return self._sampler.sample_relative(self._view, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the sampler's suggestion."""
        return self._sampler.sample_independent(self._view, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the sampler prepare."""
        self._sampler.before_trial(self._view, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Let the sampler take note."""
        self._sampler.after_trial(study, trial, state, values)
