"""How much memory does a search take beside the data?

Every search runs in a fresh Python process that this one starts, so that nothing lingers. That process imports, makes X
and y, and waits; the memory that it holds then is subtracted from the peak that follows. The peak is of the sum over
the process and its workers, read every 20 ms, of

- the anonymous memory and the file pages in PSS: a page that several processes map is divided among them;
- the files in /dev/shm that joblib made for the process. A tmpfs is memory from the moment it is written, mapped or
  not, so the files' blocks are counted, once. The processes' shares of them are not: they are read one after the other,
  and would count a map twice that one lets go of and another takes up in between. Where joblib has to use a disk
  instead, its maps are file pages.

A worker process is a Python with scikit-learn, which takes 100 MB and more for itself. The same search on a hundredth
of X shows this cost; "less that" is the peak without it. A worker that copies its training and its test rows, as
scikit-learn's `_fit_and_score` does, holds one X; joblib's file of X is another, so two worker processes take 3 X, two
threads 2 X, one thread 1 X.

Fits sum up X and then hold their breath, so that the workers' copies are there at the same time; ``--growth``
leaves that out. ``--layouts`` compares other kinds of X, with process workers.

``--growth``: the memory held after 50, 100, 150 and 200 trials, read when the workers have nothing to do, and the slope
through these. Only anonymous memory is counted: shares of libraries change with other processes of the machine. A
search keeps a record of every fit, and a study its trials, so some growth is due; the size of the study's pickle is
shown. Which pages are given back is up to the allocator, and is noise of a few MB. The memory that Python has allocated
in the parent (tracemalloc, one thread, little data) has no such noise.

Linux only. Run: python benchmarks/memory.py [--layouts | --growth] [--megabytes 20 --trials 3 --rounds 1]
"""

import argparse
import gc
import glob
import json
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from joblib import parallel_config
from scipy import sparse
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold, RandomizedSearchCV

from sk_optuna import OptunaSearchCV

SPACE = {"alpha": loguniform(1e-4, 1e4)}
N_COLUMNS = 200
SAMPLE_EVERY = 0.02
SETTLE = 0.7
SEARCHES = ("RandomizedSearchCV", "OptunaSearchCV")
WORKERS = {"2 processes": ("loky", 2), "2 threads": ("threading", 2), "n_jobs=1": ("loky", 1)}


# --- what the started process does ------------------------------------------------------------------------------------


class Sums(ClassifierMixin, BaseEstimator):
    """Reads all of X once and keeps nothing of it."""

    def __init__(self, alpha: float = 1.0, hold: float = 0.0) -> None:
        self.alpha = alpha
        self.hold = hold

    def fit(self, X: Any, y: np.ndarray) -> "Sums":
        """Add X up, and hold it for a moment."""
        values = X if sparse.issparse(X) else np.asarray(X)
        self.sum_ = float(values.sum())
        time.sleep(self.hold)
        return self

    def score(self, X: Any, y: np.ndarray) -> float:
        """Return a smooth function of the parameter."""
        return -float(np.log(self.alpha) ** 2)


