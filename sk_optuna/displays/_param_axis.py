"""The axis of a parameter: the scale and the range of the space, or its choices."""

from typing import Any, Literal

import numpy as np

from sk_optuna.displays._axes import shortened, tick_whole_numbers
from sk_optuna.results import ParamValues

# Logarithmic axes shorter than this ratio have ticks at 1, 2 and 5; matplotlib's own would run into one another.
_SHORT = 30.0


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
