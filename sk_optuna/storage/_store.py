"""One search in an Optuna storage: a study that others can read, from which the search can go on.

The study in memory stays the working copy. Here each finished trial is written once, whole, by the one process that
runs the search; trials in flight leave nothing behind. Rows of the data are never written.
"""

import json
import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import METRIC_NAMES, RDB_LOG, without_log_lines
from sk_optuna._version import __version__
from sk_optuna.exceptions import ResumeMismatchError, StorageError
from sk_optuna.storage._history import History, check_same, name_of
from sk_optuna.storage._opening import close_storage, faults, open_storage
from sk_optuna.storage._splits import splits_from_text, splits_to_text
from sk_optuna.storage._stored_trial import StoredTrial

# The format of what is written here. A store of a newer one is refused.
_FORMAT = 1
_FORMAT_KEY, _HISTORY, _SPLITS, _RECORD = (f"sk_optuna:{name}" for name in ("format", "history", "splits", "record"))
# Characters of one attribute at most: MySQL's TEXT holds 65,535 bytes.
_MOST_CHARACTERS = 60_000
# Of those attributes that are for readers only.
_MOST_LEGIBLE = 2_000
# Seconds for which a write is tried again, and between two tries.
_RETRY_FOR, _RETRY_EVERY = 60.0, 0.5


class Store:
    """The study of one search in a storage.

    Parameters
    ----------
    storage : str, path-like or optuna.storages.BaseStorage
        The user's argument.
    study_name : str or None
        The user's argument; None for a name that follows from the identity.
    identity : mapping of str to str
        The identity of this search.

    Attributes
    ----------
    history : History or None
        The search so far; None if the study is new.

    Raises
    ------
    ResumeMismatchError
        Where the study is that of another search.
    StorageError
        Where the storage cannot be read, or the study is none of a search.
    """

    def __init__(self, storage: Any, study_name: str | None, identity: Mapping[str, str]) -> None:
        self._name = name_of(identity) if study_name is None else study_name
        self._storage = open_storage(storage)
        self._is_own = self._storage is not storage
        self._shown = repr(storage) if self._is_own else type(storage).__name__
        self._study_id = -1  # none yet
        self._n_trials = 0
        try:
            self.history = self._read(identity)
        except BaseException:
            self.close()
            raise

    def create(self, history: History) -> None:
        """Write the beginning of a search: its arguments and folds; what follows are finished trials, if there are any.

        The last attribute says that the others are complete.

        Raises
        ------
        StorageError
            Where the storage cannot be written, or another process has just begun the same search.
        """
        try:
            self._create(history)
        except faults(DuplicatedStudyError) as error:
            raise StorageError(
                f"The study {self._name!r} cannot be written to storage={self._shown}: {error}. Check that there is "
                "room, that it may be written to, and that no other process runs the same search."
            ) from error

    def _create(self, history: History) -> None:
        if self._study_id < 0:
            with without_log_lines(RDB_LOG):
                self._study_id = self._storage.create_new_study([StudyDirection.MAXIMIZE], self._name)
        assert history.splits is not None
        header = {name: value for name, value in vars(history).items() if name not in ("splits", "trials")}
        for name, value in {"sk_optuna": __version__, **history.versions, **history.identity}.items():
            self._storage.set_study_user_attr(self._study_id, name, value[:_MOST_LEGIBLE])
        chunks = {**_chunks(_HISTORY, json.dumps(header)), **_chunks(_SPLITS, splits_to_text(history.splits))}
        for key, value in {**chunks, _FORMAT_KEY: _FORMAT}.items():
            self._storage.set_study_system_attr(self._study_id, key, value)

    def add(self, trial: FrozenTrial, stored: StoredTrial, params: Mapping[str, Any], metric: str) -> None:
        """Write a finished trial.

        Parameters
        ----------
        trial : FrozenTrial
            The trial as the study in memory keeps it, the next in order.
        stored : StoredTrial
            The trial as it is kept.
        params : mapping
            The user's parameters, for readers.
        metric : str
            The metric whose mean is the trial's value, for readers.

        Raises
        ------
        StorageError
            Where the storage refuses for a minute.
        """
        if self._n_trials == 0:
            names = [f"mean_test_{metric}"]
            self._tried(lambda: self._storage.set_study_system_attr(self._study_id, METRIC_NAMES, names))
        trial = _legible(trial, stored, params)
        trial.system_attrs = _chunks(_RECORD, stored.to_json())
        self._tried(lambda: self._write(trial))
        self._n_trials += 1

    def close(self) -> None:
        """Close the storage, unless it is the user's."""
        if self._is_own:
            close_storage(self._storage)

    def _write(self, trial: FrozenTrial) -> None:
        # A write may have arrived though its answer did not.
        if self._storage.get_n_trials(self._study_id) == self._n_trials:
            self._storage.create_new_trial(self._study_id, template_trial=trial)
        n_trials = self._storage.get_n_trials(self._study_id)
        if n_trials != self._n_trials + 1:
            raise StorageError(
                f"The study {self._name!r} in storage={self._shown} has {n_trials} trials, where this search told "
                f"{self._n_trials + 1}: another process writes to it. Give each search a storage or a study_name of "
                "its own."
            )

    def _tried(self, write: Callable[[], Any]) -> None:
        """Write, again and again for a minute if the storage refuses: the disk may be full, the database restarting."""
        start = time.monotonic()
        while True:
            try:
                write()
                return
            except KeyError as error:
                raise StorageError(f"The study {self._name!r} in storage={self._shown} is gone.") from error
            except faults() as error:
                if time.monotonic() - start > _RETRY_FOR:
                    raise StorageError(
                        f"storage={self._shown} has refused to be written for {_RETRY_FOR:.0f} s: {error}"
                    ) from error
                time.sleep(_RETRY_EVERY)

    def _read(self, identity: Mapping[str, str]) -> History | None:
        """Return the history in the storage; None if there is none yet."""
        try:
            self._study_id = self._storage.get_study_id_from_name(self._name)
        except KeyError:
            return None
        except faults() as error:
            raise self._damaged(error) from error
        try:
            attributes = self._storage.get_study_system_attrs(self._study_id)
            trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
            if _FORMAT_KEY not in attributes:
                self._take_over(trials)
                return None
            self._check_format(attributes[_FORMAT_KEY])
            history = History(**json.loads(_joined(attributes, _HISTORY)))
            self._check_identity(history.identity, identity)
            history.splits = splits_from_text(_joined(attributes, _SPLITS))
            history.trials = [_stored(trial) for trial in trials]
        except faults(LookupError, ValueError, TypeError) as error:
            if isinstance(error, StorageError | ResumeMismatchError):
                raise
            raise self._damaged(error) from error
        self._n_trials = len(trials)
        return history

    def _take_over(self, trials: list[FrozenTrial]) -> None:
        """Use a study without a history: the process that made it was killed at once. One with trials is someone's."""
        directions = self._storage.get_study_directions(self._study_id)
        if trials or list(directions) != [StudyDirection.MAXIMIZE]:
            raise StorageError(
                f"The study {self._name!r} in storage={self._shown} was not made by a search: it has {len(trials)} "
                f"trials of its own, and its directions are {[direction.name for direction in directions]}. Use "
                "another study_name. To begin with its best parameters, pass them as initial_params."
            )

    def _check_format(self, found: int) -> None:
        if found > _FORMAT:
            version = self._storage.get_study_user_attrs(self._study_id).get("sk_optuna", "a newer one")
            raise StorageError(
                f"The study {self._name!r} in storage={self._shown} was written by sk-optuna {version}, in format "
                f"{found}; sk-optuna {__version__} reads formats up to {_FORMAT}. Install sk-optuna>={version}, or use "
                "another study_name."
            )

    def _check_identity(self, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        check_same(
            old,
            new,
            f"The study {self._name!r} in storage={self._shown}",
            "To go on with that search, call it with the same arguments and data. To keep both, use another study_name "
            "or none: each search, and each fold of a nested cross-validation, then has its own. To start afresh, "
            f"delete it: optuna.delete_study(study_name={self._name!r}, storage=...). To begin a new search with its "
            "best parameters, pass them as initial_params.",
        )

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"The study {self._name!r} in storage={self._shown} cannot be read: {type(error).__name__}: {error}. "
            "Nothing was changed. Name another file or another study_name."
        )