class PausesDispatch(Sums):
    """Is cloned by RandomizedSearchCV whenever it hands out a fit: the place to stop and be measured."""

    def __sklearn_clone__(self) -> "PausesDispatch":
        n_clones.append(None)
        n_fits = len(n_clones) - 1  # `fit` clones once before the first
        if n_fits and n_fits % pause_every == 0:
            pause({"trial": n_fits // N_SPLITS}, of_python=True)
        return PausesDispatch(self.alpha, self.hold)


N_SPLITS = 5
n_clones: list[None] = []
pause_every = 0


def as_c(X: np.ndarray) -> Any:
    return X


def as_f(X: np.ndarray) -> Any:
    return np.asfortranarray(X)


def as_scattered(X: np.ndarray) -> Any:
    return np.repeat(X, 2, axis=1)[:, ::2]


def as_frame(X: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])


def as_mixed_frame(X: np.ndarray) -> Any:
    import pandas as pd

    half = X.shape[1] // 2
    counts = pd.DataFrame((X[:, :half] * 100).astype(np.int64)).add_prefix("n")
    return pd.concat([counts, pd.DataFrame(X[:, half:]).add_prefix("x")], axis=1)


def as_csr(X: np.ndarray) -> Any:
    per_row = X.shape[1] * 2 // 3  # a stored value takes 12 bytes
    indices = np.tile(np.arange(per_row, dtype=np.int32) * 7, len(X))
    indptr = np.arange(len(X) + 1, dtype=np.int32) * np.int32(per_row)
    data = np.ascontiguousarray(X[:, :per_row]).ravel()
    return sparse.csr_matrix((data, indices, indptr), shape=(len(X), 7 * per_row))


def as_memmap(X: np.ndarray) -> Any:
    path = Path(os.environ["SCRATCH"], "X.npy")
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    mapped.max()
    return mapped


LAYOUTS = {
    "C-contiguous": as_c,
    "F-contiguous": as_f,
    "every 2nd column": as_scattered,
    "DataFrame": as_frame,
    "DataFrame, 2 types": as_mixed_frame,
    "CSR matrix": as_csr,
    "memory map": as_memmap,
}


def data(megabytes: float, layout: str) -> tuple[Any, np.ndarray]:
    n_rows = max(int(megabytes * 1e6 / 8 / N_COLUMNS), 20)
    X = np.random.default_rng(0).standard_normal((n_rows, N_COLUMNS))
    y = (X[:, 0] > 0).astype(np.int64)
    return LAYOUTS[layout](X), y


def pause(message: dict[str, Any], *, settle: float = SETTLE, of_python: bool = False) -> None:
    """Let the workers finish, say where we are, and wait to be sent on."""
    gc.collect()
    time.sleep(settle)
    held = {"python": tracemalloc.get_traced_memory()[0]} if of_python else {}
    print(json.dumps(message | held), flush=True)
    sys.stdin.readline()


def search_for(task: dict[str, Any]) -> Any:
    if task["estimator"] == "sgd":
        estimator: Any = SGDClassifier(max_iter=1, tol=None, random_state=0)
    else:
        kind = PausesDispatch if task["every"] and task["search"] == "RandomizedSearchCV" else Sums
        estimator = kind(hold=task["hold"])
    common = {"cv": KFold(N_SPLITS), "n_jobs": task["n_jobs"], "random_state": 0, "refit": task["refit"]}
    if task["search"] == "RandomizedSearchCV":
        return RandomizedSearchCV(estimator, SPACE, n_iter=task["trials"], **common)
    callbacks = [pause_between_trials(task["every"])] if task["every"] else None
    sampler = task["sampler"]
    return OptunaSearchCV(
        estimator, SPACE, n_trials=task["trials"], sampler=sampler, study_callbacks=callbacks, **common
    )


def pause_between_trials(every: int) -> Any:
    def callback(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        n_told = trial.number + 1
        if n_told % every == 0:
            size = len(pickle.dumps(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))))
            pause({"trial": n_told, "study": size}, of_python=True)

    return callback


def started(task: dict[str, Any]) -> None:
    """Make the data, wait, search, say so."""
    global pause_every
    pause_every = task["every"] * N_SPLITS
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, y = data(task["megabytes"], task["layout"])
    search = search_for(task)
    if task["traced"]:
        tracemalloc.start()
    pause({"ready": True}, settle=0.1)
    with parallel_config(task["backend"]):
        search.fit(X, y)
    print(json.dumps({"done": True}), flush=True)


# --- what this process does -------------------------------------------------------------------------------------------


class Usage(NamedTuple):
    """Bytes held by the process, by its workers, and by joblib's files in memory."""

    parent: float
    workers: float
    maps: float

    @property
    def total(self) -> float:
        return sum(self)


def usage(pid: int, *, with_files: bool = True) -> Usage:
    files = 0
    for path in glob.glob(f"/dev/shm/joblib_memmapping_folder_{pid}_*/*"):
        with suppress(FileNotFoundError):
            files += os.stat(path).st_blocks * 512
    parent, *workers = (pss(process, with_files=with_files) for process in (pid, *descendants(pid)))
    return Usage(parent, sum(workers), files)


