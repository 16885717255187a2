"""Axes of pictures of candidates: several searches, candidates without a score, far scores, matrices, long names."""

from typing import Any

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, COLORS, focused_limits

# Pictures of candidates: several searches, candidates without a score, scores beyond the limits, long names.

# Okabe and Ito's, but for the yellow, which is faint on white; marks and dashes tell them apart in grey.
SEARCH_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SEARCH_MARKERS = ("o", "s", "^", "D", "v", "P")
SEARCH_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_EDGE_STYLE: dict[str, Any] = {"linestyle": "none", "clip_on": False, "zorder": 4}


def shortened(name: str, at_most: int = 24) -> str:
    """Cut a long name in its middle."""
    if len(name) <= at_most:
        return name
    kept = at_most - 1
    return f"{name[: kept // 2]}…{name[kept // 2 - kept :]}"


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


def mark_at_lower_edge(ax: Any, at: np.ndarray, *, label: str, **style: Any) -> Any:
    """Draw a tick at the lower edge for each candidate without a score; None where there is none."""
    if not len(at):
        return None
    style = {"marker": 2, "markersize": 7, "color": COLORS["FAIL"], "label": label, **_EDGE_STYLE, **style}
    (marks,) = ax.plot(at, np.zeros(len(at)), transform=ax.get_xaxis_transform(), **style)
    return marks


def mark_beyond(ax: Any, at: np.ndarray, values: np.ndarray) -> list[Any]:
    """Mark at the edges the points that lie beyond the limits, and keep the limits."""
    low, high = ax.get_ylim()
    marks: list[Any] = []
    for side, beyond, edge, marker in (("below", values < low, 0.0, "v"), ("above", values > high, 1.0, "^")):
        if beyond.any():
            style = {"marker": marker, "markersize": 5, "color": "0.2", **_EDGE_STYLE}
            label = f"further {side} ({int(beyond.sum())})"
            n_marks = int(beyond.sum())
            marks += ax.plot(at[beyond], [edge] * n_marks, transform=ax.get_xaxis_transform(), label=label, **style)
    ax.set_ylim(low, high)
    return marks


# Pictures in which colours are scores: matrices and planes.

# Light means high, in grey, too, and with any kind of colour vision.
SCORE_COLORS = "viridis"


def color_limits(values: np.ndarray) -> tuple[float, float]:
    """Find the scores of the darkest and the lightest colour."""
    known = values[np.isfinite(values)]
    return score_limits(known) or (float(known.min()), float(known.max()))


def add_color_bar(ax: Any, colored: Any, values: np.ndarray, *, label: str) -> Any:
    """Explain the colours above the axes; an arrow stands for scores beyond them."""
    low, high = colored.get_clim()
    known = values[np.isfinite(values)]
    ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = ends.get((bool(known.min() < low), bool(known.max() > high)), "neither")
    return ax.figure.colorbar(colored, ax=ax, location="top", extend=extend, label=label, aspect=40)


def in_digits(values: np.ndarray) -> list[str]:
    """Write numbers with as many digits as tell them apart, at least three and at most six."""
    largest = float(np.abs(values).max(initial=0.0))
    is_handy = 1e-3 <= largest < 1e5
    for n_digits in range(3, 7):
        n_decimals = max(0, n_digits - 1 - int(np.floor(np.log10(largest)))) if is_handy else n_digits
        texts = [f"{value:.{n_decimals}{'f' if is_handy else 'g'}}" for value in values]
        if len(set(texts)) == len({f"{value:.9g}" for value in values}):
            break
    return texts


def write_in_cells(ax: Any, colored: Any, at: Any, values: np.ndarray, texts: list[str]) -> list[Any]:
    """Write a text into each cell, black on light colours and white on dark ones."""
    written = []
    for (x, y), value, text in zip(at, values, texts, strict=True):
        red, green, blue, _ = colored.to_rgba(value)
        is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        color = "black" if is_light else "white"
        written.append(ax.text(x, y, text, color=color, ha="center", va="center", fontsize="small"))
    return written


def frame_cells(ax: Any, x: float, y: float, *, n_columns: int, label: str) -> Any:
    """Frame the best cell of a matrix, or the best part of a row, which begins at column `x`."""
    from matplotlib.patches import Rectangle

    frame = Rectangle((x - 0.5, y - 0.5), n_columns, 1, fill=False, edgecolor=BEST_COLOR, linewidth=2, label=label)
    frame.set_zorder(3)
    return ax.add_patch(frame)


def hatch_cells(ax: Any, cells: np.ndarray, *, label: str) -> Any:
    """Hatch the cells of a matrix, given by column and row; None where there are none."""
    from matplotlib.collections import PolyCollection

    if not len(cells):
        return None
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    style: dict[str, Any] = {"facecolors": "white", "edgecolors": "0.75", "linewidths": 0, "hatch": "////"}
    return ax.add_collection(PolyCollection(cells[:, np.newaxis] + corners, label=label, **style), autolim=False)


def set_param_axis(ax: Any, which: str, values: Any, cells: np.ndarray | None = None) -> None:
    """Set scale, limits and ticks of the axis of a parameter.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    which : {"x", "y"}
        The axis of them.
    values : ParamValues
        The parameter.
    cells : ndarray or None, default=None
        Its values where they are the columns, or rows, of a matrix.
    """
    axis = ax.xaxis if which == "x" else ax.yaxis
    if values.choices is None and cells is None:
        low, high = (np.log([values.low, values.high])) if values.is_log else (values.low, values.high)
        room = 0.05 * (high - low) or 0.5
        limits = np.array([low - room, high + room])
        getattr(ax, f"set_{which}scale")("log" if values.is_log else "linear")
        getattr(ax, f"set_{which}lim")(np.exp(limits) if values.is_log else limits)
        return
    places = np.arange(len(values.choices)) if cells is None else cells
    texts = [f"{place:g}" if values.choices is None else shortened(values.choices[int(place)]) for place in places]
    style: dict[str, Any] = {"rotation": 30, "ha": "right"} if which == "x" and sum(map(len, texts)) > 50 else {}
    axis.set_ticks(np.arange(len(texts)), texts, **style)
    getattr(ax, f"set_{which}lim")(-0.5, len(texts) - 0.5)
