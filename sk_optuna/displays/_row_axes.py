"""Axes of pictures of rows: names at the left, far values, panels in the place of one, a legend in a line."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

# Rows with names at the left: the least height of one and of a line in inches, characters of a line, and its lines.
_ROW_HEIGHT, _LINE_HEIGHT, _NAME_WIDTH, _NAME_LINES = 0.62, 0.16, 28, 4
# Median distances behind which a value is beyond all proportion, so that a fold that is merely bad stays; and none.
_FAR, _ROUNDING = 25, 1e-12
# Of panels that share a place, in inches: the least width, the height of a line of the legend, the width of the whole.
_PANEL_WIDTH, _LEGEND_HEIGHT, _LEGEND_WIDTH = 1.6, 0.25, 4.5


def name_rows(ax: Any, labels: Sequence[str], *, resize: bool) -> None:
    """Lay out rows from the top down, and write their labels at the left.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes whose row i is at the height i.
    labels : sequence of str
        The labels, of several lines.
    resize : bool
        Whether the figure grows with the rows; no figure of somebody else's does.
    """
    ax.set_yticks(range(len(labels)), labels, fontsize="small")
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="x", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    if resize:
        n_lines = max((label.count("\n") + 2 for label in labels), default=0)
        height = 1.2 + max(_ROW_HEIGHT, _LINE_HEIGHT * n_lines) * len(labels)
        ax.figure.set_size_inches(ax.figure.get_size_inches()[0], max(3.0, height))


def wrapped_name(name: str) -> str:
    """Break a long name into lines, behind spaces and signs if it can be; the end of a very long one is cut off."""
    lines = [""]
    for part in re.split(r"(?<=[\s_./,:=-])(?=\w)", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > _NAME_WIDTH:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > _NAME_WIDTH:
            lines[-1:] = [lines[-1][:_NAME_WIDTH], lines[-1][_NAME_WIDTH:]]
    if len(lines) > _NAME_LINES:
        lines = [*lines[: _NAME_LINES - 1], f"{lines[_NAME_LINES - 1][: _NAME_WIDTH - 1]}\N{HORIZONTAL ELLIPSIS}"]
    return plain_text("\n".join(line.strip() for line in lines))


def plain_text(name: str) -> str:
    """Return a name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")


def range_without_far(values: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest value but for those beyond all proportion on either side.

    They are beyond it where they are further from the median than twenty-five times the median distance from there of
    all values that are not the median itself: folds often tie, and ties say nothing of how far values lie apart.

    Parameters
    ----------
    values : ndarray
        Values, of which those that are finite count. (0.0, 0.0) if none is.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 0.0
    middle = np.quantile(known, 0.5, method="lower")
    distances = np.abs(known - middle)
    away = np.sort(distances[distances > _ROUNDING * max(1.0, abs(middle))])
    near = known[distances <= _FAR * away[(len(away) - 1) // 2]] if len(away) else known
    return float(near.min()), float(near.max())


def set_range(ax: Any, low: float, high: float) -> None:
    """Show a range of values on the horizontal axis, with a margin."""
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_xlim(low - margin, high + margin)


def mark_beyond(ax: Any, x: np.ndarray, y: np.ndarray) -> list[Any]:
    """Mark points to the left or the right of the axes at their edge; the legend counts them."""
    low, high = ax.get_xlim()
    marks: list[Any] = []
    for side, beyond, at, marker in (("left", x < low, low, "<"), ("right", x > high, high, ">")):
        if beyond.any():
            heights, label = y[beyond], f"further {side} ({beyond.sum()})"
            style: dict[str, Any] = {"color": "0.2", "markersize": 5, "linestyle": "none", "clip_on": False}
            marks += ax.plot([at] * len(heights), heights, marker=marker, label=label, zorder=5, **style)
    ax.set_xlim(low, high)
    return marks


def divide_axes(ax: Any, n_panels: int, *, resize: bool) -> list[Any]:
    """Divide the place of axes among panels, in rows of at most four.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes. They become a line over the panels, without a frame, for a title and a legend.
    n_panels : int
        Number of panels.
    resize : bool
        Whether the figure grows with the panels.
    """
    from matplotlib.gridspec import GridSpec

    figure, place, spec = ax.figure, ax.get_position(), ax.get_subplotspec()
    n_columns = n_panels if n_panels <= 3 else min(4, (n_panels + 1) // 2)
    if resize:
        figure.set_size_inches(max(5.0, 2.9 * n_columns), 0.9 + 2.7 * -(-n_panels // n_columns))
    width, height = (place.width, place.height) * figure.get_size_inches()
    n_columns = min(n_columns, max(1, int(width / _PANEL_WIDTH)))
    header = _LEGEND_HEIGHT * (1 if width > _LEGEND_WIDTH else 2)
    ratios = [header, max(header, height - header)]
    # a layout engine finds the room for labels by itself, for axes of a grid
    has_engine = spec is not None and figure.get_layout_engine() is not None
    below, gaps = ({}, {}) if has_engine else ({"hspace": 0.4}, {"wspace": 0.6, "hspace": 0.9})
    if spec is None:
        edges = {"left": place.x0, "right": place.x1, "bottom": place.y0, "top": place.y1}
        parts: Any = GridSpec(2, 1, figure=figure, height_ratios=ratios, **edges, **below)
        ax.set_position(parts[0].get_position(figure))
    else:
        parts = spec.subgridspec(2, 1, height_ratios=ratios, **below)
        ax.set_subplotspec(parts[0])
    ax.set_axis_off()
    grid = parts[1].subgridspec(-(-n_panels // n_columns), n_columns, **gaps)
    cells = [grid[divmod(i, n_columns)] for i in range(n_panels)]
    if spec is None:
        return [figure.add_axes(cell.get_position(figure).bounds) for cell in cells]
    return [figure.add_subplot(cell) for cell in cells]


def add_legend_in_a_line(ax: Any) -> None:
    """Explain the artists side by side, in the middle of the axes; in two lines where they are narrow."""
    handles = ax.get_legend_handles_labels()[0]
    is_wide = ax.get_position().width * ax.figure.get_size_inches()[0] > _LEGEND_WIDTH
    n_columns = len(handles) if is_wide else max(2, -(-len(handles) // 2))
    place = {"loc": "center", "borderaxespad": 0, "frameon": False, "columnspacing": 1.2}
    # a layout engine would make axes narrower by as much as the legend is wider
    ax.legend(handles=handles, ncols=n_columns, fontsize="small", **place).set_in_layout(False)