def pss(pid: int, *, with_files: bool) -> float:
    """Return the memory that a process holds, without shared memory."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kb = {name: float(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return (kb["Pss_Anon"] + kb["Pss_File"] * with_files) * 1024


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, Path(path).read_text().split()):
                found += [child, *descendants(child)]
    return found


class Started:
    """A process that runs one search and says when it waits."""

    def __init__(self, **task: Any) -> None:
        defaults = {"estimator": "sums", "layout": "C-contiguous", "sampler": "tpe", "hold": 0.2, "every": 0}
        self._scratch = tempfile.TemporaryDirectory()
        environment = os.environ | {"OMP_NUM_THREADS": "1", "SCRATCH": self._scratch.name}
        environment.pop("JOBLIB_TEMP_FOLDER", None)
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--task", json.dumps(defaults | {"refit": True, "traced": False} | task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.pid = self._process.pid

    def next_message(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of the search ended with {self._process.wait()}.")
        message: dict[str, Any] = json.loads(line)
        return message

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            self._process.kill()
        self._process.communicate()
        self._scratch.cleanup()


def peak(**task: Any) -> Usage:
    """Return the memory that a search holds at its peak beyond the memory held before."""
    with Started(**task) as search:
        search.next_message()
        before = usage(search.pid)
        samples: list[Usage] = []
        over = threading.Event()

        def sample() -> None:
            while not over.is_set():
                samples.append(usage(search.pid))
                over.wait(SAMPLE_EVERY)

        sampler = threading.Thread(target=sample)
        sampler.start()
        search.go_on()
        try:
            search.next_message()
        finally:
            over.set()
            sampler.join()
    highest = max(samples, key=lambda held: held.total)
    return Usage(*(h - b for h, b in zip(highest, before, strict=True)))


def compare_peaks(cases: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> None:
    megabytes = arguments.megabytes
    print(
        f"X of {megabytes:g} MB (1 X), {arguments.trials} trials x {N_SPLITS} folds, medians of {arguments.rounds} "
        "rounds; peak beyond X, y and what the parent had imported\n"
    )
    processes = {"trials": arguments.trials, "megabytes": megabytes / 100, "backend": "loky", "n_jobs": 2}
    fixed = {search: peak(search=search, **processes).total / 1e6 for search in SEARCHES}
    print("of two worker processes on 1 % of X: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in fixed.items()))
    columns = {"parent": 8, "workers": 9, "maps": 8, "peak": 8, "in X": 8, "less that": 11, "ratio": 8}
    print(f"\n{'MB':30}{'':20}" + "".join(f"{name:>{width}}" for name, width in columns.items()), flush=True)
    for case, task in cases.items():
        peaks: dict[str, list[Usage]] = {search: [] for search in SEARCHES}
        for i in range(arguments.rounds):
            for search in map(str, np.random.default_rng(i).permutation(SEARCHES)):
                peaks[search].append(peak(search=search, trials=arguments.trials, megabytes=megabytes, **task))
        totals = {search: np.array([held.total for held in rounds]) for search, rounds in peaks.items()}
        for search, rounds in peaks.items():
            parent, workers, maps = np.median(rounds, axis=0) / 1e6
            total = np.median(totals[search]) / 1e6
            rest = (total - fixed[search] * (task["backend"] == "loky" and task["n_jobs"] > 1)) / megabytes
            print(
                f"{case if search == SEARCHES[0] else '':30}{search:20}{parent:8.0f}{workers:9.0f}{maps:8.0f}"
                f"{total:8.0f}{total / megabytes:8.2f}{rest:11.2f}"
                f"{np.median(totals[search] / totals[SEARCHES[0]]):8.2f}",
                flush=True,
            )
    print("\nratio: peak over RandomizedSearchCV's in the same round")


class Growth(NamedTuple):
    """Bytes held after so many trials."""

    trial: int
    parent: float
    workers: float
    study: float
    python: float


def growth(**task: Any) -> list[Growth]:
    found = []
    with Started(hold=0.0, refit=False, **task) as search:
        search.next_message()
        search.go_on()
        while "trial" in (message := search.next_message()):
            held = usage(search.pid, with_files=False)
            sizes = (message.get(name, np.nan) for name in ("study", "python"))
            found.append(Growth(message["trial"], held.parent, held.workers + held.maps, *sizes))
            search.go_on()
    return found


def compare_growth(arguments: argparse.Namespace) -> None:
    n_trials, every, megabytes = arguments.trials, arguments.trials // 4, arguments.megabytes
    contestants = {
        "RandomizedSearchCV": {"search": "RandomizedSearchCV"},
        "OptunaSearchCV, random": {"search": "OptunaSearchCV", "sampler": "random"},
        "OptunaSearchCV, tpe": {"search": "OptunaSearchCV", "sampler": "tpe"},
    }
    common = {"trials": n_trials, "every": every, "megabytes": megabytes, "backend": "loky"}
    marks = [every * i for i in range(1, 5)]
    print(f"X of {megabytes:g} MB, {n_trials} trials x {N_SPLITS} folds; anonymous memory in MB after so many trials\n")
    print(f"{'':36}" + "".join(f"{mark:10}" for mark in marks) + f"{'slope, kB per trial':>24}")
    for n_jobs in (1, 2):
        for name, task in contestants.items():
            found = growth(n_jobs=n_jobs, **common, **task)
            _print_growth(f"{name}, n_jobs={n_jobs}", "parent", found, 1e6)
            if n_jobs > 1:
                _print_growth("", "workers", found, 1e6)
    print(f"\n{'in kB':36}" + "".join(f"{mark:10}" for mark in marks))
    for name, task in contestants.items():
        found = growth(n_jobs=1, traced=True, **common | {"megabytes": 0.1}, **task)
        _print_growth(f"{name}, n_jobs=1", "python", found, 1e3)
        if task["search"] == "OptunaSearchCV":
            _print_growth("", "study pickled", found, 1e3)
    print("\nworkers: with joblib's files in memory. python: allocated since before the search.")


def _print_growth(label: str, name: str, found: list[Growth], unit: float) -> None:
    held = [getattr(at, name.split()[0]) for at in found]
    slope = np.polyfit([at.trial for at in found], held, 1)[0] / 1e3
    values = "".join(f"{value / unit:10.1f}" for value in held)
    print(f"{label:36}"[:36] + f"{values}{slope:14.2f} ({name})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, help="of X; default: 200, with --growth 20")
    parser.add_argument("--trials", type=int, help="default: 4, with --growth 200")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layouts", nargs="*", choices=list(LAYOUTS), help="other kinds of X, by default all")
    parser.add_argument("--growth", action="store_true", help="what is left after 50, 100, 150, 200 trials")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        started(json.loads(arguments.task))
        return
    arguments.megabytes = arguments.megabytes or (20 if arguments.growth else 200)
    arguments.trials = arguments.trials or (200 if arguments.growth else 4)

    packages = ["sk-optuna", "scikit-learn", "optuna", "numpy", "scipy", "joblib"]
    packages += ["pandas"] if find_spec("pandas") else []
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    if arguments.growth:
        compare_growth(arguments)
    elif arguments.layouts is not None:
        processes = {"backend": "loky", "n_jobs": 2}
        cases = {layout: processes | {"layout": layout} for layout in arguments.layouts or LAYOUTS}
        compare_peaks(cases, arguments)
    else:
        cases = {
            f"{workers}, {label}": {"backend": backend, "n_jobs": n_jobs, "estimator": estimator}
            for label, estimator in {"sums": "sums", "SGDClassifier": "sgd"}.items()
            for workers, (backend, n_jobs) in WORKERS.items()
            if label == "sums" or workers == "2 processes"
        }
        compare_peaks(cases, arguments)


if __name__ == "__main__":
    main()
