"""Trials in flight in a study that several drivers share: claimed, taken over from the dead, ended.

A claim is a running trial of the study, with its parameters and with the name of the driver that runs it. Its number
follows from its place, so claims are made in turns. All that is known of a trial is written before its state: whoever
sets that first has told the trial, and a storage refuses the second.
"""

import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from sk_optuna._compat._optuna import as_values
from sk_optuna.exceptions import StorageError
from sk_optuna.storage._attributes import RECORD, chunks, joined, kept_attributes, legible, legible_params, stored
from sk_optuna.storage._store import Store
from sk_optuna.storage._stored_trial import StoredTrial, plain

_OWNER, _NOTES = "sk_optuna:run_by", "sk_optuna:notes"


@dataclass(frozen=True)
class Claim:
    """A trial that a driver runs.

    Attributes
    ----------
    trial : FrozenTrial
        The trial as the study in memory keeps it, running.
    params : mapping
        The user's parameters, for readers.
    notes : mapping
        The sampler's notes on it.
    """

    trial: FrozenTrial
    params: Mapping[str, Any]
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class SharedTrial:
    """A trial of a study that several drivers share.

    Attributes
    ----------
    number : int
        Its number.
    row : mapping
        Its parameters as the study keeps them.
    owner : str or None
        The driver that runs it; None of one that was told by a driver that was alone.
    kept : StoredTrial or None
        The trial as it is kept; None while it runs.
    notes : mapping
        The sampler's notes on it.
    """

    number: int
    row: Mapping[str, Any]
    owner: str | None
    kept: StoredTrial | None
    notes: Mapping[str, Any] = field(default_factory=dict)


class Claims:
    """The trials of a study that several drivers share.

    Parameters
    ----------
    store : Store
        The store.
    owner : str
        This driver.
    """

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._storage = store.storage
        self._study_id = store.study_id
        self._owner = owner
        self._read: dict[int, SharedTrial] = {}

    def trials(self) -> list[SharedTrial]:
        """Return the trials, in order."""
        trials = self._store.tried(lambda: self._storage.get_all_trials(self._study_id, deepcopy=False))
        return [self._read.get(trial.number) or self._shared(trial) for trial in trials]

    def _shared(self, trial: FrozenTrial) -> SharedTrial:
        attributes = trial.system_attrs
        kept = stored(trial) if trial.state.is_finished() else None
        notes = json.loads(joined(attributes, _NOTES)) if kept is None else kept.notes
        shared = SharedTrial(trial.number, trial.params, attributes.get(_OWNER), kept, notes)
        if kept is not None:
            self._read[trial.number] = shared
        return shared

    def create(self, claim: Claim) -> None:
        """Write the claim of a trial, in a turn of this driver or while it is alone.

        Raises
        ------
        StorageError
            Where trials have been added meanwhile, since this driver was taken for dead.
        """
        number, trial = claim.trial.number, copy(claim.trial)
        trial.user_attrs = {**trial.user_attrs, "params": legible_params(claim.params)}
        notes = json.dumps(dict(claim.notes), default=plain)
        trial.system_attrs = {_OWNER: self._owner, **chunks(_NOTES, notes)}

        def write() -> int:
            # A write may have arrived though its answer did not.
            if self._storage.get_n_trials(self._study_id) == number:
                self._storage.create_new_trial(self._study_id, template_trial=trial)
            return self._storage.get_n_trials(self._study_id)

        n_trials = self._store.tried(write)
        if n_trials != number + 1:
            raise StorageError(f"{self._store.shown} has {n_trials} trials where {number + 1} were expected.")

    def take_over(self, number: int) -> None:
        """Make a trial one's own, in a turn of this driver."""
        self._store.tried(lambda: self._storage.set_trial_system_attr(self._id_of(number), _OWNER, self._owner))

    def end(self, trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, Any], metric: str) -> StoredTrial:
        """Tell how a trial ended, in a turn of this driver, and return how it counts: another one may have told it.

        Parameters
        ----------
        trial : FrozenTrial
            The trial as the study in memory keeps it, or is to keep it.
        kept : StoredTrial
            The trial as it is kept.
        params : mapping
            The user's parameters, for readers.
        metric : str
            The metric whose mean is the trial's value, for readers.
        """
        trial = legible(trial, kept, params)
        if trial.number == 0:
            self._store.name_values(metric)
        return self._store.tried(lambda: self._end(trial, kept))

    def _end(self, trial: FrozenTrial, kept: StoredTrial) -> StoredTrial:
        trial_id = self._id_of(trial.number)
        found = self._storage.get_trial(trial_id)
        if found.state.is_finished():
            return stored(found)
        # the driver that ran it before may have been killed while it wrote a longer record
        longer = {key: "" for key in found.system_attrs if key.startswith(f"{RECORD}:")}
        try:
            for key, value in trial.user_attrs.items():
                self._storage.set_trial_user_attr(trial_id, key, value)
            for step, value in trial.intermediate_values.items():
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            for key, value in {**longer, **kept_attributes(trial, kept)}.items():
                self._storage.set_trial_system_attr(trial_id, key, value)
            self._storage.set_trial_state_values(trial_id, TrialState[kept.state], trial.values)
        except UpdateFinishedTrialError:
            return stored(self._storage.get_trial(trial_id))
        return kept

    def _id_of(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


def ended(
    trial: FrozenTrial, state: str, value: float | Sequence[float] | None, attributes: Mapping[str, Any]
) -> FrozenTrial:
    """Return a copy of a running trial as if it had been told."""
    trial = copy(trial)
    trial.state, trial.values = TrialState[state], as_values(value)
    trial.user_attrs = {**trial.user_attrs, **attributes}
    trial.datetime_complete = datetime.now()
    return trial
