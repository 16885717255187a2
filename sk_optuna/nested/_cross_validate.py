"""nested_cross_validate: rows and outer folds become tasks, tasks become outer folds, and those a result.

scikit-learn's `cross_validate` fits and scores each outer fold of each row in a call of its own. Called once for all
folds, it would lose those that are finished when one fails or the user presses Ctrl-C. A meta-estimator was the road
not taken: searches are estimators already, and wrappers around them exist.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import joblib
import numpy as np
from joblib import effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend
from sklearn.base import is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from sk_optuna._compat._sklearn import num_samples
from sk_optuna.epochs import leaf_of
from sk_optuna.evaluation import fuses, is_plain_net
from sk_optuna.exceptions import InvalidArgumentError, NoScoreError
from sk_optuna.execution import runs_in_this_process
from sk_optuna.nested._comparison import Comparison, concluded
from sk_optuna.nested._fit_params import check_requests, groups_and_params, params_of, request_weights_as, routes
from sk_optuna.nested._metrics import Metrics, check_scorers, outer_metrics
from sk_optuna.nested._outer_fold import MISTAKES, FoldTask, OuterFold, missing_fold, run_outer_fold
from sk_optuna.nested._outer_splits import (
    Splits,
    check_classes,
    check_tested_classes,
    draw_splits,
    kept_splits,
    note_on_classes,
    separates_groups,
    wants_groups,
)
from sk_optuna.nested._results import NestedCVResults
from sk_optuna.nested._rows import (
    Row,
    baseline_rows,
    check_choices,
    named,
    own_rows,
    unfitted,
    with_inner_reasons,
)
from sk_optuna.nested._sending import packed, unpacked
from sk_optuna.progress import NestedProgress, following_nested
from sk_optuna.worker import Meeting, sharing

# joblib before 1.4 keeps an outer fold until those before it are finished.
_AS_FINISHED = "generator" if joblib.__version__.startswith("1.3.") else "generator_unordered"
# Seconds for which an error waits for outer folds that run in threads.
_PATIENCE = 2.0


def nested_cross_validate(
    search: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = 5,
    scoring: Any = None,
    n_jobs: int | None = None,
    params: Mapping[str, Any] | None = None,
    groups: Any = None,
    baselines: Sequence[str] = ("default", "dummy"),
    return_train_score: bool = False,
    error_score: float | Literal["raise", "dummy"] = np.nan,
    keep: Literal["search", "best", "nothing"] = "search",
    verbose: int = 0,
) -> NestedCVResults:
    """Cross-validate searches, each of which searches anew within each outer fold, and compare them.

    The outer test rows are seen by no search, so that the outer scores say what `best_score_` cannot: how good the
    procedure is that searches and then refits [1]_. Rows that show what tuning was worth are fitted on the same folds.

    Parameters
    ----------
    search : search, estimator or dict of str to these
        A search: :class:`~sk_optuna.OptunaSearchCV` or any other that inherits from scikit-learn's BaseSearchCV, alone
        or within a Pipeline, a TransformedTargetRegressor or another wrapper. An estimator without a search is a row of
        the comparison, too. A lone one is named after the class of the estimator that predicts in the end: "svc".

    X : array-like of shape (n_samples, n_features)
        Data.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Target.

    cv : int, splitter or iterable of (train, test), default=5
        The outer folds, as in :func:`~sklearn.model_selection.cross_validate`. They are drawn once for all rows.

    scoring : str, callable, list, tuple or dict, default=None
        The metric or metrics of the outer folds; None for that of the searches, which must then be the same. Of
        several, the screen shows the one by which the searches choose, if they agree on one, else the first.

    n_jobs : int, default=None
        Outer folds that run side by side. A search within runs its own folds one by one then, as joblib has it.

    params : dict of str to array-like or object, default=None
        What `fit` gets beside the data, split like the data where it is as long: `sample_weight`, for example. With
        ``sklearn.set_config(enable_metadata_routing=True)`` it goes where the rows and scorers request it, also to both
        loops. `groups` may be in it, as scikit-learn has it under metadata routing.

    groups : array-like of shape (n_samples,), default=None
        Groups for the outer splitter, and for the inner splitters that split by groups.

    baselines : sequence of {"default", "dummy"}, default=("default", "dummy")
        Rows that are added: for each search its estimator with its own parameters, with what is around the search left
        around it, as "svc (defaults)"; and once a DummyClassifier or DummyRegressor, as "dummy". One that cannot be
        fitted and scored on any outer fold has no row, and a note says so. One that fails on some of them has a row
        like any other.

    return_train_score : bool, default=False
        Whether the refitted models are scored on their training rows, too.

    error_score : float, "dummy" or "raise", default=np.nan
        The score of an outer fold that failed. With NaN the mean of its row is NaN, so that a search that fails on hard
        folds does not come out ahead. ``"dummy"`` stands for the dummy's score on the same fold. ``"raise"`` raises,
        though not for baselines. Each failed fold is in `errors_`.

    keep : {"search", "best", "nothing"}, default="search"
        What stays of each outer fold beside the tables: the fitted model with its search; only the best estimator in
        the search's place; or nothing. Tables, predictions and studies are there in each case.

    verbose : int, default=0
        1 shows how far it is, as `verbose` of :class:`~sk_optuna.OptunaSearchCV` does: one status in a terminal or a
        notebook, with outer folds done of all, the time left, and the mean score of each row so far; in files a line
        when all rows have finished another outer fold, and one a minute. From 2 on each outer fold of each row is a
        line, too. The searches within print nothing, whatever their `verbose` is.

    Returns
    -------
    NestedCVResults
        The results. Print it for the first screen.

    Raises
    ------
    InvalidArgumentError
        Where an argument cannot be used; before the first fit. Also where an inner search cannot be run as it is.
    NoScoreError
        Where no row of `search` could be fitted and scored on any outer fold.
    KeyboardInterrupt
        On Ctrl-C. Its attribute `nested_results` has what was finished.

    Warns
    -----
    FitFailedWarning
        Where outer folds failed.

    See Also
    --------
    nested_cv_results : The same of what `cross_validate` returned.
    sk_optuna.OptunaSearchCV : The search.

    Notes
    -----
    When not to use it: with many rows, a test set that is set aside costs one search instead of five. The outer mean
    belongs to the procedure, not to one model, and choosing the best of many rows by it makes it too good again.

    Where searches have a `storage`, each outer fold goes on from its own study, and the outer splits are kept there,
    too: the same call goes on after an interrupt, also with an outer splitter without a seed. With a `study_name`, the
    study of outer fold 0 is called ``"<study_name>, outer fold 0"``.

    An inner best score is left out, with a note, where it is of another metric than the outer one, or of a target that
    a TransformedTargetRegressor has transformed.

    References
    ----------
    .. [1] S. Varma, R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
       Bioinformatics 7, 2006. :doi:`10.1186/1471-2105-7-91`

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import OptunaSearchCV, nested_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(SVC(), {"C": loguniform(0.1, 10)}, n_trials=5, cv=3, random_state=0)
    >>> results = nested_cross_validate(search, X, y, cv=3)
    >>> list(results.cross_validate_)
    ['svc', 'svc (defaults)', 'dummy']
    >>> len(results.outer_), len(results.archive_)
    (9, 15)
    """
    chosen = check_choices(baselines, keep, error_score)
    rows = own_rows(named(search))
    groups, params = groups_and_params(groups, params)
    X, y, groups = indexable(X, y, groups)
    more, notes = baseline_rows(rows, chosen, y)
    metrics = outer_metrics(scoring, [row.search for row in rows if row.search is not None], rows[0].estimator)
    check_scorers(metrics, [row.estimator for row in rows])
    if routes():
        _request_weights(rows, more)
        check_requests(rows, metrics.scoring, params, groups)
    rows = with_inner_reasons([*rows, *more], metrics)
    splits = _outer_splits(cv, X, y, groups, rows, metrics)
    if y is not None and any(is_classifier(row.estimator) for row in rows):
        notes += note_on_classes(splits, y)
    # now: joblib asks for tasks in other threads, too, to which scikit-learn's configuration does not belong
    of_rows = [params_of(row, params, groups, metrics.scoring) for row in rows]
    task = FoldTask(X, y, metrics.scoring, return_train_score, keep)
    run = _Run(rows, of_rows, splits, task, _meeting_of(rows, n_jobs))
    rules = _Rules(metrics, error_score, keep, notes, num_samples(X), _has_groups(cv, splits, groups))
    results = _finished(run, rules, n_jobs, verbose)
    _warn_of_failures(results)
    return NestedCVResults(results, verbose=verbose)


@dataclass(frozen=True)
class _Rules:
    """The arguments that matter once outer folds are finished."""

    metrics: Metrics
    error_score: Any
    keep: str
    notes: list[str]
    n_rows: int
    has_groups: bool


@dataclass(frozen=True)
class _Run:
    """The outer folds to come."""

    rows: list[Row]
    params: list[dict[str, Any]]
    splits: Splits
    task: FoldTask
    meeting: Meeting | None = None

    def tasks(self, error_score: Any, only: Callable[[Row], bool] = lambda row: True) -> Iterator[Any]:
        """Yield the tasks: fold by fold, so that a row that cannot be run at all says so early."""
        for i, (train, test) in enumerate(self.splits):
            for row, params in zip(self.rows, self.params, strict=True):
                if not only(row):
                    continue
                raises = () if row.is_baseline else (Exception,) if error_score == "raise" else MISTAKES
                meeting = self.meeting if _is_fused(row) else None
                yield delayed(_named_fold)(row, i, self.task, train, test, params, raises, os.getpid(), meeting)


def _named_fold(
    row: Row,
    i: int,
    task: FoldTask,
    train: Any,
    test: Any,
    params: Mapping[str, Any],
    raises: Any,
    driver: int,
    meeting: Meeting | None,
) -> tuple[str, int, OuterFold]:
    """Run an outer fold, and return it under its name, since results come in any order."""
    with sharing(meeting):
        return row.name, i, packed(run_outer_fold(task, unfitted(row, i), train, test, params, raises), driver)


def _meeting_of(rows: Sequence[Row], n_jobs: int | None) -> Meeting | None:
    """Return a meeting for the networks of all searches; None where none has any, or where workers run outer folds."""
    if effective_n_jobs(n_jobs) > 1:
        return None
    workers = [effective_n_jobs(row.search.n_jobs) for row in rows if _is_fused(row)]
    return Meeting(n_turns=max(workers)) if workers else None


def _request_weights(rows: Sequence[Row], baselines: Sequence[Row]) -> None:
    """Have the dummy request weights as the first row does."""
    for baseline in baselines:
        if baseline.kind == "dummy":
            request_weights_as(rows[0], baseline.estimator)


def _outer_splits(cv: Any, X: Any, y: Any, groups: Any, rows: Sequence[Row], metrics: Metrics) -> Splits:
    """Draw the outer splits, or take those that a storage has, and check them."""
    classifies = any(is_classifier(row.estimator) for row in rows)
    _check_groups(cv, groups, rows)
    # an iterator is read once
    cv = cv if hasattr(cv, "split") or isinstance(cv, int | str | None) or not hasattr(cv, "__iter__") else list(cv)
    splits = draw_splits(cv, X, y, groups, is_classifier=classifies)
    storages = [storage for row in rows if (storage := getattr(row.search, "storage", None)) is not None]
    if storages:
        unique = [
            each for i, each in enumerate(storages) if not any(each is one or each == one for one in storages[:i])
        ]
        splits = kept_splits(splits, cv, X, y, groups, unique, rows[0].estimator)
    if classifies and y is not None:
        check_classes(splits, y)
        check_tested_classes(splits, y, [metrics.shown, *metrics.names])
    return splits


def _check_groups(cv: Any, groups: Any, rows: Sequence[Row]) -> None:
    """Refuse splitters by groups, outer and inner ones, where there are no groups."""
    inner = {f"the cv of {row.name!r}": getattr(row.search, "cv", None) for row in rows if not row.is_baseline}
    for name, splitter in {"the outer cv": cv, **inner}.items():
        if groups is None and hasattr(splitter, "get_metadata_routing") and wants_groups(splitter):
            raise InvalidArgumentError(
                f"The 'groups' parameter must be given where a splitter splits by groups, as {name}, {splitter!r}, "
                "does. Pass groups=..., one for each row."
            )


def _has_groups(cv: Any, splits: Splits, groups: Any) -> bool:
    """Tell whether the outer folds keep groups apart."""
    return groups is not None and (wants_groups(cv) or separates_groups(splits, groups))


def _finished(run: _Run, rules: _Rules, n_jobs: int | None, verbose: int) -> Comparison:
    """Run the outer folds; on Ctrl-C, or an error, hand on what is finished with it."""
    folds: dict[tuple[str, int], OuterFold] = {}
    follow = following_nested(
        verbose, rows=[row.name for row in run.rows], n_folds=len(run.splits), metric=rules.metrics.shown
    )
    try:
        with follow as progress:
            for name, i, sent in _results(run, rules, n_jobs):
                folds[name, i] = fold = unpacked(sent)
                if progress is not None:
                    _report(progress, name, i, fold, rules.metrics)
    except BaseException as error:
        if folds:
            _hand_on(run, rules, folds, error)
        raise
    return _concluded(run, rules, folds, None)


def _hand_on(run: _Run, rules: _Rules, folds: Mapping[tuple[str, int], OuterFold], error: BaseException) -> None:
    """Give an error the results of the outer folds that are finished, and a note that says so."""
    try:
        error.nested_results = NestedCVResults(_concluded(run, rules, folds, error))  # type: ignore[attr-defined]
    except Exception as other:  # must not take the place of the error
        error.add_note(f"The outer folds that were finished could not be read: {type(other).__name__}: {other}")
        return
    n_all = len(run.rows) * len(run.splits)
    error.add_note(
        f"{len(folds)} of {n_all} outer folds were finished; they are in the attribute 'nested_results' of this error."
    )


def _results(run: _Run, rules: _Rules, n_jobs: int | None) -> Iterator[tuple[str, int, OuterFold]]:
    """Yield outer folds as they are finished; all at the end where joblib's backend cannot do that."""
    if run.meeting is not None:
        yield from _results_together(run, rules)
        return
    tasks = run.tasks(rules.error_score)
    backend, _ = get_active_backend()
    if getattr(backend, "supports_return_generator", False):
        yield from Parallel(n_jobs=n_jobs, return_as=_AS_FINISHED)(tasks)
    else:
        yield from Parallel(n_jobs=n_jobs)(tasks)


