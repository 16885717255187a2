"""Hold parameters of a define-by-run space to given values, and all parameters to their ranges.

Optuna's own `enqueue_trial` uses a value that the distribution does not contain and warns; here such a value is
refused, or left to the sampler where the values are only a wish.
"""

from collections.abc import Mapping
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import contains
from sk_optuna._distributions import has_finite_bounds, on_step
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.study._wrapped_sampler import WrappedSampler


class FixedSampler(WrappedSampler):
    """Sampler of one trial: `fixed` values where the space contains them, else those of `sampler`.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler that suggests everything else.
    fixed : mapping
        Values by the names that the space suggests.
    strict : bool, default=False
        Whether a value that the space does not contain is an error.
    """

    def __init__(self, sampler: BaseSampler, fixed: Mapping[str, Any], *, strict: bool = False) -> None:
        super().__init__(sampler)
        self._fixed = fixed
        self._strict = strict

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the sampler models jointly, without the fixed ones."""
        space = self._sampler.infer_relative_search_space(study, trial)
        return {name: distribution for name, distribution in space.items() if name not in self._fixed}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values that the sampler suggests jointly, without fixed ones.

        Grouped TPE goes beyond `search_space`, and so may return a fixed parameter.
        """
        params = self._sampler.sample_relative(study, trial, search_space)
        return {
            name: on_step(search_space[name], value) if name in search_space else value
            for name, value in params.items()
            if name not in self._fixed
        }

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the fixed value, or the one that the sampler suggests, on a step if there are steps."""
        if not has_finite_bounds(param_distribution):
            raise InvalidSpaceError(
                f"The callable suggests {param_name!r} from {param_distribution}, but both bounds of a range must be "
                "finite numbers. Give it bounds, for example trial.suggest_float(name, 1e-3, 1e3, log=True)."
            )
        if param_name in self._fixed:
            value = self._fixed[param_name]
            # As the space writes the value: an int of a float range is a float.
            if contains(param_distribution, value):
                return on_step(
                    param_distribution, param_distribution.to_external_repr(param_distribution.to_internal_repr(value))
                )
            if self._strict:
                raise InvalidSpaceError(
                    f"initial_params sets {param_name!r} to {value!r}, which is not in the space that the callable "
                    f"suggests: {param_distribution}. Give a value from the space, or leave the parameter out."
                )
        value = self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return on_step(param_distribution, value)
