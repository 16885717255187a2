"""A fitted step as it is now, whole: later copies share nothing with it that can change.

Pickle makes the copies, since it keeps which parts are one and the same object, and is written in C. A snapshot differs
from a plain pickle where that would lose something: an estimator's attributes are all taken, also those that its own
`__getstate__` leaves out; functions and classes are referred to, not rebuilt; arrays keep their strides, on which the
last bits of a sum may depend. A step that cannot be copied whole is refused. Not taken: `copy.deepcopy`, which is slow
for vocabularies and asks `__getstate__` as well.
"""

import copyreg
import io
import pickle
import sys
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sk_optuna.prefixes._arrays import strided
from sk_optuna.prefixes._ownership import keeps_memory_of_its_own

_BY_REFERENCE = (FunctionType, type, ModuleType)
_CYTHON_FUNCTION = "cython_function_or_method"  # a type of each compiled module's own
# In scikit-learn clones are new objects, except those of frozen estimators.
_CLONES_ANEW, _FROZEN = "sklearn.", "sklearn.frozen."
# A vectorizer's vocabulary has thousands of these.
_NUMBERS = (np.int64, np.int32, np.float64)
# Packages whose objects pickle themselves whole.
_WHOLE = {"joblib", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", *sys.stdlib_module_names}
_WHOLE |= {"catboost", "lightgbm", "tokenizers", "torch", "xgboost"}


class OwnTransform:
    """A `transform` that is set on one step; copies of the step do not have it."""


@dataclass(frozen=True)
class Snapshot:
    """A value as it was, from which any number of copies can be made.

    Two snapshots are equal if the values were equal to the last bit and had the same parts in common.

    Attributes
    ----------
    content : bytes
        The value, pickled.
    referred : list
        Functions, classes and modules that it refers to.
    """

    content: bytes
    referred: list[Any]

    @property
    def n_bytes(self) -> int:
        """Size of the pickle."""
        return len(self.content)

    def copy(self) -> Any:
        """Return a new copy of the value."""
        return _Reader(self.content, self.referred).load()


def snapshot(value: Any, *, of_the_caller: bool = False) -> Snapshot | None:
    """Take a snapshot of a value; None if it cannot be copied whole.

    Parameters
    ----------
    value : object
        A fitted step, or anything else.
    of_the_caller : bool, default=False
        Whether it may contain objects that are their own clones, and so the caller's; else these are refused.
    """
    writer = _Writer(of_the_caller=of_the_caller)
    try:
        writer.dump(value)
    except Exception:
        # An object's own pickling may raise anything.
        return None
    return Snapshot(writer.stream.getvalue(), writer.referred)


class _NotWholeError(pickle.PicklingError):
    """A copy might lack something, or have something twice."""


class _Writer(pickle.Pickler):
    def __init__(self, *, of_the_caller: bool) -> None:
        self.stream = io.BytesIO()
        self._of_the_caller = of_the_caller
        self.referred: list[Any] = []
        self._places: dict[int, int] = {}
        self._arrays: dict[int, list[np.ndarray]] = {}
        super().__init__(self.stream, protocol=5)

    def reducer_override(self, value: Any) -> Any:
        """Return how a value is copied, unless it is a number, text, or a plain container."""
        kind = type(value)
        if isinstance(value, _BY_REFERENCE) or kind.__name__ == _CYTHON_FUNCTION:
            return NotImplemented if value is _referred else (_referred, (self._place(value),))
        if kind in _NUMBERS:
            return kind, (value.item(),)
        if isinstance(value, np.ndarray):
            return self._reduce_array(value)
        if not self._of_the_caller and is_its_own_clone(kind):
            raise _NotWholeError("its clones are the caller's")
        if _is_reduced_by(kind, "__reduce_ex__", object) and _is_reduced_by(kind, "__reduce__", object):
            return self._reduce_instance(value, kind)
        if kind in copyreg.dispatch_table or _has_whole_pickles(kind):
            return NotImplemented
        raise _NotWholeError("its own way of being pickled may leave something out")

    def _place(self, value: Any) -> int:
        place = self._places.setdefault(id(value), len(self.referred))
        if place == len(self.referred):
            self.referred.append(value)
        return place

    def _reduce_array(self, array: np.ndarray) -> Any:
        if not type(array).__module__.startswith("numpy"):
            raise _NotWholeError("its attributes would be lost")
        if array.dtype.hasobject:
            if array.flags.writeable:
                return NotImplemented
            raise _NotWholeError("it could be written to")
        owner: Any = array
        while getattr(owner, "base", None) is not None:
            owner = owner.base
        others = self._arrays.setdefault(id(owner), [])
        if any(np.may_share_memory(array, other) for other in others):
            raise _NotWholeError("what changes one array would no longer change the other")
        others.append(array)
        if array.flags.c_contiguous or array.flags.f_contiguous:
            return NotImplemented
        if type(array) is not np.ndarray:
            raise _NotWholeError("its order in memory would be lost")
        return partial(strided, writeable=array.flags.writeable), (np.ascontiguousarray(array), array.strides)

    def _reduce_instance(self, value: Any, kind: type) -> Any:
        """Copy an object attribute by attribute, if its class pickles otherwise or has an attribute to leave out."""
        says_otherwise = not _is_reduced_by(kind, "__getstate__", object) or hasattr(kind, "__setstate__")
        own = [name for name, each in getattr(value, "__dict__", {}).items() if isinstance(each, OwnTransform)]
        if not (says_otherwise or own):
            return NotImplemented
        if not own and not isinstance(value, BaseEstimator) and _has_whole_pickles(kind):
            return NotImplemented
        if isinstance(value, dict | list | tuple | set | frozenset | str | bytes) or keeps_memory_of_its_own(kind):
            raise _NotWholeError("it has more than attributes")
        state = object.__getstate__(value)
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        attributes = {name: each for name, each in (attributes or {}).items() if name not in own}
        return copyreg.__newobj__, (kind,), (attributes, slots), None, None, _restore  # type: ignore[attr-defined]


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, referred: list[Any]) -> None:
        super().__init__(io.BytesIO(content))
        self._referred = referred

    def find_class(self, module: str, name: str) -> Any:
        """Return a function by its name; `_referred` looks up the objects that this value refers to."""
        if (module, name) == (__name__, _referred.__name__):
            return self._referred.__getitem__
        return super().find_class(module, name)


def _referred(place: int) -> Any:
    raise NotImplementedError("a snapshot is read by its `copy` only")


def _restore(value: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, slots = state
    if attributes:
        vars(value).update(attributes)
    for name, each in slots.items():
        object.__setattr__(value, name, each)


def _is_reduced_by(kind: type, method: str, by: type) -> bool:
    """Return whether a class takes a method from `by`."""
    return getattr(kind, method) is getattr(by, method)


def is_its_own_clone(kind: type) -> bool:
    """Return whether a class makes its clones itself, which may then be the caller's own objects."""
    module = getattr(getattr(kind, "__sklearn_clone__", None), "__module__", _CLONES_ANEW)
    return not module.startswith(_CLONES_ANEW) or module.startswith(_FROZEN)


def _has_whole_pickles(kind: type) -> bool:
    """Return whether all methods with which a class pickles come from packages whose pickles are whole."""
    says = {"__reduce_ex__", "__reduce__", "__getstate__", "__setstate__"}
    return all(
        each is object or each.__module__.partition(".")[0] in _WHOLE
        for each in kind.__mro__
        if says & vars(each).keys()
    )
