"""Say in words what an argument is, so that equal arguments give equal words in another process, on another day.

``repr`` shows addresses, hides parameters that are defaults, and cuts long arrays. A pickle differs between versions of
a library, and nobody can read it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from inspect import signature
from types import CodeType, FunctionType, MethodType
from typing import Any

import joblib
import numpy as np
from optuna.distributions import BaseDistribution

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# Bytes of an array that are hashed at a time, since rows that are not contiguous are copied.
_BLOCK = 2**24


def digest(text: str) -> str:
    """Return sixteen hexadecimal digits that stand for a text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def describe(value: Any) -> str:
    """Describe an argument: estimators by their parameters, arrays by a digest, functions by their names.

    Of an estimator's parameters those that have their default are left out: another version may have more of them.
    The code of a named function is not looked at, so that a mended function is still the same one; that of a lambda is,
    since it has no name.
    """
    return _describe(value, ())


def _describe(value: Any, within: tuple[int, ...]) -> str:
    if isinstance(value, _PLAIN):
        return repr(value)
    if id(value) in within:
        return "..."
    within = (*within, id(value))
    for kinds, of_kind in _KINDS:
        if isinstance(value, kinds):
            described: str = of_kind(value, within)
            return described
    if hasattr(value, "get_params"):
        return _call(_name(type(value)), _changed_params(value, within), within)
    if all(hasattr(value, name) for name in ("dist", "args", "kwds")):  # frozen, of scipy.stats
        return f"{value.dist.name}({_items(value.args, within)}{_pairs(value.kwds, within)})"
    if _ADDRESS.search(repr(value)):
        return _call(_name(type(value)), vars(value) if hasattr(value, "__dict__") else {}, within)
    return repr(value)


def _changed_params(estimator: Any, within: tuple[int, ...]) -> Mapping[str, Any]:
    arguments = signature(type(estimator)).parameters
    defaults = {name: _describe(argument.default, within) for name, argument in arguments.items()}
    params: Mapping[str, Any] = estimator.get_params(deep=False)
    return {name: value for name, value in params.items() if defaults.get(name) != _describe(value, within)}


def _call(name: str, arguments: Mapping[str, Any], within: tuple[int, ...]) -> str:
    return f"{name}({', '.join(f'{key}={_describe(value, within)}' for key, value in sorted(arguments.items()))})"


def _name(named: Any) -> str:
    return f"{named.__module__}.{named.__qualname__}"


def _of_function(function: FunctionType, within: tuple[int, ...]) -> str:
    name, closure = _name(function), function.__closure__ or ()
    if "<lambda>" in name:
        name += f" {digest(_code(function.__code__))}"
    cells = [cell.cell_contents for cell in closure if not isinstance(cell.cell_contents, FunctionType)]
    return f"{name}[{_items(cells, within)}]" if cells else name


def _code(code: CodeType) -> str:
    constants = [_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return repr((code.co_code, constants, code.co_names))


def _items(values: Any, within: tuple[int, ...]) -> str:
    return ", ".join(_describe(each, within) for each in values)


def _pairs(values: Mapping[Any, Any], within: tuple[int, ...]) -> str:
    return ", ".join(f"{_describe(key, within)}: {_describe(value, within)}" for key, value in values.items())


def _of_generator(generator: Any, within: tuple[int, ...]) -> str:
    state = generator.get_state() if isinstance(generator, np.random.RandomState) else generator.bit_generator.state
    return f"{type(generator).__name__} {digest(_describe(state, within))}"


_KINDS: list[tuple[Any, Any]] = [
    (BaseDistribution, lambda value, within: repr(value)),
    (type, lambda value, within: _name(value)),
    (FunctionType, _of_function),
    (MethodType, lambda value, within: f"{_describe(value.__self__, within)}.{value.__name__}"),
    (partial, lambda value, within: _call("partial", {**value.keywords, "": (value.func, *value.args)}, within)),
    (np.generic, lambda value, within: repr(value.item())),
    (np.ndarray, lambda value, within: describe_data(value)),
    ((np.random.RandomState, np.random.Generator), _of_generator),
    (Mapping, lambda value, within: f"{{{_pairs(value, within)}}}"),
    ((set, frozenset), lambda value, within: f"{{{', '.join(sorted(_describe(each, within) for each in value))}}}"),
    (range, lambda value, within: repr(value)),
    (list, lambda value, within: f"[{_items(value, within)}]"),
    (tuple, lambda value, within: f"({_items(value, within)})"),
]


def describe_data(data: Any) -> str:
    """Describe data by its shape and a digest of its values; no value of it is in the text.

    Data that cannot be pickled is described by its class only.
    """
    if data is None:
        return "None"
    if isinstance(data, np.ndarray):
        return f"array of shape {data.shape}, {data.dtype}, {_digest_of_array(data)}"
    if hasattr(data, "tocsr") and hasattr(data, "shape"):
        rows = data.tocsr()
        parts = "".join(_digest_of_array(part) for part in (rows.data, rows.indices, rows.indptr))
        return f"sparse, of shape {data.shape}, {data.dtype}, {digest(parts)}"
    kind = type(data).__name__
    if hasattr(data, "columns") and hasattr(data, "shape"):
        columns = [f"{name!r} {_digest_of_array(np.asarray(data[name]))}" for name in data.columns]
        return f"{kind} of shape {tuple(data.shape)}, {digest(' '.join(columns))}"
    if hasattr(data, "dtype") and hasattr(data, "__array__") and hasattr(data, "shape"):
        return f"{kind} of shape {tuple(data.shape)}, {_digest_of_array(np.asarray(data))}"
    length = f" of length {len(data)}" if isinstance(data, Sequence) else ""
    try:
        return f"{kind}{length}, {joblib.hash(data)[:16]}"
    except Exception:
        # Whatever pickling may raise: such data is not compared.
        return f"{kind}{length}"


def _digest_of_array(array: np.ndarray) -> str:
    if array.dtype.hasobject:
        hashed: str = joblib.hash(array.tolist())
        return hashed[:16]
    state = blake2b(f"{array.shape} {array.dtype.str}".encode(), digest_size=8)
    rows = np.atleast_1d(array)
    n_rows = max(1, _BLOCK // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), n_rows):
        state.update(rows[start : start + n_rows].tobytes())
    return state.hexdigest()
