"""BaseSearchCV, corrected in what a search says of itself: its tags, its routing, and which names may be meant."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

from sklearn.metrics import get_scorer_names
from sklearn.utils import get_tags

from sk_optuna._compat import BaseSearchCV
from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError


class SearchBase(BaseSearchCV):
    """The base of OptunaSearchCV; it does not search."""

    def __sklearn_tags__(self) -> Any:
        """Return BaseSearchCV's tags, with those of the estimator that it leaves out.

        Without them a search over a transformer does not count as one, and one over an estimator of several outputs
        does not say so. That `y` is required is not said: `X` may be a dataset that contains it.
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
        with nearest_scorers(self.scoring):
            return super()._get_scorers()

    def _check_refit_for_multimetric(self, scores: Any) -> None:
        with nearest_metrics(self.refit, scores):
            super()._check_refit_for_multimetric(scores)

    def _forget_last_fit(self) -> None:
        """Remove what an earlier fit found: a search that is broken off must not predict with another one's model."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)


@contextmanager
def nearest_scorers(scoring: Any) -> Iterator[None]:
    """Add to scikit-learn's error about a `scoring` that is unknown the names that come nearest."""
    try:
        yield
    except ValueError as error:
        names = [scoring] if isinstance(scoring, str) else scoring.values() if isinstance(scoring, Mapping) else scoring
        names = names if isinstance(names, Iterable) else []
        known = get_scorer_names()
        unknown = [name for name in names if isinstance(name, str) and name not in known]
        _raise_with_nearest(unknown, known, error)


@contextmanager
def nearest_metrics(refit: Any, metrics: Iterable[str]) -> Iterator[None]:
    """Add to scikit-learn's error about a `refit` that is no metric the metrics that come nearest, or all of a few."""
    try:
        yield
    except ValueError as error:
        _raise_with_nearest([refit] if isinstance(refit, str) else [], list(metrics), error)


def _raise_with_nearest(unknown: list[str], known: list[str], error: ValueError) -> None:
    all_of_a_few = known if len(known) <= 6 else []
    hints = "".join(hint(name, nearest(name, known) or all_of_a_few) for name in unknown)
    if not hints:
        raise error
    raise InvalidArgumentError(f"{hints.lstrip()} {error}") from error
