"""The memory of a worker process: how much of it is free, how kept things are released, and how sizes are written."""

import gc
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_releases: list[Callable[[], None]] = []


def on_release(release: Callable[[], None]) -> None:
    """Have `release` called, in this process, when a search ends and when memory has run out.

    Parameters
    ----------
    release : callable
        Releases things that were kept for later fits.
    """
    _releases.append(release)


def release_kept() -> None:
    """Release everything that was kept for later fits."""
    for release in _releases:
        release()


def release_memory() -> None:
    """Release kept things, collect the cycles of a failed fit, and have torch give back its cache.

    A device that has failed for good, as after an assertion on it, raises here again. That error is dropped, since the
    next fit raises it, too.
    """
    release_kept()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    with suppress(RuntimeError):
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()


def clear_frames(error: BaseException) -> None:
    """Drop the local variables that an error, those it comes from, and those in a group hold by their tracebacks."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


# Bytes that are assumed to be free where the system does not say.
_UNKNOWN_MEMORY = 2**32


def free_memory() -> int:
    """Return how many bytes this process could still take, as far as the system and its control group say."""
    free = [_of_the_machine()]
    # The limit is "max" where there is none.
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit, current = ((group / f"memory.{name}").read_text(encoding="ascii") for name in ("max", "current"))
        free.append(max(int(limit) - int(current), 0))
    return min(free)


def _of_the_machine() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return _UNKNOWN_MEMORY


# --- sizes ------------------------------------------------------------------------------------------------------------

_SIZE = re.compile(r"(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)(i?)b", re.IGNORECASE)


def bytes_of(size: object) -> int | None:
    """Return the bytes of a size such as ``"500MB"`` or ``"2GiB"``; None for anything else, and for less than one."""
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if found is None:
        return None
    digits, prefix, binary = found.groups()
    number = float(digits) * (1024 if binary else 1000) ** "_kmgt".index(prefix.lower() or "_")
    return int(number) or None


def knows_resident_memory() -> bool:
    """Return whether this system says how much memory another process has: Linux does."""
    return Path("/proc/self/statm").exists()


def resident_memory(pid: int) -> int:
    """Return the bytes of a process that are in memory, pages that it shares with others included; 0 if it ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