def _results_together(run: _Run, rules: _Rules) -> Iterator[tuple[str, int, OuterFold]]:
    """Yield outer folds; those of searches over networks run in threads, all at once, to be trained together.

    The others come first, one after the other: an estimator without a seed draws from global generators.
    """
    assert run.meeting is not None
    yield from Parallel(n_jobs=1, return_as=_AS_FINISHED)(run.tasks(rules.error_score, lambda row: not _is_fused(row)))
    n_tasks = len(run.splits) * sum(map(_is_fused, run.rows))
    try:
        with parallel_config("threading", n_jobs=n_tasks):
            yield from Parallel(n_jobs=n_tasks, return_as=_AS_FINISHED)(run.tasks(rules.error_score, _is_fused))
    except BaseException as error:
        run.meeting.close(error)
        run.meeting.wait_until_empty(_PATIENCE)
        raise


def _is_fused(row: Row) -> bool:
    """Return whether a row is a search whose networks are trained in this process with those of other outer folds.

    The refits of plain skorch nets draw from torch's global generator, side by side they would in an order of chance.
    """
    search = row.search
    if not hasattr(search, "fuse") or is_plain_net(leaf_of(search.estimator)):
        return False
    return bool(fuses(search)) and runs_in_this_process(search.n_jobs)


