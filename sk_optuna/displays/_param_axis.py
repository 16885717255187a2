"""The axis of a parameter: the scale and the range of the space, or its choices."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np

from sk_optuna.displays._axes import plain_text, shortened, tick_whole_numbers
from sk_optuna.results import ParamValues

# Logarithmic axes shorter than this ratio have ticks at 1, 2 and 5; matplotlib's own would run into one another.
_SHORT = 30.0
# Width of a character in sizes of its font; points of an inch; the most lines of a choice; its most characters, and
# those of one that stands upright.
_CHARACTER, _POINTS, _MOST_LINES, _MOST_CHARACTERS, _MOST_UPRIGHT = 0.6, 72, 3, 24, 16


def set_number_axis(ax: Any, which: Literal["x", "y"], values: ParamValues) -> None:
    """Set scale and limits of the axis of a parameter of numbers: its range, and a twentieth on either side."""
    low, high = np.log([values.low, values.high]) if values.is_log else (values.low, values.high)
    room = 0.05 * (high - low) or 0.5
    limits = np.array([low - room, high + room])
    getattr(ax, f"set_{which}scale")("log" if values.is_log else "linear")
    if values.is_log and values.high < _SHORT * values.low:
        _tick_one_two_five(getattr(ax, f"{which}axis"))
    if not values.is_log and (values.at[~np.isnan(values.at)] % 1 == 0).all():
        tick_whole_numbers(getattr(ax, f"{which}axis"))
    getattr(ax, f"set_{which}lim")(np.exp(limits) if values.is_log else limits)


def _tick_one_two_five(axis: Any) -> None:
    """Set the ticks of a short logarithmic axis, written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def set_param_axis(ax: Any, which: Literal["x", "y"], values: ParamValues, cells: np.ndarray | None = None) -> None:
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
    if values.choices is None and cells is None:
        set_number_axis(ax, which, values)
        return
    choices = values.choices
    places = np.arange(len(choices or ())) if cells is None else cells
    texts = [f"{place:g}" if choices is None else shortened(str(choices[int(place)])) for place in places]
    style: dict[str, Any] = {"rotation": 30, "ha": "right"} if which == "x" and sum(map(len, texts)) > 50 else {}
    getattr(ax, f"{which}axis").set_ticks(np.arange(len(texts)), texts, **style)
    getattr(ax, f"set_{which}lim")(-0.5, len(texts) - 0.5)


def side_by_side(ax: Any, names: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Fit the names of choices below an axis, so that none reaches beyond its place into a neighbour's axes.

    Returns
    -------
    names : list of str
        The names, long ones in several lines; cut where they stand upright.
    style : dict
        Size of the font, and the rotation of names that have no room otherwise.
    """
    from matplotlib.font_manager import FontProperties

    place = ax.get_position().width * ax.figure.get_figwidth() * _POINTS / len(names)
    # estimators without their brackets rather than upright
    for size, tail in product(("small", "x-small"), ("", "()")):
        width = int(place / (_CHARACTER * FontProperties(size=size).get_size_in_points()) - 0.5)
        lines = [_in_lines(shortened(name.removesuffix(tail), _MOST_CHARACTERS), width) for name in names]
        if all(len(each) <= _MOST_LINES and max(map(len, each)) <= width for each in lines):
            return [plain_text("\n".join(each)) for each in lines], {"fontsize": size}
    upright = [plain_text(shortened(name, _MOST_UPRIGHT)) for name in names]
    return upright, {"fontsize": "x-small", "rotation": 90}


def _in_lines(name: str, width: int) -> list[str]:
    """Break a name behind signs and before capitals where it is wider; a longer part stays whole."""
    lines = [""]
    for part in re.split(r"(?<=[\s_./,:=(-])(?=\w)|(?<=[a-z])(?=[A-Z])", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.strip() for line in lines]
