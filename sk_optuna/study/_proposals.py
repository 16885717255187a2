"""Ask for trials, and tell how they ended.

A suggestion depends on the seed, the trial's number, the trials told so far and those in flight, and on nothing else.
Between ask and tell a pruner reports scores to the running trial and notes on it; nothing else changes a study.
Nothing here knows of time or workers.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

import numpy as np
import optuna
from optuna import Trial
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from sk_optuna._compat._optuna import QMC_LOG, new_study, note, notes_on, refreshed, tell, without_log_lines
from sk_optuna._study_view import study_showing
from sk_optuna.exceptions import InvalidSpaceError, ResumeMismatchError
from sk_optuna.study._estimates_sampler import EstimatesSampler
from sk_optuna.study._fixed_sampler import FixedSampler
from sk_optuna.study._grid import GridOrder
from sk_optuna.study._ordered_lists import OrderedLists
from sk_optuna.study._past_sampler import PastSampler
from sk_optuna.study._row_sampler import RowSampler
from sk_optuna.study._samplers import SamplerFactory, trial_seed
from sk_optuna.study._told import Curves, Record, Told, ToldTrial
from sk_optuna.study._tried import Table, TableExhaustedError, TriedRows

# Of a whole grid every value is prescribed.
_NOT_ASKED = RandomSampler(seed=0)


class PastTrial(Protocol):
    """A trial that was proposed before: the search was broken off, or another process runs the trial."""

    @property
    def row(self) -> Mapping[str, Any]:
        """Its parameters, as the study stores them."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """The sampler's notes on it as of the ask."""


@dataclass(frozen=True)
class Proposal:
    """A trial that was asked for.

    Attributes
    ----------
    trial : optuna.Trial
        The trial, running.
    params : dict
        The estimator's parameters; the user's own objects, not clones.
    n_told : int
        How many trials had been told when it was asked.
    notes : mapping
        The sampler's notes on it.
    """

    trial: Trial
    params: dict[str, Any]
    n_told: int
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return self.trial.number


def open_study(random_state: int, values: Sequence[str] = ()) -> optuna.Study:
    """Return a new study in memory, whose `values` have these names if there are several.

    Its name is the same in each run, since Hyperband draws from the name.
    """
    return new_study(study_name=f"sk_optuna-{random_state}", values=values)


