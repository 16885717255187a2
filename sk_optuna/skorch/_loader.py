"""Serve batches from the device, in the order and with the bits of torch's DataLoader.

More than half of a default skorch fit goes to fetching rows one by one and stacking them into batches. Where the rows
are arrays or tensors, many batches are one gather, which runs on the network's device. `TensorLoader` is a DataLoader
that iterates by itself over arrays and tensors, and leaves all other datasets to torch.

Not taken: a Dataset with `__getitems__`, which still makes each batch from Python's list of indices and sends it to the
device; and slices of the user's own X, which a module that works in place would change. Batches are copies.
"""

import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.dataset import Dataset
from torch import Tensor
from torch.utils.data import DataLoader, Subset, TensorDataset

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import on_release

# Bytes of X gathered at a time: enough to share a call's cost among batches, and on a CPU little enough for its cache.
_CHUNK_BYTES, _CHUNK_BYTES_CPU = 2**25, 2**20
# A batch that begins at a multiple of this many bytes is aligned like a tensor of its own (torch aligns to 64 bytes on
# a CPU). The last bits of a matrix product may depend on the alignment.
_ALIGNMENT = 64
# Largest share of a device's free memory for rows that stay on it for later fits; seconds that they stay without use.
_STORE_SHARE, _IDLE_AFTER = 0.25, 30.0
_UNKNOWN_MEMORY = 2**32
_DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(DataLoader).parameters.items()}
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_DTYPES = _FLOATS | {torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool}

Batch = list[Any]
Build = Callable[[tuple[Tensor, ...]], Batch]


class Columns(NamedTuple):
    """A dataset whose rows can be taken many at a time.

    Parameters
    ----------
    tensors : list of Tensor
        X first, then the parts of y, all with the same number of rows.
    build : callable
        Nests a tuple of such parts as DataLoader's collation does.
    n_rows : int
        Number of rows in the dataset.
    rows : Tensor or None
        The dataset's rows as indices into the tensors, of shape (n_rows,); None for all rows.
    made_of : tuple
        The objects that the dataset held; the columns are out of date once it holds others.
    """

    tensors: list[Tensor]
    build: Build
    n_rows: int
    rows: Tensor | None
    made_of: tuple[Any, ...]


class RowsOfEpoch(NamedTuple):
    """The rows of one epoch in their order.

    Attributes
    ----------
    tensors : list of Tensor
        X first, then the parts of y.
    order : Tensor of shape (n_rows,)
        Indices into the tensors, on the CPU.
    """

    tensors: list[Tensor]
    order: Tensor


