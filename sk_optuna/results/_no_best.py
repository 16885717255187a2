"""Refuse to name a best candidate where no candidate has a score, and give the reasons."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sk_optuna._short_value import in_short
from sk_optuna.evaluation import FoldResult, TrialRecord, metric_names
from sk_optuna.exceptions import NoFeasibleCandidateError, NoScoreError
from sk_optuna.refit import metric_of
from sk_optuna.results._rules import Rules
from sk_optuna.results._table import row_of

_MOST_REASONS = 3


def check_any_score(records: Sequence[TrialRecord], rules: Rules) -> None:
    """Refuse a search in which no candidate has a score.

    The metric that chooses the best candidate decides, or all of several objectives. Where `refit` is False or a
    callable, no metric chooses, and a finite mean of any metric is enough. The estimator's own `score` may return NaN,
    as R2 does for one row: scikit-learn warns of it, and the search ends as GridSearchCV's does.

    Raises
    ------
    NoScoreError
        Where no candidate has a finite mean score, and none was pruned.
    """
    metrics = deciding_metrics(records, rules)
    of_all = [rules.state(record) for record in records]
    of_each = [record.state(metric) for record in records for metric in metrics]
    if any(state != "FAIL" for state in (of_all if rules.objectives else of_each)):
        return
    results = [result for record in records for result in record.results]
    reasons = Counter(reason for result in results if (reason := why_failed(result, metrics, rules.scoring)))
    if not reasons:
        return
    joint = " and " if rules.objectives else " or "
    told = [f"{reason} ({count} of {len(results)} folds)" for reason, count in reasons.most_common(_MOST_REASONS)]
    raise NoScoreError(
        f"None of the {len(records)} candidates has a finite mean {joint.join(metrics)}, so none is the best: "
        f"{'; '.join(told)}. A scorer is called with (estimator, X, y); make_scorer makes one of a metric that is "
        "called with (y_true, y_pred). error_score='raise' raises the first error where it occurs; cv_results_ has the "
        "scores of the folds."
    )


def check_has_candidates(search: Any) -> None:
    """Refuse a search that has no table of candidates; after a `fit` in which folds failed say where the errors are.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        The search.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where it has none.
    """
    errors = getattr(search, "errors_", {"exception": []})
    n_errors = len(errors["exception"])
    if not hasattr(search, "cv_results_") and n_errors:
        raise NotFittedError(
            f"This {type(search).__name__} has no candidates to look at: its last fit ended by an error. errors_ has "
            f"{n_errors} failures of folds, the first for {errors['exception'][0] or errors['phase'][0]}, each with "
            "message and parameters. Mend what they say, and call fit(X, y) again."
        )
    check_is_fitted(search, "cv_results_")


def deciding_metrics(records: Sequence[TrialRecord], rules: Rules) -> list[str]:
    """Return the metrics of which a finite mean makes a candidate one to choose; of objectives it takes all."""
    metrics, named = metric_names(records), metric_of(rules.refit)
    if rules.objectives:
        return list(rules.objectives)
    return [named] if named is not None and named in metrics else metrics


def why_failed(result: FoldResult, metrics: Sequence[str], scoring: Any) -> str:
    """Quote the error of a fold, or the score of the user's `scoring` that is not finite; empty if there is neither."""
    return _raised(result, metrics) or ("" if scoring is None else _not_finite(result, metrics))


def _raised(result: FoldResult, metrics: Sequence[str]) -> str:
    """Quote the error of a fold's fit or scorer; empty if neither raised."""
    if result.fit_error is not None:
        return f"the fit raised {_last_line(result.fit_error)}"
    # a callable of several metrics that raised has not named them
    errors = zip(result.failed_scores, result.score_errors, strict=False)
    raised = (error for name, error in errors if name in (*metrics, "score"))
    return next((f"the scorer raised {_last_line(error)}" for error in raised), "")


def _not_finite(result: FoldResult, metrics: Sequence[str]) -> str:
    """Quote the first score of a fold that is not finite; empty if all are."""
    scores = result.test_scores if isinstance(result.test_scores, dict) else {"score": result.test_scores}
    returned = (score for name, score in scores.items() if name in metrics and not math.isfinite(score))
    return next((f"the scorer returned {score}" for score in returned), "")


def _last_line(traceback: str) -> str:
    lines = traceback.strip().splitlines()
    return lines[-1].rstrip(".") if lines else ""


def check_not_pruned(table: Mapping[str, Any], best: int, refit: Any, pruner: Any) -> None:
    """Refuse a best candidate that was not evaluated on all folds.

    Raises
    ------
    ValueError
        Where row `best` of the table was pruned, or failed while all others were.
    """
    states = list(table["trial_state"])
    if "PRUNED" not in states or ("COMPLETE" in states and states[best] != "PRUNED"):
        return
    if "COMPLETE" in states:
        ran = f": only {table['n_folds_run'][best]} of its folds ran" if "n_folds_run" in table else ""
        raise ValueError(
            f"refit={refit!r} chose row {best} of cv_results_, a candidate that was pruned{ran}. Choose among the rows "
            "whose trial_state is 'COMPLETE'; np.nanargmax passes over the others, np.argmax does not."
        )
    reasons = sorted({str(reason) for reason in table.get("stop_reason", ()) if reason})
    if reasons:
        raise ValueError(
            f"None of the {len(states)} candidates was evaluated on all folds, some of them for this: {reasons[0]}. "
            "Give them less to hold: a smaller batch, a smaller model, fewer workers per device."
        )
    name = repr(pruner) if isinstance(pruner, str) else type(pruner).__name__
    raise ValueError(
        f"None of the {len(states)} candidates was evaluated on all folds: {states.count('FAIL')} failed, and "
        f"pruner={name} stopped the others. Use a more lenient pruner; cv_results_ has the scores of the folds that "
        "were run."
    )


def check_any_feasible(records: Sequence[TrialRecord], table: Mapping[str, Any], rules: Rules) -> None:
    """Refuse a search whose complete candidates all break constraints, and name the one that is nearest.

    Raises
    ------
    NoFeasibleCandidateError
        Where they do; without a complete candidate other errors say why.
    """
    complete = np.flatnonzero(np.asarray(table["trial_state"]) == "COMPLETE").tolist()
    if rules.constraints is None or not complete or table["feasible"].any():
        return
    nearest = min(complete, key=lambda i: sum(value for value in records[i].constraints if value > 0))
    raise NoFeasibleCandidateError(
        f"None of the {len(complete)} complete candidates keeps the constraints. Nearest is row {nearest} of "
        f"cv_results_, {in_short(records[nearest].params)}: {_broken(records[nearest], rules)}. Loosen the "
        "constraints, widen the space, or run more candidates; cv_results_ and study_ have all of them."
    )


def check_feasible(records: Sequence[TrialRecord], table: Mapping[str, Any], best: int, rules: Rules) -> None:
    """Refuse a best candidate that breaks a constraint, as a callable `refit` may choose it.

    Raises
    ------
    ValueError
        Where row `best` of the table does.
    """
    if rules.constraints is not None and table["trial_state"][best] == "COMPLETE" and not table["feasible"][best]:
        raise ValueError(
            f"refit={rules.refit!r} chose row {best} of cv_results_, which breaks a constraint: "
            f"{_broken(records[best], rules)}. Choose among the rows whose column feasible is True."
        )


def _broken(record: TrialRecord, rules: Rules) -> str:
    assert rules.constraints is not None
    return rules.constraints.words(row_of(record, rules), record.constraints)
