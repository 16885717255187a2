"""Let samplers learn from pruned trials as from complete ones.

Most of Optuna's samplers leave pruned trials out, and TPE ranks all of them behind the complete ones, in the order of
their steps. The estimate of a whole trial's value says more, but told as a value it could pass for one in the study.
"""

from collections.abc import Mapping
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._history import study_showing


class EstimatesSampler(BaseSampler):
    """Sampler of one trial: `sampler`, to which pruned trials look complete.

    Parameters
    ----------
    sampler : BaseSampler
        Whose suggestions are taken.
    estimated : mapping
        Pruned trials by number, as they are to look.
    """

    def __init__(self, sampler: BaseSampler, estimated: Mapping[int, FrozenTrial]) -> None:
        self._sampler = sampler
        self._estimated = estimated
        self._view: Study | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the sampler models jointly."""
        return self._sampler.infer_relative_search_space(self._seen(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the sampler suggests jointly."""
        return self._sampler.sample_relative(self._seen(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what the sampler suggests."""
        return self._sampler.sample_independent(self._seen(study), trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Let the sampler prepare."""
        self._sampler.before_trial(self._seen(study), trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Let the sampler take note."""
        self._sampler.after_trial(study, trial, state, values)

    def _seen(self, study: Study) -> Study:
        """Return the study with its pruned trials complete; the same one while the trial is asked."""
        if self._view is None:
            self._view = study_showing(
                study, lambda trials: [self._estimated.get(trial.number, trial) for trial in trials]
            )
        return self._view
