"""Give each worker process one GPU, so that a search with workers does not put all its nets on the first one.

A worker is given its device by ``CUDA_VISIBLE_DEVICES``, in joblib's worker initializer: before any task, and so
before torch looks for devices. Workers choose their devices by locks on files, one file for each place of a worker.
The operating system releases a lock when the process that holds it ends, however it ends, so the worker that replaces
a dead one finds its place free. Not taken: a queue of devices, which is empty when a worker is replaced; a table of
process ids, which must guess who is dead; a device for each task, since CUDA cannot be pointed elsewhere once it runs.

The workers are loky's, behind a backend of our own. It limits their number whatever `n_jobs` says, and joblib before
1.5 takes an initializer in no other way. Workers import this file, so it imports little.
"""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import joblib
from joblib.parallel import LokyBackend

from sk_optuna._compat._joblib import loky_executor
from sk_optuna._optional import require
from sk_optuna.exceptions import InvalidArgumentError

__all__ = ["device_workers"]

_VARIABLE = "CUDA_VISIBLE_DEVICES"
# Its values: a number, a UUID or the beginning of one, a part of a divided GPU.
_NAME = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")
# Seconds that a new worker waits for the place of one that is about to end; seconds between its attempts.
_PATIENCE = 60.0
_LOOK_EVERY = 0.05


@contextmanager
def device_workers(
    devices: str | int | Sequence[int | str] = "all", workers_per_device: int = 1
) -> Iterator[list[str]]:
    """Give each worker process a CUDA device of its own, for the searches in the context.

    Within the context, joblib's workers are processes (loky) with ``CUDA_VISIBLE_DEVICES`` set to one device each,
    which is ``"cuda"`` to them. There are ``len(devices) * workers_per_device``: `n_jobs` of None or -1 means all of
    them, and more are not started. This process keeps its own view of the devices. A worker that died is replaced by
    one on the same device. When the context ends, the workers end and give their devices back.

    Parameters
    ----------
    devices : "all", int or list of int or str, default="all"
        The devices to use. ``"all"``: those that this process sees, by torch and ``CUDA_VISIBLE_DEVICES``. An int: the
        first ones of these. In a list, an int is this process's number of a device, ``2`` for ``"cuda:2"``; a str goes
        to ``CUDA_VISIBLE_DEVICES`` unchanged, such as ``"2"``, ``"GPU-8932f937"`` or ``"MIG-..."``, without a check
        that it exists.
    workers_per_device : int, default=1
        Number of workers that share a device. More than one pays if a net is too small to keep the device busy and the
        nets of all workers fit into its memory together.

    Yields
    ------
    devices : list of str
        The device of each worker.

    Raises
    ------
    InvalidArgumentError
        If the devices or their number cannot be used; if there is no device; or if there would be only one worker, on
        another device than the first of this process: one worker is this process itself.
    MissingExtraError
        If torch has to find the devices and is not installed.

    See Also
    --------
    joblib.parallel_config : Chooses workers without devices.

    Notes
    -----
    With one device and one worker for it, no process is started: fits run in this process one after the other, which
    suits a large net. ``n_jobs=1`` does the same on the first device, however many there are.

    The last fit of a search, `refit`, runs in this process, on the first device it sees.

    A `backend` passed to ``joblib.Parallel``, or set by another ``joblib.parallel_config`` in the context, replaces
    these workers. Dask and Ray place workers themselves, see the guide on devices.

    Examples
    --------
    >>> from sk_optuna.devices import device_workers
    >>> with device_workers(["0", "1"]) as devices:  # doctest: +SKIP
    ...     search.fit(X, y)
    """
    names = _names_of(devices)
    if isinstance(workers_per_device, bool) or not isinstance(workers_per_device, Integral) or workers_per_device < 1:
        raise InvalidArgumentError(
            f"The 'workers_per_device' parameter must be an int of at least 1, but got {workers_per_device!r}."
        )
    places = names * int(workers_per_device)
    if len(places) == 1:
        _check_is_first(places[0])
    folder = tempfile.mkdtemp(prefix="sk_optuna_devices_")
    backend = _DeviceBackend(folder, places)
    clean = False
    try:
        with joblib.parallel_config(backend=backend, n_jobs=len(places)):
            yield list(places)
        clean = True
    finally:
        backend.end_workers(kill=not clean)
        shutil.rmtree(folder, ignore_errors=True)


# --- which devices ----------------------------------------------------------------------------------------------------


def _names_of(devices: Any) -> list[str]:
    """Return the devices in the form of ``CUDA_VISIBLE_DEVICES``."""
    if isinstance(devices, str):
        if devices != "all":
            raise _bad_devices(devices)
        return _visible()
    if isinstance(devices, bool):
        raise _bad_devices(devices)
    if isinstance(devices, Integral):
        return _first(int(devices))
    if not isinstance(devices, list | tuple | range) or not devices or not all(map(_is_device, devices)):
        raise _bad_devices(devices)
    numbers = [device for device in devices if not isinstance(device, str)]
    visible = _visible() if numbers else []
    if numbers and max(numbers) >= len(visible):
        raise InvalidArgumentError(
            f"devices={devices!r} names device {max(numbers)}, but this process sees {len(visible)}, counted from 0. "
            f"Where {_VARIABLE} is set, it sees those only."
        )
    names = [device.strip() if isinstance(device, str) else visible[device] for device in devices]
    if len(set(names)) < len(names):
        raise InvalidArgumentError(
            f"devices={devices!r} names a device twice. To have several workers share one, pass workers_per_device."
        )
    return names


