"""The fit of a search, from its arguments to its fitted attributes.

`fit` is written anew because the loop is what differs: trials are asked one at a time and told in order, folds are
tasks. The surroundings of the loop (delegation, tags, routing, scorers, the table, the choice of the best, the HTML)
are inherited. Driving `evaluate_candidates` instead would split the data again for every candidate and format the whole
table each time.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, Self

from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if

from sk_optuna._compat._callbacks import has_callbacks, has_own_callbacks
from sk_optuna._compat._sklearn import (
    check_method_params,
    fit_context,
    routed_for_fit,
    scorers_by_name,
    search_estimator_has,
    unwarned_table,
)
from sk_optuna.evaluation import (
    EpochScores,
    FoldEvaluator,
    TrialRecord,
    open_meeting,
    packed,
    scoring_of,
    split_once,
)
from sk_optuna.exceptions import ConstraintError, StorageError, TooManyFailuresError
from sk_optuna.execution import n_processes, threads_of_a_task
from sk_optuna.prefixes import PrefixSharing, share_prefixes
from sk_optuna.refit import Policy, metric_of
from sk_optuna.results import Best, Rules, conclude, constraints_from, errors_table
from sk_optuna.search._arguments import check_arguments, check_candidates, check_stopping, speculates
from sk_optuna.search._base import interrupted_warning
from sk_optuna.search._budget import in_flight, n_trials_wanted
from sk_optuna.search._conduct import Run, run_trials
from sk_optuna.search._fold_limits import FoldLimits
from sk_optuna.search._fusing import fused_table, terms_of
from sk_optuna.search._hooks import FitHooks
from sk_optuna.search._keeping import Keeper, identity_of, warn_of_storage
from sk_optuna.search._period import period_of_rounds
from sk_optuna.search._policy import check_policy, share_tested
from sk_optuna.search._predictions import out_of_fold_predictions, warn_of_other_scores
from sk_optuna.search._reading import ReadableSearch
from sk_optuna.search._refit import refit_best
from sk_optuna.spaces import are_strict, first_trials, space_from_user
from sk_optuna.study import (
    Proposals,
    Pruning,
    ToldTrial,
    is_gaussian_process,
    open_pruning,
    open_study,
    remembers,
    sampler_factory,
)
from sk_optuna.worker import CurrentFold, EndSignals, end_signals, on_interrupt


class FittingSearch(ReadableSearch):
    """The methods by which OptunaSearchCV is fitted; its arguments are those of the class below it."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, and refit the best candidate on all of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Training data; square for a precomputed kernel or distance.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target; None for unsupervised learning.
        **params : dict of str to object
            Other arguments for `fit` of the estimator, for the scorer and for the splitter, as in GridSearchCV:
            `sample_weight`, `groups`, or anything routed. Arrays with the length of `X` are split with it.

        Returns
        -------
        self : OptunaSearchCV
            The fitted search.

        Raises
        ------
        sk_optuna.exceptions.InvalidArgumentError
            Where an argument cannot be used; a ValueError and a TypeError. No model has been trained then.
        sk_optuna.exceptions.MissingExtraError
            Where the sampler needs a package that is not installed.
        sk_optuna.exceptions.ResumeMismatchError
            Where the study in `storage`, or with `warm_start` the last fit, is that of another search or other data; an
            InvalidArgumentError.
        sk_optuna.exceptions.StorageError
            Where `storage` cannot be opened, or cannot be read; a ValueError and a RuntimeError.
        sk_optuna.exceptions.NoScoreError
            Where no candidate has a finite mean score, since a fit or the scorer failed for each, or gave none; a
            ValueError and a TypeError. `cv_results_` and `study_` are there.
        sk_optuna.exceptions.TooManyFailuresError
            Where the first candidates failed, as many as `max_failures` allows; a NoScoreError.
        sk_optuna.exceptions.NoFeasibleCandidateError
            Where no complete candidate keeps the `constraints`; a NoScoreError. `cv_results_` and `study_` are there.
        sk_optuna.exceptions.ConstraintError
            Where `constraints` cannot be computed for a candidate; a ValueError and a TypeError. Candidates are kept.
        ValueError
            Where all fits failed, or the pruner left no candidate to choose.
        """
        earlier = self._forget_last_fit()
        by_epoch = self.report == "epoch"
        check_arguments(self, by_epoch=by_epoch)
        scorers, refit_metric = self._get_scorers()
        rules = self._rules(scorers, refit_metric, by_epoch=by_epoch)
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = routed_for_fit(self, params)
        estimator = clone(self.estimator)
        space = space_from_user(self.param_distributions, self.param_grid, estimator)
        check_stopping(self, space, routed.estimator.fit)
        check_policy(self.refit, scorers, self.scoring, space)
        first = first_trials(self.initial_params, space, estimator)
        with end_signals() as signals:
            with closing(Keeper(self, identity_of(self, X, y, params, first), earlier)) as keeper:
                proposals = self._proposals(space, first, keeper)
                hooks = FitHooks(self, X, y, params)
                splits = keeper.history.splits
                if splits is None:
                    is_classification = is_classifier(self.estimator)
                    splits = packed(split_once(self.cv, X, y, routed.splitter.split, classifier=is_classification))
                check_candidates(self, space, X, y, splits)
                if isinstance(self.refit, Policy):
                    self.refit.check_splits(len(splits))
                period = period_of_rounds(estimator, space) if by_epoch else 1
                pruning = open_pruning(
                    self.pruner,
                    proposals.study,
                    proposals.told,
                    by_epoch=by_epoch,
                    n_splits=len(splits),
                    random_state=keeper.history.random_state,
                    period=period,
                    is_alone=lambda: not keeper.is_shared,
                    is_constrained=rules.constraints is not None,
                )
                self.n_splits_ = len(splits)
                self.scorer_ = scorers_by_name(scorers) or scorers
                evaluator = self._evaluator(X, y, space, splits, scorers, routed, keeper.history.random_state, period)
                best = self._search(keeper, proposals, pruning, evaluator, rules, hooks, signals)
            if self.refit:
                assert best is not None
                self._refit(best, X, y, routed.estimator.fit, hooks)
                signals.raise_swallowed()
            if self.return_predictions and best is not None:
                self._predict_folds(best, evaluator, signals)
        hooks.end()
        return self

    def refit_best(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the best candidate so far on all of `X`, as `fit` would have done had it not been broken off.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Training data, that of `fit` or other.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        **params : dict of str to object
            As in `fit`.

        Returns
        -------
        self : OptunaSearchCV
            The search, whose `best_estimator_` is fitted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Where there is no best candidate: none was finished, all failed, or ``refit=False`` leaves the choice among
            several metrics to you.
        """
        if not hasattr(self, "best_index_"):
            raise NotFittedError(f"There is no best candidate to fit: {self._kept()}. Call fit(X, y) to search.")
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = routed_for_fit(self, params)
        hooks = FitHooks(self, X, y, params)
        best = Best(self.best_index_, self.best_params_, None, getattr(self, "refit_epochs_", None))
        with end_signals() as signals:
            self._refit(best, X, y, routed.estimator.fit, hooks)
            signals.raise_swallowed()
        hooks.end()
        return self

    def _refit(self, best: Best, X: Any, y: Any, fit_params: Any, hooks: FitHooks) -> None:
        """Fit the best candidate on all rows, and set the attributes of that."""
        number = int(self.cv_results_["trial_number"][best.index])
        with hooks.of_refit() as fitting:
            self.best_estimator_, self.refit_time_ = refit_best(
                clone(self.estimator),
                best,
                X,
                y,
                fit_params,
                fold=CurrentFold(self._history.random_state, number, self.n_splits_),
                by_epoch=self.report == "epoch",
                fitting=fitting,
            )
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _predict_folds(self, best: Best, evaluator: FoldEvaluator, signals: EndSignals) -> None:
        """Set the best candidate's predictions for the rows that its folds tested."""
        self.oof_predictions_, results = out_of_fold_predictions(
            evaluator,
            self.estimator,
            int(self.cv_results_["trial_number"][best.index]),
            best.params,
            n_jobs=self.n_jobs,
            pre_dispatch=self.pre_dispatch,
            signals=signals,
        )
        warn_of_other_scores(self.cv_results_, best.index, results, self.estimator, best.params)

    @available_if(search_estimator_has("transform"))
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Search, refit, and transform `X` with the best candidate.

        Only available if ``refit=True`` and the estimator has `transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        **params : dict of str to object
            As in `fit`.

        Returns
        -------
        ndarray or sparse matrix of shape (n_samples, n_features_out)
            The transformed data.
        """
        return self.fit(X, y, **params).transform(X)

    def _proposals(self, space: Any, first: Sequence[Mapping[str, Any]], keeper: Keeper) -> Proposals[TrialRecord]:
        """Return the trials to come: the space, its sampler, the candidates that are tried first or were before."""
        random_state = keeper.history.random_state
        return Proposals(
            open_study(random_state, [f"mean_test_{name}" for name in self.objectives or ()]),
            space,
            sampler_factory(
                self.sampler,
                random_state,
                is_grid=space.is_grid,
                is_conditional=space.is_conditional,
                is_constrained=self.constraints is not None,
            ),
            random_state=random_state,
            first=first,
            strict=are_strict(self.initial_params),
            n_trials=n_trials_wanted(self.n_trials, self.n_iter, self.timeout, is_grid=space.is_grid),
            past=keeper.past,
            asks_again=remembers(self.sampler),
            in_grid_order=keeper.in_grid_order,
        )

    def _evaluator(
        self, X: Any, y: Any, space: Any, splits: Any, scorers: Any, routed: Any, random_state: int, period: int
    ) -> FoldEvaluator:
        """Return the evaluator of folds, which has all that a worker needs."""
        estimator = clone(self.estimator)
        prefixes = self._share_prefixes_of(estimator)
        by_epoch = self.report == "epoch"
        return FoldEvaluator(
            estimator=estimator,
            X=X,
            y=y,
            splits=splits,
            scorer=scorers,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            caller=self if has_own_callbacks(self) else None,
            random_state=random_state,
            prefixes=prefixes,
            epochs=EpochScores(scorers, self._refit_name, self.checkpoint, period) if by_epoch else None,
            n_threads=threads_of_a_task(self.n_jobs),
            verbose=self.verbose if self.verbose > 2 else 0,
            terms=terms_of(self, space, len(splits)),
        )

    def _share_prefixes_of(self, estimator: Any) -> PrefixSharing | None:
        """Prepare `estimator` for shared prefixes and return the sharing; None if nothing is shared."""
        # Callbacks would not hear of a step that was fitted before.
        if has_callbacks(self):
            return None
        return share_prefixes(self.cache_prefix, estimator, n_processes=n_processes(self.n_jobs))

    @property
    def _refit_name(self) -> str | None:
        """The metric by which epochs are scored, where there are several: that of `refit`, or the first objective."""
        return metric_of(self.refit) or next(iter(self.objectives or ()), None)

    def _rules(self, scorers: Any, refit_metric: Any, *, by_epoch: bool) -> Rules:
        """Return the arguments on which results depend, beside the trials."""
        by_name = scorers_by_name(scorers)
        names = list(by_name) if by_name else None if callable(self.scoring) else ["score"]
        more = ["n_folds_run"] * (self.pruner is not None) + ["n_epochs_run"] * by_epoch
        return Rules(
            scoring=scoring_of(self.scoring, self.objectives),
            refit=self.refit,
            refit_metric=refit_metric,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            pruner=self.pruner,
            by_epoch=by_epoch,
            checkpoint=self.checkpoint,
            constraints=constraints_from(
                self.constraints, names, self.scoring, with_train=self.return_train_score, more=more
            ),
            objectives=tuple(self.objectives or ()),
        )

    def _search(
        self,
        keeper: Keeper,
        proposals: Proposals[TrialRecord],
        pruning: Pruning,
        evaluator: FoldEvaluator,
        rules: Rules,
        hooks: FitHooks,
        signals: EndSignals,
    ) -> Best | None:
        """Run the trials and keep their results; after Ctrl-C keep those of the trials that were finished."""
        n_new = None if proposals.n_trials is None else proposals.n_trials - len(keeper.past)
        n_folds = None if n_new is None else n_new * self.n_splits_
        told = proposals.told
        rules = replace(rules, test_size=share_tested(evaluator.splits))

        def keep(trial: ToldTrial[TrialRecord]) -> None:
            keeper.keep(trial, rules.steering([trial.record]))

        def keep_finished() -> None:
            # A table that cannot be made, or a warning that is an error, must not take the interrupt's place.
            with suppress(ValueError, Warning), unwarned_table():
                if told:
                    keeper.catch_up(told)
                    self._keep(conclude(told.records, rules))

        start = time.perf_counter()
        keeper.begin(evaluator.splits, in_grid_order=proposals.in_grid_order)
        try:
            with on_interrupt(keep_finished), hooks.of_trials(n_folds) as trial_hooks:
                run_trials(
                    self._run(keeper),
                    proposals,
                    pruning,
                    evaluator,
                    rules,
                    trial_hooks,
                    keeper.past,
                    keep,
                    signals,
                    keeper.driver,
                )
        except (ConstraintError, TooManyFailuresError):
            keep_finished()
            raise
        except StorageError as error:
            warn_of_storage(error, len(told))
        except KeyboardInterrupt:
            if not self._goes_on_after(signals):
                raise
            warnings.warn(interrupted_warning(self.n_trials_, proposals.n_trials, bool(self.refit)), stacklevel=2)
            signals.forgive_first()
        finally:
            evaluator.close()
            self.search_time_ = time.perf_counter() - start
            self.study_ = proposals.close()
            keeper.catch_up(told)
            self.errors_ = errors_table(told.records)
            if evaluator.terms is not None:
                self.fused_ = fused_table(told.records)
            self._history = keeper.history
        return self._keep(conclude(told.records, rules))

    def _run(self, keeper: Keeper) -> Run:
        """Return the arguments on which a run depends, beside the trials and their folds."""
        n_workers = effective_n_jobs(self.n_jobs)
        return Run(
            n_jobs=self.n_jobs,
            pre_dispatch=self.pre_dispatch,
            n_in_flight=in_flight(
                self.max_concurrent_trials,
                self.n_splits_,
                is_gaussian_process(self.sampler),
                workers_if_shared=lambda: n_workers if keeper.is_shared else None,
            ),
            timeout=self.timeout,
            verbose=self.verbose,
            study_callbacks=self.study_callbacks or (),
            speculate=speculates(self),
            max_failures=self.max_failures,
            limits=FoldLimits(self.fold_timeout, self.fold_memory),
            meeting=open_meeting(self),
        )

    def _goes_on_after(self, signals: EndSignals) -> bool:
        """Return whether `fit` returns what there is, after an interrupt."""
        has_result = hasattr(self, "best_index_" if self.refit else "cv_results_")
        return self.interrupted == "return" and has_result and signals.n_interrupts < 2 and not signals.is_terminated
