"""A finished trial as it is kept: enough to rebuild its row of the table and its curves, and to tell it again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sk_optuna.epochs import Curve
from sk_optuna.evaluation import Ending, FoldResult, TrialRecord


class Told(Protocol):
    """A trial that was told, as the study remembers it."""

    @property
    def state(self) -> str:
        """How the trial ended."""

    @property
    def result(self) -> float | Sequence[float] | None:
        """Its mean score or estimate, or the mean scores of several objectives."""

    @property
    def trial(self) -> Any:
        """The trial in the study."""

    @property
    def record(self) -> TrialRecord:
        """The results of its folds."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """The sampler's notes on it."""


@dataclass(frozen=True)
class StoredTrial:
    """A finished trial.

    Attributes
    ----------
    row : mapping
        Its parameters as the study keeps them.
    state : {"COMPLETE", "PRUNED", "FAIL"}
        How it ended.
    value : float or None
        Its mean score, or the estimate of it; None if there is neither.
    folds : mapping of int to FoldResult
        The folds that ran, by their number.
    is_cut : bool
        Whether it was stopped before its other folds.
    n_dropped : int
        Number of runs of its folds on which no decision rests.
    notes : mapping
        The sampler's notes on it, which other trials in flight depend on.
    values : sequence of float or None
        Its mean scores, where there are several objectives.
    """

    row: Mapping[str, Any]
    state: str
    value: float | None
    folds: Mapping[int, FoldResult]
    is_cut: bool = False
    n_dropped: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)
    values: Sequence[float] | None = None

    @property
    def result(self) -> float | Sequence[float] | None:
        """The value, or the values of several objectives."""
        return self.value if self.values is None else self.values

    @classmethod
    def of(cls, told: Told) -> "StoredTrial":
        """Return the trial that was told."""
        record = told.record
        # A callback that ended that run does not end the next.
        folds = {i: fold._replace(ends_search=False) for i, fold in enumerate(record.folds) if fold is not None}
        result = told.result
        value, values = (None, list(result)) if isinstance(result, Sequence) else (result, None)
        return cls(
            dict(told.trial.params),
            told.state,
            value,
            folds,
            record.is_cut,
            record.n_dropped,
            dict(told.notes),
            values,
        )

    def to_json(self) -> str:
        """Return the trial as JSON; floats come back bit by bit."""
        content: dict[str, Any] = {
            "row": dict(self.row),
            "state": self.state,
            "value": self.value,
            "folds": {str(number): fold._asdict() for number, fold in self.folds.items()},
            "is_cut": self.is_cut,
            "n_dropped": self.n_dropped,
            "notes": dict(self.notes),
        }
        if self.values is not None:
            content["values"] = list(self.values)
        for fold in content["folds"].values():
            for name in ("curve", "ending"):
                fold[name] = None if fold[name] is None else fold[name]._asdict()
            del fold["notes"]
        return json.dumps(content, default=plain)

    @classmethod
    def from_json(cls, text: str) -> "StoredTrial":
        """Return the trial that `to_json` wrote."""
        content = json.loads(text)
        folds = {int(number): _fold(values) for number, values in content["folds"].items()}
        return cls(**{**content, "folds": folds})


def _fold(values: dict[str, Any]) -> FoldResult:
    curve, ending = values["curve"], values["ending"]
    if curve is not None:
        # Before there was a period, every epoch was reported.
        curve.setdefault("epochs", range(1, len(curve["scores"]) + 1))
        tuples = {name: tuple(curve[name]) for name in ("epochs", "train_losses", "scores")}
        values["curve"] = Curve(**{**curve, **tuples})
    if ending is not None:
        values["ending"] = Ending(**ending)
    for name in ("failed_scores", "score_errors"):
        values[name] = tuple(values[name])
    return FoldResult(**values)


def plain(value: Any) -> Any:
    """Return the plain number of a NumPy scalar, which a scorer may have returned."""
    return value.item()
