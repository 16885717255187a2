"""scikit-learn's privates, except its callbacks. Their signatures are the same from 1.6 to 1.9, exceptions noted."""

import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ContextDecorator, contextmanager, nullcontext
from contextvars import ContextVar
from copy import copy
from numbers import Integral
from traceback import format_exc
from types import FunctionType, SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import sklearn
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._search import _search_estimator_has as search_estimator_has
from sklearn.model_selection._validation import _fit_and_score, _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils._pprint import _EstimatorPrettyPrinter
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.parallel import _FuncWrapper, delayed
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseSearchCV",
    "Interval",
    "MultimetricScorer",
    "StrOptions",
    "as_of_iteration",
    "calls_score",
    "check_method_params",
    "check_refit_for_multimetric",
    "cut_iterations",
    "declared_intervals",
    "fit_and_score",
    "fit_context",
    "followed",
    "forget_scores",
    "format_results",
    "insert_error_scores",
    "n_iterations",
    "num_samples",
    "only_predicts",
    "own_warm_start",
    "parameter_names",
    "print_by",
    "routed_for_fit",
    "safe_indexing",
    "safe_split",
    "scorers_by_name",
    "search_estimator_has",
    "select_best_index",
    "unwarned_table",
    "warn_or_raise_about_fit_failures",
    "warn_unless_unwarned",
    "watching_scorer",
    "with_caller_config",
]

insert_error_scores = _insert_error_scores
select_best_index = BaseSearchCV._select_best_index

Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return scikit-learn's ``_fit_context``, which has no types; the method that it decorates keeps its own."""
    decorator: Callable[[Method], Method] = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
    return decorator


def fit_and_score(*args: Any, caller: Any, callback_ctx: Any, **kwargs: Any) -> dict[str, Any]:
    """Call scikit-learn's ``_fit_and_score``, which knows `caller` and `callback_ctx` since 1.9."""
    if "callback_ctx" in _FIT_AND_SCORE_PARAMETERS:
        kwargs.update(caller=caller, callback_ctx=callback_ctx)
    result: dict[str, Any] = _fit_and_score(*args, **kwargs)
    return result


def check_refit_for_multimetric(refit: Any, metrics: Iterable[str]) -> None:
    """Call ``BaseSearchCV._check_refit_for_multimetric``, which reads `refit` and nothing else of the search."""
    BaseSearchCV._check_refit_for_multimetric(SimpleNamespace(refit=refit), metrics)


_FIT_AND_SCORE_PARAMETERS = inspect.signature(_fit_and_score).parameters


# --- the table, with scikit-learn's warnings or without -------------------------------------------------


_without_warnings: ContextVar[bool] = ContextVar("without_warnings", default=False)


@contextmanager
def unwarned_table() -> Iterator[None]:
    """Let the table of a search be made without scikit-learn's warnings, or error, of failures, in this thread alone.

    `warnings.catch_warnings` would exchange the filters of the process, and other threads may be fitting.
    """
    token = _without_warnings.set(True)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _without_warnings.reset(token)


def _warning_by(function: Any, warn: Callable[..., None]) -> Callable[..., Any]:
    """Return a copy of a function of scikit-learn that warns by calling `warn`."""
    own = {**function.__globals__, "warnings": SimpleNamespace(warn=warn)}
    return FunctionType(function.__code__, own, None, function.__defaults__, function.__closure__)


def warn_or_raise_about_fit_failures(results: Sequence[dict[str, Any]], error_score: Any, more: str = "") -> None:
    """Call scikit-learn's function, with `more` at the end of its warning; within `unwarned_table` do nothing."""
    if _without_warnings.get():
        return

    def warn(message: str, category: type[Warning]) -> None:
        # at the place of scikit-learn's own warning, by which filters may know it
        warnings.warn(f"{message}{more}", category, stacklevel=2)

    _warning_by(_warn_or_raise_about_fit_failures, warn)(results, error_score)


def warn_unless_unwarned(message: str) -> None:
    """Warn, but not within `unwarned_table`."""
    if not _without_warnings.get():
        warnings.warn(message, UserWarning, stacklevel=2)


_silent_format_results = _warning_by(BaseSearchCV._format_results, lambda *args, **kwargs: None)


def format_results(
    params: list[dict[str, Any]],
    n_splits: int,
    out: list[dict[str, Any]],
    more: Mapping[str, Any],
    *,
    return_train_score: bool,
) -> dict[str, Any]:
    """Call ``BaseSearchCV._format_results``, which reads one argument of the search and nothing else of it."""
    search = SimpleNamespace(return_train_score=return_train_score)
    function = _silent_format_results if _without_warnings.get() else BaseSearchCV._format_results
    table: dict[str, Any] = function(search, params, n_splits, out, more)
    return table


