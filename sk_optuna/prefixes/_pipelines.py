"""Find the pipelines in an estimator, and give them a `memory` that asks for shared prefixes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from sk_optuna.prefixes._current_evaluation import evaluation_here


def with_shared_prefixes(estimator: Any) -> bool:
    """Have the pipelines in `estimator` ask for shared prefixes; return whether there are any.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator, which is changed: a Pipeline, or a TransformedTargetRegressor around one. Pipelines that
        are steps, in a FeatureUnion or in a ColumnTransformer are found as well. A pipeline with a `memory` of its own
        is left alone. So are subclasses of these classes, which may behave differently.
    """
    return _place(estimator, (), (), is_entry=True)


def _place(estimator: Any, path: tuple[str, ...], targets: tuple[tuple[str, ...], ...], *, is_entry: bool) -> bool:
    if type(estimator) is compose().TransformedTargetRegressor:
        return _place(estimator.regressor, (*path, "regressor"), (*targets, path), is_entry=is_entry)
    if type(estimator) is not Pipeline or estimator.memory is not None:
        return False
    estimator.memory = PrefixMemory(targets, is_entry=is_entry)
    for name, step in estimator.steps:
        for inner in branches(step):
            _place(inner, (*path, name), targets, is_entry=False)
    return True


@dataclass(eq=False)
class PrefixMemory:
    """The `memory` of a pipeline whose prefixes are shared; outside a search it does nothing.

    Attributes
    ----------
    targets : tuple of paths
        The places of the TransformedTargetRegressors that transform y before it reaches the pipeline.
    is_entry : bool
        Whether the pipeline is fitted on the fold's own rows.
    """

    targets: tuple[tuple[str, ...], ...]
    is_entry: bool

    # With a location a Pipeline would clone its steps, and not all can be cloned.
    location: None = None

    def cache(self, function: Callable[..., Any], ignore: Any = None) -> Callable[..., Any]:
        """Return the function that a Pipeline calls, in place of `function`, to fit a step and transform with it."""
        evaluation = evaluation_here()
        if evaluation is None:
            return function
        return lambda step, X, y, **kwargs: evaluation.fit_transform(self, function, step, X, y, kwargs)

    def __deepcopy__(self, memo: Any) -> "PrefixMemory":
        # Clones of a pipeline stand at the same place.
        return self


def compose() -> Any:
    """Import `sklearn.compose` only where it is needed: with its linear models it takes 5 MB in each worker."""
    import sklearn.compose

    return sklearn.compose


def branches(step: Any) -> list[Any]:
    """Return the parts of a step that receive known data and may be pipelines: its branches, or the step itself."""
    if type(step) is FeatureUnion:
        return [branch for _, branch in step.transformer_list if type(branch) is Pipeline]
    if type(step) is compose().ColumnTransformer:
        return [branch for _, branch, _ in step.transformers if type(branch) is Pipeline]
    return [step]