class Proposals(Generic[Record]):
    """The trials of one search, in order.

    Parameters
    ----------
    study : optuna.Study
        The study, as `open_study` opens it.
    space : Table or define-by-run space
        The search space.
    make_sampler : callable
        From a trial's number to its sampler.
    random_state : int
        Seed of the search.
    first : sequence of mapping
        Values to which the first trials are fixed, wholly or in part, as the study stores them.
    strict : bool, default=True
        Whether a define-by-run space that does not contain a value of `first` is an error.
    n_trials : int or None
        How many trials are wanted. None for a whole grid, or, in a space that is no grid, for as many as there is time
        for. Those of `past` count.
    past : sequence of PastTrial, default=()
        The first trials, which were told before the search was broken off. They are proposed again, in order.
    asks_again : bool, default=False
        Whether the sampler is asked for them again, since it remembers more than the study shows.
    in_grid_order : bool or None, default=None
        Whether a grid is evaluated whole, in order. None if all of it is wanted.

    Attributes
    ----------
    study : optuna.Study
        The study.
    told : Told
        The trials that were told.
    n_trials : int or None
        How many trials there will be at most; None if that is not known.
    in_grid_order : bool
        Whether a grid is evaluated whole, in order.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Any,
        make_sampler: SamplerFactory,
        *,
        random_state: int,
        first: Sequence[Mapping[str, Any]] = (),
        strict: bool = True,
        n_trials: int | None,
        past: Sequence[PastTrial] = (),
        asks_again: bool = False,
        in_grid_order: bool | None = None,
    ) -> None:
        self.study = study
        self.told: Told[Record] = Told()
        self._space = space
        # Asked once: a protocol is slow to answer.
        self._is_table = isinstance(space, Table)
        self._make_sampler = make_sampler
        self._random_state = random_state
        self._first = first
        self._past = dict(enumerate(past))
        self._asks_again = asks_again
        self._n_asked = 0
        self._with_estimates = study_showing(study, self.told.with_estimates)
        self._grid: GridOrder | None = None
        self._tried: TriedRows | None = None
        self._ordered_lists = OrderedLists(space.ordered_lists if self._is_table else {})
        size = space.size
        self.n_trials = size if n_trials is None else n_trials if size is None else min(n_trials, size)
        if in_grid_order is None:
            in_grid_order = space.is_grid and self.n_trials == size
        self.in_grid_order = in_grid_order
        if self.n_trials is not None:
            self.n_trials = max(self.n_trials, len(past))
        if in_grid_order:
            self._grid = GridOrder(space, first)
            # Needed at the end only, but an error of it must not wait until then.
            make_sampler(0)
        elif size is not None:
            self._tried = TriedRows(space)
        if strict and not self._is_table:
            _check_first(space, first)

    def ask(self) -> Proposal | None:
        """Return the next trial; None if there are no more."""
        number = self._n_asked
        past = self._past.get(number)
        if past is None and self._is_over:
            return None
        self.study.sampler = self._sampler(number)
        try:
            with without_log_lines(QMC_LOG):  # about conditional spaces: here rows are drawn branch by branch
                trial = self.study.ask()
                # Since Optuna 5 the sampler is asked here.
                params = self._space.suggest(trial)
        except TableExhaustedError:
            self.n_trials = number
            return None
        if past is not None:
            self._check_past(trial, past)
        if self._tried is not None:
            self._tried.add(trial.params)
        self._n_asked += 1
        return Proposal(trial, params, len(self.told), {} if self._asks_again else notes_on(trial))

    def recall(self, trial: PastTrial) -> Proposal:
        """Return the next trial, as another process has proposed it."""
        self._past[self._n_asked] = trial
        proposal = self.ask()
        assert proposal is not None
        return proposal

    @property
    def _is_over(self) -> bool:
        """True if there are no more trials to ask for."""
        if self.n_trials is not None and self._n_asked >= self.n_trials:
            return True
        return self._tried is not None and self._tried.exhausted

    @property
    def n_asked(self) -> int:
        """Number of trials that were asked for, the next one's number."""
        return self._n_asked

    def _check_past(self, trial: Trial, past: PastTrial) -> None:
        """Check that a trial is proposed as it was, and give it the notes that it had."""
        if trial.params != past.row:
            raise ResumeMismatchError(
                f"Candidate {trial.number} of the search that is to go on has the parameters {dict(past.row)}, but the "
                f"space now makes {trial.params} of them. A callable for a space must suggest the same each time. If "
                "it was changed, begin a new search, with another study_name where there is one."
            )
        if not self._asks_again:
            note(trial, past.notes)

    def tell(
        self,
        proposal: Proposal,
        value: float | Sequence[float] | None,
        *,
        pruned: bool = False,
        scores: Sequence[float] | np.ndarray = (),
        curves: Curves = (),
        attributes: Mapping[str, Any] | None = None,
        record: Any = None,
        is_feasible: bool = True,
    ) -> ToldTrial[Record]:
        """Tell how a trial ended, and return it as it is remembered.

        Parameters
        ----------
        proposal : Proposal
            The trial; trials are told in the order in which they were asked.
        value : float, sequence of float or None
            The mean score of the folds, a finite number, or that of each of several objectives; of a pruned trial the
            estimate of that; None if the trial failed. Samplers learn from estimates as from means; in the study the
            trial is a pruned one and never its best. A pruned one without a value is, to TPE, worse than all that have
            one.
        pruned : bool, default=False
            Whether the trial was stopped before its end.
        scores : sequence of float
            Scores of the folds that ran, in order; NaN for one that failed.
        curves : sequence of Curve or None
            Their epochs.
        attributes : mapping, default=None
            Attributes of the trial in the study.
        record : object, default=None
            The results of the folds, kept for the readers of `told`.
        is_feasible : bool, default=True
            Whether later trials may be compared with this one.
        """
        scores = np.asarray(scores, dtype=float)
        for key, attribute in (attributes or {}).items():
            proposal.trial.set_user_attr(key, attribute)
        state = TrialState.PRUNED if pruned else TrialState.FAIL if value is None else TrialState.COMPLETE
        with without_log_lines(QMC_LOG):
            trial = tell(self.study, proposal.trial, state, value)
        self.told.append(told := ToldTrial(trial, scores, curves, record, proposal.notes, is_feasible))
        return told

    def close(self) -> optuna.Study:
        """Return the study for its users: without unfinished trials, and with a sampler to go on with."""
        trials = self.study.get_trials(deepcopy=False)
        if not all(trial.state.is_finished() for trial in trials):
            whole = self.study
            self.study = open_study(self._random_state, whole.metric_names or ())
            for key, attribute in whole.user_attrs.items():
                self.study.set_user_attr(key, attribute)
            self.study.add_trials(trial for trial in trials if trial.state.is_finished())
        self.study.sampler = self._ordered_lists.shown_to(deepcopy(self._make_sampler(self._n_asked)))
        return self.study

    def _sampler(self, number: int) -> BaseSampler:
        """Return the sampler of trial `number`, held to the values that are prescribed for it."""
        if self._grid is not None:
            return RowSampler(self._space, _NOT_ASKED, fixed=self._grid.row(number), tried=None, seed=0)
        past = self._past[number].row if number in self._past else None
        if past is not None and not self._asks_again:
            return self._held_to(past)
        fixed = self._first[number] if number < len(self._first) else {}
        sampler = self._ordered_lists.shown_to(self._make_sampler(number))
        if self.told.has_estimates:
            sampler = EstimatesSampler(sampler, refreshed(self._with_estimates))
        if self._is_table:
            seed = 0 if self._tried is None else trial_seed(self._random_state, number)
            sampler = RowSampler(self._space, sampler, fixed=fixed, tried=self._tried, seed=seed)
        else:
            sampler = FixedSampler(sampler, fixed)
        return sampler if past is None else PastSampler(sampler, self._held_to(past))

    def _held_to(self, row: Mapping[str, Any]) -> BaseSampler:
        """Return a sampler that proposes this very row, and asks nobody."""
        if self._is_table:
            return RowSampler(self._space, _NOT_ASKED, fixed=row, tried=None, seed=0)
        return FixedSampler(_NOT_ASKED, row)


def _check_first(space: Any, first: Sequence[Mapping[str, Any]]) -> None:
    """Refuse values that a define-by-run space does not contain, by trying them in a study that is thrown away.

    Raises
    ------
    InvalidSpaceError
        Where a value is outside the space, or a name is never suggested.
    """
    for i, fixed in enumerate(first):
        trial = new_study(sampler=FixedSampler(RandomSampler(seed=0), fixed, strict=True)).ask()
        space.suggest(trial)
        missing = [name for name in fixed if name not in trial.params]
        if missing:
            raise InvalidSpaceError(
                f"initial_params[{i}] sets {missing}, which the callable did not suggest; it suggested "
                f"{list(trial.params)}. Use those names, and fix what the missing ones depend on as well."
            )
