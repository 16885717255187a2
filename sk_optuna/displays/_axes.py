"""Axes, colours and legend that all displays share.

Everything is set on the axes at hand. pyplot's rcParams stay as they are, and no figure is shown: it is returned.
matplotlib is imported inside the functions, and only there.
"""

from typing import Any

import numpy as np

from sk_optuna.exceptions import InvalidArgumentError

# From the palette of Okabe and Ito, which is told apart with any kind of colour vision; greys stand behind it.
COLORS = {"FAIL": "0.45", "PRUNED": "0.6", "COMPLETE": "#0072B2"}
BEST_COLOR = "#D55E00"
DEFAULTS_COLOR = "#009E73"
# A figure's own legend stands beside the axes.
_WIDER = 1.3
_NAMES = {"FAIL": "failed", "PRUNED": "pruned", "COMPLETE": "complete"}


def new_axes() -> Any:
    """Make axes in a figure of their own."""
    import matplotlib.pyplot as plt

    width, height = plt.rcParams["figure.figsize"]
    _, ax = plt.subplots(figsize=(_WIDER * width, height), layout="constrained")
    return ax


def counted(state: str, n_trials: int) -> str:
    """Label the trials of a state with their number, as in "pruned (2)"."""
    return f"{_NAMES[state]} ({n_trials})"


def tick_whole_numbers(axis: Any) -> None:
    """Set the ticks of an axis that counts to whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def add_legend(ax: Any, *, beside: bool) -> None:
    """Explain the artists, the last drawn first, since it lies on top.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes with labelled artists.
    beside : bool
        Whether the legend stands to the right of the axes, where it covers nothing; else where it covers least. Axes
        that are somebody's else may have a neighbour there.
    """
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0} if beside else {"loc": "best"}
    ax.legend(handles=ax.get_legend_handles_labels()[0][::-1], fontsize="small", framealpha=0.85, **place)


def focused_limits(values: np.ndarray, *, greater_is_better: bool) -> tuple[float, float] | None:
    """Find limits of an axis that leave out values beyond all proportion.

    Scores are beyond it where they are further below the lower quartile than three times the distance from there to the
    best value. For losses, "above the upper quartile" takes the place of "below the lower one".

    Returns
    -------
    (float, float) or None
        The limits; None where all values may stay.
    """
    sign = 1.0 if greater_is_better else -1.0
    known = sign * values[np.isfinite(values)]
    if not len(known):
        return None
    quartile, top = np.quantile(known, 0.25), known.max()
    far = quartile - 3 * (top - quartile)
    if not known.min() < far < top:
        return None
    low, high = sorted((float(sign * far), float(sign * (top + 0.05 * (top - far)))))
    return low, high


def remove_frame(ax: Any) -> None:
    """Hide the upper and the right border of the axes."""
    ax.spines[["top", "right"]].set_visible(False)


# Points of candidates, by group: those that were stopped are hollow, and those without a score stand at the lower edge.
POINT_STYLES: dict[str, dict[str, Any]] = {
    "PRUNED": {"marker": "o", "markerfacecolor": "none", "markeredgecolor": COLORS["PRUNED"], "markersize": 4.5},
    "INFEASIBLE": {"marker": "X", "color": "#CC79A7", "markersize": 5, "markeredgewidth": 0},
    "COMPLETE": {"marker": "o", "color": COLORS["COMPLETE"], "markersize": 4.5, "markeredgewidth": 0, "alpha": 0.6},
    "NO SCORE": {"marker": "|", "color": COLORS["PRUNED"], "markersize": 11, "clip_on": False},
    "FAIL": {"marker": "|", "color": "0.15", "markersize": 11, "clip_on": False},
}
POINT_NAMES = {**_NAMES, "INFEASIBLE": "infeasible", "NO SCORE": "without a score"}


def divide(ax: Any, n_panels: int, *, n_columns: int) -> tuple[np.ndarray, Any]:
    """Divide the place of axes into panels with one vertical axis, and a strip for their legend below.

    The axes themselves are emptied of ticks and border, and stay.

    Returns
    -------
    panels : ndarray of Axes of shape (n_panels,)
        The panels, row by row.
    strip : matplotlib Axes
        Axes without ticks and border.

    Raises
    ------
    InvalidArgumentError
        Where the axes have no place in a grid, or were divided before.
    """
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    place = ax.get_subplotspec()
    if place is None or not ax.axison:
        why = "was divided already" if place is not None else "has no place in a grid of axes"
        raise InvalidArgumentError(f"ax {why}, and cannot be divided into panels. Use new axes of plt.subplots().")
    n_rows = -(-n_panels // n_columns)
    # Where nothing lays the figure out, names of axes need their room.
    is_laid_out = ax.figure.get_layout_engine() is not None
    grid = GridSpecFromSubplotSpec(
        n_rows + 1,
        n_columns,
        subplot_spec=place,
        height_ratios=[1.0] * n_rows + [0.1 if is_laid_out else 0.3],
        hspace=None if is_laid_out else 0.6,
    )
    ax.set_axis_off()
    panels = np.empty(n_panels, dtype=object)
    for i in range(n_panels):
        panels[i] = ax.figure.add_subplot(grid[i // n_columns, i % n_columns], sharey=panels[0] if i else None)
        panels[i].tick_params(labelleft=i % n_columns == 0)
    strip = ax.figure.add_subplot(grid[n_rows, :])
    strip.set_axis_off()
    return panels, strip


def add_legend_below(strip: Any, panels: np.ndarray, *, note: str) -> None:
    """Explain the artists of all panels in a strip below them, each label once, with a note on top."""
    by_label = {label: handle for ax in panels for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    # As many columns as have room for labels of some two inches.
    width = strip.get_window_extent().width / strip.figure.dpi
    strip.legend(
        by_label.values(),
        by_label,
        title=note or None,
        title_fontsize="small",
        alignment="left",
        loc="upper center",
        ncols=max(1, min(4, round(width / 2.4))),
        fontsize="small",
        borderaxespad=0,
        frameon=False,
    )


def in_lines(name: str, width: int = 30) -> str:
    """Break a long name into lines of at most `width` letters, before double underscores where there are any."""
    lines, line = [], ""
    for part in name.replace("__", "\n__").split("\n"):
        if line and len(line) + len(part) > width:
            lines.append(line)
            line = ""
        line += part
        while len(line) > width:
            lines.append(line[:width])
            line = line[width:]
    return "\n".join([*lines, line] if line else lines)
