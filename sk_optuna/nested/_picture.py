"""The results in one figure of up to four panels, made of the public displays alone."""

from typing import Any

from sk_optuna._optional import require
from sk_optuna.results import comparison_record, nested_scores_record, param_stability_record

_LEGEND_COLUMNS = 2
# In inches: width of the figure; least height of a row, of a line of its label, of the upper panels; that of choices.
_WIDTH, _ROW_HEIGHT, _LINE_HEIGHT, _LEAST_HEIGHT, _CHOICES_HEIGHT = 15.0, 0.62, 0.16, 3.6, 4.4


def picture_of(results: Any, *, search: str | None, reference: str | None, rope: float) -> Any:
    """Draw scores and differences above, and the choices of one search or two below.

    Parameters
    ----------
    results : NestedCVResults
        The results.
    search, reference, rope
        As in their `plot`.
    """
    require("matplotlib", extra="plot", purpose="NestedCVResults.plot")
    import matplotlib.pyplot as plt

    from sk_optuna.displays import ComparisonDisplay, NestedScoresDisplay, ParamStabilityDisplay

    # all records first: bad input is refused before there is a figure
    scores = nested_scores_record(results)
    has_pair = len(results.table_["search"]) > 1 or reference is not None
    pair = comparison_record(results, reference=reference, rope=rope) if has_pair else None
    choices = [param_stability_record(results, search=name) for name in _with_choices(results, search)]
    heights = [_LEAST_HEIGHT, *[_CHOICES_HEIGHT] * bool(choices)]
    figure = plt.figure(layout="constrained")
    grid = figure.add_gridspec(len(heights), 2)
    upper = [NestedScoresDisplay(**vars(scores)).plot(figure.add_subplot(grid[0, 0] if pair else grid[0, :])).ax_]
    if pair:
        upper.append(ComparisonDisplay(**vars(pair)).plot(figure.add_subplot(grid[0, 1])).ax_)
    for ax in upper:
        _explain_above(ax)
        heights[0] = max(heights[0], _height_of_rows(ax))
    # before panels of choices are laid out, as many in a row as there is room for
    figure.set_size_inches(_WIDTH, sum(heights))
    grid.set_height_ratios(heights)
    for i, choice in enumerate(choices):
        place = grid[1, i] if len(choices) > 1 else grid[1, :]
        ParamStabilityDisplay(**vars(choice)).plot(figure.add_subplot(place))
    return figure


def _height_of_rows(ax: Any) -> float:
    """Return the height that rows with labels of several lines need, with the legend and the name of the axis."""
    labels = [text.get_text() for text in ax.get_yticklabels()]
    n_lines: int = max(label.count("\n") for label in labels) + 2
    return 1.8 + max(_ROW_HEIGHT, _LINE_HEIGHT * n_lines) * len(labels)


def _explain_above(ax: Any) -> None:
    """Move the legend above the axes, where it covers nothing, and a title above the legend."""
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.01), "ncols": _LEGEND_COLUMNS}
    ax.legend(handles[::-1], labels[::-1], fontsize="small", frameon=False, **place)
    if ax.get_title():
        ax.set_title(ax.get_title(), fontsize="small", pad=12 + 17 * -(-len(labels) // _LEGEND_COLUMNS))


def _with_choices(results: Any, search: str | None) -> list[str]:
    """Return the search that is named, or else the two best that chose something on any outer fold."""
    if search is not None:
        return [search]
    chosen = set(results.stability_["search"])
    return [str(name) for name in results.table_["search"] if name in chosen][:2]