def _report(progress: NestedProgress, name: str, i: int, fold: OuterFold, metrics: Metrics) -> None:
    """Have the progress show an outer fold that is finished."""
    error = "" if fold.error is None else f"{fold.error.exception}: {fold.error.message}".partition("\n")[0]
    seconds = float(np.nansum([fold.scores.get("fit_time", 0.0), fold.scores.get("score_time", 0.0)]))
    progress.report(name, i, fold.scores.get(f"test_{metrics.first}", np.nan), seconds, error)


def _concluded(
    run: _Run, rules: _Rules, folds: Mapping[tuple[str, int], OuterFold], error: BaseException | None
) -> Comparison:
    """Make the record; outer folds that did not run failed by what ended the others."""
    missing = None if error is None else missing_fold(error)
    n_all = len(run.rows) * len(run.splits)
    broken_off = [] if error is None else [f"Broken off: {len(folds)} of {n_all} outer folds were finished."]
    by_row = {row.name: [folds.get((row.name, i), missing) for i in range(len(run.splits))] for row in run.rows}
    if error is None:
        _check_any_score(run.rows, by_row)
    return concluded(
        run.rows,
        by_row,  # type: ignore[arg-type]
        rules.metrics,
        run.splits,
        n_rows=rules.n_rows,
        has_groups=rules.has_groups,
        error_score=np.nan if rules.error_score == "raise" else rules.error_score,
        keep=rules.keep,
        notes=[*broken_off, *rules.notes],
        defaults={row.of: row.name for row in run.rows if row.of},
    )


