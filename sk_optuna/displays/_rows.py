"""Pictures of rows: names at the left, outer folds below the mean of their row, far values at the edges."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sk_optuna.displays._axes import COLORS

# The least height of a row and of a line of its name, in inches.
_ROW_HEIGHT, _LINE_HEIGHT = 0.62, 0.16
# Median distances behind which a value is beyond all proportion, so that a fold that is merely bad stays; and none.
_FAR, _ROUNDING = 25, 1e-12
# Folds lie below the mean of their row, each at a height of its own, the same in all rows.
_FOLDS_FROM, _FOLDS_TO = 0.1, 0.3
FOLD_STYLE = {"color": COLORS["COMPLETE"], "marker": "o", "markersize": 4, "alpha": 0.6, "linestyle": "none"}
MEAN_STYLE: dict[str, Any] = {
    "color": "0.1",
    "marker": "|",
    "markersize": 14,
    "markeredgewidth": 2.2,
    "linestyle": "none",
    "zorder": 3,
}


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


def heights_of_folds(n_rows: int, n_folds: int) -> np.ndarray:
    """Return the heights of the outer folds, of shape (n_rows, n_folds)."""
    heights: np.ndarray = np.arange(n_rows)[:, None] + np.linspace(_FOLDS_FROM, _FOLDS_TO, n_folds)
    return heights


def draw_intervals(ax: Any, low: np.ndarray, high: np.ndarray) -> Any:
    """Draw the intervals of 95 % of the rows that have one; None if there is none."""
    rows = np.flatnonzero(np.isfinite(low))
    if not len(rows):
        return None
    return ax.hlines(rows, low[rows], high[rows], color="0.1", linewidth=2, zorder=2.5, label="interval of 95 %")


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