def parameter_names(estimator: Any) -> list[str]:
    """Return the names of the parameters of an estimator's constructor, without those of values within."""
    names: list[str] = estimator._get_param_names()
    return names


def declared_intervals(estimator: Any, name: str, *, whole: bool) -> list[tuple[float, float]]:
    """Return the intervals that an estimator's class declares for a parameter, for whole numbers or for others."""
    declared = getattr(estimator, "_parameter_constraints", {})
    constraints = declared.get(name, []) if isinstance(declared, dict) else []
    intervals = [each for each in constraints if isinstance(each, Interval)] if isinstance(constraints, list) else []
    other = RealNotInt if whole else Integral
    return [
        (-np.inf if each.left is None else each.left, np.inf if each.right is None else each.right)
        for each in intervals
        if each.type is not other
    ]


def routed_for_fit(search: Any, params: Mapping[str, Any]) -> Any:
    """Return the arguments of a search's `fit` by their consumer: estimator, scorer and splitter."""
    return search._get_routed_params_for_fit(params)


# --- printing -------------------------------------------------------------------------------------------


def print_by(method: Callable[..., str], shown: Callable[[Any], Any]) -> None:
    """Let scikit-learn's printer break the lines of estimators whose class has a ``__repr__`` of its own.

    The printer knows how to break an estimator by the function that is its class's ``__repr__``. Another one makes it a
    single line, however long, with all values of long lists.

    Parameters
    ----------
    method : function
        The ``__repr__`` of the class.
    shown : callable
        Takes an estimator and returns the one that is printed in its place, also where it is within others.
    """

    def pprint(printer: Any, search: Any, stream: Any, indent: int, allowance: int, context: Any, level: int) -> None:
        printed = shown(search)
        text, *_ = printer.format(printed, context.copy(), None, level)
        if len(text) <= printer._width - indent - allowance:
            stream.write(text)
        else:
            printer._pprint_estimator(printed, stream, indent, allowance, context, level)

    _EstimatorPrettyPrinter._dispatch[method] = pprint


# --- scorers --------------------------------------------------------------------------------------------


def scorers_by_name(scorer: Any) -> dict[str, Any] | None:
    """Return the scorers of several metrics; None for the scorer of one, or for a callable that names its metrics."""
    scorers: dict[str, Any] | None = scorer._scorers if isinstance(scorer, MultimetricScorer) else None
    return scorers


def only_predicts(scorer: Any) -> bool:
    """Return whether a scorer is scikit-learn's own: it predicts for the rows, or calls the estimator's `score`."""
    by_name = scorers_by_name(scorer)
    scorers = [scorer] if by_name is None else by_name.values()
    return all(isinstance(each, _BaseScorer | _PassthroughScorer) for each in scorers)


def calls_score(scorer: Any) -> bool:
    """Return whether a scorer, or one of several, calls the estimator's own method `score`."""
    by_name = scorers_by_name(scorer)
    return any(isinstance(each, _PassthroughScorer) for each in ([scorer] if by_name is None else by_name.values()))


During = Callable[[], AbstractContextManager[None]]


def watching_scorer(
    scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None], during: During = nullcontext
) -> Any:
    """Wrap `scorer`, so that ``watch(X)`` is called before it scores, and ``failed(traceback)`` if it raises.

    It scores in the context that ``during()`` returns.

    ``_fit_and_score`` treats several metrics differently from one, and tells them by the scorer's class.
    """
    if isinstance(scorer, MultimetricScorer):
        return _WatchingMultimetricScorer(scorer, watch, failed, during)

    return _WatchingScorer(scorer, watch, failed, during)


