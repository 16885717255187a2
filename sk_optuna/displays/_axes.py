"""Axes, colours and legend that all displays share.

Everything is set on the axes at hand. pyplot's rcParams stay as they are, and no figure is shown: it is returned.
matplotlib is imported inside the functions, and only there.
"""

import re
from typing import Any, Literal

import numpy as np

# From the palette of Okabe and Ito, which is told apart with any kind of colour vision; greys stand behind it.
COLORS = {"FAIL": "0.45", "PRUNED": "0.6", "COMPLETE": "#0072B2"}
BEST_COLOR = "#D55E00"
DEFAULTS_COLOR = "#009E73"
# A figure's own legend stands beside the axes.
_WIDER = 1.3
# Characters of a line of a name, and its lines.
_NAME_WIDTH, _NAME_LINES = 28, 4
_EDGE_STYLE: dict[str, Any] = {"linestyle": "none", "clip_on": False, "zorder": 4}
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


def score_limits(values: np.ndarray) -> tuple[float, float] | None:
    """Find limits of an axis of scores that leave out values beyond all proportion, and do not magnify equal ones.

    Returns
    -------
    (float, float) or None
        Those of `focused_limits`, where they save more than half of the height; around values that are equal but for
        rounding; None where matplotlib's own will do.
    """
    known = values[np.isfinite(values)]
    if len(known) and np.ptp(known) <= 1e-9 * np.abs(known).max():
        middle, room = float(known.mean()), 0.05 * (float(np.abs(known).max()) or 1.0)
        return middle - room, middle + room
    limits = focused_limits(values, greater_is_better=True)
    # Where all fits into twice the height, all stays.
    return None if limits and known.max() - known.min() < 2 * (limits[1] - limits[0]) else limits


def mark_beyond(
    ax: Any, x: np.ndarray, y: np.ndarray, *, axis: Literal["x", "y"], how: str = "further", n: int | None = None
) -> list[Any]:
    """Mark at the edges the points that lie beyond the limits of one axis, and keep the limits; the legend counts them.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    x, y : ndarray of shape (n_points,)
        The points.
    axis : {"x", "y"}
        The axis whose limits count: points to the left and the right of the axes, or below and above.
    how : str, default="further"
        The word before the side, in the legend.
    n : int or None, default=None
        Their number, where it is not that of the marks.
    """
    low, high = getattr(ax, f"get_{axis}lim")()
    values, others = (x, y) if axis == "x" else (y, x)
    sides = (("left", "<"), ("right", ">")) if axis == "x" else (("below", "v"), ("above", "^"))
    transform = ax.get_yaxis_transform() if axis == "x" else ax.get_xaxis_transform()
    marks: list[Any] = []
    for edge, ((side, marker), beyond) in enumerate(zip(sides, (values < low, values > high), strict=True)):
        if beyond.any():
            at = [np.full(beyond.sum(), float(edge)), others[beyond]]
            style = {"marker": marker, "markersize": 5, "color": "0.2", **_EDGE_STYLE}
            label = f"{how} {side} ({beyond.sum() if n is None else n})"
            marks += ax.plot(*(at if axis == "x" else at[::-1]), transform=transform, label=label, **style)
    getattr(ax, f"set_{axis}lim")(low, high)
    return marks


def mark_at_lower_edge(ax: Any, at: np.ndarray, *, label: str, **style: Any) -> Any:
    """Draw a tick at the lower edge for each candidate without a score; None where there is none."""
    if not len(at):
        return None
    style = {"marker": 2, "markersize": 7, "color": COLORS["FAIL"], "label": label, **_EDGE_STYLE, **style}
    (marks,) = ax.plot(at, np.zeros(len(at)), transform=ax.get_xaxis_transform(), **style)
    return marks


def shortened(name: str, at_most: int = 24) -> str:
    """Cut a long name in its middle."""
    if len(name) <= at_most:
        return name
    kept = at_most - 1
    return f"{name[: kept // 2]}…{name[kept // 2 - kept :]}"


def wrapped_name(name: str, width: int = _NAME_WIDTH) -> str:
    """Break a long name into lines, behind spaces and signs if it can be; the end of a very long one is cut off."""
    lines = [""]
    for part in re.split(r"(?<=[\s_./,:=-])(?=\w)", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    if len(lines) > _NAME_LINES:
        lines = [*lines[: _NAME_LINES - 1], f"{lines[_NAME_LINES - 1][: width - 1]}\N{HORIZONTAL ELLIPSIS}"]
    return plain_text("\n".join(line.strip() for line in lines))


def plain_text(name: str) -> str:
    """Return a name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")
