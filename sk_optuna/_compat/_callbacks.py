"""scikit-learn's callbacks, new in 1.9."""

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sklearn.model_selection._search import BaseSearchCV

_HAS_CALLBACKS = hasattr(BaseSearchCV, "_init_callback_context")


class NoHooks:
    """Hooks that do nothing, for scikit-learn before 1.9 and for folds without callbacks."""

    def subcontext(self, **kwargs: Any) -> "NoHooks":
        """Return hooks that do nothing."""
        return self

    def propagate_callback_context(self, sub_estimator: Any) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def call_on_fit_task_begin(self, **kwargs: Any) -> "NoHooks":
        """Do nothing."""
        return self

    def call_on_fit_task_end(self, **kwargs: Any) -> bool:
        """Do nothing, and do not ask to stop."""
        return False


def begin_fit(search: Any, *, max_subtasks: int, **kwargs: Any) -> Any:
    """Return the hooks of a whole fit, begun; `kwargs` are those of ``call_on_fit_task_begin``."""
    if not _HAS_CALLBACKS:
        return NoHooks()
    context = search._init_callback_context(max_subtasks=max_subtasks)
    return context.call_on_fit_task_begin(estimator=search, **kwargs)


def has_callbacks(estimator: Any) -> bool:
    """Return whether scikit-learn callbacks are set on an estimator or one within."""
    return any(has_own_callbacks(each) for each in (estimator, *estimator.get_params().values()))


def has_own_callbacks(estimator: Any) -> bool:
    """Return whether scikit-learn callbacks are set on an estimator itself."""
    return hasattr(estimator, "_skl_callbacks")


def detached_hooks(context: Any) -> Any:
    """Return a copy of hooks and their ancestors, without other descendants, for a worker.

    Otherwise the whole tree would be pickled with every fold, while it grows.
    """
    if isinstance(context, NoHooks):
        return context
    detached = copy.copy(context)
    detached._children_map = {}
    if context.parent is not None:
        detached.parent = detached_hooks(context.parent)
        detached.parent._children_map = {detached.task_id: detached}
    return detached
