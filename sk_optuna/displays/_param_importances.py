"""Draw the importances of the parameters as bars, with whiskers that say how far chance would move them."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from sk_optuna.displays._axes import COLORS, wrapped_name
from sk_optuna.displays._display import Display
from sk_optuna.results import ParamImportancesRecord, param_importances_record

_BAR_STYLE: dict[str, Any] = {"color": COLORS["COMPLETE"], "height": 0.65}
# White lines across a bar: it was evaluated over some of the trials only.
_SOME_STYLE: dict[str, Any] = {**_BAR_STYLE, "hatch": "///", "edgecolor": "white", "linewidth": 0}
_WHISKER_STYLE: dict[str, Any] = {"color": "0.15", "linewidth": 1.6, "zorder": 3}
_HEIGHT = 0.42
# By these factors the axis is longer than the longest bar, and than the longest with its number of trials behind it.
_MARGIN, _ROOM = 1.05, 1.2
_NAMES = {"ped-anova": "PED-ANOVA", "fanova": "fANOVA"}


class ParamImportancesDisplay(ParamImportancesRecord, Display):
    """Importances of the parameters of a search, one bar for each of the user's, with bootstrap whiskers.

    Use :meth:`from_search` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    params : sequence of str of length n_params
        Names of the parameters, the most important first.

    importance : ndarray of shape (n_params,)
        Shares of the sum; NaN for parameters that too few trials set.

    low, high : ndarray of shape (n_params,)
        The quantiles .05 and .95 of the bootstraps; NaN where there are none.

    n_trials : ndarray of shape (n_params,)
        Trials with a score that set the parameter, over which it was evaluated.

    n_finished : int
        All trials with a score.

    evaluator : {"ped-anova", "fanova"}, default="ped-anova"
        How they were evaluated, written at the horizontal axis.

    score_name : str, default="Score"
        Name of the scores, written there, too.

    Attributes
    ----------
    bars_ : list of matplotlib Rectangle
        A bar for each parameter that has an importance, the most important first.

    whiskers_ : matplotlib LineCollection or None
        A line for each of these, from `low` to `high`; None without bootstraps.

    ax_ : matplotlib Axes
        Axes with the bars.

    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    ParamSliceDisplay : The candidates themselves, by the values of each parameter.
    optuna.importance.get_param_importances : What is asked, on ``search.plain_study(include_pruned=True)``.

    Notes
    -----
    PED-ANOVA [1]_ compares the values of the best quarter of the candidates with those of all: a parameter is important
    if it matters for being among the best. (Optuna takes the best tenth, which are 2 of 20.) It is fast, and only the
    order of scores counts. fANOVA [2]_ asks for the share of the scores' variance, over the whole space, so that a
    parameter with one disastrous value comes first, and one score of -1e9 decides alone.
    Candidates that were stopped count at their estimates.

    Bars are shares of their sum. A parameter that only some candidates set (of a space of several branches) is
    evaluated over these candidates, and its bar is hatched: it says how much it matters where it is set. Parameters
    that fewer than 20 candidates set have no bar, and say so.

    Whiskers are quantiles of bootstraps: the same evaluation of as many trials, drawn from these with replacement.
    fANOVA has 64 trees for a bar, as in Optuna, and 16 for a bootstrap. Bars whose whiskers overlap widely should not
    be told apart. Repeated trials make unimportant parameters look a little more important, so a bar near 0 may lie
    below its whisker.

    When not to use it: a share near 0 does not mean that a parameter can be left at any value, only that the values
    that were tried did not separate good candidates from others; and interactions are in no bar.

    References
    ----------
    .. [1] Watanabe, Bansal, Hutter (2023). PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
       Subspaces. IJCAI. arXiv:2304.10255

    .. [2] Hutter, Hoos, Leyton-Brown (2014). An Efficient Approach for Assessing Hyperparameter Importance. ICML,
       PMLR 32(1):754-762.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> from sk_optuna.displays import ParamImportancesDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-3, 1e1), "kernel": ["rbf", "sigmoid"]}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=30, cv=3, random_state=0).fit(X, y)
    >>> display = ParamImportancesDisplay.from_search(search)  # doctest: +SKIP
    >>> display.figure_.savefig("importances.png")  # doctest: +SKIP
    >>> display.frame()  # doctest: +SKIP
    """

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        evaluator: Literal["ped-anova", "fanova"] = "ped-anova",
        params: Sequence[str] | None = None,
        metric: str | None = None,
        n_bootstraps: int = 30,
        random_state: int = 0,
        score_name: str | None = None,
        ax: Any = None,
        despine: bool = False,
    ) -> Self:
        """Make a display of a fitted search and draw it.

        Parameters
        ----------
        search : OptunaSearchCV, GridSearchCV and the like
            A fitted search, with at least 20 candidates that have a score or an estimate.

        evaluator : {"ped-anova", "fanova"}, default="ped-anova"
            Optuna's evaluator.

        params : sequence of str, default=None
            Names of parameters to draw; None draws all. All are evaluated, and shares are those of all.

        metric : str, default=None
            One of the metrics of the search; None takes the one that steered it, of several objectives the one that
            `refit` names.

        n_bootstraps : int, default=30
            Bootstraps behind the whiskers; 0 for none.

        random_state : int, default=0
            Seed of bootstraps and forests.

        score_name : str, default=None
            Name of the scores; None makes one of the metric's.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        despine
            See :meth:`plot`.

        Returns
        -------
        display : ParamImportancesDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search is not fitted, or has no finished candidate.
        InvalidArgumentError
            Where fewer than 20 candidates have a score, or an argument is not as above.
        NoScoreError
            Where no candidate has a score.
        MissingExtraError
            Where matplotlib is missing.
        """
        record = param_importances_record(
            search,
            evaluator=evaluator,
            params=params,
            metric=metric,
            n_bootstraps=n_bootstraps,
            random_state=random_state,
            score_name=score_name,
        )
        return cls._of(record).plot(ax, despine=despine)

    def plot(self, ax: Any = None, *, despine: bool = False) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        despine : bool, default=False
            If True, the upper and the right border are hidden.

        Returns
        -------
        display : ParamImportancesDisplay
            The display itself.

        Raises
        ------
        MissingExtraError
            Where matplotlib is missing.
        """
        ax = self._open(ax)
        names = [wrapped_name(name) for name in self.params]
        if self._has_own_figure:
            n_lines = sum(1 + 0.4 * name.count("\n") for name in names)
            self.figure_.set_size_inches(self.figure_.get_figwidth(), max(2.2, 1.1 + _HEIGHT * n_lines))
        self._draw_bars()
        self._draw_whiskers()
        ax.set_yticks(range(len(names)), names)
        if (self.importance == 0).any() and not (self.importance > 0).any():
            text = "The values tell no candidate from another."
            ax.annotate(text, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
        ax.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, limit := self._limit()))
        if limit > 1:  # no share is greater
            ax.set_xticks(np.linspace(0, 1, 6))
        ax.set_xlabel(f"Importance for {self.score_name} ({_NAMES[self.evaluator]}, share of all bars)")
        return self._close(despine=despine)

    def _limit(self) -> float:
        """Return the right end of the axis, with room for the numbers of trials behind the bars that have one."""
        if not (self.importance > 0).any():
            return 1.0
        ends = np.fmax(self.importance, self.high)
        has_text = np.asarray(self.n_trials) < self.n_finished
        return float(np.nanmax([_MARGIN * ends, np.where(has_text, _ROOM * ends, 0.0)]))

    def _draw_bars(self) -> None:
        """Draw a bar for each parameter, or why there is none."""
        self.bars_: list[Any] = []
        labels = set()
        for y, (share, n) in enumerate(zip(self.importance, self.n_trials, strict=True)):
            if np.isnan(share):
                self.ax_.annotate(
                    f"too few: set in {n} trials", (0, y), (4, 0), textcoords="offset points", va="center"
                )
                continue
            in_all = n == self.n_finished
            label = f"over all {n} trials" if in_all else "over the trials that set it"
            style = {**(_BAR_STYLE if in_all else _SOME_STYLE), "label": None if label in labels else label}
            labels.add(label)
            self.bars_ += self.ax_.barh(y, share, **style)
            if not in_all:
                end = np.nanmax([share, self.high[y]])
                self.ax_.annotate(
                    f"{n} of {self.n_finished}",
                    (end, y),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                )

    def _draw_whiskers(self) -> None:
        """Draw the whiskers over the bars."""
        there = np.flatnonzero(~np.isnan(self.low))
        self.whiskers_: Any = None
        if len(there):
            label = "5 to 95 % of bootstraps"
            self.whiskers_ = self.ax_.hlines(there, self.low[there], self.high[there], label=label, **_WHISKER_STYLE)
