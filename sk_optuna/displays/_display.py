"""The protocol of a display: a record, `plot` and `frame`.

A new display is a class of two bases: its record from `sk_optuna.results`, which brings the fields, the constructor and
`columns`, and :class:`Display`. It adds `from_search` (or `from_results`, where it shows more than one search) and
`plot`.

    class ScoresDisplay(ScoresRecord, Display):
        @classmethod
        def from_search(cls, search, *, ax=None, despine=False):
            return cls._of(scores_record(search)).plot(ax, despine=despine)

        def plot(self, ax=None, *, despine=False):
            ax = self._open(ax)
            self.lines_ = ax.plot(self.scores)
            return self._close(despine=despine)

The display inherits from its record instead of holding it, so that the fields are the display's parameters and
attributes, as they are in scikit-learn's displays, without a second list of them.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sk_optuna._optional import as_frame, require
from sk_optuna.displays._axes import add_legend, new_axes, remove_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Display(ABC):
    """Base of all displays; the other base is the record that it draws.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that were drawn on last.

    figure_ : matplotlib Figure
        Figure containing them.
    """

    ax_: "Axes"
    figure_: "Figure"

    @abstractmethod
    def columns(self) -> dict[str, np.ndarray]:
        """Return the points of the picture as columns of one length; the record has them."""

    @abstractmethod
    def plot(self, ax: Any = None, *, despine: bool = False) -> Self:
        """Draw the record.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : Display
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """

    def frame(self) -> Any:
        """Return the numbers behind the picture, one row for each point.

        Nothing needs to be drawn before.

        Returns
        -------
        pandas.DataFrame or dict of str to ndarray
            The columns that :meth:`columns` returns: as a DataFrame where pandas is installed, else as the dict itself.
        """
        return as_frame(self.columns())

    @classmethod
    def _of(cls, record: Any) -> Self:
        """Make a display of the fields of a record."""
        return cls(**vars(record))

    def _open(self, ax: Any) -> Any:
        """Take the axes to draw on, new ones for None."""
        require("matplotlib", extra="plot", purpose=f"{type(self).__name__}.plot")
        self._has_own_figure = ax is None
        self.ax_ = new_axes() if ax is None else ax
        self.figure_ = self.ax_.figure
        return self.ax_

    def _close(self, *, despine: bool) -> Self:
        """Finish the axes after everything is drawn."""
        add_legend(self.ax_, beside=self._has_own_figure)
        if despine:
            remove_frame(self.ax_)
        return self