class TensorLoader(DataLoader[Any]):
    """Serve batches of arrays and tensors from the device, equal to those of torch's DataLoader.

    Made for `iterator_train` and `iterator_valid` of a skorch net: order, losses and use of random numbers are the same
    to the last bit. It serves a `skorch.dataset.Dataset` or a `torch.utils.data.TensorDataset` (or a Subset of one)
    over arrays and dense tensors. For everything else it behaves as torch's DataLoader: other datasets and subclasses,
    a transform, X that is a dict, a list, a DataFrame or sparse, or if one of DataLoader's other arguments is given.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        The rows.
    batch_size : int or None, default=1
        Rows in a batch.
    shuffle : bool or None, default=False
        If True, each epoch has an order of its own.
    generator : torch.Generator or None, default=None
        Draws the order; None for torch's global generator.
    drop_last : bool, default=False
        If True, a smaller last batch is left out.
    device : str, torch.device or None, default=None
        The device of the batches; None for the device of the rows. The nets of this package pass theirs. A skorch net
        does not: set its `iterator_train__device`.
    origin : bytes or None, default=None
        A key of the rows of X, the same for equal rows only. If given, X stays on a device that is not the CPU for
        loaders with the same origin, while there is room, until `forget_device_copies`.
    device_share : float, default=0.5
        Largest share of the device's free memory that the rows may take, from 0 to 1. Rows that take more stay in the
        host's memory and are sent some batches at a time; 0 always does so.
    **kwargs : dict
        DataLoader's other arguments.

    Raises
    ------
    InvalidArgumentError
        If `device_share` is not between 0 and 1.
    ValueError, TypeError
        As torch's DataLoader raises them.

    See Also
    --------
    sk_optuna.skorch.NeuralNetClassifier : Runs an epoch without waiting for the device at each step.

    Notes
    -----
    Batches, y included, lie on the device: a callback or a `get_loss` that calls `numpy()` on them must call `cpu()`
    first. Do not use it for rows that are changed in place during a fit while a copy lies on another device.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch.dataset import Dataset
    >>> from sk_optuna.skorch import TensorLoader
    >>> X, y = np.zeros((5, 2), dtype=np.float32), np.arange(5)
    >>> [y_batch.tolist() for X_batch, y_batch in TensorLoader(Dataset(X, y), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = False,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
        *,
        device: str | torch.device | None = None,
        origin: bytes | None = None,
        device_share: float = 0.5,
        **kwargs: Any,
    ) -> None:
        if not 0 <= device_share <= 1:
            raise InvalidArgumentError(
                f"device_share is a share of the device's free memory, from 0 to 1, but got {device_share!r}. "
                "Pass 0 to keep the rows in the host's memory."
            )
        super().__init__(dataset, batch_size, shuffle, generator=generator, drop_last=drop_last, **kwargs)
        self.device = None if device is None else torch.device(device)
        self.origin = origin
        self.device_share = device_share
        self._shuffled = bool(shuffle)
        self._plain = batch_size is not None and all(value is _DEFAULTS[name] for name, value in kwargs.items())
        self._columns: Columns | None = None
        self._copies: list[Tensor] | None = None

    def __iter__(self) -> Any:
        columns = self._look_at_dataset() if self._plain else None
        if columns is None:
            return super().__iter__()
        source, rows = self._place(columns)
        # DataLoader draws a seed for its workers even if it has none.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        return self._serve(source, rows, columns)

    def rows_of_epoch(self) -> RowsOfEpoch | None:
        """Draw the order of an epoch as iterating does, and make no batch.

        Returns
        -------
        RowsOfEpoch or None
            None where the batches come from torch's DataLoader, or the order from a generator of the user's.
        """
        columns = self._look_at_dataset() if self._plain and self.generator is None else None
        if columns is None:
            return None
        source, rows = self._place(columns)
        torch.empty((), dtype=torch.int64).random_()
        order = self._order(rows, columns.n_rows)
        order = torch.arange(columns.n_rows) if order is None else order
        n_served = len(self) * int(self.batch_size or 1) if self.drop_last else columns.n_rows
        return RowsOfEpoch(source, order[:n_served])

    def _look_at_dataset(self) -> Columns | None:
        known = self._columns
        if known is None or any(a is not b for a, b in zip(known.made_of, _objects_in(self.dataset), strict=True)):
            self._columns, self._copies = columns_of(self.dataset), None
        return self._columns

    def _place(self, columns: Columns) -> tuple[list[Tensor], Tensor | None]:
        """Return the tensors to gather batches from, and the rows to take; copies on the device if there is room."""
        if self.device is not None and self._copies is None and not _lies_on(columns.tensors, self.device):
            self._copies = self._copy(columns, self.device)
        return (columns.tensors, columns.rows) if self._copies is None else (self._copies, None)

    def _copy(self, columns: Columns, device: torch.device) -> list[Tensor] | None:
        """Return copies of the rows on the device; None where they would take more than `device_share` of it."""
        X, rows = columns.tensors[0], columns.rows
        needed = columns.n_rows * sum(_row_bytes(tensor) for tensor in columns.tensors)
        if self.device_share == 0 or needed > self.device_share * free_memory(device):
            return None

        def send_all(tensor: Tensor) -> Tensor:
            return send(tensor if rows is None else tensor[rows], device)

        try:
            known = self.origin is not None and rows is None
            first = _kept.get((self.origin, X.dtype, X.shape), device, lambda: send_all(X)) if known else send_all(X)
            return [first, *map(send_all, columns.tensors[1:])]
        except torch.cuda.OutOfMemoryError:
            forget_device_copies()
            return None

    def _serve(self, source: list[Tensor], rows: Tensor | None, columns: Columns) -> Iterator[Batch]:
        """Yield the batches; draw from the generator the same numbers, at the same moments, as torch's samplers."""
        rows = self._order(rows, columns.n_rows)
        # RandomSampler draws a second permutation, and uses none of it, when it is asked for a row after the last one:
        # for a last batch that is not full, or after the last batch.
        n_batches, size = len(self), int(self.batch_size or 1)
        asks_early = not self.drop_last and columns.n_rows % size != 0
        n_served = n_batches * size if self.drop_last else columns.n_rows
        for i, batch in enumerate(self._batches(source, rows, n_served, size), start=1):
            if asks_early and i == n_batches:
                self._draw_in_vain(columns.n_rows)
            yield columns.build(batch)
        if not asks_early:
            self._draw_in_vain(columns.n_rows)

    def _order(self, rows: Tensor | None, n_rows: int) -> Tensor | None:
        if not self._shuffled:
            return rows
        generator = self.generator
        if generator is None:
            seed = int(torch.empty((), dtype=torch.int64).random_().item())
            generator = torch.Generator()
            generator.manual_seed(seed)
        order = torch.randperm(n_rows, generator=generator)
        return order if rows is None else rows[order]

    def _draw_in_vain(self, n_rows: int) -> None:
        if self._shuffled and self.generator is not None:
            torch.randperm(n_rows, generator=self.generator)

    def _batches(
        self, source: list[Tensor], rows: Tensor | None, n_served: int, size: int
    ) -> Iterator[tuple[Tensor, ...]]:
        limit = _CHUNK_BYTES_CPU if source[0].is_cpu and self.device in (None, source[0].device) else _CHUNK_BYTES
        chunk = size * max(1, limit // max(1, size * _row_bytes(source[0])))
        where = {} if rows is None else {device: rows.to(device) for device in {tensor.device for tensor in source}}
        for start in range(0, n_served, chunk):
            stop = min(start + chunk, n_served)
            chunks = (take(tensor, where.get(tensor.device), start, stop, self.device) for tensor in source)
            yield from zip(*(_split(tensor, size) for tensor in chunks), strict=True)


def columns_of(dataset: Any) -> Columns | None:
    """Return the columns of a dataset; None if only its `__getitem__` can make a row."""
    base, indices = (dataset.dataset, dataset.indices) if type(dataset) is Subset else (dataset, None)
    n_rows, found = _leaves(base)
    tensors = [tensor for tensor in map(_as_tensor, found[0]) if tensor is not None and len(tensor) == n_rows]
    rows = None if indices is None else _as_index(indices, n_rows)
    if n_rows == 0 or len(tensors) < len(found[0]) or (rows is None) != (indices is None):
        return None
    return Columns(tensors, found[1], n_rows if rows is None else len(rows), rows, _objects_in(dataset))


def _leaves(dataset: Any) -> tuple[int, tuple[list[Any], Build]]:
    """Return the number of rows of a dataset and its arrays; no arrays where a row may hold more than these."""
    if type(dataset) is TensorDataset:
        return len(dataset), (list(dataset.tensors), _as_list)
    if type(dataset) is Dataset and "transform" not in vars(dataset):
        y, build = _flatten(dataset.y, len(dataset))
        return len(dataset), ([dataset.X, *y], build)
    return 0, ([], _as_list)


def _objects_in(dataset: Any) -> tuple[Any, ...]:
    base, indices = (dataset.dataset, dataset.indices) if isinstance(dataset, Subset) else (dataset, None)
    held = vars(base)
    return (*(held.get(name) for name in ("X", "y", "tensors", "transform")), indices)


def _as_list(parts: tuple[Tensor, ...]) -> Batch:
    return list(parts)


def _flatten(y: Any, n_rows: int) -> tuple[list[Any], Build]:
    """Return the arrays of y, and a function that nests a batch of X and of these as skorch and collation do."""
    if y is None:
        return [torch.zeros(1, 1).expand(n_rows, 1)], _as_list  # skorch's stand-in
    if type(y) is dict:
        names = list(y)
        return list(y.values()), lambda parts: [parts[0], dict(zip(names, parts[1:], strict=True))]
    if type(y) in (list, tuple):
        return list(y), lambda parts: [parts[0], list(parts[1:])]
    return [y], _as_list


def _as_tensor(data: Any) -> Tensor | None:
    """Return a tensor that shares the data's memory; None if the data are not plain rows of numbers."""
    if type(data) in (np.ndarray, np.memmap):
        try:
            data = torch.from_numpy(data if data.flags.writeable else np.asarray(_Writeable(data)))
        except (TypeError, ValueError):
            # strings, objects, foreign byte orders, negative strides
            return None
    plain = type(data) is torch.Tensor and data.layout is torch.strided and not data.requires_grad and data.ndim > 0
    return data if plain and data.dtype in _DTYPES else None


class _Writeable:
    """Shows a read-only array as a writeable one, without a copy: torch warns of read-only arrays; nobody writes."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def _as_index(indices: Any, n_rows: int) -> Tensor | None:
    array = np.asarray(indices)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= n_rows:
        return None
    return torch.from_numpy(array.astype(np.int64))


def take(tensor: Tensor, rows: Tensor | None, start: int, stop: int, device: torch.device | None) -> Tensor:
    """Return a copy of some rows, on the device."""
    out = None
    if tensor.is_cpu and device is not None and device.type == "cuda":
        out = torch.empty((stop - start, *tensor.shape[1:]), dtype=tensor.dtype, pin_memory=True)
    if rows is not None:
        chunk = torch.index_select(tensor, 0, rows[start:stop], out=out)
    elif out is not None:
        chunk = out.copy_(tensor[start:stop])
    else:
        chunk = tensor[start:stop].clone(memory_format=torch.contiguous_format)
    return chunk if device is None or _lies_on([chunk], device) else send(chunk, device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a copy on another device; all rows go through this function."""
    return tensor.to(device, non_blocking=tensor.is_cpu and tensor.is_pinned())


def _split(chunk: Tensor, size: int) -> tuple[Tensor, ...]:
    batches: tuple[Tensor, ...] = torch.split(chunk, size)
    if len(batches) > 1 and size * _row_bytes(chunk) % _ALIGNMENT:
        return tuple(batch.clone() for batch in batches)
    return batches


def _row_bytes(tensor: Tensor) -> int:
    return int(tensor.element_size() * (tensor.numel() // len(tensor)))


def _lies_on(tensors: list[Tensor], device: torch.device) -> bool:
    return all(t.device.type == device.type and device.index in (None, t.device.index) for t in tensors)


def free_memory(device: torch.device) -> float:
    """Return the free bytes of a device's memory; infinity where torch does not know."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return float(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return float("inf")


class _KeptOnDevices:
    """Rows that stay on a device for later fits: the least recently used go first; all go when none is used."""

    def __init__(self) -> None:
        self._tensors: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()
        self._lock = threading.Lock()
        self._last_used = 0.0

    def get(self, key: tuple[Any, ...], device: torch.device, make: Callable[[], Tensor]) -> Tensor:
        # "cuda" may be another device in another thread
        here = torch.empty(0, device=device).device
        with self._lock:
            if not self._tensors:
                threading.Thread(target=self._watch, name="sk_optuna device copies", daemon=True).start()
            tensor = self._tensors.pop((here, *key), None)
            tensor = make() if tensor is None else tensor
            self._tensors[here, *key] = tensor
            self._make_room(here)
            self._last_used = time.monotonic()
        return tensor

    def _make_room(self, device: torch.device) -> None:
        keys = [key for key in self._tensors if key[0] == device]
        held = sum(self._tensors[key].nbytes for key in keys)
        free = free_memory(device)
        room = _STORE_SHARE * ((free if free < float("inf") else _UNKNOWN_MEMORY) + held)
        for key in keys:
            if held > room:
                held -= self._tensors.pop(key).nbytes

    def _watch(self) -> None:
        while self._tensors:
            time.sleep(_IDLE_AFTER / 4)
            if time.monotonic() - self._last_used > _IDLE_AFTER:
                self.clear()

    def clear(self) -> None:
        with self._lock:
            self._tensors.clear()


_kept = _KeptOnDevices()


def forget_device_copies() -> None:
    """Release the rows that this process keeps on devices for later fits.

    For the end of a search, and for a device that runs short of memory. Running fits keep their rows. The memory goes
    back to torch's cache, which `torch.cuda.empty_cache()` empties.
    """
    _kept.clear()


on_release(forget_device_copies)
