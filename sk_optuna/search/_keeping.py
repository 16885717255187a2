"""Keep what a search has found, so that it can go on: in the search itself, and in its storage where it has one."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol

import numpy as np
import optuna

from sk_optuna.evaluation import TrialRecord
from sk_optuna.exceptions import StorageError
from sk_optuna.refit import metric_of
from sk_optuna.search._arguments import seed_from
from sk_optuna.storage import (
    Driver,
    History,
    Store,
    StoredTrial,
    changed_versions,
    check_same,
    describe,
    describe_data,
    versions_of,
)
from sk_optuna.study import ToldTrial

# Arguments on which the trials depend, beside estimator and space.
_ARGUMENTS = (
    "scoring",
    "cv",
    "sampler",
    "pruner",
    "report",
    "checkpoint",
    "max_concurrent_trials",
    "random_state",
    "error_score",
    "return_train_score",
)
_LATER_ARGUMENTS = ("constraints",)


class Search(Protocol):
    """The arguments of a search that are read here."""

    estimator: Any
    objectives: Any
    param_distributions: Any
    param_grid: Any
    random_state: Any
    refit: Any
    storage: Any
    study_name: str | None
    warm_start: bool


def identity_of(
    search: Search, X: Any, y: Any, params: Mapping[str, Any], first: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Describe the arguments and the data that make a search this one; a search with others cannot go on from it.

    Arguments that change how many trials there are, or how they run, are not among them: `n_trials`, `timeout`,
    `n_jobs` and so on.

    Parameters
    ----------
    search : Search
        The search.
    X, y : array-like
        The data.
    params : mapping
        The other arguments of `fit`.
    first : sequence of mapping
        The values to which the first trials are fixed.
    """
    space = search.param_distributions if search.param_grid is None else search.param_grid
    return {
        "estimator": describe(search.estimator),
        "space": describe(space),
        **{name: describe(getattr(search, name)) for name in _ARGUMENTS},
        # Searches that were kept before there were these have none.
        **{name: describe(value) for name in _LATER_ARGUMENTS if (value := getattr(search, name)) is not None},
        **({} if search.objectives is None else {"objectives": describe(list(search.objectives))}),
        # the metric that steers the search, where there are several
        "refit": metric_of(search.refit) or "by score",
        "initial_params": describe(list(first)),
        "X": describe_data(X),
        "y": describe_data(y),
        **{f"fit({name}=...)": describe_data(value) for name, value in sorted(params.items())},
    }


