"""Sentences about a nested cross-validation: its folds, the worth of tuning, the ground of its statistics."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sk_optuna.nested._comparison import Comparison
from sk_optuna.nested._screen import NO_BREAK, WIDTH, numbers_like, wrapped
from sk_optuna.nested._statistics import compare_scores

_KINDS = {
    "k-fold": "each row tested once",
    "repeated k-fold": "each row tested several times",
    "shuffle": "rows drawn anew for each fold",
    "groups": "groups kept apart",
    "time series": "tests after training in time",
    "other": "of no known kind",
}


def title_of(record: Comparison) -> str:
    """Return the first line of the screen."""
    n = len(record.splits)
    folds = f"{n} outer fold{'' if n == 1 else 's'}"
    parts = [
        f"{record.metrics.shown} on {folds} of {record.n_rows} rows",
        "no intervals" if record.outer_splits.why_no_test else "intervals of 95 %",
    ]
    if record.defaults:
        parts.append("gain over defaults")
    while len(", ".join(parts)) > WIDTH and len(parts) > 1:
        parts.pop()
    return ", ".join(parts)


def sentence_of_tuning(
    record: Comparison, number: Callable[[float], str], name: str | None = None, rope: float = 0.0
) -> str:
    """Return the sentence that says whether tuning was worth it; empty if no row says so.

    Parameters
    ----------
    record : Comparison
        The results.
    number : callable
        Writes a score.
    name : str or None, default=None
        The search; None for the best one that has a row with its defaults.
    rope : float, default=0.0
        A difference of at most so much counts as none.
    """
    scores = record.test_scores()
    if name is None:
        means = record.means()
        name = next((each for each in means["search"] if each in record.defaults), None)
    defaults = record.defaults.get(name) if name is not None else None
    if name is None or defaults is None:
        return ""
    pair = {name: scores[name], defaults: scores[defaults]}
    columns = compare_scores(pair, splits=record.outer_splits, reference=defaults, rope=rope)
    by = f" by more than rope={number(rope)}" if rope else ""
    return _sentence(name, {key: column[0] for key, column in columns.items()}, number, by)


def sentence_of_dummy(record: Comparison, number: Callable[[float], str]) -> str:
    """Return the sentence that says that no row of the user's is better than the dummy; empty if one is."""
    means = record.means()
    mean = dict(zip(means["search"], means["mean"], strict=True))
    own = {row.name: mean[row.name] for row in record.rows if not row.is_baseline}
    best = max(own, key=lambda name: -np.inf if np.isnan(own[name]) else own[name])
    if "dummy" not in mean or "dummy" in own or not own[best] <= mean["dummy"]:
        return ""
    return f"{best} is not better than the dummy: {number(own[best])} against {number(mean['dummy'])}."


def _sentence(name: str, row: dict[str, Any], number: Callable[[float], str], by: str) -> str:
    """Write the sentence on the worth of tuning."""
    difference, n_folds = float(row["difference"]), int(row["wins"] + row["ties"] + row["losses"])
    if np.isnan(difference):
        return f"The worth of tuning {name} is not known: an outer fold has no score, with it or with its defaults."
    amount = number(abs(difference))
    if not amount.strip("0."):
        amount = f"less than {amount[:-1]}1"
    if difference == 0:
        verb = "changed nothing against"
    else:
        verb = f"gained {amount} over" if difference > 0 else f"lost {amount} against"
    equal = f", {'within it' if by else 'equal'} in {row['ties']}" if row["ties"] else ""
    probability = f"{row['p_better']:.2f}".removeprefix("0")
    sure = row["reason"] or f"P(better{by}){NO_BREAK}={NO_BREAK}{probability}"
    return f"Tuning {name} {verb} its defaults (better{by} in {row['wins']} of {n_folds} folds{equal}, {sure})."


def summary_of(record: Comparison, rope: float) -> str:
    """Return the results in words, a paragraph for each matter; differences within the rope count as none."""
    scores = record.test_scores()
    number = numbers_like(np.concatenate(list(scores.values())).tolist())
    split = record.outer_splits
    parts = [
        f"{record.metrics.shown} on {len(record.splits)} outer folds of {record.n_rows} rows ({split.kind}: "
        f"{_KINDS[split.kind]}), {split.test_to_train:.3g} rows tested for each row trained on.",
        _ground(record),
        *filter(None, [sentence_of_dummy(record, number)]),
        *(sentence for row in record.rows if (sentence := sentence_of_tuning(record, number, row.name, rope))),
        *record.notes,
    ]
    return "\n".join("\n".join(wrapped(part)) for part in parts)


def _ground(record: Comparison) -> str:
    """Return the sentence on the ground of intervals and tests."""
    split = record.outer_splits
    if split.why_no_test:
        return f"There are no intervals and {split.why_no_test}."
    text = "Intervals and tests are those of the corrected resampled t (Nadeau and Bengio 2003)"
    if split.basis == "published procedure":
        return f"{text}, a published procedure for splits like these."
    return f"{text}, which was derived for random splits: with {split.kind} splits they are a heuristic."
