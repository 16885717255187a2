"""OptunaSearchCV: its parameters and attributes, which are the contract with its users. `_fit` has what it does."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np

from sk_optuna._compat._sklearn import BaseSearchCV, Interval, StrOptions
from sk_optuna.search._fit import FittingSearch
from sk_optuna.search._types import (
    Bounds,
    InitialParams,
    Pruner,
    Sampler,
    Scoring,
    Space,
    Storage,
    StudyCallback,
)


class OptunaSearchCV(FittingSearch):
    """Search over parameters with cross-validation, candidates chosen by an Optuna sampler.

    It has GridSearchCV's interface and can stand where GridSearchCV or RandomizedSearchCV stood: alone, in a Pipeline,
    or as the estimator of `cross_val_score`. A grid is evaluated as GridSearchCV evaluates it; a larger space is
    sampled, each trial learning from the ones before.

    A search with an integer `random_state` gives the same `cv_results_`, times aside, at any `n_jobs` and on any joblib
    backend, provided that the estimator itself is deterministic.

    Parameters
    ----------
    estimator : estimator object
        An object with `fit`; it also needs `score` unless `scoring` is given. It is cloned, never changed.

    param_distributions : dict, list of dicts or callable, default=None
        The search space. Exactly one of `param_distributions` and `param_grid` must be given.

        - A dict from parameter names to the values of the parameter:

          - a list, tuple, range or 1-D array of values of any kind, estimators included. Three or more numbers that
            rise or fall are in order to the sampler, which sees their places in the list; other lists are choices;
          - a frozen ``scipy.stats`` distribution. `uniform`, `loguniform` and `randint` become ranges that Optuna
            knows; any other is modelled through its quantile function;
          - an ``optuna.distributions`` distribution; a `CategoricalDistribution` of numbers has no order.

        - A list of such dicts: alternatives, of which each trial chooses one. They are branches of one study.
        - A callable ``space(trial) -> dict`` that suggests parameters with the methods of :class:`optuna.trial.Trial`.

    param_grid : dict, list of dicts or callable, default=None
        The same under GridSearchCV's name.

    n_trials : int, default=None
        Number of candidates. A grid (a space made of lists only) of at most `n_trials` combinations is evaluated whole,
        in the order of :class:`~sklearn.model_selection.ParameterGrid`; so is any grid if `n_trials` is None. In a
        larger one, and in any space of countably many combinations, no combination is tried twice, and the search ends
        when all were tried. In other spaces None means 50 candidates, or, with a `timeout`, as many as there is time
        for.

    n_iter : int, default=None
        The same under RandomizedSearchCV's name, for lists, too; at most one of them can be given.

    max_failures : int, default=10
        Most candidates in a row that may fail before any candidate is complete. When so many did, the search ends with
        a :class:`~sk_optuna.exceptions.TooManyFailuresError`, whose cause is the last error; `errors_`, `cv_results_`
        and `study_` are there. So a misspelt argument costs ten candidates at most. Candidates that ran out of memory
        or time do not count, and one that the pruner stopped did not fail. If no candidate was to come, the search ends
        as it does without the limit. None sets no limit: prefer it where large parts of the space cannot be fitted,
        such as a grid whose first combinations all fail.

    timeout : float, default=None
        Seconds after which no new fold starts. Folds already running finish, so a search may overrun by one fold;
        networks that train together end after their epoch. The first candidate is always finished; one that the end of
        the time cuts short is dropped. How many candidates there are depends on the machine, and so does the result.

    fold_timeout : float, default=None
        Seconds that the fit and the scores of one fold may take, counted from their start in the worker. A fold that
        takes longer, as one that hangs, is ended; its candidate has the state ``"FAIL"``, and `stop_reason` begins with
        "timeout". Its other folds do not run. The scores of the others are the same as without. It takes worker
        processes, which alone can be ended from outside: `n_jobs` of at least 2 and joblib's backend "loky" or
        "multiprocessing"; anything else is an error. All worker processes are replaced when a fold is ended, and folds
        that ran beside it run again. The refit has no limit.

    fold_memory : str, default=None
        Memory that the worker process of a fold may take, such as ``"4GB"`` or ``"500MiB"``. A fold whose worker takes
        more is ended, and its candidate is treated as one out of memory (``"PRUNED"``, last in rank). The resident
        memory of the whole process counts, libraries (some 200 MB) and what `cache_prefix` keeps included; under
        "multiprocessing", whose workers are forks, also that of the parent. If the worker ran other folds before, the
        fold runs once more in a new one. It is looked at ten times a second: leave some room for what is allocated
        meanwhile. Only on Linux, and only where `fold_timeout` is possible.

    interrupted : {"raise", "return"}, default="raise"
        The end of a search at Ctrl-C. The finished candidates are in `cv_results_` and `study_` in both cases, and
        worker processes are ended at once; threads cannot be, but start no other fold.

        - ``"raise"``: KeyboardInterrupt is raised; `refit_best` then fits the best candidate, if it is wanted.
        - ``"return"``: the best candidate so far is refitted, a warning says how many candidates were finished, and
          `fit` returns. A second Ctrl-C ends it at once. Without a finished candidate KeyboardInterrupt is raised.

    sampler : str, callable, optuna.samplers.BaseSampler or None, default="tpe"
        The algorithm that chooses the candidates.

        - ``"tpe"``, or None as in Optuna: multivariate TPE [1]_, over conditional branches too. Until 10 candidates are
          finished, it draws at random.
        - ``"auto"``: for small budgets; a Gaussian process, :class:`~sk_optuna.samplers.GaussianProcessSampler`, and
          TPE for every fourth candidate from the 16th on. ``"gp"`` is the process alone. It takes 20 ms a candidate.
        - ``"random"``, ``"qmc"`` (scrambled Sobol), ``"cmaes"`` (extra `cmaes`), ``"nsgaii"``.
        - ``"grid"``: combinations at random; the space must be made of lists only.
        - A callable ``factory(seed)`` that returns an Optuna sampler. It is called for every trial, with a seed that
          depends on `random_state` and the trial's number only, so the sampler must not need to remember.
        - A sampler. A deep copy of it serves for the whole search; `random_state` does not reach it, and
          :func:`~sklearn.base.clone` makes a deep copy of it, too. Prefer a callable wherever the search is cloned,
          as nested cross-validation does.

    pruner : str or optuna.pruners.BasePruner, default=None
        The rule that stops a candidate between two folds (for epochs see `report`). None runs every fold of every
        candidate, as GridSearchCV does.

        - ``"race"``: stops a candidate that is too far behind the best one so far on the folds that both have run, see
          :class:`~sk_optuna.pruners.PairedRacePruner`. Of these it is the one made for folds.
        - ``"wilcoxon"``, ``"median"``, ``"percentile"`` (the best 25 percent go on), ``"halving"`` and ``"hyperband"``
          (after 1, 2, 4, ... folds half of them go on): Optuna's.
        - ``"threshold"``: stops a candidate at its first fold that failed or whose score is not a number.
        - An Optuna pruner; a copy of it judges each trial. A PairedRacePruner or WilcoxonPruner is given the score of
          each fold, any other the mean so far.

        All candidates run the folds in the same order, a random one that `random_state` determines. A candidate that
        was stopped has no mean, ranks last and is never the best. A decision sees the study as it was when the
        candidate was asked for, so that here too the result does not depend on `n_jobs`. Candidates with a failed fold
        are not stopped, but for ``"threshold"``. If `cv` gives a single split there is nothing to stop, and a warning
        says so.

    report : {"fold", "epoch"}, default="fold"
        The moments at which a candidate reports a score and the pruner decides.

        - ``"fold"``: after each fold.
        - ``"epoch"``: after each epoch of each fold, with the score on the fold's test rows. The estimator, or the last
          step of the Pipeline, must have epochs to report. That is a network of :mod:`sk_optuna.skorch`, an estimator
          with `partial_fit` and `max_iter` (SGDClassifier, MLPClassifier), one with `warm_start` and `n_estimators` or
          `max_iter` (boosting, forests), or one with a method ``fit_epochs(X, y, monitor)``. A candidate is compared
          with earlier ones at the same epoch of the same fold, and stopped in the middle of the fold. ``"race"``
          compares the folds that ended by their scores and the running one by its score so far. From the candidates
          that ran to their end it learns how far behind is too far, and it needs five of them. It loses the least. Of
          Optuna's there are ``"median"``, ``"percentile"``, ``"halving"``, ``"hyperband"`` (a third goes on after 1, 3,
          9, ... epochs), ``"threshold"``, or an instance, whose steps are epochs counted from 1. With None every
          candidate trains to its end and the curves are kept. No estimator stops earlier by a rule of its own.

          Boosting and forests are counted in rounds, those of LightGBM, XGBoost and CatBoost, too. They report after
          each period of rounds, a fiftieth of the most that the space allows, and after their last one; to a pruner a
          period is a step. Their models are those of a plain fit of as many rounds, at about the price of one.

    checkpoint : {"last", "best"}, default="last"
        The epoch of a fold from which the model is taken, where epochs are reported: the last, or the one with the best
        score on the fold's test rows. ``"best"`` chooses the model on the rows that score it, which makes the score too
        good. The refit then ends after the median of the best candidate's best epochs.

    cache_prefix : "auto", bool or str, default="auto"
        Whether the first steps of a Pipeline are fitted once per fold for all candidates that differ in later steps
        only. Pipelines in pipelines, in a TransformedTargetRegressor, in a FeatureUnion and in a ColumnTransformer take
        part; pipelines with a `memory` of their own do not. Scores are the same as without: a step that changes its
        input, the targets or itself in place, or keeps its output, is fitted each time.

        - ``"auto"``: steps whose `random_state` is not an integer are left out, since they would draw anew at each fit.
          So are steps that are fitted faster than looked up.
        - True: steps with any `random_state` take part, too. All candidates then share one draw.
        - False: every fit fits every step.
        - A size such as ``"500MB"`` or ``"2GiB"``: ``"auto"``, within so much memory, all worker processes together;
          the least recently used data is dropped. The default is a quarter of the memory that is free.

    initial_params : list of dicts, "default", fitted search or list of them, default=None
        Candidates that are tried first. A dict need not name every parameter: the sampler chooses the others.
        ``"default"`` tries the estimator's own values of the parameters whose space contains them. Of a fitted search,
        also a GridSearchCV, the five best candidates are tried, for example on new data; values that the space does not
        contain are left to the sampler.

    max_concurrent_trials : int or "auto", default="auto"
        Most candidates that are asked for before the oldest of them is finished. Unlike `n_jobs` it changes the result:
        a candidate learns from the ones that were finished when it was asked for. ``"auto"`` asks for the first eight
        at once, since there is nothing to learn from; then six are in flight, and eight from the 25th on. With ``"gp"``
        and ``"auto"`` for a sampler, to which each result is worth more, it is one up to the 32nd, two if `cv` has two
        or three folds, four if it has one, and four later. Raise it where there are more workers than so many
        candidates have folds; the sampler then chooses with older results and needs more candidates.

    speculate : "auto" or bool, default="auto"
        Whether a worker that has nothing to do runs the next fold of a candidate before the pruner has decided on it.
        If the candidate is stopped, the fold is dropped and counted in `n_folds_dropped_`. The result is the same; the
        search takes less time and more fits.

        - ``"auto"``: where a `pruner` is given, and the workers are joblib's own processes or threads on this machine.
        - True: on any backend with several workers; on a cluster such a fold may keep others waiting.
        - False: a fold runs once the pruner lets it. Prefer it where folds that run side by side slow each other down,
          as on one GPU, or where a fit costs money.

        It is never done with one worker, nor where scikit-learn's callbacks are set, which would hear of these folds.

    fuse : "auto" or bool, default="auto"
        Whether networks of :mod:`sk_optuna.skorch`, and of skorch, whose folds then draw from the search's seed, train
        as one batched model, those of all folds in flight, in threads that work in turns. Scores are those of networks
        that train one by one, in float32 but for rounding. ``"auto"`` takes networks that are alike but for rows,
        seeds, numbers of epochs, rates, weights and dropout; others, and those that gain nothing, train one by one, and
        `fused_` says why. True takes those that gain nothing, too, and refuses others. Worker processes take one each.

    storage : path, URL or optuna.storages.BaseStorage, default=None
        Where the search is kept, one finished candidate at a time. If it is broken off, whatever the reason, the same
        call goes on: finished candidates are not run again, and `cv_results_`, times aside, is what it would have
        been. So `n_trials` is the total (in Optuna it counts the trials to come): after a finished search the same call
        fits no fold, and one with a larger `n_trials` adds what is missing. It goes on with the folds and the seed of
        the first call, be they random. A `timeout` counts anew.

        - A path, such as ``"search.db"``: a SQLite file, which is made if there is none. A file serves any number of
          searches. It must be on a local disk.
        - A URL as SQLAlchemy takes it, such as ``"postgresql+psycopg://user@host/name"``.
        - An Optuna storage. :func:`~sklearn.base.clone` makes a deep copy of it; prefer a path or a URL wherever the
          search is cloned, as nested cross-validation does.

        A study in a storage belongs to one search over one data set: estimator, space, data and all other arguments on
        which the candidates depend. It can be read while the search runs, by Optuna's dashboard for example; it has the
        scores and times of folds, and no row of `X`. A writer that fails is tried again for a minute; then the search
        ends early, with a warning. Without a need to go on later leave it out: a write takes some ten milliseconds.

    study_name : str, default=None
        Name of the study in `storage`. If it is that of another search, an error lists the differences. None for a name
        that follows from the search and its data, so that no two searches share one. Leave it out in nested
        cross-validation, where each outer fold has other data.

        Several processes that make the same call with the same `storage` and `study_name` share the study, be they on
        one machine or, with a database, on many. Each asks for a candidate, runs it and tells it; together they tell
        `n_trials`. In the end each waits for those that others run, has the whole table, and refits by itself. A
        process that gives no sign of life for a minute, by the database's clock, counts as dead, and others run its
        candidates. This is the one case in which results depend on timing. A process that is alone searches as one
        without a name; while others take part, it has no more candidates in flight than it has workers.
        `study_callbacks` hear of the candidates of their own process only.

    warm_start : bool, default=False
        Whether `fit` goes on from the candidates that this object has from its last fit, with a larger `n_trials` or
        after an interrupt, as with a `storage`. Data and arguments must be the same. A clone has none.

    scoring : str, callable, list, tuple or dict, default=None
        As in GridSearchCV: one metric or several, or a callable that returns a number or a dict of numbers. Where there
        are several, the sampler maximizes the one that `refit` names, else the first one.

    n_jobs : int, default=None
        Number of folds that run in parallel, of all candidates; None means 1 unless in a
        :func:`joblib.parallel_config` context, -1 all processors. With 1 everything runs in the calling thread.

    constraints : dict or callable, default=None
        Bounds that a candidate must keep to be the best, see the page on constraints and objectives in the docs.

        - A dict from columns of `cv_results_`, such as ``"mean_score_time"``, or metrics, which stand for their mean
          test score, to bounds: a number, which means at most, or a text such as ``">= -0.4"``, as for scores.
        - A callable from a mapping, one row of `cv_results_` of a complete candidate, to a number, or as many numbers
          each time, that are fine at 0 or below.

        ``"tpe"``, ``"auto"``, ``"gp"`` and ``"nsgaii"`` search where the constraints are likely to be kept; so do
        Optuna's TPE, NSGA-II, NSGA-III and GPSampler. ``"cmaes"`` is refused. A pruner compares candidates with those
        that keep them. If no candidate does, an error names the nearest. Bounds on times make the result depend on
        timing: a busy machine has other candidates, at any `n_jobs`.

    objectives : list or tuple of str, default=None
        Several metrics to be maximized at once, of those in `scoring`; if that is None, they are the metrics. There is
        no single best then: `pareto_front_` has the candidates that no other is better than in all of them. `refit`
        names one metric, or is a callable or False. The samplers ``"tpe"``, ``"nsgaii"``, ``"random"``, ``"qmc"`` and
        ``"grid"``, and Optuna's for several objectives; no `pruner`. See the page on constraints and objectives.

    refit : bool, str or callable, default=True
        As in GridSearchCV: whether to fit the best candidate on all the data; which of several metrics chooses the
        best one; or a callable from `cv_results_` to the best index, such as a policy of :mod:`sk_optuna.refit`, which
        takes the simplest of the candidates that are nearly as good as the best. A candidate with a failed fit or
        scorer is never the best while there is one without.

    cv : int, cross-validation generator or iterable, default=None
        As in GridSearchCV. It is asked for its splits once: every candidate is evaluated on the same ones.

    verbose : int, default=0
        0 prints nothing. 1 shows how far the search is: finished candidates, the best score and parameters, and the
        time left, which is the fits to come at the pace so far, with as many per candidate as the race has left so far.

        - In a terminal it is one line that is written anew, at most five times a second, and stays in the end.
        - In a notebook it is one output that is updated, with a bar, and becomes the summary.
        - Elsewhere, as in files, there is a line when the best score improves, and one a minute.

        With a `timeout` alone, the bar counts seconds. A fold that runs for 30 seconds, a minute, two, and so on, is
        shown with its parameters; a thread looks at the time for it where there is one worker, and on backends of
        joblib that take batches only nobody does. From 2 on, each finished candidate is a line as well, with its score
        and parameters; from 3 on, also each fold, as GridSearchCV prints it ("[CV 1/5] END"), where folds run in this
        process. Worker processes print nothing: no fold, and no search that runs in one; nor does, in a terminal or a
        notebook, a search that runs in a thread beside another one. What an estimator prints, or warns of, moves the
        line of a terminal down; it is written anew below.

    pre_dispatch : int or str, default="2*n_jobs"
        Most folds handed to the workers at a time.

    random_state : int, RandomState instance or None, default=None
        Seed of the sampler. It does not reach scikit-learn's estimators or `cv`. Networks of :mod:`sk_optuna.skorch`
        and :mod:`sk_optuna.lightning`, and FunctionEstimators, take a seed from it if their own `random_state` is None,
        another one for each trial and fold. None takes fresh entropy; NumPy's global state is neither used nor changed.

    error_score : "raise" or numeric, default=np.nan
        Score of a fold whose fit or scorer fails; ``"raise"`` raises the error. A candidate with such a fold has the
        state ``"FAIL"``, ranks behind those without, whatever the number, and the sampler does not learn from it. If
        all candidates have such a fold, or `scoring` gives none of them a finite mean, there is no best one, and `fit`
        raises an error. (If the estimator's own `score` is NaN for all, scikit-learn warns and `best_score_` is NaN.)

    return_train_score : bool, default=False
        Whether `cv_results_` contains scores on the training folds.

    return_predictions : bool, default=False
        Whether `oof_predictions_` has the best candidate's predictions for the rows that its folds tested. Its folds
        run once more for it, after the refit: as many more fits as `cv` has folds, without limits of time or memory,
        and unheard by scikit-learn's callbacks. If their scores then differ from those in `cv_results_`, a warning
        names the `random_state` to set.

    study_callbacks : list of callables, default=None
        Optuna's callbacks: called with the study and the finished trial, in the order of trials. In a search that goes
        on, they hear of the last of the trials that were finished before: it may have ended the search.
        :meth:`optuna.study.Study.stop` ends the search. scikit-learn's own callbacks are set with `set_callbacks`. Of
        these, ProgressBar counts fits: it shows no score, and does not know how many fits a pruner spares. With any of
        them no fold runs ahead, and each fits its own prefix. Prefer ``verbose=1``.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray of shape (`n_trials_`,)
        GridSearchCV's table, one row per finished candidate in the order in which they were asked for. Two more
        columns: `trial_number`, the trial in `study_`, and `trial_state`, ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
        With a `pruner` there is a third, `n_folds_run`; folds that were not run are NaN. With ``report="epoch"`` there
        is `n_epochs_run`, of all folds; a fold in which the candidate was stopped has the score reached by then. With
        `constraints` there is `feasible`: False for a candidate that breaks one, or is not complete; ranks go by scores
        alone. With `objectives` there is `pareto_rank`: 1 for the front, 2 for those that only the front dominates, and
        so on; then come infeasible ones, and last those that are not complete. Where candidates ran out of memory, or a
        fold out of time, `stop_reason` says so. Fit times are the times really spent: short where the first steps of a
        pipeline were fitted before.

    best_estimator_ : estimator
        The best candidate, fitted on all the data. Not available if ``refit=False``.

    best_score_ : float
        Mean test score of the best candidate. Not available if `refit` is callable, unless it is a policy of
        :mod:`sk_optuna.refit`, or is False with several metrics.

    best_params_ : dict
        Parameters of the best candidate. Not available if ``refit=False`` with several metrics.

    best_index_ : int
        Row of the best candidate in `cv_results_`. Not available if ``refit=False`` with several metrics.

    best_trial_ : optuna.trial.FrozenTrial
        Trial of the best candidate; available where `best_index_` is.

    study_ : optuna.study.Study
        The Optuna study (in memory, direction "maximize", as often as there are objectives), for
        `optuna.visualization`, the dashboard and so on. It shows plain values: choices that are objects by a label,
        other scipy distributions by their quantile, branches by their number. The value of a pruned trial is an
        estimate of its mean score, from which samplers learn: that of the best trial at the time, plus the mean
        difference to it on the same folds.

    pareto_front_ : dict of str to ndarray of shape (n_front,)
        The rows of `cv_results_` that no other dominates, the best in the first objective first; complete, feasible
        ones only. Only with `objectives`; ``pandas.DataFrame`` takes it.

    n_trials_ : int
        Number of finished candidates.

    n_splits_ : int
        Number of folds.

    n_folds_dropped_ : int
        Number of folds that ran side by side with, or ahead of, the one after which their candidate was stopped. They
        are in no table.

    learning_curves_ : dict of str to ndarray of shape (n_epochs,)
        One entry for each report of each fold, in order: `trial_number`, `fold`, `epoch` (from 1), `train_loss` (NaN
        where the estimator reports none) and `valid_score`, by the metric that steers the search. Only with
        ``report="epoch"``; ``pandas.DataFrame`` takes it.

    errors_ : dict of str to ndarray of shape (n_errors,)
        One entry for each error of a fold, in order: `trial_number`, `fold`, `phase` (``"fit"`` or ``"score"``, else
        what ended the fold: ``"memory"``, ``"timeout"``, or ``"worker"`` for one that died), `exception` (its class),
        `message`, `user_code` (the deepest line of code in the traceback that is in no installed package and not
        Python's, as ``"file:number: source"``, or with the function's name where a worker does not know the source;
        else that of the estimator's package, and empty for scikit-learn's own) and `params`.
        ``pandas.DataFrame`` takes it. Scores that are not finite, with nothing raised, are no errors. Also there where
        `fit` ended with an error; empty with ``error_score="raise"``.

    fused_ : dict of str to ndarray of shape (n_groups,)
        One entry for each kind of network and each reason: `group`, `n_models` (folds that this `fit` ran), `fused`
        (whether they were trained as one batched model) and `reason` (why not). Not with ``fuse=False``.

    oof_predictions_ : dict of str to ndarray
        One entry for each row of `X` and each fold that tested it, fold by fold: `row`, `fold`, `y_true` (where there
        is `y`), `y_pred`, and of a classifier ``proba_<class>`` for each class or, without `predict_proba`,
        ``decision`` (two classes) or ``decision_<class>``. Rows that no fold tested have none, those that several
        tested have several. Of several outputs there are ``y_true_0``, ``y_pred_0`` and so on, and no probabilities.
        ``pandas.DataFrame`` takes it. Only with ``return_predictions=True``. They belong to a candidate that was
        chosen for its scores on these rows, and so are a little too good, as `best_score_` is.

    refit_choice_ : sk_optuna.refit.Choice
        The choice of the policy that is `refit`, which ``print`` shows in a sentence: how many candidates it chose
        from, and how far the chosen one is below the best. Only with a policy of :mod:`sk_optuna.refit`.

    refit_epochs_ : int or None
        Epochs after which the refit ended. Only with ``checkpoint="best"``.

    refit_time_ : float
        Seconds used for refitting. Not available if ``refit=False``.

    search_time_ : float
        Seconds that the last `fit` searched, without the refit. Candidates that were finished before took none of them.

    scorer_ : callable or dict of str to callable
        The scorer, or the scorers by name.

    multimetric_ : bool
        Whether there are several metrics.

    classes_ : ndarray of shape (n_classes,)
        Class labels of the refitted classifier.

    n_features_in_ : int
        Number of features seen during `fit`, where the refitted estimator has it.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, where the refitted estimator has them.

    See Also
    --------
    sk_optuna.suggest_space : A space to start from, for well-known estimators.
    sk_optuna.refit : Policies for `refit`: the simplest candidate that is nearly as good as the best.
    sklearn.model_selection.GridSearchCV : Evaluates every combination of a grid.
    sklearn.model_selection.RandomizedSearchCV : Draws candidates without learning from results.

    Notes
    -----
    When not to use it: where a grid has a handful of combinations, GridSearchCV does the same with one package less.
    With fewer than some 10 candidates TPE is still random. Where a fit takes a millisecond or less, TPE takes a good
    part of the time, and ``sampler="random"`` may use that time better.

    `best_score_` is the best of many and so too good. For an honest estimate pass the search to
    :func:`~sklearn.model_selection.cross_val_score`, or to :func:`~sk_optuna.nested_cross_validate`.

    With process workers, the estimator sees the training rows as copies, and large data that is not split with `X` as
    read-only memory maps, as under any joblib call.

    A candidate that runs out of memory, the device's or the machine's, is stopped: its state is ``"PRUNED"``, it ranks
    last, and the search goes on.

    If a worker process dies, the folds that were lost run again, one at a time; a fold that takes a second worker with
    it counts as a failed fit, and the warning at the end quotes its parameters.

    After Ctrl-C the finished candidates are in `cv_results_` and `study_`, whatever the estimator makes of a
    KeyboardInterrupt. SIGTERM, as a cluster sends it, counts as Ctrl-C for the time of `fit`, in the main thread and if
    the program has set no handler of its own. When the search has ended its workers, the process ends as by SIGTERM.

    References
    ----------
    .. [1] S. Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles for
       Better Empirical Performance", 2023. :arxiv:`2304.11127`

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}).fit(X, y)
    >>> search.n_trials_, search.best_params_
    (6, {'C': 1, 'kernel': 'linear'})
    >>> space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=20, random_state=0).fit(X, y)
    >>> search.n_trials_
    20
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": "no_validation",
        "param_grid": "no_validation",
        "n_trials": [Interval(Integral, 1, None, closed="left"), None],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "max_failures": [Interval(Integral, 1, None, closed="left"), None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "fold_timeout": "no_validation",
        "fold_memory": "no_validation",
        "interrupted": [StrOptions({"raise", "return"})],
        "sampler": "no_validation",
        "pruner": "no_validation",
        "report": [StrOptions({"fold", "epoch"})],
        "checkpoint": [StrOptions({"last", "best"})],
        "cache_prefix": "no_validation",
        "initial_params": "no_validation",
        "max_concurrent_trials": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "speculate": ["boolean", StrOptions({"auto"})],
        "fuse": ["boolean", StrOptions({"auto"})],
        "constraints": "no_validation",
        "objectives": "no_validation",
        "storage": "no_validation",
        "study_name": [str, None],
        "warm_start": ["boolean"],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "random_state": ["random_state"],
        "return_predictions": ["boolean"],
        "study_callbacks": "no_validation",
    }
    # Searches that were pickled before there were these arguments have none.
    n_iter: int | None = None
    speculate: bool | Literal["auto"] = "auto"
    fuse: bool | Literal["auto"] = "auto"
    storage: Storage = None
    study_name: str | None = None
    warm_start: bool = False
    max_failures: int | None = 10
    fold_timeout: float | None = None
    fold_memory: str | None = None
    interrupted: Literal["raise", "return"] = "raise"
    constraints: Bounds = None
    objectives: Sequence[str] | None = None
    return_predictions: bool = False

    def __init__(
        self,
        estimator: Any,
        param_distributions: Space | None = None,
        *,
        param_grid: Space | None = None,
        n_trials: int | None = None,
        n_iter: int | None = None,
        max_failures: int | None = 10,
        timeout: float | None = None,
        fold_timeout: float | None = None,
        fold_memory: str | None = None,
        interrupted: Literal["raise", "return"] = "raise",
        sampler: Sampler = "tpe",
        pruner: Pruner = None,
        report: Literal["fold", "epoch"] = "fold",
        checkpoint: Literal["last", "best"] = "last",
        cache_prefix: bool | Literal["auto"] | str = "auto",
        initial_params: InitialParams = None,
        max_concurrent_trials: int | Literal["auto"] = "auto",
        speculate: bool | Literal["auto"] = "auto",
        fuse: bool | Literal["auto"] = "auto",
        storage: Storage = None,
        study_name: str | None = None,
        warm_start: bool = False,
        scoring: Scoring = None,
        constraints: Bounds = None,
        objectives: Sequence[str] | None = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[[Any], int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: int | np.random.RandomState | None = None,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        return_predictions: bool = False,
        study_callbacks: Sequence[StudyCallback] | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.param_grid = param_grid
        self.n_trials = n_trials
        self.n_iter = n_iter
        self.max_failures = max_failures
        self.timeout = timeout
        self.fold_timeout = fold_timeout
        self.fold_memory = fold_memory
        self.interrupted = interrupted
        self.sampler = sampler
        self.pruner = pruner
        self.report = report
        self.checkpoint = checkpoint
        self.cache_prefix = cache_prefix
        self.initial_params = initial_params
        self.max_concurrent_trials = max_concurrent_trials
        self.speculate = speculate
        self.fuse = fuse
        self.storage = storage
        self.study_name = study_name
        self.warm_start = warm_start
        self.constraints = constraints
        self.objectives = objectives
        self.random_state = random_state
        self.return_predictions = return_predictions
        self.study_callbacks = study_callbacks
