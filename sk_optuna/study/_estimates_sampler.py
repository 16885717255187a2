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

    def shown(self, study: Study) -> Study:
        """Return the view in place of the study."""
        return self._view
