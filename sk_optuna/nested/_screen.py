"""The first screen of nested results, in a console, a notebook and a markdown page: the same words in each.

At most 80 columns, and 15 lines for three searches: it is to be read before a question is asked, and what needs more
room is a call away, of which the last lines name two.
"""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from sk_optuna._short_value import short_value

WIDTH, _LINES = 80, 15
# A space at which no line is broken.
NO_BREAK = "\N{NO-BREAK SPACE}"
_SHORTEST_NAME, _LONGEST_NAME, _LEAST_CHOSEN = 8, 14, 12
_HEADER = ("", "mean", "interval", "inner", "optimism", "gain", "s", "chosen")
# Columns of numbers, which stand to the right.
_RIGHT = range(1, 7)


@dataclass(frozen=True)
class Screen:
    """The words of the screen.

    Attributes
    ----------
    title : str
        The metric, the folds, and what the columns are.
    rows : list of tuple of str
        A row for each model, best first; the cells of the header's columns.
    paragraphs : list of str
        Sentences: whether tuning was worth it, notes, findings.
    calls : list of str
        The calls that come next.
    """

    title: str
    rows: list[tuple[str, ...]]
    paragraphs: list[str]
    calls: list[str]

    def text(self) -> str:
        """Return the screen for a console."""
        cells = [_HEADER, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADER) - 1)]
        # wide numbers take from names first, which are known, and then from parameters
        beside_name = WIDTH - sum(widths[1:]) - 2 * len(widths)
        widths[0] = min(widths[0], max(_SHORTEST_NAME, min(_LONGEST_NAME, beside_name - _LEAST_CHOSEN)))
        room = max(_LEAST_CHOSEN // 2, beside_name - widths[0])
        lines = [self.title]
        for row in cells:
            aligned = [_aligned(_cut(row[i], width), width, i) for i, width in enumerate(widths)]
            lines.append("  ".join([*aligned, _cut(row[-1], room)]).rstrip())
        room_for_lines = _LINES + max(0, len(self.rows) - 4) - len(lines) - len(self.calls)
        return "\n".join([*lines, *_fitting(self.paragraphs, room_for_lines), *self.calls])

    def markdown(self) -> str:
        """Return the screen for a markdown page."""
        lines = [self.title, "", _of_markdown(_HEADER)]
        lines.append(_of_markdown(["---:" if i in _RIGHT else "---" for i in range(len(_HEADER))]))
        lines += [_of_markdown(row) for row in self.rows]
        return "\n".join([*lines, "", "\n\n".join(self.paragraphs), "", *(f"    {call}" for call in self.calls)])

    def html(self) -> str:
        """Return the screen for a notebook."""

        def line(cells: Sequence[str], tag: str) -> str:
            right = ' style="text-align: right"'
            made = (f"<{tag}{right if i in _RIGHT else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells))
            return f"<tr>{''.join(made)}</tr>"

        head, body = line(_HEADER, "th"), "".join(line(row, "td") for row in self.rows)
        paragraphs = "".join(f"<p>{escape(each)}</p>" for each in self.paragraphs)
        calls = escape("\n".join(self.calls))
        return (
            f"<div><p>{escape(self.title)}</p><table><thead>{head}</thead><tbody>{body}</tbody></table>"
            f"{paragraphs}<pre>{calls}</pre></div>"
        )


def _aligned(cell: str, width: int, i: int) -> str:
    """Pad a cell, on the left for a number."""
    return cell.rjust(width) if i in _RIGHT else cell.ljust(width)


def _cut(text: str, room: int) -> str:
    """Cut a text that is too long, and show that."""
    return text if len(text) <= room else f"{text[: room - 2]}.."


def wrapped(text: str) -> list[str]:
    """Break a sentence into the lines of a console."""
    return [line.replace(NO_BREAK, " ") for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")]


def _fitting(paragraphs: Sequence[str], room: int) -> list[str]:
    """Return the lines of as many whole paragraphs as there is room for, and a call that has the others."""
    lines: list[str] = []
    for i, paragraph in enumerate(paragraphs):
        own, is_last = wrapped(paragraph), i == len(paragraphs) - 1
        if len(lines) + len(own) > room - (not is_last):
            return [*lines, f"{len(paragraphs) - i} more: print(results.summary()), results.checks()"]
        lines += own
    return lines


def _of_markdown(cells: Sequence[str]) -> str:
    """Write a row of a markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def row_of_screen(row: Mapping[str, Any], chosen: str, number: Callable[[float], str]) -> tuple[str, ...]:
    """Return the cells of a model.

    Parameters
    ----------
    row : mapping
        A row of the table of means.
    chosen : str
        The chosen parameters in short.
    number : callable
        Writes a score.
    """
    interval = "" if np.isnan(row["low"]) else f"[{number(row['low'])}, {number(row['high'])}]"
    gain = "" if np.isnan(row["gain"]) else signed(row["gain"], number)
    optimism = "" if np.isnan(row["optimism"]) else signed(row["optimism"], number)
    inner = "" if np.isnan(row["inner_best"]) else number(row["inner_best"])
    return (row["search"], number(row["mean"]), interval, inner, optimism, gain, _seconds(row["seconds"]), chosen)


def signed(value: float, number: Callable[[float], str]) -> str:
    """Return a difference with its sign."""
    text = number(abs(value))
    return text if not text.strip("0.") else f"{'-' if value < 0 else '+'}{text}"


def numbers_like(values: Sequence[float]) -> Callable[[float], str]:
    """Return a function that writes scores, all with as many digits as tell these apart: three behind 0, else fewer."""
    finite = np.abs(np.asarray(values, dtype=float))
    largest = float(finite[np.isfinite(finite)].max(initial=0.0))
    is_share = largest < 10
    decimals = 3 if is_share or largest >= 1e5 else max(0, 3 - math.floor(math.log10(largest)))

    def number(value: float) -> str:
        if np.isnan(value):
            return "nan"
        if largest >= 1e5:
            return f"{value:.3e}" if abs(value) >= largest / 2000 else "0"
        text = f"{value:.{decimals}f}"
        if float(text) == 0:
            text = text.lstrip("-")
        return text.replace("0.", ".", 1) if is_share and abs(value) < 1 and text.lstrip("-").startswith("0.") else text

    return number


def _seconds(value: float) -> str:
    """Write seconds."""
    if np.isnan(value):
        return ""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _two_digits(value: float) -> str:
    """Write a value of a parameter with two digits that count."""
    return f"{float(f'{value:.2g}'):g}"


def chosen_in_short(stability: Mapping[str, np.ndarray], name: str) -> str:
    """Return the parameters that the outer folds of a search chose: a value or a range, with a share where they differ.

    Parameters
    ----------
    stability : mapping of str to ndarray
        The table of stability.
    name : str
        The search.
    """
    parts = []
    for i in np.flatnonzero(stability["search"] == name):
        row = {key: column[i] for key, column in stability.items()}
        parameter = row["parameter"].rpartition("__")[2]
        if np.isnan(row["low"]):
            share = "" if row["modal_share"] == 1 else f" {row['modal_share']:.0%}"
            parts.append(f"{parameter}={row['mode']}{share}")
        elif short_value(row["low"]) == short_value(row["high"]):
            parts.append(f"{parameter}={row['mode']}")
        else:
            parts.append(f"{parameter}={_two_digits(row['low'])}..{_two_digits(row['high'])}")
    return " ".join(parts)
