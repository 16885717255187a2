"""One search in an Optuna storage: a study that others can read, from which the search can go on.

The study in memory stays the working copy. Here each finished trial is written once, whole, by the one process that
runs the search; trials in flight leave nothing behind. Rows of the data are never written.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from sk_optuna._compat._optuna import METRIC_NAMES, RDB_LOG, caching, without_log_lines
from sk_optuna._version import __version__
from sk_optuna.exceptions import InvalidArgumentError, ResumeMismatchError, StorageError
from sk_optuna.storage._attributes import MOST_LEGIBLE, chunks, joined, kept_attributes, legible, stored
from sk_optuna.storage._history import History, check_same, name_of
from sk_optuna.storage._opening import Place, close_storage, faults, open_storage, reason, shown
from sk_optuna.storage._splits import splits_from_text, splits_to_text
from sk_optuna.storage._stored_trial import StoredTrial

# The format of what is written here. A store of a newer one is refused.
_FORMAT = 1
_FORMAT_KEY, _HISTORY, _SPLITS = (f"sk_optuna:{name}" for name in ("format", "history", "splits"))
# Characters of a study's name in a database.
_LONGEST_NAME = 512
# Seconds for which a write is tried again, and between two tries.
_RETRY_FOR, _RETRY_EVERY = 60.0, 0.5

Answer = TypeVar("Answer")


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
    objectives : sequence of str, default=()
        The names of the metrics that are maximized, where there are several.

    Attributes
    ----------
    history : History or None
        The search so far; None if the study is new.
    is_whole : bool
        Whether all trials have ended. Trials in flight are written only where several processes share the study.
    opened, storage : optuna.storages.BaseStorage
        The storage, and the same as one that reads ended trials once: RDBStorage reads all to count them.
    study_id : int
        The study in it; -1 if there is none yet.
    shown : str
        The study and its storage, for errors.

    Raises
    ------
    ResumeMismatchError
        Where the study is that of another search.
    StorageError
        Where the storage cannot be read, or the study is none of a search.
    """

    def __init__(
        self, storage: Any, study_name: str | None, identity: Mapping[str, str], objectives: Sequence[str] = ()
    ) -> None:
        self._objectives = list(objectives)
        self._directions = [StudyDirection.MAXIMIZE] * (len(objectives) or 1)
        self._name = name_of(identity) if study_name is None else study_name
        _check_name(self._name)
        self.opened = open_storage(storage)
        self.storage = caching(self.opened)
        self._is_own = self.opened is not storage
        self._shown = shown(storage)
        self.shown = f"The study {self._name!r} in storage={self._shown}"
        self._place = Place(self.opened)
        self.study_id = -1  # none yet
        self.is_whole = True
        self._n_trials = 0
        self._identity = identity
        try:
            self.history = self._read(identity)
            if not self.is_whole and study_name is None:
                raise StorageError(
                    f"{self.shown} has candidates that other processes run, or ran when they were killed. Give its "
                    "name as study_name to share them."
                )
        except BaseException:
            self.close()
            raise

    def make_study(self) -> None:
        """Make the study if there is none; another process may do the same at this moment."""
        if self.study_id >= 0:
            return
        try:
            self.study_id = self._new_study()
        except DuplicatedStudyError:
            self.study_id = self.tried(lambda: self.storage.get_study_id_from_name(self._name))

    def _new_study(self) -> int:
        with without_log_lines(RDB_LOG):
            study_id: int = self.storage.create_new_study(self._directions, self._name)
        return study_id

    def read_again(self) -> None:
        """Read the history again, since others may have written it meanwhile."""
        self.history = self._read(self._identity)

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
                f"The study {self._name!r} cannot be written to storage={self._shown}: {reason(error)}. Check that "
                "there is room, that it may be written to, and that no other process runs the same search."
            ) from error

    def _create(self, history: History) -> None:
        if self.study_id < 0:
            self.study_id = self._new_study()
        assert history.splits is not None
        header = {name: value for name, value in vars(history).items() if name not in ("splits", "trials")}
        for name, value in {"sk_optuna": __version__, **history.versions, **history.identity}.items():
            self.storage.set_study_user_attr(self.study_id, name, value[:MOST_LEGIBLE])
        texts = {**chunks(_HISTORY, json.dumps(header)), **chunks(_SPLITS, splits_to_text(history.splits))}
        for key, value in {**texts, _FORMAT_KEY: _FORMAT}.items():
            self.storage.set_study_system_attr(self.study_id, key, value)

    def add(self, trial: FrozenTrial, kept: StoredTrial, params: Mapping[str, Any], metric: str) -> None:
        """Write a finished trial.

        Parameters
        ----------
        trial : FrozenTrial
            The trial as the study in memory keeps it, the next in order.
        kept : StoredTrial
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
            self.name_values(metric)
        trial = legible(trial, kept, params)
        trial.system_attrs = kept_attributes(trial, kept)
        self.tried(lambda: self._write(trial))
        self._n_trials += 1

    def name_values(self, metric: str) -> None:
        """Note, for readers, the metric whose mean the value of a trial is, or the objectives if there are several."""
        names = [f"mean_test_{name}" for name in self._objectives or [metric]]
        self.tried(lambda: self.storage.set_study_system_attr(self.study_id, METRIC_NAMES, names))

    def close(self) -> None:
        """Close the storage, unless it is the user's."""
        if self._is_own:
            close_storage(self.opened)

    def _write(self, trial: FrozenTrial) -> None:
        self._place.check()
        there = self._trial_there()
        if there is None:
            trial_id = self.storage.create_new_trial(self.study_id, template_trial=trial)
            if self._trial_there() == trial_id:
                return
        elif self.storage.get_trial(there).system_attrs == trial.system_attrs:
            return  # it has arrived, though the answer has not
        raise StorageError(
            f"{self.shown} has other trials than the {self._n_trials + 1} that this search told: another process "
            "writes to it. Give each search a storage or a study_name of its own."
        )

    def _trial_there(self) -> int | None:
        """Return the id of the next trial if it is there already; the number of trials is what Optuna reads all for."""
        try:
            trial_id: int = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, self._n_trials)
        except KeyError:
            return None
        return trial_id

    def tried(self, act: Callable[[], Answer]) -> Answer:
        """Read or write, again and again for a minute if the storage refuses.

        The disk may be full, the database restarting.

        Raises
        ------
        StorageError
            Where it refuses for longer, or the study is gone.
        """
        start = time.monotonic()
        while True:
            try:
                return act()
            except KeyError as error:
                raise StorageError(f"{self.shown} is gone.") from error
            except (StorageError, TypeError, AttributeError):
                raise
            except Exception as error:  # of whatever storage it is
                if time.monotonic() - start > _RETRY_FOR:
                    raise StorageError(
                        f"storage={self._shown} has refused to be written for {_RETRY_FOR:.0f} s: {reason(error)}."
                    ) from error
                time.sleep(_RETRY_EVERY)

    def _read(self, identity: Mapping[str, str]) -> History | None:
        """Return the history in the storage; None if there is none yet."""
        try:
            self.study_id = self.storage.get_study_id_from_name(self._name)
        except KeyError:
            return None
        except faults() as error:
            raise self._damaged(error) from error
        try:
            attributes = self.storage.get_study_system_attrs(self.study_id)
            trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
            if _FORMAT_KEY not in attributes:
                self._take_over(trials)
                return None
            self._check_format(attributes[_FORMAT_KEY])
            history = History(**json.loads(joined(attributes, _HISTORY)))
            self._check_identity(history.identity, identity)
            history.splits = splits_from_text(joined(attributes, _SPLITS))
            history.trials = [stored(trial) for trial in trials if trial.state.is_finished()]
        except (StorageError, ResumeMismatchError):
            raise
        except Exception as error:  # whatever damaged content makes of those who read it
            raise self._damaged(error) from error
        self._n_trials = len(trials)
        self.is_whole = len(history.trials) == len(trials)
        return history

    def _take_over(self, trials: list[FrozenTrial]) -> None:
        """Use a study without a history: the process that made it was killed at once. One with trials is someone's."""
        directions = self.storage.get_study_directions(self.study_id)
        if trials or list(directions) != self._directions:
            raise StorageError(
                f"{self.shown} was not made by a search: it has {len(trials)} "
                f"trials of its own, and its directions are {[direction.name for direction in directions]}. Use "
                "another study_name. To begin with its best parameters, pass them as initial_params."
            )

    def _check_format(self, found: int) -> None:
        if found > _FORMAT:
            version = self.storage.get_study_user_attrs(self.study_id).get("sk_optuna", "a newer one")
            raise StorageError(
                f"{self.shown} was written by sk-optuna {version}, in format "
                f"{found}; sk-optuna {__version__} reads formats up to {_FORMAT}. Install sk-optuna>={version}, or use "
                "another study_name."
            )

    def _check_identity(self, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        check_same(
            old,
            new,
            self.shown,
            "To go on with that search, call it with the same arguments and data. To keep both, use another study_name "
            "or none: each search, and each fold of a nested cross-validation, then has its own. To start afresh, "
            f"delete it: optuna.delete_study(study_name={self._name!r}, storage=...). To begin a new search with its "
            "best parameters, pass them as initial_params.",
        )

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"{self.shown} cannot be read: {type(error).__name__}: {reason(error)}. Nothing was changed. Name another "
            "file or another study_name."
        )


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise InvalidArgumentError(
            f"The 'study_name' parameter must be a text of 1 to {_LONGEST_NAME} characters, but got "
            f"{repr(name)[:80]}. Leave it out for a name that follows from the search."
        )
