"""The outcome of a search: its table and the best candidate, made of the records of its trials.

Nothing here needs the search itself, so an outcome can be had of records that come from elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna._compat._sklearn import select_best_index
from sk_optuna.evaluation import TrialRecord
from sk_optuna.exceptions import NoScoreError
from sk_optuna.refit import Choice, Policy
from sk_optuna.results._learning_curves import learning_curves
from sk_optuna.results._no_best import check_any_feasible, check_any_score, check_feasible, check_not_pruned
from sk_optuna.results._pareto import front_of, may_be_best
from sk_optuna.results._rules import Rules
from sk_optuna.results._table import median_best_epoch, tabulate


@dataclass(frozen=True)
class Best:
    """The best candidate.

    Attributes
    ----------
    index : int
        Its row.
    params : dict
        Its parameters.
    score : float or None
        Its mean score; None where a callable chose it that is no policy.
    refit_epochs : int or None
        Epochs after which a refit ends; None for as many as the estimator makes.
    choice : Choice or None, default=None
        The choice of the policy that is the search's `refit`; None without one.
    """

    index: int
    params: dict[str, Any]
    score: float | None
    refit_epochs: int | None
    choice: Choice | None = None


@dataclass(frozen=True)
class Outcome:
    """The results of a search.

    Attributes
    ----------
    records : sequence of TrialRecord
        The trials.
    rules : Rules
        The search's arguments.
    cv_results : dict of str to ndarray
        The table.
    learning_curves : dict of str to ndarray, or None
        One row for each epoch; None where epochs are not reported.
    """

    records: Sequence[TrialRecord]
    rules: Rules
    cv_results: dict[str, Any]
    learning_curves: dict[str, np.ndarray] | None

    @property
    def is_multimetric(self) -> bool:
        """True if there are several metrics."""
        return any(record.is_multimetric for record in self.records)

    @property
    def pareto_front(self) -> dict[str, Any] | None:
        """The rows that no other dominates; None without several objectives."""
        return front_of(self.cv_results, self.rules.objectives) if self.rules.objectives else None

    def best(self) -> Best | None:
        """Choose the best candidate; None where `refit` leaves the choice to the user.

        Raises
        ------
        NoScoreError
            Where no candidate has a score, or none keeps the constraints.
        ValueError
            Where the chosen candidate was pruned, or breaks a constraint, or the policy that is `refit` cannot choose.
        """
        rules, table = self.rules, self.cv_results
        check_any_score(self.records, rules)
        if not rules.refit and self.is_multimetric:
            return None
        check_any_feasible(self.records, table, rules)
        choice = None
        if isinstance(rules.refit, Policy):
            choice = rules.refit.explain(table, test_size=rules.test_size)
            index, metric = choice.index, choice.metric
        else:
            metric = rules.refit if callable(rules.scoring) and self.is_multimetric else rules.refit_metric
            index = select_best_index(rules.refit, metric, _able_first(table, metric))
        check_not_pruned(table, index, rules.refit, rules.pruner)
        check_feasible(self.records, table, index, rules)
        return Best(
            index,
            params=table["params"][index],
            score=None if choice is None and callable(rules.refit) else table[f"mean_test_{metric}"][index],
            refit_epochs=median_best_epoch(self.records[index]) if rules.checkpoint == "best" else None,
            choice=choice,
        )


def _able_first(table: Mapping[str, Any], metric: Any) -> Mapping[str, Any]:
    """Return the table for the choice by score: of several metrics, too, candidates that cannot be the best rank last.

    These are the ones that break a constraint, and those that failed in another objective.
    """
    key = f"rank_test_{metric}"
    if key not in table or not {"feasible", "pareto_rank"} & table.keys():
        return table
    able = may_be_best(table)
    return {**table, key: np.where(able, table[key], table[key].max() + 1)} if able.any() else table


def conclude(records: Sequence[TrialRecord], rules: Rules) -> Outcome:
    """Return the outcome of a search.

    Parameters
    ----------
    records : sequence of TrialRecord
        The trials that were told. A search tells at least one, unless it shares a study and others were slower.
    rules : Rules
        The search's arguments.

    Raises
    ------
    NoScoreError
        Where there are no trials.
    ValueError
        Where all fits failed, or `refit` names no metric.
    """
    if not records:
        raise NoScoreError(
            "No candidate has ended: the timeout passed while other processes, which share the study, ran theirs. Fit "
            "again when they are further, or with a longer timeout."
        )
    rules.steering(records)  # an error if `refit` names no metric
    return Outcome(
        records,
        rules,
        cv_results=tabulate(records, rules),
        learning_curves=learning_curves(records) if rules.by_epoch else None,
    )
