"""A search as it is read: its texts and tables, pictures and checks, its study and trials."""

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, Self

import optuna
from optuna.trial import FrozenTrial
from sklearn.utils.validation import check_is_fitted

from sk_optuna._compat._sklearn import print_by
from sk_optuna._optional import require
from sk_optuna.checks import Findings, check_search, checked_ignore, evidence_of
from sk_optuna.results import check_has_candidates, name_of_metric
from sk_optuna.search._base import SearchBase
from sk_optuna.search._keeping import save_history
from sk_optuna.search._picture import picture_of
from sk_optuna.search._plain_study import plain_study
from sk_optuna.search._summary import summary_table
from sk_optuna.spaces import UnitScale, in_words, scales_of_study, space_of, unit_scales
from sk_optuna.study import random_start

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReadableSearch(SearchBase):
    """A search with all that is read of it."""

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:  # noqa: N803 - scikit-learn's name
        # a function of this class, by which scikit-learn's printer finds `_in_words`
        text: str = super().__repr__(N_CHAR_MAX)
        return text

    def _in_words(self) -> Self:
        """Return a copy to be printed, whose distributions are calls."""
        shown = copy(self)
        for name in ("param_distributions", "param_grid"):
            setattr(shown, name, in_words(getattr(self, name, None)))
        return shown

    @property
    def _repr_html_(self) -> Any:
        """The method that returns scikit-learn's diagram and, after `fit`, a table; none where texts are displayed."""
        diagram = super()._repr_html_
        return lambda: diagram() + summary_table(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return the same for a notebook, and the text."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += summary_table(self)
        return bundle

    @property
    def best_trial_(self) -> FrozenTrial:
        """The trial of `best_params_`, as the study keeps it; available where `best_index_` is."""
        try:
            number = self.cv_results_["trial_number"][self.best_index_]
        except AttributeError:
            raise AttributeError(f"{type(self).__name__} object has no attribute 'best_trial_'") from None
        trial: FrozenTrial = deepcopy(self.study_.get_trials(deepcopy=False)[number])
        return trial

    def trials_dataframe(self, **kwargs: Any) -> Any:
        """Return the trials as a pandas DataFrame, as ``study_.trials_dataframe`` makes it.

        Parameters
        ----------
        **kwargs : dict
            `attrs` and `multi_index` of :meth:`optuna.study.Study.trials_dataframe`.

        Returns
        -------
        pandas.DataFrame
            One row per trial. `value` is the mean test score of the metric that steers the search, where there is one
            objective; of several each has a column ``values_*``. The means and
            standard deviations of all metrics are in the columns ``user_attrs_*``.

        Raises
        ------
        sk_optuna.exceptions.MissingExtraError
            Where pandas is not installed.
        """
        check_is_fitted(self, "study_")
        require("pandas", extra="pandas", purpose="trials_dataframe")
        return self.study_.trials_dataframe(**kwargs)

    def checks(self, ignore: Any = ()) -> Findings:
        """Look for signs that the search could have found more, or reads better than it is.

        Parameters
        ----------
        ignore : str or iterable of str, default=()
            Codes of checks to leave out.

        Returns
        -------
        Findings
            A tuple of :class:`~sk_optuna.checks.Finding`, issues first; empty where nothing was found. It prints as a
            short list: each finding with its code, its numbers, and what to do.

            - ``"bound"``: the best value of a parameter is within 2 percent of an end of its range, on the range's own
              scale, that end is not the parameter's own (a share ends at 1), and values well inside do worse.
            - ``"still-rising"``: the best score rose in the last fifth of the candidates.
            - ``"few-trials"``: fewer candidates were finished than the sampler draws at random.
            - ``"failures"``: a fifth of the candidates failed; names the parameter that tells them from the others.
            - ``"many-equal"``: half of the candidates or more lie within one standard error of the best.

            A score is worse, and rose, where the paired difference over folds exceeds its standard error, corrected
            for shared training rows.

        Raises
        ------
        sk_optuna.exceptions.InvalidArgumentError
            Where `ignore` names no check.
        sklearn.exceptions.NotFittedError
            Where the search has no finished candidate.

        See Also
        --------
        sk_optuna.checks : The findings, and how often each check speaks where nothing is wrong.

        Notes
        -----
        Silence is no proof: with few candidates or folds the checks see little. They look at the candidates that were
        tried and know nothing of others.

        Examples
        --------
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.linear_model import Ridge
        >>> from sk_optuna import OptunaSearchCV
        >>> X, y = load_diabetes(return_X_y=True)
        >>> search = OptunaSearchCV(Ridge(), {"alpha": loguniform(1, 1e4)}, n_trials=20, random_state=0).fit(X, y)
        >>> search.checks().codes
        ['bound']
        """
        ignored = checked_ignore(ignore)
        check_has_candidates(self)
        evidence = evidence_of(
            self.cv_results_,
            self,
            n_random_start=random_start(self.sampler),
            n_features=getattr(self, "n_features_in_", None),
            scales=self._scales(),
        )
        return check_search(evidence, ignored)

    def plain_study(self, *, include_pruned: bool = False) -> optuna.Study:
        """Return a study to look at: importances, pictures, optuna-dashboard.

        `study_` is what the sampler sees, where a parameter may be a place in a list, a quantile, or several parameters
        under names of their own. This one has the user's names and values, as `cv_results_` has them: a trial for each
        row, and one range for each name. Objects are there as a short line of text.

        Parameters
        ----------
        include_pruned : bool, default=False
            Whether candidates that were stopped count as complete, with their estimated mean scores. Optuna's pictures
            and importances leave out stopped ones.

        Returns
        -------
        optuna.study.Study
            A study in memory of its own: what happens to it does not change the search. It is named after the metric,
            and has one for each of several `objectives`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search has no finished candidate.

        Notes
        -----
        To go on with the search, use `study_` or ``warm_start=True``. A range is that of the space, widened to contain
        what was tried; of a callable space whose values are not passed on as they were suggested, it is what was tried.

        Examples
        --------
        >>> from optuna.importance import get_param_importances
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from sk_optuna import OptunaSearchCV
        >>> X, y = load_iris(return_X_y=True)
        >>> space = {"C": [0.01, 1, 100], "gamma": [0.01, 0.1, 1]}
        >>> search = OptunaSearchCV(SVC(), space, cv=3, random_state=0).fit(X, y)
        >>> study = search.plain_study()
        >>> study.trials[0].params
        {'C': 0.01, 'gamma': 0.01}
        >>> sorted(get_param_importances(study))
        ['C', 'gamma']
        """
        check_has_candidates(self)
        return plain_study(
            self.cv_results_,
            self.study_.get_trials(deepcopy=False),
            self._scales(),
            name=self.study_.study_name,
            values=list(self.objectives) if self.objectives else [name_of_metric(self)],
            include_pruned=include_pruned,
        )

    def plot(self, *, metric: str | None = None) -> "Figure":
        """Draw the search in one figure: what it found, and when, and by which parameters.

        Parameters
        ----------
        metric : str or None, default=None
            One of the metrics of the search; None takes the one that steered it, of several objectives the one that
            `refit` names.

        Returns
        -------
        matplotlib Figure
            The figure of up to four panels: a :class:`~sk_optuna.displays.SearchHistoryDisplay`; a
            :class:`~sk_optuna.displays.ParamImportancesDisplay`, or, with fewer than 20 scores or with one parameter, a
            :class:`~sk_optuna.displays.FoldScoresDisplay`; a :class:`~sk_optuna.displays.ParamSliceDisplay` of the
            three most important parameters; and, with two parameters or more, a
            :class:`~sk_optuna.displays.ParamHeatmapDisplay`. Each draws on axes of yours, and has its numbers, by
            ``from_search(search, ax=ax)``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where the search has no finished candidate.
        sk_optuna.exceptions.InvalidArgumentError
            Where there is no such metric, or several objectives of which none is named; where the space is empty.
        sk_optuna.exceptions.NoScoreError
            Where no candidate has a score.
        sk_optuna.exceptions.MissingExtraError
            Where matplotlib is missing.

        See Also
        --------
        sk_optuna.displays : The displays, for searches of scikit-learn, too.
        plain_study : The study for pictures of Optuna's own.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from sk_optuna import OptunaSearchCV
        >>> X, y = load_iris(return_X_y=True)
        >>> search = OptunaSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1, 1]}, random_state=0).fit(X, y)
        >>> figure = search.plot()  # doctest: +SKIP
        >>> figure.savefig("search.png")  # doctest: +SKIP
        """
        check_has_candidates(self)
        return picture_of(self, metric=metric)

    def _scales(self) -> dict[str, UnitScale]:
        """Return the scales of the space; of a callable one, those that its study has seen."""
        space = space_of(self)
        if not callable(space):
            return unit_scales(space)
        trials = self.study_.get_trials(deepcopy=False)
        numbers = self.cv_results_["trial_number"]
        return scales_of_study([trials[number] for number in numbers], self.cv_results_["params"])

    def save_study(self, storage: Any, study_name: str | None = None) -> None:
        """Write the search to a storage, from where the same call with this `storage` goes on.

        Parameters
        ----------
        storage : str, path-like or optuna.storages.BaseStorage
            As the `storage` of the search.
        study_name : str or None, default=None
            As the `study_name` of the search: None for a name that follows from the search and its data.

        Raises
        ------
        sk_optuna.exceptions.StorageError
            Where the storage cannot be written, or has this search already.
        """
        check_is_fitted(self, "study_")
        save_history(
            self._history, self.study_, getattr(self, "cv_results_", {}), storage, study_name, self.objectives or ()
        )


print_by(ReadableSearch.__repr__, ReadableSearch._in_words)
