"""Trial records -> `errors_`, a dict of columns with one row for each failure.

It is made of the texts that fold results hold, and of nothing else. So a search that goes on with trials from a store
has the errors of these, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sk_optuna.evaluation import FoldResult, TrialRecord, raised_errors
from sk_optuna.results._user_code import last_line_of_user_code


class Failure(NamedTuple):
    """An error of a fold.

    Attributes
    ----------
    trial_number, fold : int
        The trial and the fold.
    phase : str
        ``"fit"`` or ``"score"``, or the kind of an ending such as ``"memory"`` or ``"worker"``.
    exception, message : str
        Class of the exception, with the module unless that is builtins, and its message.
    user_code : str
        The last line of the user's code, as `last_line_of_user_code` returns it.
    params : mapping
        The trial's parameters.
    text : str
        The whole traceback, or where there is none the detail of the ending.
    """

    trial_number: int
    fold: int
    phase: str
    exception: str
    message: str
    user_code: str
    params: Mapping[str, Any]
    text: str


def failures(records: Sequence[TrialRecord]) -> Iterator[Failure]:
    """Yield the failures, by trial and fold."""
    for record in records:
        for fold, result in enumerate(record.folds):
            if result is not None:
                yield from (_failure(record, fold, result, text) for text in _texts(result))


def errors_table(records: Sequence[TrialRecord]) -> dict[str, np.ndarray]:
    """List every failure as one row, ordered by trial and fold."""
    rows = list(failures(records))
    kinds = {"trial_number": np.int64, "fold": np.int64}
    names = [name for name in Failure._fields if name != "text"]
    table = {name: np.empty(len(rows), dtype=kinds.get(name, object)) for name in names}
    for name, column in table.items():
        column[:] = [getattr(row, name) for row in rows]
    return table


def _texts(result: FoldResult) -> Sequence[str]:
    """Return the tracebacks of a fold, else the detail of its ending; a scorer's on train and test rows may be one."""
    if result.fit_error:
        return [result.fit_error]
    if result.score_errors:
        return list(dict.fromkeys(result.score_errors))
    if result.ending is not None and result.ending.kind != "pruned":
        return [result.ending.detail]
    return []


def _failure(record: TrialRecord, fold: int, result: FoldResult, text: str) -> Failure:
    was_raised = bool(result.fit_error or result.score_errors)
    errors = raised_errors(text) if was_raised else []
    exception, message = errors[-1][:2] if errors else ("", text.strip())
    phase = "fit" if result.fit_error else "score"
    if result.ending is not None and result.ending.kind not in ("failed", "pruned"):
        phase = result.ending.kind
    return Failure(record.number, fold, phase, exception, message, last_line_of_user_code(errors), record.params, text)
