"""HTML for notebooks: it takes the colours of its surroundings, so that dark themes are fine."""

from collections.abc import Sequence
from html import escape

_CELL = "text-align:left;vertical-align:top;padding:.1em .8em .1em 0;background:none"


def table(title: str, rows: Sequence[tuple[str, str]], share: float | None = None) -> str:
    """Return a table of names and values, under a title and a bar; everything is escaped.

    Styles are within the elements: viewers that show notebooks leave style sheets out.

    Parameters
    ----------
    title : str
        A line above it.
    rows : sequence of (str, str)
        Names and values.
    share : float or None, default=None
        The part of the bar that is full; None for no bar.
    """
    cells = "".join(
        f'<tr style="background:none"><th scope="row" style="{_CELL}">{escape(name)}</th>'
        f'<td style="{_CELL};overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for name, value in rows
    )
    bar = "" if share is None else _bar(share)
    return f'<div><div>{escape(title)}</div>{bar}<table style="border:none"><tbody>{cells}</tbody></table></div>'


def _bar(share: float) -> str:
    percent = f"{100 * share:.0f}"
    return (
        f'<div role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100" '
        'style="max-width:30em;height:.6em;margin:.3em 0;border:1px solid currentColor;border-radius:.3em">'
        f'<div style="width:{percent}%;height:100%;background:currentColor;opacity:.5"></div></div>'
    )
