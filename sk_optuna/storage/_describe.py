"""Say in words what an argument is, so that equal arguments give equal words in another process, on another day.

``repr`` shows addresses, hides parameters that are defaults, and cuts long arrays. A pickle differs between versions of
a library, and nobody can read it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from hashlib import blake2b
from inspect import signature
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import joblib
import numpy as np
from optuna.distributions import BaseDistribution
from sklearn.utils import check_random_state

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# Whose repr has the whole value, whatever it is in.
_ELEMENTS = (*_PLAIN, date, time, timedelta, Decimal)
# Bytes of an array that are hashed at a time, since rows that are not contiguous are copied.
_BLOCK = 2**24
# Characters of a description; of a longer one a digest stands for the rest.
_MOST = 20_000


def digest(text: str) -> str:
    """Return sixteen hexadecimal digits that stand for a text."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def describe(value: Any) -> str:
    """Describe an argument: estimators by their parameters, arrays by a digest, functions by their names.

    Of an estimator's parameters those that have their default are left out: another version may have more of them.
    The code of a named function is not looked at, so that a mended function is still the same one; that of a lambda is,
    since it has no name. What a function has taken from around it is looked at.
    """
    text = _describe(value, ())
    return text if len(text) <= _MOST else f"{text[:_MOST]}... {digest(text)}"


def _describe(value: Any, within: tuple[int, ...]) -> str:
    if isinstance(value, _PLAIN) and not isinstance(value, np.generic):
        return repr(value)
    if id(value) in within:
        return "..."
    within = (*within, id(value))
    try:
        for is_kind, of_kind in _KINDS:
            if is_kind(value):
                return of_kind(value, within)
        return _of_object(value, within)
    except Exception:
        # Whatever others' objects raise when they are asked what they are: a search that needs no storage goes on.
        return _name(type(value))


def _of_object(value: Any, within: tuple[int, ...]) -> str:
    shown = repr(value)
    if not _ADDRESS.search(shown):
        return shown
    if hasattr(value, "__qualname__"):  # functions that are not Python's own, generators
        return _name(value)
    return _call(_name(type(value)), _attributes(value), within)


def _attributes(value: Any) -> dict[str, Any]:
    of_kinds = [vars(kind).get("__slots__", ()) for kind in type(value).__mro__]
    slots = [name for names in of_kinds for name in ((names,) if isinstance(names, str) else names)]
    return {**{name: getattr(value, name) for name in slots if hasattr(value, name)}, **getattr(value, "__dict__", {})}


def _changed_params(estimator: Any, within: tuple[int, ...]) -> Mapping[str, Any]:
    arguments = signature(type(estimator)).parameters
    defaults = {name: _describe(argument.default, within) for name, argument in arguments.items()}
    params: Mapping[str, Any] = estimator.get_params(deep=False)
    return {name: value for name, value in params.items() if defaults.get(name) != _describe(value, within)}


def _call(name: str, arguments: Mapping[str, Any], within: tuple[int, ...]) -> str:
    return f"{name}({', '.join(f'{key}={_describe(value, within)}' for key, value in sorted(arguments.items()))})"


def _name(named: Any) -> str:
    return f"{getattr(named, '__module__', type(named).__name__)}.{named.__qualname__}"


def _of_function(function: FunctionType, within: tuple[int, ...]) -> str:
    name = _name(function)
    if "<lambda>" in name:
        name += f" {digest(_code(function.__code__))}"
    taken = list(_contents(function.__closure__ or ()))
    if "<" in name:  # made anew for each of its defaults, as a lambda in a loop is
        taken += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return f"{name}[{_items(taken, within)}]" if taken else name


def _contents(closure: Iterable[Any]) -> Iterable[Any]:
    for cell in closure:
        try:
            yield cell.cell_contents
        except ValueError:  # empty, until it is assigned
            yield None


def _code(code: CodeType) -> str:
    constants = [_code(each) if isinstance(each, CodeType) else _describe(each, ()) for each in code.co_consts]
    return repr((code.co_code, constants, code.co_names))


def _items(values: Iterable[Any], within: tuple[int, ...]) -> str:
    return ", ".join(_describe(each, within) for each in values)


def _pairs(values: Mapping[Any, Any], within: tuple[int, ...]) -> str:
    return ", ".join(f"{_describe(key, within)}: {_describe(value, within)}" for key, value in values.items())


def _of_scalar(scalar: np.generic, within: tuple[int, ...]) -> str:
    return f"{scalar.dtype} {scalar}" if scalar.dtype.kind in "mM" else _describe(scalar.item(), within)


def _of_generator(generator: Any, within: tuple[int, ...]) -> str:
    if generator is check_random_state(None):
        return "numpy.random"
    state = generator.get_state() if isinstance(generator, np.random.RandomState) else generator.bit_generator.state
    return f"{type(generator).__name__} {digest(_describe(state, within))}"


def _of_network(network: Any, within: tuple[int, ...]) -> str:
    return f"{_ADDRESS.sub('', repr(network))} {digest(_describe(network.state_dict(), within))}"


def _is_network(value: Any) -> bool:
    return hasattr(value, "state_dict") and hasattr(value, "named_parameters")


def _is_data(value: Any) -> bool:
    return hasattr(value, "shape") and any(hasattr(value, name) for name in ("__array__", "tocsr", "columns"))


def _is_frozen(value: Any) -> bool:
    """Return whether the value is a distribution of scipy.stats with its arguments."""
    return all(hasattr(value, name) for name in ("dist", "args", "kwds"))


