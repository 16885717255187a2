"""Fit the first steps of a pipeline once for all candidates that differ in later steps only.

A Pipeline offers its own place for this, `memory`. What is put there here differs from joblib's Memory in what it takes
for a key: not a hash of the data, but where the data came from. The rows that a fold's fit is given are known by the
fold; what a step makes of known data is known by the step. Data of unknown origin is never looked up, so that a wrong
guess costs time and not correctness.
"""

import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from sk_optuna._compat import SharedFolder, only_predicts, watching_scorer
from sk_optuna.evaluation._prefix_store import (
    COPIED_WITHIN,
    OwnTransform,
    PrefixStore,
    Stored,
    copied,
    draws_later,
    fingerprint,
    footprint,
    free_memory,
    holds_memory_of,
    pickled,
    put_by,
    worker_store,
)
from sk_optuna.evaluation._randomness import draws_at_random
from sk_optuna.exceptions import InvalidArgumentError

_here = threading.local()

_TRAIN = b"train"
_TEST = b"test"
# After so many folds whose prefixes all took less than so many seconds, keys cost more than they save.
_LOOKED_AT = 10
_WORTH_SECONDS = 2e-3

_SIZE = re.compile(r"(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)(i?)b", re.IGNORECASE)


class PrefixSharing:
    """Which steps are shared, and where what they made is kept.

    Parameters
    ----------
    limit : int
        Most bytes, of all processes together.
    n_processes : int
        Processes that evaluate folds; if there are several, each has a store of its own.
    share_random : bool
        Whether steps are shared that draw other random numbers at each fit.

    Attributes
    ----------
    store : PrefixStore
        The store of this process.
    """

    def __init__(self, limit: int, *, n_processes: int, share_random: bool) -> None:
        self._limit = limit // n_processes
        self._share_random = share_random
        self._token = uuid.uuid4().hex
        self._shared = None if n_processes == 1 else SharedFolder()
        self._folder = None if self._shared is None else self._shared.path
        self.store = PrefixStore(self._limit)

    def close(self) -> None:
        """Remove what processes share."""
        if self._shared is not None:
            self._shared.remove()

    @contextmanager
    def evaluating(self, fold: int, estimator: Any, *, only_predicts: bool = True) -> Iterator[None]:
        """Share the prefixes of `estimator`, one that `with_shared_prefixes` made, while a fold of it is evaluated.

        What transforms make is shared only if nothing but predictions is asked of the fitted estimator.
        """
        gains = self.store.n_evaluations < _LOOKED_AT or self.store.dearest >= _WORTH_SECONDS
        evaluation = _Evaluation(self, fold, estimator, only_predicts) if gains else None
        outer, _here.evaluation = _evaluation_here(), evaluation  # an inner search is no part of the outer one's fold
        try:
            with self.store.in_use():
                yield
        finally:
            _here.evaluation = outer
        if evaluation is not None:
            self.store.n_evaluations += 1
            self.store.dearest = max(self.store.dearest, evaluation.seconds)

    def repeats_itself(self, key: bytes, step: Any) -> bool:
        """Return whether a step, which has this key, makes the same of the same data each time."""
        if self._share_random:
            return True
        repeatable = self.store.repeatable
        if key not in repeatable:
            repeatable[key] = not draws_at_random(step)
        return repeatable[key]

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("_limit", "_share_random", "_token", "_folder")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _shared=None)
        self.store = worker_store(self._token, self._limit, self._folder)


def check_cache_prefix(value: Any) -> None:
    """Refuse what is neither a switch nor a size.

    Raises
    ------
    InvalidArgumentError
        Where `value` is neither "auto", nor True or False, nor a size.
    """
    if not isinstance(value, bool | np.bool_) and not (isinstance(value, str) and value == "auto"):
        _bytes(value)


def share_prefixes(value: Any, estimator: Any, *, n_processes: int) -> PrefixSharing | None:
    """Have the pipelines in `estimator` share prefixes as `value`, the user's argument, says.

    Parameters
    ----------
    value : "auto", bool or str
        Whether, and within which memory, all processes together.
    estimator : estimator
        An unfitted estimator; its pipelines are changed.
    n_processes : int
        Processes that will evaluate folds.

    Returns
    -------
    PrefixSharing or None
        None where nothing is to be shared, or there is no pipeline to share anything of.
    """
    switch = None if isinstance(value, str) else bool(value)
    if switch is False or not with_shared_prefixes(estimator):
        return None
    limit = free_memory() // 4 if switch or value == "auto" else _bytes(value)
    return PrefixSharing(limit, n_processes=n_processes, share_random=bool(switch))


