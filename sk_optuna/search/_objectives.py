"""Several objectives: the checks of the argument, and of the others that assume one value of a trial."""

from collections.abc import Mapping
from typing import Any, Protocol

from sk_optuna._nearest import hint, nearest
from sk_optuna.callbacks import Patience, TargetScore
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.study import check_takes_objectives


class Arguments(Protocol):
    """The arguments of a search that are checked here."""

    objectives: Any
    pruner: Any
    sampler: Any
    scoring: Any
    study_callbacks: Any


def check_objectives(search: Arguments) -> None:
    """Refuse objectives that cannot be maximized together, and arguments that need one value of a trial.

    Raises
    ------
    InvalidArgumentError
        Where there are any.
    """
    names = search.objectives
    if names is None:
        return
    is_list = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not is_list or len(names) < 2 or len(set(names)) < len(names):
        raise InvalidArgumentError(
            "The 'objectives' parameter must be None or a list or tuple of two or more different names of metrics, but "
            f"got {names!r}. Write, for example, ('roc_auc', 'neg_brier_score'); one metric to maximize is named by "
            "scoring, or by refit where scoring names several."
        )
    _check_scoring(names, search.scoring)
    if search.pruner is not None:
        raise InvalidArgumentError(
            f"pruner={search.pruner!r} cannot be used with several objectives: a candidate that is behind in one may "
            "be ahead in another. Use pruner=None, or maximize one metric and bound the others by constraints."
        )
    check_takes_objectives(search.sampler)
    for callback in search.study_callbacks or ():
        if isinstance(callback, Patience | TargetScore):
            raise InvalidArgumentError(
                f"{callback!r} in study_callbacks needs one objective, but there are {len(names)}, among whose trials "
                "there is no best score. Write a callback that calls study.stop() by a rule of yours."
            )


def _check_scoring(names: Any, scoring: Any) -> None:
    """Refuse objectives that are not in `scoring`; a callable has yet to name its metrics."""
    if scoring is None or callable(scoring):
        return
    if isinstance(scoring, str):
        raise InvalidArgumentError(
            f"The objectives {tuple(names)!r} must be among the metrics of scoring, but scoring={scoring!r} is one. "
            "Leave scoring out, or list all metrics there."
        )
    known = list(scoring.keys() if isinstance(scoring, Mapping) else scoring)
    missing = [name for name in names if name not in known]
    if missing:
        raise InvalidArgumentError(
            f"objectives names {missing}, but scoring has {known}.{hint(missing[0], nearest(missing[0], known))} Add "
            "them to scoring, or leave scoring out."
        )
