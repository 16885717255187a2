"""A search in one figure of up to four panels, made of the public displays alone."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sk_optuna._optional import require
from sk_optuna.results import (
    LEAST_SCORES,
    fold_scores_record,
    param_heatmap_record,
    param_importances_record,
    param_slice_record,
    search_history_record,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In inches: width of the figure, height of the upper and of the lower panels.
_WIDTH, _UPPER, _LOWER = 15.0, 4.2, 4.8
# Parameters that have room side by side in half of the width.
_MOST_SLICES = 3


def picture_of(search: Any, *, metric: str | None) -> "Figure":
    """Draw history and importances, or folds, above, and the scores by parameters below.

    Parameters
    ----------
    search : OptunaSearchCV
        A fitted search.
    metric : str or None
        As in its `plot`.
    """
    require("matplotlib", extra="plot", purpose=f"{type(search).__name__}.plot")
    import matplotlib.pyplot as plt

    from sk_optuna.displays import (
        FoldScoresDisplay,
        ParamHeatmapDisplay,
        ParamImportancesDisplay,
        ParamSliceDisplay,
        SearchHistoryDisplay,
    )

    # all records first: bad input is refused before there is a figure
    history = search_history_record(search, metric=metric)
    names = [param.name for param in param_slice_record(search, metric=metric).params]
    slices = param_slice_record(search, params=names[:_MOST_SLICES], metric=metric)
    upper: list[Any] = [SearchHistoryDisplay(**vars(history))]
    lower: list[Any] = [ParamSliceDisplay(**vars(slices))]
    if len(names) > 1:
        lower.append(ParamHeatmapDisplay(**vars(param_heatmap_record(search, metric=metric))))
    if len(names) > 1 and np.count_nonzero(~np.isnan(history.score)) >= LEAST_SCORES:
        upper.append(ParamImportancesDisplay(**vars(param_importances_record(search, metric=metric))))
    else:
        upper.append(FoldScoresDisplay(**vars(fold_scores_record(search, metric=metric))))
    figure: Figure = plt.figure(figsize=(_WIDTH, _UPPER + _LOWER), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[_UPPER, _LOWER])
    for i, row in enumerate((upper, lower)):
        for j, display in enumerate(row):
            display.plot(figure.add_subplot(grid[i, j] if len(row) > 1 else grid[i, :]))
            if not isinstance(display, ParamSliceDisplay):
                _explain_beside(display.ax_)
    return figure


def _explain_beside(ax: Any) -> None:
    """Move the legend to the right of the axes, where it covers nothing."""
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0}
    ax.legend(handles[::-1], labels[::-1], fontsize="small", frameon=False, **place)
