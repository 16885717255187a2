"""Several panels in the place of one, below a strip for a title and a legend that is theirs together."""

from collections.abc import Iterable
from typing import Any

from sk_optuna.exceptions import InvalidArgumentError

# In inches: the least width of a panel, its size in a figure of its own, a label of the legend and a line of it.
_LEAST_WIDTH, _WIDTH, _HEIGHT, _LABEL_WIDTH, _LINE_HEIGHT = 1.6, 2.9, 2.7, 1.9, 0.25
_LEAST_FIGURE = 5.0


def divide(
    ax: Any, n_panels: int, *, n_labels: int, resize: bool, n_note_lines: int = 0, share_y: bool = False
) -> tuple[list[Any], int]:
    """Divide the place of axes among panels, in rows of at most four.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes. They become a strip over the panels, without a frame, for a title and a legend.
    n_panels : int
        Number of panels.
    n_labels : int
        Labels of the legend, for which the strip has room.
    resize : bool
        Whether the figure grows with the panels.
    n_note_lines : int, default=0
        Lines of a note above the labels.
    share_y : bool, default=False
        Whether the panels have one vertical axis, with its numbers at the left.

    Returns
    -------
    panels : list of matplotlib Axes
        The panels, row by row.
    n_columns : int
        Panels in a row.

    Raises
    ------
    InvalidArgumentError
        Where the axes were divided before.
    """
    from matplotlib.gridspec import GridSpec

    if not ax.axison:
        raise InvalidArgumentError(
            "ax was divided already, or has no frame, and cannot be divided into panels. Use new axes."
        )
    figure, place, spec = ax.figure, ax.get_position(), ax.get_subplotspec()
    n_columns = n_panels if n_panels <= 3 else min(4, (n_panels + 1) // 2)
    if resize:
        figure.set_size_inches(max(_LEAST_FIGURE, _WIDTH * n_columns), 0.9 + _HEIGHT * -(-n_panels // n_columns))
    width, height = (place.width, place.height) * figure.get_size_inches()
    n_columns = min(n_columns, max(1, int(width / _LEAST_WIDTH)))
    strip = _LINE_HEIGHT * (-(-n_labels // _labels_in_a_line(width)) + n_note_lines)
    if resize and strip > 2 * _LINE_HEIGHT:
        figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + strip)
        height += strip
    strip = min(strip, height / 3)
    ratios = [strip, max(strip, height - strip)]
    # a layout engine finds the room for labels by itself, for axes of a grid
    has_engine = spec is not None and figure.get_layout_engine() is not None
    below, gaps = ({}, {}) if has_engine else ({"hspace": 0.4}, {"wspace": 0.1 if share_y else 0.6, "hspace": 0.9})
    if spec is None:
        edges = {"left": place.x0, "right": place.x1, "bottom": place.y0, "top": place.y1}
        parts: Any = GridSpec(2, 1, figure=figure, height_ratios=ratios, **edges, **below)
        ax.set_position(parts[0].get_position(figure))
    else:
        parts = spec.subgridspec(2, 1, height_ratios=ratios, **below)
        ax.set_subplotspec(parts[0])
    ax.set_axis_off()
    grid = parts[1].subgridspec(-(-n_panels // n_columns), n_columns, **gaps)
    panels: list[Any] = []
    for i in range(n_panels):
        cell, shared = grid[divmod(i, n_columns)], {"sharey": panels[0]} if share_y and panels else {}
        made = figure.add_subplot(cell, **shared) if spec is not None else None
        panels.append(made or figure.add_axes(cell.get_position(figure).bounds, **shared))
        if share_y:
            panels[-1].tick_params(labelleft=i % n_columns == 0)
    return panels, n_columns


def explain_panels(ax: Any, panels: Iterable[Any], *, note: str = "") -> None:
    """Explain the artists of all panels in the strip above them, each label once, with a note on top."""
    by_label = {
        label: handle for each in (ax, *panels) for handle, label in zip(*each.get_legend_handles_labels(), strict=True)
    }
    width = ax.get_position().width * ax.figure.get_figwidth()
    style = {"loc": "center", "borderaxespad": 0, "frameon": False, "columnspacing": 1.2, "fontsize": "small"}
    n_lines = -(-len(by_label) // _labels_in_a_line(width))
    legend = ax.legend(
        by_label.values(),
        by_label,
        ncols=-(-len(by_label) // n_lines),
        title=note or None,
        title_fontsize="small",
        alignment="left",
        **style,
    )
    # a layout engine would make axes narrower by as much as the legend is wider
    legend.set_in_layout(False)


def _labels_in_a_line(width: float) -> int:
    """Return how many labels have room side by side."""
    return max(1, int(width / _LABEL_WIDTH))
