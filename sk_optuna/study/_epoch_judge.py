"""Ask a pruner, in the worker, whether a trial goes on after an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner, ThresholdPruner
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import frozen, new_study, stored_as
from sk_optuna._study_view import study_showing


class RivalFold(NamedTuple):
    """A fold of an earlier trial, as a pruner compares it; small, since every task carries those of all of them."""

    number: int
    is_complete: bool
    score: float
    curve: tuple[float, ...]
    notes: dict[str, Any]

    def as_trial(self) -> FrozenTrial:
        """Return the trial as if it consisted of this fold, without parameters."""
        now = datetime.now()
        return FrozenTrial(
            number=self.number,
            trial_id=self.number,
            state=TrialState.COMPLETE if self.is_complete else TrialState.PRUNED,
            value=self.score,
            datetime_start=now,
            datetime_complete=now,
            params={},
            distributions={},
            user_attrs={},
            system_attrs=self.notes,
            intermediate_values=dict(enumerate(self.curve, start=1)),
        )


@dataclass
class EpochJudge:
    """Asks a pruner about one fold of one trial; a worker receives it.

    Attributes
    ----------
    pruner : optuna.pruners.BasePruner
        The fold's own copy.
    trial : FrozenTrial
        The trial as it was asked for.
    rivals : list of RivalFold
        This fold of earlier trials.
    study_name : str
        Name of the study, from which Hyperband makes its draws.
    notes : dict
        The pruner's notes on the trial.
    """

    pruner: BasePruner
    trial: FrozenTrial
    rivals: list[RivalFold]
    study_name: str
    notes: dict[str, Any] = field(default_factory=dict)
    _view: Study | None = None
    _written: Any = None

    def stops(self, scores: Sequence[float]) -> bool:
        """Return whether the trial ends after the epochs that have these scores.

        A trial with a score that is not finite cannot be compared; only a ThresholdPruner judges it.
        """
        if not np.isfinite(scores).all() and not isinstance(self.pruner, ThresholdPruner):
            return False
        if self._view is None:
            study = new_study(study_name=self.study_name)
            self._written = study.ask()
            rivals = [fold.as_trial() for fold in self.rivals]
            self._view = study_showing(study, lambda trials: rivals)
        now = stored_as(self._written, self.trial)
        now.intermediate_values = dict(enumerate(scores, start=1))
        stops = bool(self.pruner.prune(self._view, now))
        self.notes = dict(frozen(self._written).system_attrs)
        return stops
