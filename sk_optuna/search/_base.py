"""BaseSearchCV with corrected tags, routing and hints at names, and with the fitted attributes."""

from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna._optional import require
from sk_optuna.checks import Findings, check_search, checked_ignore, evidence_of
from sk_optuna.evaluation import nearest_metrics, nearest_scorers, scoring_of
from sk_optuna.refit import metric_of
from sk_optuna.results import Best, Outcome, name_of_metric
from sk_optuna.search._keeping import save_history
from sk_optuna.search._plain_study import plain_study
from sk_optuna.search._summary import summary_table
from sk_optuna.spaces import UnitScale, in_words, scales_of_study, space_of, unit_scales
from sk_optuna.storage import History
from sk_optuna.study import random_start

# The fitted attributes that are set; others are properties.
_FITTED = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "cv_results_",
    "errors_",
    "feature_names_in_",
    "learning_curves_",
    "multimetric_",
    "n_folds_dropped_",
    "n_splits_",
    "n_trials_",
    "oof_predictions_",
    "pareto_front_",
    "refit_choice_",
    "refit_epochs_",
    "refit_time_",
    "scorer_",
    "search_time_",
    "study_",
)


class _NoBestEstimator:
    """Stands for `best_estimator_` as long as there is none, and says how to come by it."""

    def __get__(self, search: Any, kind: type) -> Any:
        error = AttributeError(f"{kind.__name__!r} object has no attribute 'best_estimator_'")
        if search is None or not search.refit or not hasattr(search, "study_"):
            raise error
        advice = "call refit_best(X, y) to fit the best of them" if hasattr(search, "best_index_") else "call fit(X, y)"
        raise NotFittedError(f"This search was broken off before its end. {search._kept()}; {advice}.") from error


class SearchBase(BaseSearchCV):
    """The base of OptunaSearchCV: it does not search, but knows the fitted attributes."""

    _history: History
    objectives: Any
    best_estimator_: Any = _NoBestEstimator()

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:  # noqa: N803 - scikit-learn's name
        shown = copy(self)
        for name in ("param_distributions", "param_grid"):
            setattr(shown, name, in_words(getattr(self, name, None)))
        text: str = super(SearchBase, shown).__repr__(N_CHAR_MAX)
        return text

    @property
    def _repr_html_(self) -> Any:
        """The method that returns scikit-learn's diagram and, after `fit`, a table; none where texts are displayed."""
        diagram = super()._repr_html_
        return lambda: diagram() + summary_table(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return the bundle that a notebook displays: the same, and the text."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += summary_table(self)
        return bundle

    def _kept(self) -> str:
        """Say how many candidates are kept."""
        n_kept = len(self.cv_results_["params"]) if hasattr(self, "cv_results_") else 0
        if n_kept == 0:
            return "No candidate is kept"
        return f"{n_kept} candidate{' is' if n_kept == 1 else 's are'} kept"

    def __sklearn_tags__(self) -> Any:
        """Return BaseSearchCV's tags, with those of the estimator that it leaves out.

        Without them a search over a transformer does not count as a transformer, and a search over an estimator of
        several outputs does not say so. The tags do not require `y`, since `X` may be a dataset that contains it.
        """
        tags = super().__sklearn_tags__()
        estimator_tags = get_tags(self.estimator)
        tags.transformer_tags = deepcopy(estimator_tags.transformer_tags)
        tags.target_tags = replace(estimator_tags.target_tags, required=tags.target_tags.required)
        return tags

    def get_metadata_routing(self) -> Any:
        """Return how metadata is routed: as in GridSearchCV, and for `fit_transform` as for `fit`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
            The routing.
        """
        router = super().get_metadata_routing()
        for _, (mapping, _) in router:
            for caller, callee in list(mapping):
                if caller == "fit":
                    mapping.add(caller="fit_transform", callee=callee)
        return router

    def _validate_params(self) -> None:
        with nearest_scorers(self.scoring):
            super()._validate_params()

    def _get_scorers(self) -> Any:
        scoring = scoring_of(self.scoring, self.objectives)
        if scoring is not self.scoring:  # scikit-learn reads the attribute, and the user's stays as it is
            search = copy(self)
            search.scoring = scoring
            return search._get_scorers()
        with nearest_scorers(self.scoring):
            return super()._get_scorers()

    def _check_refit_for_multimetric(self, scores: Any) -> None:
        with nearest_metrics(self.refit, scores):
            super()._check_refit_for_multimetric(scores)

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Return the score of the refitted candidate; of several metrics that of `refit`, also of a policy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        **params : dict
            Arguments of the scorer, where metadata routing is enabled.

        Returns
        -------
        float
            The score.
        """
        metric = metric_of(self.refit)
        search = self
        if metric is not None and metric != self.refit:  # scikit-learn looks the scorer up by the attribute
            search = copy(self)
            search.refit = metric
        score: float = super(SearchBase, search).score(X, y, **params)
        return score

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
        check_is_fitted(self, "cv_results_")
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
        check_is_fitted(self, "cv_results_")
        return plain_study(
            self.cv_results_,
            self.study_.get_trials(deepcopy=False),
            self._scales(),
            name=self.study_.study_name,
            values=list(self.objectives) if self.objectives else [name_of_metric(self)],
            include_pruned=include_pruned,
        )

    def _scales(self) -> dict[str, UnitScale]:
        """Return the scales of the space; of a callable one, those that its study has seen."""
        space = space_of(self)
        if not callable(space):
            return unit_scales(space)
        trials = self.study_.get_trials(deepcopy=False)
        numbers = self.cv_results_["trial_number"]
        return scales_of_study([trials[number] for number in numbers], self.cv_results_["params"])

    def _keep(self, outcome: Outcome) -> Best | None:
        """Set the fitted attributes from the outcome, and return the best candidate if there is one."""
        self.multimetric_ = outcome.is_multimetric
        self.n_trials_ = len(outcome.records)
        self.n_folds_dropped_ = sum(record.n_dropped for record in outcome.records)
        self.cv_results_ = outcome.cv_results
        if outcome.learning_curves is not None:
            self.learning_curves_ = outcome.learning_curves
        if outcome.pareto_front is not None:
            self.pareto_front_ = outcome.pareto_front
        best = outcome.best()
        if best is not None:
            self.best_index_ = best.index
            self.best_params_ = best.params
            if best.score is not None:
                self.best_score_ = best.score
            if best.choice is not None:
                self.refit_choice_ = best.choice
            if self.checkpoint == "best":
                self.refit_epochs_ = best.refit_epochs
        return best

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

    def _forget_last_fit(self) -> History | None:
        """Remove the results of an earlier fit, and return its history.

        A search that is broken off must not predict with an old model.
        """
        for name in _FITTED:
            if name in vars(self):
                delattr(self, name)
        history: History | None = vars(self).get("_history")
        return history


def interrupted_warning(n_finished: int, n_trials: int | None, refit: bool) -> str:
    """Return the warning of a search that an interrupt ended and that returns all the same."""
    of_all = "" if n_trials is None else f" of {n_trials}"
    end = "the best of them is refitted now, which a second Ctrl-C would end" if refit else "they are in cv_results_"
    return f"The search was interrupted. {n_finished}{of_all} candidates were finished; {end}."