def _legible(trial: FrozenTrial, stored: StoredTrial, params: Mapping[str, Any]) -> FrozenTrial:
    """Return a copy of the trial with the user's parameters, the scores of its folds and their seconds for readers."""
    trial = copy(trial)
    trial.user_attrs = {
        **trial.user_attrs,
        "params": {name: _plain(value) for name, value in params.items()},
        "fold_scores": {str(i): fold.test_scores for i, fold in stored.folds.items()},
        "fold_seconds": {str(i): fold.fit_time + fold.score_time for i, fold in stored.folds.items()},
    }
    return trial


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else repr(value)[:_MOST_LEGIBLE]


def _stored(trial: FrozenTrial) -> StoredTrial:
    return StoredTrial.from_json(
        _joined(trial.system_attrs, _RECORD), row=trial.params, state=trial.state.name, value=trial.value
    )


def _chunks(key: str, text: str) -> dict[str, Any]:
    parts = range(0, len(text), _MOST_CHARACTERS)
    return {f"{key}:{i}": text[start : start + _MOST_CHARACTERS] for i, start in enumerate(parts)}


def _joined(attributes: Mapping[str, Any], key: str) -> str:
    parts: list[str] = []
    while (part := attributes.get(f"{key}:{len(parts)}")) is not None:
        parts.append(part)
    if not parts:
        raise LookupError(f"there is no {key.partition(':')[2]}")
    return "".join(parts)
