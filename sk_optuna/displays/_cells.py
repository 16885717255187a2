"""Matrices and planes in which colours are scores."""

from typing import Any

import numpy as np

from sk_optuna.displays._axes import BEST_COLOR, score_limits

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
