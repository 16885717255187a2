"""Arrays copied as they are: values, strides and whether they may be written to.

The last bits of a sum may depend on the order in memory, and whether a step fails on the flag.
"""

import numpy as np


def copied(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array, with its strides."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        twin = array.copy(order="K")
        twin.flags.writeable = array.flags.writeable
        return twin
    return strided(np.ascontiguousarray(array), array.strides, writeable=array.flags.writeable)


def strided(content: np.ndarray, strides: tuple[int, ...], *, writeable: bool) -> np.ndarray:
    """Return an array with this content and these strides."""
    start, size = _start_and_size(content, strides)
    array: np.ndarray = np.ndarray(content.shape, content.dtype, np.empty(size, np.uint8), start, strides)
    array[...] = content
    array.flags.writeable = writeable
    return array


def span(array: np.ndarray) -> int:
    """Return how many bytes of memory an array reaches over."""
    return _start_and_size(array, array.strides)[1]


def _start_and_size(array: np.ndarray, strides: tuple[int, ...]) -> tuple[int, int]:
    """Return the offset of an array's first value in the memory that it spans, and the size of that memory."""
    if not array.size:
        return 0, 0
    reaches = [(n - 1) * stride for n, stride in zip(array.shape, strides, strict=True)]
    start = -sum(reach for reach in reaches if reach < 0)
    return start, start + sum(reach for reach in reaches if reach > 0) + array.itemsize
