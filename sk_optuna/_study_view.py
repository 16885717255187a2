"""Views of a study: as of an earlier trial, bounded in length, or with estimates in place of pruned values.

Why a storage is wrapped: Optuna's samplers and pruners also read a study through its storage, and so would go past a
subclass of Study. Everything that they write goes to the study itself.
"""

import abc
from collections.abc import Callable, Container
from copy import deepcopy as deep_copy
from typing import Any

from optuna import Study
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import storage_of

Selection = Callable[[list[FrozenTrial]], list[FrozenTrial]]
"""From the trials of a study, in order, to those to be shown; it changes none of them."""


def study_showing(study: Study, select: Selection) -> Study:
    """Return a view of `study` that shows the trials that `select` makes of the study's own.

    Parameters
    ----------
    study : optuna.Study
        The study; it is not changed.
    select : callable
        From the list of its trials to the list to show. It is called whenever someone asks for trials.
    """
    window = _Window(storage_of(study), select)  # type: ignore[abstract]
    return Study(study.study_name, window, sampler=study.sampler, pruner=study.pruner)


def _delegating(cls: Any) -> Any:
    """Fill in the abstract methods of `cls` with calls of the same methods of ``self._storage``."""

    def delegate(name: str) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: getattr(self._storage, name)(*args, **kwargs)

    for name in cls.__abstractmethods__:
        setattr(cls, name, delegate(name))
    return abc.update_abstractmethods(cls)


@_delegating
class _Window(BaseStorage):
    """A storage that shows a selection of another storage's trials, and otherwise is that storage."""

    def __init__(self, storage: BaseStorage, select: Selection) -> None:
        self._storage = storage
        self._select = select

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = self._select(self._storage.get_all_trials(study_id, deepcopy=False))
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return deep_copy(trials) if deepcopy else trials