def _bytes(size: Any) -> int:
    """Return the bytes of a size such as ``"500MB"``."""
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    number = 0.0
    if found is not None:
        digits, prefix, binary = found.groups()
        number = float(digits) * (1024 if binary else 1000) ** "_kmgt".index(prefix.lower() or "_")
    if number < 1:
        raise InvalidArgumentError(
            "The 'cache_prefix' parameter must be 'auto', True, False, or a size in bytes such as '500MB' or '2GiB', "
            f"but got {size!r}."
        )
    return int(number)


def with_shared_prefixes(estimator: Any) -> bool:
    """Have the pipelines in `estimator` ask for shared prefixes; return whether there are any.

    Parameters
    ----------
    estimator : estimator
        An unfitted estimator, which is changed: a Pipeline, or a TransformedTargetRegressor around one. Pipelines that
        are steps, in a FeatureUnion or in a ColumnTransformer are found as well. One with a `memory` of its own is left
        alone, as are subclasses of these, which may do otherwise than they.
    """
    return _place(estimator, (), (), is_entry=True)


def _compose() -> Any:
    """Return `sklearn.compose`, which takes 5 MB in each worker and brings linear models: not before it is needed."""
    import sklearn.compose

    return sklearn.compose


def _place(estimator: Any, path: tuple[str, ...], targets: tuple[tuple[str, ...], ...], *, is_entry: bool) -> bool:
    if type(estimator) is _compose().TransformedTargetRegressor:
        return _place(estimator.regressor, (*path, "regressor"), (*targets, path), is_entry=is_entry)
    if type(estimator) is not Pipeline or estimator.memory is not None:
        return False
    estimator.memory = PrefixMemory(targets, is_entry=is_entry)
    for name, step in estimator.steps:
        for inner in _branches(step):
            _place(inner, (*path, name), targets, is_entry=False)
    return True


def _branches(step: Any) -> list[Any]:
    """Return where in a step pipelines may be that are given known data."""
    if type(step) is FeatureUnion:
        return [branch for _, branch in step.transformer_list if type(branch) is Pipeline]
    if type(step) is _compose().ColumnTransformer:
        return [branch for _, branch, _ in step.transformers if type(branch) is Pipeline]
    return [step]


@dataclass(eq=False)
class PrefixMemory:
    """The `memory` of a pipeline whose prefixes are shared; outside a search it does nothing.

    Attributes
    ----------
    targets : tuple of paths
        Where the TransformedTargetRegressors are that change y before the pipeline is given it.
    is_entry : bool
        Whether what the pipeline is fitted on are the fold's rows.
    """

    targets: tuple[tuple[str, ...], ...]
    is_entry: bool

    location: None = None  # or a Pipeline would clone its steps, which not all can be

    def cache(self, function: Callable[..., Any], ignore: Any = None) -> Callable[..., Any]:
        """Return what a Pipeline calls to fit a step and transform with it, in place of `function`."""
        evaluation = _evaluation_here()
        if evaluation is None:
            return function
        return lambda step, X, y, **kwargs: evaluation.fit_transform(self, function, step, X, y, kwargs)

    def __deepcopy__(self, memo: Any) -> "PrefixMemory":
        return self  # clones of a pipeline stand at the same place


def _evaluation_here() -> "_Evaluation | None":
    """Return the evaluation that this thread is in, if prefixes are shared in it."""
    return getattr(_here, "evaluation", None)


@contextmanager
def sharing_nothing() -> Iterator[None]:
    """Share nothing in a search that is itself part of another one's fold."""
    outer, _here.evaluation = _evaluation_here(), None
    try:
        yield
    finally:
        _here.evaluation = outer


def prefix_origin(data: Any) -> bytes | None:
    """Return the key of data that shared steps were given or made, None if it is not known."""
    evaluation = _evaluation_here()
    return None if evaluation is None else evaluation.origin(data)


def know_test_rows(X: Any) -> None:
    """Remember that `X` are the fold's test rows, before a scorer is given them."""
    evaluation = _evaluation_here()
    if evaluation is not None and evaluation.only_predicts:
        evaluation.know(X, evaluation.key(_TEST))


