"""Failures grouped by type, with the parameter value that those of a type share.

What fails is often one value of one parameter, such as a solver that cannot do a penalty. It shows where all candidates
that failed in one way have a value that no candidate has which was fitted and scored without an error.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sk_optuna.evaluation import TrialRecord
from sk_optuna.results._failures import Failure, failures

# Fewer numbers on either side lie apart by chance too often: of two parameters, three and three do for one in ten.
_FEWEST_NUMBERS = 3
_MOST_GROUPS, _MOST_SHARED = 5, 3
_LONGEST = 100


@dataclass(frozen=True)
class FailureGroup:
    """The failures of one type.

    Attributes
    ----------
    exception : str
        The class of the exception; empty where none was raised.
    failures : list of Failure
        The failures, at least one.
    shared : list of str
        What their candidates share and no candidate without an error has, such as ``"kernel='precomputed'"``.
    """

    exception: str
    failures: list[Failure]
    shared: list[str]

    def __str__(self) -> str:
        n_trials = len({failure.trial_number for failure in self.failures})
        first = self.failures[0]
        name = self.exception.rpartition(".")[2] or first.phase
        count = f"{_plural(len(self.failures), 'error')} in {_plural(n_trials, 'candidate')}"
        line = f"{name}: {_shortened(first.message).rstrip('.')} ({count})" if first.message else f"{name} ({count})"
        if not self.shared:
            return line
        whose = "all of them have" if n_trials > 1 else "it has"
        return f"{line}; {whose} {' and '.join(self.shared)}, which no candidate without an error has"


def failure_groups(records: Sequence[TrialRecord]) -> list[FailureGroup]:
    """Group the failures of trials by their type, the most frequent type first."""
    by_type: dict[str, list[Failure]] = {}
    for failure in failures(records):
        by_type.setdefault(failure.exception or failure.phase, []).append(failure)
    failed = {failure.trial_number for group in by_type.values() for failure in group}
    sound = [record.params for record in records if record.number not in failed and record.results]
    groups = [
        FailureGroup(group[0].exception, group, _shared({f.trial_number: f.params for f in group}.values(), sound))
        for group in by_type.values()
    ]
    return sorted(groups, key=lambda group: -len(group.failures))


def closing_words(records: Sequence[TrialRecord]) -> str:
    """Summarize the failures of a search, a line for each type; empty if there are none."""
    groups = failure_groups(records)
    lines = [f"- {group}" for group in groups[:_MOST_GROUPS]]
    if len(groups) > _MOST_GROUPS:
        lines.append(f"- and {_plural(len(groups) - _MOST_GROUPS, 'other type')}")
    if not lines:
        return ""
    return "\n".join(["Failures by type:", *lines, "errors_ lists each, with its line of code and parameters."])


def _shared(failed: Iterable[Mapping[str, Any]], sound: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return values and bounds that failed candidates share and no sound one has; none without sound ones."""
    failed = list(failed)
    if not sound:
        return []
    found = []
    for name in failed[0]:
        if all(name in params for params in failed):
            ours, others = [params[name] for params in failed], [params[name] for params in sound if name in params]
            if shared := _shared_value(ours, others) or _shared_range(ours, others):
                found.append(f"{name}{shared}")
    return found[:_MOST_SHARED]


def _shared_value(ours: Sequence[Any], others: Sequence[Any]) -> str:
    """Return ``"=value"`` if all of ours are equal and none of the others is; one candidate's own number says nothing.

    Values of any kind are compared by their texts.
    """
    texts = {_text(value) for value in ours}
    if len(texts) > 1 or texts & {_text(value) for value in others} or (len(ours) < 2 and _is_number(ours[0])):
        return ""
    value = ours[0].item() if isinstance(ours[0], np.generic) else ours[0]
    return f"={_shortened(repr(value))}"


def _shared_range(ours: Sequence[Any], others: Sequence[Any]) -> str:
    """Return a bound such as ``" >= 120.0"`` if all of ours lie on one side of the others, and there are enough."""
    if min(len(ours), len(others)) < _FEWEST_NUMBERS or not all(map(_is_number, [*ours, *others])):
        return ""
    if min(ours) > max(others):
        return f" >= {min(ours):.6g}"
    return f" <= {max(ours):.6g}" if max(ours) < min(others) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: Any) -> tuple[type, str]:
    return type(value), repr(value)


def _shortened(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
