"""A search whose candidates all fail from the start: how many did, and the error that says so.

It is computed from the records that were told, in their order, so it depends neither on workers nor on whether the
search was resumed in between.
"""

from collections.abc import Sequence

from sk_optuna.evaluation import TrialRecord
from sk_optuna.exceptions import FoldFailedError, TooManyFailuresError
from sk_optuna.results._failures import Failure, failures
from sk_optuna.results._no_best import deciding_metrics, why_failed
from sk_optuna.results._rules import Rules

# Endings that are a matter of the candidate's size, not of a mistake.
_EXCUSES = frozenset({"memory", "timeout"})


def failing_start(records: Sequence[TrialRecord], rules: Rules) -> list[TrialRecord]:
    """Return the last candidates, as far as one after the other failed; none once a candidate is complete.

    One that ran out of memory or time counts neither way. One that a pruner stopped did not fail, and one whose
    estimator's own `score` is NaN did not either.

    Parameters
    ----------
    records : sequence of TrialRecord
        The trials that were told, in order.
    rules : Rules
        The search's arguments; `refit` says which metric decides, or any.
    """
    metrics = deciding_metrics(records, rules)
    failed: list[TrialRecord] = []
    for record in records:
        states = {rules.state(record)} if rules.objectives else {record.state(metric) for metric in metrics}
        if "COMPLETE" in states:
            return []
        if any(result.ending is not None and result.ending.kind in _EXCUSES for result in record.results):
            continue
        if "PRUNED" in states or not any(why_failed(result, metrics, rules.scoring) for result in record.results):
            failed = []
        else:
            failed.append(record)
    return failed


def too_many_failures(records: Sequence[TrialRecord], rules: Rules, most: int) -> TooManyFailuresError:
    """Return the error about candidates that all failed, with the last of their errors for a cause.

    Parameters
    ----------
    records : sequence of TrialRecord
        The candidates.
    rules : Rules
        The search's arguments.
    most : int
        The user's `max_failures`.
    """
    metrics = deciding_metrics(records, rules)
    reasons = [why for each in records[-1].results if (why := why_failed(each, metrics, rules.scoring))]
    failed = list(failures(records[-1:]))
    where = f" ({failed[-1].user_code})" if failed and failed[-1].user_code else ""
    error = TooManyFailuresError(
        f"{len(records)} candidates in a row failed before any had a score, so the search ended (max_failures={most}). "
        f"The last time, {reasons[-1]}{where}. errors_ has all errors, cv_results_ and study_ the candidates. "
        "error_score='raise' raises the first error where it occurs; if so many candidates may fail, raise "
        "max_failures, or set it to None for no limit."
    )
    if failed:
        error.__cause__ = _as_error(failed[-1])
    return error


def _as_error(failure: Failure) -> FoldFailedError:
    return FoldFailedError(failure.exception, failure.message, failure.text)