class _WatchingScorer:
    def __init__(
        self, scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None], during: During
    ) -> None:
        self._scorer = scorer
        self._watch = watch
        self._failed = failed
        self._during = during

    def __call__(self, estimator: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        self._watch(X)
        try:
            with self._during():
                return self._scorer(estimator, X, *args, **kwargs)
        except Exception:
            self._failed(format_exc())
            raise

    def __repr__(self) -> str:
        """Return the name of the wrapped scorer, for scikit-learn's messages."""
        return repr(self._scorer)


class _WatchingMultimetricScorer(MultimetricScorer):
    def __init__(
        self, scorer: Any, watch: Callable[[Any], None], failed: Callable[[str], None], during: During
    ) -> None:
        super().__init__(scorers=scorer._scorers, raise_exc=scorer._raise_exc)
        self._watch = watch
        self._failed = failed
        self._during = during

    def __call__(self, estimator: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        self._watch(X)
        with self._during():
            scores = super().__call__(estimator, X, *args, **kwargs)
        for score in scores.values():
            # The traceback of a scorer that raised.
            if isinstance(score, str):
                self._failed(score)
        return scores


# --- forests, which advise against a warm start with class weights --------------------------------------


@contextmanager
def own_warm_start(estimator: Any) -> Iterator[None]:
    """Keep `fit` from advising against a warm start on the ground that other rows have other class weights.

    Parameters
    ----------
    estimator : estimator
        One that is fitted on the same rows again and again; one that gives no such advice is left as it is.
    """
    name = "_validate_y_class_weight"
    validate = getattr(estimator, name, None)
    if validate is None:
        yield
        return

    def validate_as_if_fitted_once(*args: Any, **kwargs: Any) -> Any:
        estimator.warm_start = False
        try:
            return validate(*args, **kwargs)
        finally:
            estimator.warm_start = True

    vars(estimator)[name] = validate_as_if_fitted_once
    try:
        yield
    finally:
        del vars(estimator)[name]


# --- boosting on histograms: its iterations, which have no public name ----------------------------------


def n_iterations(booster: Any) -> int:
    """Return the number of iterations that a booster has made by now, in its fit or after it."""
    return len(booster._predictors)


def cut_iterations(booster: Any, n: int) -> None:
    """Make a fitted booster forget what came after its first iterations."""
    booster._predictors = booster._predictors[:n]


@contextmanager
def as_of_iteration(booster: Any, n: int) -> Iterator[None]:
    """Have a booster predict as after `n` iterations, as if it were fitted; a fit may be going on."""
    # In a fit it would take the rows for binned ones.
    hidden = {name: vars(booster).pop(name) for name in ("_predictors", "_in_fit") if name in vars(booster)}
    booster._predictors = hidden["_predictors"][:n]
    try:
        yield
    finally:
        vars(booster).update(hidden)


def followed(booster: Any, n: int) -> Any:
    """Return a copy of a booster in its fit whose `staged_` methods go on with the fit, for up to `n` iterations.

    Such a generator is to be advanced once for each iteration that has been made.
    """
    view = copy(booster)
    view._predictors = _Coming(booster._predictors, n)
    return view


class _Coming(Sequence[Any]):
    """A list that grows, with the length that it will have."""

    def __init__(self, growing: list[Any], n: int) -> None:
        self._growing = growing
        self._n = n

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, place: Any) -> Any:
        return self._growing[place]


def forget_scores(booster: Any) -> None:
    """Leave a booster that was fitted with a rule for stopping early as one that was fitted without."""
    booster.do_early_stopping_ = False
    booster._scorer = None
    booster.train_score_, booster.validation_score_ = np.empty(0), np.empty(0)


# --- configuration in workers; `with_config` until 1.6, `with_config_and_warning_filters` since ---------


def with_caller_config(function: Callable[..., Any], *, in_threads: bool = False) -> Callable[..., Any]:
    """Wrap `function`, so that it runs under this thread's scikit-learn configuration and warning filters.

    Threads share the filters of the process. In them nothing exchanges the filters, since all would see it: neither
    this function nor, while `function` runs, scikit-learn's wrapper of parallel calls.
    """
    config = sklearn.get_config()
    if in_threads:
        return _InThreads(function, config)
    wrapped, _, _ = delayed(function)()
    if _EXCHANGES_FILTERS:
        return wrapped.with_config_and_warning_filters(config, list(warnings.filters))  # type: ignore[no-any-return]
    return wrapped.with_config(config)  # type: ignore[no-any-return]


class _InThreads:
    """A function under a configuration of scikit-learn; it can be pickled, for processes that have threads."""

    def __init__(self, function: Callable[..., Any], config: dict[str, Any]) -> None:
        self._function = function
        self._config = config

    def __call__(self, *args: Any) -> Any:
        with _filters_left_alone, sklearn.config_context(**self._config):
            return self._function(*args)


_EXCHANGES_FILTERS = hasattr(_FuncWrapper, "with_config_and_warning_filters")


class _FiltersLeftAlone(ContextDecorator):
    """Keeps scikit-learn's wrapper of parallel calls from exchanging warning filters, while any thread is within.

    Many estimators make parallel calls in `fit`, if only one after the other. Around each the wrapper empties the
    filters of the process and fills them again, so that a fit in another thread can meet no filters, or those of
    another. Where warnings are errors, such a fit fails (scikit-learn's issue 32631). A call that stays in its process
    needs no filters from elsewhere.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_within = 0
        self._original = _FuncWrapper.__call__

    def __enter__(self) -> None:
        with self._lock:
            if self._n_within == 0 and _EXCHANGES_FILTERS:
                self._original, _FuncWrapper.__call__ = _FuncWrapper.__call__, _call_with_config
            self._n_within += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._n_within -= 1
            if self._n_within == 0:
                _FuncWrapper.__call__ = self._original


def _call_with_config(wrapper: Any, *args: Any, **kwargs: Any) -> Any:
    with sklearn.config_context(**getattr(wrapper, "config", {})):
        return wrapper.function(*args, **kwargs)


_filters_left_alone = _FiltersLeftAlone()
