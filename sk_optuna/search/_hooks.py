"""The hooks of scikit-learn's callbacks around one fit of a search, and around its two stages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sk_optuna._compat._callbacks import begin_fit
from sk_optuna._compat._sklearn import BaseSearchCV


class FitHooks:
    """The hooks of one fit, begun.

    Parameters
    ----------
    search : BaseSearchCV
        The search, which the hooks receive.
    X, y : array-like
        All rows.
    params : mapping
        The other arguments of `fit`.
    """

    def __init__(self, search: BaseSearchCV, X: Any, y: Any, params: Mapping[str, Any]) -> None:
        sample_weight = params.get("sample_weight")
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._search = search
        self._data = {"X": X, "y": y, "metadata": metadata}
        self._root = begin_fit(search, max_subtasks=1 + (search.refit is not False), **self._data)

    @contextmanager
    def of_trials(self, n_folds: int | None) -> Iterator[Any]:
        """Call the hooks around all trials, of so many folds if that is known."""
        hooks = self._root.subcontext(task_name="search", max_subtasks=n_folds, sequential_subtasks=False)
        hooks.call_on_fit_task_begin(estimator=self._search)
        yield hooks
        hooks.call_on_fit_task_end(estimator=self._search)

    @contextmanager
    def of_refit(self) -> Iterator[Callable[[Any], AbstractContextManager[None]]]:
        """Call the hooks around the refit.

        Yields
        ------
        callable
            Returns the context in which the estimator that it is given is fitted: there the hooks begin, once the
            estimator has those callbacks that are handed on to it.
        """
        hooks = self._root.subcontext(task_name="refit-with-best-params")

        @contextmanager
        def fitting(estimator: Any) -> Iterator[None]:
            with hooks.propagate_callback_context(estimator):
                hooks.call_on_fit_task_begin(estimator=self._search, **self._data)
                yield

        yield fitting
        hooks.call_on_fit_task_end(estimator=self._search, **self._data)

    def end(self) -> None:
        """Call the hooks at the end of the fit."""
        self._root.call_on_fit_task_end(estimator=self._search, **self._data)
