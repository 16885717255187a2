"""The splits of a search as text, compressed: those of a splitter without a seed cannot be drawn a second time."""

import base64
import io
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

Splits = Sequence[tuple[Any, Any]]


def splits_to_text(splits: Splits) -> str:
    """Return the rows of all splits in one text.

    Sorted rows are stored as differences, which hardly need more than a bit each.
    """
    parts = [np.asarray(part) for split in splits for part in split]
    arrays: dict[str, np.ndarray] = {}
    for i, part in enumerate(parts):
        is_mask = part.dtype == bool
        arrays[f"{'mask' if is_mask else 'rows'}{i}"] = np.packbits(part) if is_mask else _differences(part)
        arrays[f"length{i}"] = np.array(len(part))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return base64.b85encode(zlib.compress(buffer.getvalue(), level=6)).decode("ascii")


def splits_from_text(text: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the splits that `splits_to_text` wrote."""
    with np.load(io.BytesIO(zlib.decompress(base64.b85decode(text))), allow_pickle=False) as arrays:
        n_parts = sum(name.startswith("length") for name in arrays)
        parts = [_part(arrays, i) for i in range(n_parts)]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _part(arrays: Any, i: int) -> np.ndarray:
    if f"mask{i}" in arrays:
        return np.unpackbits(arrays[f"mask{i}"], count=int(arrays[f"length{i}"])).astype(bool)
    differences = arrays[f"rows{i}"]
    return np.cumsum(differences, dtype=differences.dtype).astype(differences.dtype, copy=False)  # the byte order


def _differences(rows: np.ndarray) -> np.ndarray:
    # unsigned differences wrap around, and their sums wrap back
    return np.diff(rows, prepend=np.zeros(1, rows.dtype)).astype(rows.dtype) if rows.size else rows
