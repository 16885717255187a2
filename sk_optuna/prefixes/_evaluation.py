"""Take the results of steps from the store instead of fitting again, in one fold of one candidate.

A step is fitted once for all candidates only if nobody could tell: it changes nothing that it is given, keeps no target
or weights, holds nothing of its output, and can be copied whole. Data is known by its origin, and known to be
unchanged by a checksum, taken again wherever somebody else may have had it in the meantime. Doubt counts against
sharing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sk_optuna.prefixes._ownership import References, is_held_elsewhere
from sk_optuna.prefixes._pipelines import branches, compose
from sk_optuna.prefixes._shared_transform import SharedTransform, transform_plainly
from sk_optuna.prefixes._snapshot import Snapshot, is_its_own_clone, snapshot
from sk_optuna.prefixes._store import PrefixStore
from sk_optuna.prefixes._stored import Stored, checksum, is_worth, pickled, stored
from sk_optuna.worker import Origins, reference_to

_TRAIN = b"train"
_TEST = b"test"


class Sharing(Protocol):
    """The sharing that all evaluations of one search have in common."""

    store: PrefixStore

    def repeats_itself(self, key: bytes, step: Any) -> bool:
        """Return whether a step, whose key this is, gives the same output for the same data each time."""


class Place(Protocol):
    """The place of a pipeline within the candidate."""

    targets: tuple[tuple[str, ...], ...]
    is_entry: bool


@dataclass(frozen=True)
class _Fitted:
    """A step as it was fitted, its output on the data it was fitted on, and the checksum of these.

    `step` is None for a step that is its own clone and that fitting did not change: the pipeline's own one serves.
    """

    step: Snapshot | None
    output: Stored
    checksum: int | None

    @property
    def n_bytes(self) -> int:
        """Size of the step and its output."""
        return self.output.n_bytes + (0 if self.step is None else self.step.n_bytes)


@dataclass(frozen=True)
class _Fit:
    """One fit of a step that a Pipeline asks for.

    Attributes
    ----------
    is_branch : bool
        Whether other steps receive the same X, too.
    """

    function: Callable[..., Any]
    step: Any
    X: Any
    y: Any
    kwargs: dict[str, Any]
    is_branch: bool

    @property
    def routed(self) -> dict[str, dict[str, Any]]:
        """Routed parameters of the step, by method."""
        return {method: dict(given) for method, given in (self.kwargs.get("params") or {}).items() if given}

    @property
    def not_to_be_held(self) -> list[Any]:
        """Data that a step may not keep, since somebody else may change it later."""
        return [
            self.y,
            *(value for given in self.routed.values() for value in given.values()),
            *[self.X] * self.is_branch,
        ]


@dataclass
class _Known:
    """Data, for as long as it exists, and its origin."""

    alive: Callable[[], Any]
    key: bytes | None  # None once the data has changed
    checksum: int | None


@dataclass
class Evaluation:
    """One fold of one candidate.

    Attributes
    ----------
    sharing : Sharing
        The part that the search's evaluations have in common.
    fold : int
        The fold.
    estimator : estimator
        The candidate.
    only_predicts : bool
        Whether the scorers ask the fitted estimator for predictions only. Transforms are shared only then.
    seconds : float
        Time of the steps that were looked up in vain.
    n_scored : int
        How often a scorer received rows.
    """

    sharing: Sharing
    fold: int
    estimator: Any
    only_predicts: bool
    seconds: float = 0.0
    n_scored: int = 0
    _origins: Origins[_Known] = field(default_factory=Origins)
    _untouched: int | None = None  # the data that came last, while nobody else had a chance to change it
    _something_changed: bool = False  # so that y may no longer be the fold's
    _has_transforms: bool = False
    _entered: set[Place] = field(default_factory=set)
    _column_transformers: list[tuple[Any, Any]] = field(default_factory=list)

    def key(self, *parts: bytes) -> bytes:
        """Return the key of data of this fold; `parts` say how the data came about."""
        digest = blake2b(self.fold.to_bytes(8, "big"), digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    # --- known data ---

    def remember_origin(self, data: Any, key: bytes, total: int | None = None) -> None:
        """Remember where `data` comes from, and its checksum if there is one."""
        self._origins.remember(data, _Known(reference_to(data), key, total))
        self._untouched = id(data)

    def remember_test_rows(self, X: Any) -> None:
        """Remember that `X` are the fold's test rows, if any transform is shared."""
        if self._has_transforms:
            self.remember_origin(X, self.key(_TEST), checksum(X))

    def remember_scored(self, X: Any) -> None:
        """Remember the first rows that a scorer receives as the test rows; the training rows may follow."""
        if self.n_scored == 0 and self._note(X) is None:
            self.remember_test_rows(X)
        self.n_scored += 1

    def origin(self, data: Any) -> bytes | None:
        """Return the key of `data`; None if it is not known, or has changed."""
        if data is None:
            return b"none"
        known = self._note(data)
        if known is None:
            return None
        if self._untouched != id(data) and (known.checksum is None or checksum(data) != known.checksum):
            self._forget(known)
        return known.key

    def _note(self, data: Any) -> _Known | None:
        return self._origins.of(data)

    def _forget(self, known: _Known) -> None:
        known.key = None
        self._something_changed = True

    def _lend(self, *data: Any) -> None:
        """Take the checksums of known data, before somebody else has it in hand."""
        for each in data:
            known = self._note(each)
            if known is not None and known.checksum is None:
                known.checksum = checksum(each)
        self._untouched = None

    # --- fits ---

    def fit_transform(
        self, place: Place, function: Callable[..., Any], step: Any, X: Any, y: Any, kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Fit `step` and transform the data, or take both results from the store if that was done before."""
        is_first = place not in self._entered
        self._entered.add(place)
        source = self._source(place, X, y, is_first=is_first)
        fit = _Fit(function, step, X, y, kwargs, is_branch=is_first and not place.is_entry)
        key = None if source is None else self._key_of(fit, source)
        if key is None:
            return self._done(fit)
        fitted: _Fitted | None = self.sharing.store.get(key)
        if fitted is None:
            return self._done_and_stored(fit, key)
        if (known := self._note(X)) is not None:
            known.checksum = fitted.checksum
        output = fitted.output.thaw()
        self.remember_origin(output, key, fitted.output.checksum)
        if fitted.step is not None:
            step = self._watched(fitted.step.copy(), fitted.step, key)
        return output, step

    def _done(self, fit: "_Fit") -> tuple[Any, Any]:
        """Fit a step as a Pipeline does without sharing; the pipelines within it may share."""
        if any(type(branch) is Pipeline for branch in branches(fit.step)):
            self._lend(fit.X)
        self._untouched = None
        with self._inside(fit.step, fit.X):
            output, step = fit.function(fit.step, fit.X, fit.y, **fit.kwargs)
        self._untouched = None
        return output, step

    def _done_and_stored(self, fit: "_Fit", key: bytes) -> tuple[Any, Any]:
        """Fit a step, and store it if nobody can tell it from one that is fitted again."""
        self._lend(fit.X)
        given = [known for data in (fit.X, fit.y) if (known := self._note(data)) is not None]
        routed, held = pickled(fit.routed), References(fit.not_to_be_held)
        as_it_was = snapshot(fit.step, of_the_caller=True) if is_its_own_clone(type(fit.step)) else None
        start = time.perf_counter()
        output, step = self._done(fit)
        seconds = time.perf_counter() - start
        self.seconds += seconds
        changed = [known for known in given if known.checksum is None or checksum(known.alive()) != known.checksum]
        for known in changed:
            self._forget(known)
        if (
            changed or pickled(fit.routed) != routed
        ):  # the step changed data in place: sharing would hide that from other candidates
            return output, step
        box = [output]
        del output
        if held.have_grown() or is_held_elsewhere(box):
            fitted = None
        else:
            fitted = self._fitted(step, as_it_was, box[0], seconds, given[0].checksum)
        self.remember_origin(box[0], key, None if fitted is None else fitted.output.checksum)
        if fitted is None:
            return box[0], step
        self.sharing.store.put(key, fitted, fitted.n_bytes, seconds)
        return box[0], step if fitted.step is None else self._watched(step, fitted.step, key)

    def _fitted(
        self, step: Any, as_it_was: Snapshot | None, output: Any, seconds: float, total: int | None
    ) -> _Fitted | None:
        """Copy a fitted step and its output for the store; None if they cannot be copied, or not cheaply enough."""
        start = time.perf_counter()
        kept = stored(output, seconds)
        copied = None if kept is None else snapshot(step, of_the_caller=as_it_was is not None)
        if kept is None or copied is None or not is_worth(seconds, time.perf_counter() - start):
            return None
        if not is_its_own_clone(type(step)):
            return _Fitted(copied, kept, total)
        return _Fitted(None, kept, total) if copied == as_it_was else None

    def _watched(self, step: Any, as_fitted: Snapshot, key: bytes) -> Any:
        """Let a fitted step's `transform` look up stored outputs where sharing is allowed; return the step."""
        transforms = hasattr(type(step), "transform") and hasattr(step, "transform")
        if not (self.only_predicts and transforms and isinstance(step, BaseEstimator)):
            return step
        self._has_transforms = True
        vars(step)["transform"] = SharedTransform(step, as_fitted, key)
        return step

    def _source(self, place: Place, X: Any, y: Any, *, is_first: bool) -> bytes | None:
        """Return the key of the data of a fit; None if its origin is unknown."""
        source = self.origin(X)
        if source is None and is_first:
            source = self.key(_TRAIN) if place.is_entry else self._columns_key(place)
            if source is not None:
                self.remember_origin(X, source)
        if source is not None and is_first and self._note(y) is None and not self._something_changed:
            target = self._target(place.targets)
            if target is not None and y is not None:
                self.remember_origin(y, target, checksum(y))
        return source

    def _target(self, paths: tuple[tuple[str, ...], ...]) -> bytes | None:
        """Return the key of the fold's y as the regressors at `paths` transform it."""
        parts = [b"y"]
        for path in paths:
            regressor = self.estimator
            for name in path:
                regressor = regressor.named_steps[name] if isinstance(regressor, Pipeline) else getattr(regressor, name)
            config = {name: value for name, value in regressor.get_params(deep=False).items() if name != "regressor"}
            part = pickled(config)
            if part is None or not self.sharing.repeats_itself(part, config["transformer"]):
                return None
            parts.append(part)
        return self.key(*parts)

    def _columns_key(self, place: Place) -> bytes | None:
        """Return the key of the columns that the ColumnTransformer being fitted hands to the pipeline at `place`."""
        if not self._column_transformers:
            return None
        transformer, X = self._column_transformers[-1]
        source = self.origin(X)
        for _, branch, columns in transformer.transformers:
            if source is not None and getattr(branch, "memory", None) is place:
                spec = pickled(columns)
                return None if spec is None else self.key(source, b"columns", spec)
        return None

    @contextmanager
    def _inside(self, step: Any, X: Any) -> Iterator[None]:
        """Note the data that `step` hands on to its branches while it is fitted."""
        if type(step) is not compose().ColumnTransformer or not hasattr(X, "shape"):  # of a list it makes an array
            yield
            return
        self._column_transformers.append((step, X))
        try:
            yield
        finally:
            self._column_transformers.pop()

    def _key_of(self, fit: _Fit, source: bytes) -> bytes | None:
        """Return the key of a step's output on known data; None if the output would differ the next time."""
        params = fit.step.get_params(deep=False) if isinstance(fit.step, BaseEstimator) else None
        target, unfitted, routed = self.origin(fit.y), pickled((fit.step, params)), pickled(fit.routed)
        if target is None or unfitted is None or routed is None:
            return None
        key = self.key(source, target, unfitted, routed)
        return key if self.sharing.repeats_itself(unfitted, fit.step) else None

    # --- transforms ---

    def transform(self, shared: "SharedTransform", step: Any, X: Any) -> Any:
        """Transform `X` with a fitted step, or take the result from the store."""
        # Steps whose transform is not shared do not say when they transform.
        self._untouched = None
        source = self.origin(X) if shared.is_of(step) else None
        if source is None:
            shared.repeats_itself = False
            return transform_plainly(step, X)
        key, store = self.key(shared.key, b"transform", source), self.sharing.store
        kept: Stored | None = store.get(key)
        if kept is None:
            return self._transform_and_store(key, shared, step, X)
        output = kept.thaw()
        self.remember_origin(output, key, kept.checksum)
        return output

    def _transform_and_store(self, key: bytes, shared: "SharedTransform", step: Any, X: Any) -> Any:
        """Transform, and store the output if it depends on nothing else and the transform changes nothing else."""
        store = self.sharing.store
        repeats = store.repeatable.get(key)
        before = snapshot(step) if repeats is None else None
        start = time.perf_counter()
        box = [transform_plainly(step, X)]
        seconds = time.perf_counter() - start
        if self.origin(X) is None:
            repeats = False
        if repeats is None:
            repeats = before is not None and snapshot(step) == before and not is_held_elsewhere(box)
        store.repeatable[key] = repeats
        if not repeats:
            shared.repeats_itself = False
            return box[0]
        if (kept := stored(box[0], seconds)) is not None:
            store.put(key, kept, kept.n_bytes, seconds)
        self.remember_origin(box[0], key, checksum(box[0]) if kept is None else kept.checksum)
        return box[0]