def watching(scorer: Any, failed: Callable[[str], None]) -> Any:
    """Return `scorer` so that the rows which it is given to score are known, if it only predicts for them.

    One that a user wrote may do anything with the estimator and the rows. It is left alone with them: nothing is shared
    while it runs.

    Parameters
    ----------
    scorer : callable
        The scorer, or the scorer of several metrics.
    failed : callable
        Called with the traceback of a scorer that raised.
    """
    return watching_scorer(scorer, _know_rows if only_predicts(scorer) else _leave, failed)


def _know_rows(X: Any) -> None:
    evaluation = _evaluation_here()
    if evaluation is not None:
        evaluation.know_scored(X)


def _leave(X: Any) -> None:
    _here.evaluation = None


@dataclass
class _Fitted:
    """A step as it was fitted, and what it made of the data it was fitted on."""

    step: Any
    output: Stored


@dataclass
class _Evaluation:
    """What is known of the data of one fold of one candidate."""

    sharing: PrefixSharing
    fold: int
    estimator: Any
    only_predicts: bool
    seconds: float = 0.0
    n_scored: int = 0
    _known: dict[int, tuple[Callable[[], Any], bytes]] = field(default_factory=dict)
    _entered: set[PrefixMemory] = field(default_factory=set)
    _tables: list[tuple[Any, bytes]] = field(default_factory=list)

    def key(self, *parts: bytes) -> bytes:
        """Return the key of data of this fold."""
        digest = blake2b(self.fold.to_bytes(8, "big"), digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    def know(self, data: Any, key: bytes) -> None:
        """Remember where `data` comes from, for as long as it exists."""
        try:
            self._known[id(data)] = weakref.ref(data), key
        except TypeError:  # lists
            self._known[id(data)] = lambda: data, key

    def origin(self, data: Any) -> bytes | None:
        """Return the key of `data`, None if it is not known."""
        if data is None:
            return b"none"
        alive, key = self._known.get(id(data), (None, None))
        return key if alive is not None and alive() is data else None

    def know_scored(self, X: Any) -> None:
        """Remember rows that a scorer is given: first the test rows, then perhaps those of the fit."""
        if self.n_scored == 0 and self.origin(X) is None:
            self.know(X, self.key(_TEST))
        self.n_scored += 1

    def fit_transform(
        self, memory: PrefixMemory, function: Callable[..., Any], step: Any, X: Any, y: Any, kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Return what `step` makes of the data, and the step fitted: from the store if it was done before."""
        source = self._source(memory, X, y)
        key = None if source is None else self._key_of_fit(source, step, y, kwargs)
        fitted: _Fitted | None = None if key is None else self.sharing.store.get(key)
        if key is not None and fitted is not None:
            output = fitted.output.thaw()
            self.know(output, key)
            return output, self._handed_out(fitted.step, key)
        before, start = None if key is None else fingerprint(X), time.perf_counter()
        with self._inside(step, source):
            output, step = function(step, X, y, **kwargs)
        seconds = time.perf_counter() - start
        if key is None:
            return output, step
        self.seconds += seconds
        if fingerprint(X) != before:  # nobody else is to miss the change
            self._known.clear()
            return output, step
        self.know(output, key)
        return output, self._kept(key, step, X, output, seconds)

    def _kept(self, key: bytes, step: Any, X: Any, output: Any, seconds: float) -> Any:
        """Store a fitted step and what it made of `X`, if that can be told apart and is worth it; return the step."""
        if _share_memory(output, X) or holds_memory_of(step, output):
            return step
        stored, size = put_by(output, seconds), footprint(step)
        if stored is None or size is None:
            return step
        pristine = copied(step)
        self.sharing.store.put(key, _Fitted(pristine, stored), stored.n_bytes + size, seconds)
        return self._handed_out(pristine, key)

    def _handed_out(self, pristine: Any, key: bytes) -> Any:
        """Return a copy of a fitted step that looks for what it makes of known data, if all that is to be shared."""
        step = copied(pristine)
        transforms = hasattr(type(step), "transform") and hasattr(pristine, "transform") and not draws_later(pristine)
        if self.only_predicts and transforms and isinstance(step, BaseEstimator):
            vars(step)["transform"] = _SharedTransform(step, pristine, key)
        return step

    def transform(self, step: Any, pristine: Any, key: bytes, X: Any) -> Any:
        """Return what a fitted step, which has this key, makes of `X`."""
        source = self.origin(X)
        if source is None or not _is_as_fitted(step, pristine):
            return _transform_plainly(step, X)
        key = self.key(key, b"transform", source)
        stored: Stored | None = self.sharing.store.get(key)
        if stored is not None:
            output = stored.thaw()
            self.know(output, key)
            return output
        before, start = fingerprint(X), time.perf_counter()
        output = _transform_plainly(step, X)
        seconds = time.perf_counter() - start
        if fingerprint(X) != before or _share_memory(output, X) or not _is_as_fitted(step, pristine):
            self._known.clear()
            return output
        if (stored := put_by(output, seconds)) is not None:
            self.sharing.store.put(key, stored, stored.n_bytes, seconds)
        self.know(output, key)
        return output

    def _source(self, memory: PrefixMemory, X: Any, y: Any) -> bytes | None:
        """Return where the data of a fit comes from; None if that cannot be said."""
        is_first, source = memory not in self._entered, self.origin(X)
        self._entered.add(memory)
        if source is None and is_first:
            source = self.key(_TRAIN) if memory.is_entry else self._columns_of_table(memory)
            if source is None:
                return None
            self.know(X, source)
        if is_first and self.origin(y) is None:
            target = self._target(memory.targets)
            if target is not None:
                self.know(y, target)
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

    def _columns_of_table(self, memory: PrefixMemory) -> bytes | None:
        """Return the key of the columns that the ColumnTransformer being fitted hands to the pipeline with `memory`."""
        if not self._tables:
            return None
        table, source = self._tables[-1]
        for _, branch, columns in table.transformers:
            if getattr(branch, "memory", None) is memory:
                spec = pickled(columns)
                return None if spec is None else self.key(source, b"columns", spec)
        return None

    @contextmanager
    def _inside(self, step: Any, source: bytes | None) -> Iterator[None]:
        """Know what is handed on within `step` while it is fitted."""
        if type(step) is not _compose().ColumnTransformer or source is None:
            yield
            return
        self._tables.append((step, source))
        try:
            yield
        finally:
            self._tables.pop()

    def _key_of_fit(self, source: bytes, step: Any, y: Any, kwargs: dict[str, Any]) -> bytes | None:
        """Return the key of what `step` makes of known data; None if it would make something else the next time."""
        params = step.get_params(deep=False) if isinstance(step, BaseEstimator) else None
        target, unfitted = self.origin(y), pickled((step, params))
        routed = pickled({method: dict(given) for method, given in (kwargs.get("params") or {}).items() if given})
        if target is None or unfitted is None or routed is None:
            return None
        key = self.key(source, target, unfitted, routed)
        return key if self.sharing.repeats_itself(unfitted, step) else None


class _SharedTransform(OwnTransform):
    """The `transform` of a step whose fit is shared, for as long as the step is what was fitted."""

    def __init__(self, step: Any, pristine: Any, key: bytes) -> None:
        self._step = weakref.ref(step)
        self._pristine = pristine
        self._key = key

    def __call__(self, X: Any, **params: Any) -> Any:
        step, evaluation = self._step() or self._pristine, _evaluation_here()
        if evaluation is None or params:
            return _transform_plainly(step, X, **params)
        return evaluation.transform(step, self._pristine, self._key, X)

    def __reduce__(self) -> Any:
        return partial, (_transform_plainly, self._step() or self._pristine)


def _transform_plainly(step: Any, X: Any, **params: Any) -> Any:
    """Transform as the class of a step does."""
    return type(step).transform(step, X, **params)


def _is_as_fitted(step: Any, pristine: Any) -> bool:
    """Return whether nothing was set on a step since it was copied from `pristine`, steps within and options aside."""
    ours, theirs = vars(step), vars(pristine)
    return ours.keys() - {"transform"} == theirs.keys() and all(
        ours[name] is value for name, value in theirs.items() if name not in COPIED_WITHIN
    )


def _share_memory(output: Any, data: Any) -> bool:
    """Return whether a step may have changed its data in place."""
    if output is data:
        return True
    a, b = (value.data if sparse.issparse(value) else value for value in (output, data))
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)