def _of_frozen(frozen: Any, within: tuple[int, ...]) -> str:
    from scipy import stats

    dist = frozen.dist
    is_known = isinstance(dist, type(getattr(stats, str(dist.name), None)))
    arguments = [_items(frozen.args, within), *(f"{key}={_describe(frozen.kwds[key], within)}" for key in frozen.kwds)]
    return f"{dist.name if is_known else _describe(dist, within)}({', '.join(filter(None, arguments))})"


def _shows_too_little(value: Any) -> bool:
    """Return whether the repr is short where the value is not: scorers show a function's name, splitters cut arrays."""
    return type(value).__module__.startswith("sklearn.") or hasattr(value, "get_n_splits") or is_dataclass(value)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_KINDS: list[tuple[Callable[[Any], bool], Callable[[Any, tuple[int, ...]], str]]] = [
    (_is(type), lambda value, within: _name(value)),
    (_is(np.generic), _of_scalar),
    (_is(BaseDistribution), lambda value, within: _call(type(value).__name__, vars(value), within)),
    (_is(FunctionType), _of_function),
    (_is(ModuleType), lambda value, within: value.__name__),
    (_is(MethodType), lambda value, within: f"{_describe(value.__self__, within)}.{value.__name__}"),
    (
        lambda value: isinstance(value, BuiltinMethodType) and not isinstance(value.__self__, ModuleType | None),
        lambda value, within: f"{_describe(value.__self__, within)}.{value.__name__}",
    ),
    (_is(partial), lambda value, within: _call("partial", {**value.keywords, "": (value.func, *value.args)}, within)),
    (_is(np.random.RandomState, np.random.Generator), _of_generator),
    (_is(Enum), lambda value, within: f"{_name(type(value))}.{value.name}"),
    (_is(Mapping), lambda value, within: f"{{{_pairs(value, within)}}}"),
    (_is(set, frozenset), lambda value, within: f"{{{', '.join(sorted(_describe(each, within) for each in value))}}}"),
    (_is(range), lambda value, within: repr(value)),
    (_is(list), lambda value, within: f"[{_items(value, within)}]"),
    (_is(tuple), lambda value, within: f"({_items(value, within)})"),
    (
        lambda value: hasattr(value, "get_params"),
        lambda value, within: _call(_name(type(value)), _changed_params(value, within), within),
    ),
    (_is_data, lambda value, within: describe_data(value)),
    (_is_network, _of_network),
    (_is_frozen, _of_frozen),
    (_shows_too_little, lambda value, within: _call(_name(type(value)), _attributes(value), within)),
]


def describe_data(data: Any) -> str:
    """Describe data by its shape and a digest of its values; no value of it is in the text.

    Data whose values cannot be got at is described by its class and shape only.
    """
    if data is None:
        return "None"
    if isinstance(data, np.ndarray):
        return f"array of shape {data.shape}, {data.dtype}, {_digest_of_array(data)}"
    kind = type(data).__name__
    try:
        if hasattr(data, "shape"):
            kind += f" of shape {tuple(data.shape)}"
        elif hasattr(data, "__len__"):
            kind += f" of length {len(data)}"
        return f"{kind}, {_digest_of(data)}"
    except Exception:
        # Whatever other libraries raise: such data is not compared.
        return kind


def _digest_of(data: Any) -> str:
    if hasattr(data, "tocsr"):
        rows = data.tocsr()
        return digest("".join(_digest_of_array(part) for part in (rows.data, rows.indices, rows.indptr)))
    if hasattr(data, "columns") and hasattr(data, "shape"):
        names = getattr(data, "column_names", data.columns)
        return digest(" ".join(f"{name!r} {_digest_of_column(data[name])}" for name in names))
    if hasattr(data, "detach"):
        tensor = data.detach().cpu()
        # NumPy has no bfloat16.
        return (
            f"{data.dtype}, {_digest_of_array(np.asarray(tensor.double() if 'bfloat' in str(data.dtype) else tensor))}"
        )
    if hasattr(data, "dtype") and hasattr(data, "__array__"):
        return _digest_of_column(data)
    if isinstance(data, list | tuple):
        return _digest_of_elements(data)
    hashed: str = joblib.hash(data)
    return hashed[:16]


def _digest_of_column(column: Any) -> str:
    # the type as it is shown: of categories it has the order
    return digest(f"{getattr(column, 'dtype', '')!r} {_digest_of_array(np.asarray(column))}")


def _digest_of_array(array: np.ndarray) -> str:
    if isinstance(array, np.ma.MaskedArray):
        return digest(_digest_of_array(array.filled(0)) + _digest_of_array(np.ma.getmaskarray(array)))
    if array.dtype.hasobject:
        return _digest_of_elements(array.ravel().tolist())
    state = blake2b(f"{array.shape} {array.dtype.str}".encode(), digest_size=8)
    rows = np.atleast_1d(array)
    n_rows = max(1, _BLOCK // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), n_rows):
        state.update(rows[start : start + n_rows].tobytes())
    return state.hexdigest()


def _digest_of_elements(elements: Iterable[Any]) -> str:
    """Digest values one by one: pickled together, equal ones differ from one that is there twice."""
    state = blake2b(digest_size=8)
    for element in elements:
        shown = repr(element) if isinstance(element, _ELEMENTS) else joblib.hash(element)
        state.update(f"{shown}\n".encode(errors="surrogatepass"))
    return state.hexdigest()