def _bad_devices(devices: Any) -> InvalidArgumentError:
    return InvalidArgumentError(
        "The 'devices' parameter must be 'all', a number of devices of at least 1, or a list of devices such as [0, 1] "
        f"(for 'cuda:0' and 'cuda:1') or ['GPU-8932f937', 'GPU-1c2d3e4f'] (as {_VARIABLE} takes them), but got "
        f"{devices!r}."
    )


def _is_device(device: Any) -> bool:
    if isinstance(device, str):
        return _NAME.fullmatch(device.strip()) is not None
    return isinstance(device, Integral) and not isinstance(device, bool) and int(device) >= 0


def _first(n: int) -> list[str]:
    if n < 1:
        raise _bad_devices(n)
    visible = _visible()
    if n > len(visible):
        raise InvalidArgumentError(
            f"devices={n}, but this process sees {len(visible)}: {visible}. To have several workers share one, pass "
            "workers_per_device."
        )
    return visible[:n]


def _visible() -> list[str]:
    """Return the devices that this process sees, without starting CUDA in it.

    Raises
    ------
    InvalidArgumentError
        If there is none.
    """
    require("torch", extra="skorch", purpose="device_workers")
    import torch

    n_found, given = torch.cuda.device_count(), _given()
    if n_found == 0:
        raise InvalidArgumentError(
            "device_workers found no CUDA device: "
            + (f"{_VARIABLE} is {os.environ[_VARIABLE]!r}. " if _VARIABLE in os.environ else "")
            + "See whether nvidia-smi lists one and torch was installed with CUDA (torch.version.cuda is not None). To "
            "use the CPU, leave device_workers out and pass n_jobs."
        )
    if given is None:
        return [str(i) for i in range(n_found)]
    # A process sees only one part of a divided GPU (MIG), however many the variable lists; each worker can have one.
    return given if given[0].startswith("MIG") else given[:n_found]


def _given() -> list[str] | None:
    """Return the names that ``CUDA_VISIBLE_DEVICES`` lists; None if it is not set."""
    value = os.environ.get(_VARIABLE)
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def _check_is_first(name: str) -> None:
    """Refuse a single worker, which is this process, on another device than this process's first."""
    given = _given()
    first = given[0] if given else "0"
    if name != first:
        raise InvalidArgumentError(
            f"One worker on the device {name!r} alone would be this process, whose first device is {first!r}, and it "
            f"cannot be given another. Set {_VARIABLE}={name} before Python starts, or have the estimator use that "
            "device (device='cuda:1' of a net), or pass workers_per_device=2."
        )


# --- the workers ------------------------------------------------------------------------------------------------------


class _DeviceBackend(LokyBackend):
    """Loky's workers, as many as there are places, each taking one when it starts.

    Parameters
    ----------
    folder : str
        The folder of the lock files.
    places : list of str
        The device at each place.
    """

    def __init__(self, folder: str, places: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = folder
        self._places = places
        self._executor: Any = None

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return the number of workers for `n_jobs`: all places for -1, never more."""
        n_places = len(self._places)
        if n_jobs is not None and n_jobs < 0:
            n_jobs = max(n_places + 1 + n_jobs, 1)
        return min(int(super().effective_n_jobs(n_jobs)), n_places)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **kwargs: Any) -> int:
        """Start the workers; see joblib.

        Another number of workers starts all of them anew: loky would end any of the surplus workers, and two of those
        that remain might share a device.
        """
        places = tuple(self._places[: self.effective_n_jobs(n_jobs)])
        kwargs.update(initializer=_take_place, initargs=(self._folder, places))
        n_workers = int(super().configure(n_jobs, parallel, **kwargs))
        self._executor = loky_executor(self)
        return n_workers

    def end_workers(self, *, kill: bool) -> None:
        """End the workers, so that the next call of joblib starts workers that see all devices."""
        if self._executor is not None:
            self._executor.terminate(kill_workers=kill)
            self._executor = None


# The lock of this process, held until it ends.
_held: list[int] = []


def _take_place(folder: str, places: Sequence[str]) -> None:
    """Take the first free place for a new worker process, and show it only the device of that place."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        for number, device in enumerate(places):
            if _lock(os.path.join(folder, f"place_{number}")):
                os.environ[_VARIABLE] = device
                return
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"All {len(places)} places of device_workers are still taken after {_PATIENCE:g} s: a worker process "
                "that was replaced has not ended."
            )
        time.sleep(_LOOK_EVERY)


def _lock(path: str) -> bool:
    """Lock a file for the life of this process, unless another process has; return whether it is ours."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # This lock belongs to the process alone; one of flock would pass to the processes that a data loader forks.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
