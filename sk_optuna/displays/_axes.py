"""Axes, colours and legend that all displays share.

Everything is set on the axes at hand. pyplot's rcParams stay as they are, and no figure is shown: it is returned.
matplotlib is imported inside the functions, and only there.
"""

from typing import Any

import numpy as np

# From the palette of Okabe and Ito, which is told apart with any kind of colour vision; greys stand behind it.
COLORS = {"FAIL": "0.45", "PRUNED": "0.6", "COMPLETE": "#0072B2"}
BEST_COLOR = "#D55E00"
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