class Keeper:
    """Keeps one fit of a search.

    Parameters
    ----------
    search : Search
        The search.
    identity : mapping of str to str
        Its identity.
    earlier : History or None
        The history that the search itself has.

    Attributes
    ----------
    history : History
        The history: that of the store, the earlier one with `warm_start`, or a new one.
    past : list of StoredTrial
        The trials that were finished when this fit began; none where others run trials of the same study.
    driver : Driver or None
        This process as a driver of the study, which several may share; None without a storage and a name.

    Raises
    ------
    ResumeMismatchError
        Where the history is that of another search.
    StorageError
        Where the storage cannot be used.
    """

    def __init__(self, search: Search, identity: dict[str, str], earlier: History | None) -> None:
        self._store = (
            None
            if search.storage is None
            else Store(search.storage, search.study_name, identity, search.objectives or ())
        )
        self.driver: Driver | None = None
        try:
            if self._store is not None and search.study_name is not None:
                self.driver = Driver(self._store)
            self._find(search, identity, earlier)
        except BaseException:
            self.close()
            raise

    def _find(self, search: Search, identity: dict[str, str], earlier: History | None) -> None:
        versions = versions_of(search.estimator)
        found = earlier if self._store is None and search.warm_start else None
        if self._store is not None:
            found = self._store.history
        elif found is not None:
            if isinstance(search.random_state, np.random.RandomState):  # a generator, from which the last fit has drawn
                identity["random_state"] = found.identity["random_state"]
            check_same(found.identity, identity, "The last fit of this search", _WAYS_ON)
        if found is not None:
            _warn_of_versions(found, versions)
        self._is_new = found is None
        self.history = found or History(identity, versions, seed_from(search.random_state))
        if self.is_shared:
            self.history.trials = []  # they are read as those of others are
        self.past: list[StoredTrial] = list(self.history.trials)

    @property
    def is_shared(self) -> bool:
        """True if other drivers take part in the study."""
        return self.driver is not None and not self.driver.is_alone

    @property
    def in_grid_order(self) -> bool | None:
        """True if the history says that a whole grid is evaluated in order; None while no trial depends on it."""
        return self.history.in_grid_order if self.past or (self.is_shared and not self._is_new) else None

    def begin(self, splits: Any, *, in_grid_order: bool) -> None:
        """Keep what the search has drawn for itself, before the first trial."""
        if self._is_new:
            self.history.splits, self.history.in_grid_order = splits, in_grid_order
            if self._store is not None:
                self._store.create(self.history)
        if self.driver is not None:
            self.driver.begin()

    def keep(self, told: ToldTrial[TrialRecord], metric: str) -> None:
        """Keep a finished trial.

        Raises
        ------
        StorageError
            Where the storage refuses for a minute; the search itself has the trial then.
        """
        stored = StoredTrial.of(told)
        self.history.trials.append(stored)
        if self.driver is not None:
            self.driver.keep(told.trial, stored, told.record.params, metric)
        elif self._store is not None:
            self._store.add(told.trial, stored, told.record.params, metric)

    def catch_up(self, told: Sequence[ToldTrial[TrialRecord]]) -> None:
        """Keep, in the search itself, a trial that was told when the run broke off, before it could be kept.

        Where others share the study, put the trials in order, theirs among them, and give each its place for a number.
        """
        if not self.is_shared:
            self.history.trials.extend(StoredTrial.of(trial) for trial in told[len(self.history.trials) :])
            return
        in_order = sorted(told, key=lambda each: each.number)
        self.history.trials = [StoredTrial.of(each) for each in in_order]
        for i, each in enumerate(in_order):
            each.record.number = i

    def close(self) -> None:
        """Close the store."""
        if self.driver is not None:
            self.driver.close()
        if self._store is not None:
            self._store.close()


def save_history(
    history: History,
    study: optuna.Study,
    table: Mapping[str, Any],
    storage: Any,
    study_name: str | None,
    objectives: Sequence[str] = (),
) -> None:
    """Write a search that has ended to a storage.

    Parameters
    ----------
    history : History
        The history of the search.
    study : optuna.study.Study
        Its study.
    table : mapping
        Its `cv_results_`.
    storage, study_name : object
        As in `Store`.
    objectives : sequence of str, default=()
        As in `Store`.

    Raises
    ------
    StorageError
        Where the storage cannot be written, or has this search already; where the search was broken off while it went
        over the candidates that it had.
    """
    with closing(Store(storage, study_name, history.identity, objectives)) as store:
        if store.history is not None:
            raise StorageError(
                f"storage={storage!r} has this search already, with {len(store.history.trials)} candidates. Name "
                "another file, or another study_name."
            )
        trials = study.get_trials(deepcopy=False)
        if len(trials) < len(history.trials):
            raise StorageError(
                f"This search was broken off before it had gone over the {len(history.trials)} candidates from which "
                "it went on. Fit it again, which runs none of them anew, and save it then."
            )
        store.create(history)
        # without a trial there is no table, and no metric
        metric = next((name for name in table if name.startswith("mean_test_")), "").removeprefix("mean_test_")
        for trial, stored, params in zip(trials, history.trials, table.get("params", ()), strict=True):
            store.add(trial, stored, params, metric)


_WAYS_ON = (
    "To go on with warm_start=True, use the same arguments and data; to begin anew, set warm_start=False or clone the "
    "search. To begin with the best parameters of a search, pass the fitted search as initial_params of another one."
)


def warn_of_storage(error: StorageError, n_told: int) -> None:
    """Warn that the search has ended early, since its storage could not be written."""
    warnings.warn(
        f"The search has ended early, with the {n_told} candidates that are finished. {error} This search has them "
        "all; search.save_study(path) writes them to another storage, from which the same call goes on.",
        UserWarning,
        stacklevel=5,
    )


def _warn_of_versions(history: History, versions: Mapping[str, str]) -> None:
    changed = changed_versions(history.versions, versions)
    if changed:
        warnings.warn(
            f"This search goes on from {len(history.trials)} candidates that ran with other versions: "
            f"{'; '.join(changed)}. Their scores may not be comparable with those to come.",
            UserWarning,
            stacklevel=4,
        )
