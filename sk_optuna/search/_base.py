"""BaseSearchCV with corrected tags, routing and hints at names, and with the fitted attributes."""

from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from sk_optuna._compat._sklearn import BaseSearchCV
from sk_optuna.evaluation import nearest_metrics, nearest_scorers, scoring_of
from sk_optuna.refit import Choice, metric_of
from sk_optuna.results import Best, Outcome
from sk_optuna.storage import History

# The fitted attributes that are set; others are properties.
_FITTED = (
    "best_estimator_",
    "best_index_",
    "best_params_",
    "best_score_",
    "cv_results_",
    "errors_",
    "fused_",
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

    best_index_: int
    best_params_: dict[str, Any]
    best_score_: float
    cv_results_: dict[str, Any]
    errors_: dict[str, np.ndarray]
    fused_: dict[str, np.ndarray]
    learning_curves_: dict[str, np.ndarray]
    multimetric_: bool
    n_folds_dropped_: int
    n_splits_: int
    n_trials_: int
    oof_predictions_: dict[str, np.ndarray]
    pareto_front_: dict[str, Any]
    refit_choice_: Choice
    refit_epochs_: int | None
    refit_time_: float
    study_: optuna.Study

    _history: History
    objectives: Sequence[str] | None
    best_estimator_: Any = _NoBestEstimator()

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