def _check_any_score(rows: Sequence[Row], folds: Mapping[str, Sequence[Any]]) -> None:
    """Refuse to report on baselines alone."""
    errors = {row.name: [fold.error for fold in folds[row.name]] for row in rows if not row.is_baseline}
    if all(all(each) for each in errors.values()):
        told = "".join(f"\n  {name}: {each[0].exception}: {each[0].message}" for name, each in errors.items())
        last = next(iter(errors.values()))[-1].traceback
        raise NoScoreError(f"All outer folds failed. The first error of each row is:{told}\n\nThe last one:\n{last}")


def _warn_of_failures(record: Comparison) -> None:
    """Warn of outer folds that failed, of the user's rows and of baselines that have a row."""
    named_rows = {row.name for row in record.rows}
    failed = [
        f"{name} on outer fold {i} ({exception}: {' '.join(message.split())[:200]})"
        for name, i, exception, message in zip(
            *(record.errors[key] for key in ("search", "outer_fold", "exception", "message")), strict=True
        )
        if name in named_rows
    ]
    if not failed:
        return
    shown = "; ".join(failed[:3]) + (f"; and {len(failed) - 3} more" if len(failed) > 3 else "")
    try:
        warnings.warn(
            f"{len(failed)} outer folds failed, and count with the error_score: {shown}. See errors_ of the results.",
            FitFailedWarning,
            stacklevel=3,
        )
    except FitFailedWarning as error:  # where warnings are errors, nothing is lost
        error.nested_results = NestedCVResults(record)
        raise
