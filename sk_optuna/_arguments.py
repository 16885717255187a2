"""What a search's arguments must be beyond what scikit-learn's parameter constraints can express."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sk_optuna._compat import BaseSearchCV
from sk_optuna.evaluation import check_cache_prefix, check_reports_epochs
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import max_outstanding
from sk_optuna.study import check_pruner


def check_arguments(search: BaseSearchCV) -> None:
    """Refuse what constraints cannot express, or not as helpfully.

    Raises
    ------
    InvalidArgumentError
        Where an argument, or two together, cannot be used.
    """
    check_pruner(search.pruner, search.report)
    check_cache_prefix(search.cache_prefix)
    if search.report == "epoch":
        check_reports_epochs(search.estimator)
    elif search.checkpoint != "last":
        raise InvalidArgumentError(
            f"checkpoint={search.checkpoint!r} needs report='epoch', but got report={search.report!r}: without the "
            "scores of epochs there is no best one. Use report='epoch', or checkpoint='last'."
        )
    callbacks = search.study_callbacks
    if callbacks is not None and not (isinstance(callbacks, list | tuple) and all(map(callable, callbacks))):
        raise InvalidArgumentError(
            "The 'study_callbacks' parameter must be None or a list of callables of an optuna study and a trial, "
            f"but got {callbacks!r}. For callbacks of scikit-learn use set_callbacks."
        )
    max_outstanding(search.pre_dispatch, 1)


def seed_from(random_state: Any) -> int:
    """Return the seed of the search; None takes fresh entropy and leaves NumPy's global state alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def callback_metadata(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what scikit-learn shows its callbacks of the fit parameters."""
    sample_weight = params.get("sample_weight")
    return None if sample_weight is None else {"sample_weight": sample_weight}
