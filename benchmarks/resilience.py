"""What is lost when a search is killed, its file cut off or its workers die, and what does a store cost?

Six counts, each for itself with ``--only``:

- kills: the process of a search is killed (SIGKILL) at a random moment, a quarter of them counted from the call, the
  others from its first new fold, and the same call goes on, again and again until the search ends. Counted are trials
  that a callback had heard of and the store has not, stores that could not be read, trials that are not finished,
  worker processes that are left ten seconds later, and searches whose table in the end is not that of the uninterrupted
  one. Recovery is the time from the call of `fit` until the first new fold begins; start is the same time of a search
  without a storage, which recovers nothing.
- offsets: a store is cut off at offsets from its first byte to its last: one that was closed, one whose process was
  killed (which has a log beside it), and the log.
- workers: a worker process is killed every 20 folds. Every fold is innocent and has to be scored.
- backends: searches at 1, 2 and 4 jobs on each backend that is installed, and whether their tables are those of one
  thread.
- soak: a search of many trials, and what this process holds before and after it: threads, open files, folders among
  the temporary ones, and memory.
- costs: milliseconds a trial, of five folds that fit nothing, beside those of Optuna's own storage. "Kept" is a storage
  in memory, and what it costs over none is that of keeping. ``--url`` adds rows of a database.

Run: python benchmarks/resilience.py [--kills 200] [--url postgresql+psycopg://user@host/name]
"""

import argparse
import contextlib
import gc
import logging
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import StorageError

X, Y = np.arange(40.0)[:, None], np.arange(40.0)
SPACE = {"level": uniform(0, 1), "rate": loguniform(1e-3, 1.0)}
COUNTS = ["kills", "offsets", "workers", "backends", "soak", "costs"]
FOLDER = "SK_OPTUNA_RESILIENCE"
"""Environment variable: where fits leave their marks."""


class Marking(RegressorMixin, BaseEstimator):
    """Fits for some milliseconds, and leaves a mark in a file first; each so-manieth mark costs the worker its life."""

    def __init__(self, level: float = 0.5, rate: float = 0.1, seconds: float = 0.004, deadly: int = 0) -> None:
        self.level = level
        self.rate = rate
        self.seconds = seconds
        self.deadly = deadly

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Marking":
        if FOLDER in os.environ:
            with (Path(os.environ[FOLDER]) / "fits").open("ab", buffering=0) as file:
                file.write(f"{time.monotonic():24.9f}".encode())
                n_fits = file.tell() // 24
            if self.deadly and n_fits % self.deadly == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        noise = 0.02 * np.sin(991 * self.level * (1 + X[0, 0]))
        return float(-((self.level - 0.7) ** 2) - 0.05 * np.log10(self.rate / 0.03) ** 2 + noise)


def search(**arguments: object) -> OptunaSearchCV:
    defaults = {"n_trials": 24, "cv": KFold(5, shuffle=True, random_state=0), "random_state": 0, "refit": False}
    return OptunaSearchCV(Marking(), SPACE, **{**defaults, **arguments})


def is_same(found: OptunaSearchCV, whole: OptunaSearchCV) -> bool:
    """Return whether two searches have the same table, times aside."""
    one, other = found.cv_results_, whole.cv_results_
    names = [name for name in other if "time" not in name]
    return list(one) == list(other) and all(repr(list(one[name])) == repr(list(other[name])) for name in names)


class Heard:
    """A study callback that writes down the trials that it has heard of."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(f"{trial.number}\n".encode())


def in_a_process(run: Callable[[], object]) -> int:
    """Run a function in a fork of this process, the leader of a session of its own, and return its id."""
    process = os.fork()
    if process == 0:
        os.setsid()
        try:
            run()
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return process


def members(session: int) -> list[int]:
    """Return the processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(of) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def n_left(session: int, patience: float = 10.0) -> int:
    """Return how many processes of a killed driver live on when the patience is at its end."""
    end = time.monotonic() + patience
    while members(session) and time.monotonic() < end:
        time.sleep(0.05)
    return len(members(session))


def wait_for(path: Path, process: int) -> None:
    """Wait until a process has made a file, or has ended."""
    while not path.exists() and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.001)


def states(path: Path) -> list[str]:
    """Return the states of the trials that a reader sees; no study yet, no trials."""
    names = optuna.get_all_study_names(f"sqlite:///{path}") if path.exists() and path.stat().st_size else []
    if not names:
        return []
    study = optuna.load_study(study_name=names[0], storage=f"sqlite:///{path}")
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def kill_until_it_ends(
    arguments: dict, whole: OptunaSearchCV, seconds: float, rng: np.random.Generator, counts: Counter, n_kills: int
) -> list[float]:
    """Kill one search again and again, then let it end, and return the seconds of each recovery."""
    folder = Path(tempfile.mkdtemp())
    os.environ[FOLDER] = str(folder)
    path, heard, fits = folder / "search.db", folder / "heard", folder / "fits"
    recoveries = []
    for _ in range(n_kills):
        fits.unlink(missing_ok=True)
        start = time.monotonic()
        process = in_a_process(lambda: search(storage=path, study_callbacks=[Heard(heard)], **arguments).fit(X, Y))
        if rng.random() < 0.75:
            wait_for(fits, process)
        time.sleep(rng.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        counts["errors"] += not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0
        counts["kills"] += os.WIFSIGNALED(status)
        counts["kills with trials"] += os.WIFSIGNALED(status) and heard.exists()
        counts["worker processes left"] += n_left(process)
        if fits.exists() and len(first := fits.read_bytes()[:24]) == 24 and heard.exists():
            recoveries.append(float(first) - start)
        try:
            found = states(path)
        except Exception as error:  # a count of what cannot be read needs all ways of that
            print("unreadable:", type(error).__name__, error)
            counts["unreadable stores"] += 1
            continue
        n_heard = len(set(heard.read_text().split())) if heard.exists() else 0
        counts["finished trials lost"] += max(0, n_heard - len(found))
        counts["zombie trials"] += sum(state in ("RUNNING", "WAITING") for state in found)
        if not os.WIFSIGNALED(status):  # it has ended before
            break
    del os.environ[FOLDER]
    # in a process of its own, too: this one must not have workers when it is forked
    process = in_a_process(lambda: os._exit(0 if is_same(search(storage=path, **arguments).fit(X, Y), whole) else 3))
    counts["searches that ended otherwise"] += os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0
    counts["searches"] += 1
    shutil.rmtree(folder)
    return recoveries


def seconds_to_start(arguments: dict, n_searches: int) -> list[float]:
    """Return the seconds until the first fold begins of searches that have nothing to recover."""
    found = []
    for _ in range(n_searches):
        with tempfile.TemporaryDirectory() as folder:
            os.environ[FOLDER] = folder
            start = time.monotonic()
            process = in_a_process(lambda: search(n_trials=2, **arguments).fit(X, Y))
            os.waitpid(process, 0)
            found.append(float((Path(folder) / "fits").read_bytes()[:24]) - start)
            del os.environ[FOLDER]
    return found


def count_kills(n_kills: int, n_each: int) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "searches": "searches",
        "searches that ended otherwise": "otherwise",
        "kills": "kills",
        "kills with trials": "with trials",
        "finished trials lost": "trials lost",
        "unreadable stores": "unreadable",
        "zombie trials": "zombies",
        "worker processes left": "processes",
        "errors": "errors",
    }
    print(
        f"{'':26}"
        + "".join(f"{name:>12}" for name in columns.values())
        + f"{'recovery, s':>13}{'worst':>7}{'start':>7}"
    )
    total: Counter = Counter()
    kinds = [(n_jobs, pruner) for n_jobs in (1, 2) for pruner in (None, "race")]
    for n_jobs, pruner in kinds:
        arguments = {"n_jobs": n_jobs, "pruner": pruner}
        start = time.monotonic()
        whole = search(pruner=pruner).fit(X, Y)
        seconds = time.monotonic() - start
        counts: Counter = Counter()
        recoveries: list[float] = []
        while counts["kills"] < n_kills / len(kinds):
            # up to half of the whole way: a race tells nobody before it has run through its first eight trials
            recoveries += kill_until_it_ends(arguments, whole, 0.5 * seconds, rng, counts, n_each)
        print(f"n_jobs={n_jobs}, pruner={pruner!r}".ljust(26), end="")
        print("".join(f"{counts[name]:12}" for name in columns), end="")
        start = np.median(seconds_to_start(arguments, 3))
        print(f"{np.median(recoveries or np.nan):13.2f}{max(recoveries, default=np.nan):7.2f}{start:7.2f}", flush=True)
        total += counts
    print(", ".join(f"{name}: {total[name]}" for name in columns), "\n")


def count_offsets(n_offsets: int) -> None:
    folder = Path(tempfile.mkdtemp())
    closed, broken, here = folder / "closed.db", folder / "broken.db", folder / "here.db"
    n_trials = search(storage=closed, n_trials=8).fit(X, Y).n_trials_

    def copy(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.number == n_trials - 1:
            for name in ("", "-wal"):
                shutil.copy(f"{folder}/open.db{name}", f"{broken}{name}")

    search(storage=folder / "open.db", n_trials=8, study_callbacks=[copy]).fit(X, Y)
    whole = search(n_trials=8).fit(X, Y)
    os.environ[FOLDER], fits = str(folder), folder / "fits"
    columns = ("refused", "recovered whole", "recovered in part", "begun anew", "otherwise", "changed though refused")
    print(f"{'cut off':28}" + "".join(f"{name.split()[0] + ' ' + name.split()[-1]:>18}" for name in columns))
    for source, which in ((closed, ""), (broken, ""), (broken, "-wal")):
        counts: Counter = Counter()
        size = Path(f"{source}{which}").stat().st_size
        for offset in np.linspace(0, size, n_offsets, dtype=int):
            for name in ("", "-wal", "-shm"):
                Path(f"{here}{name}").unlink(missing_ok=True)
            for name in ("", "-wal"):
                if Path(f"{source}{name}").exists():
                    shutil.copy(f"{source}{name}", f"{here}{name}")
            os.truncate(f"{here}{which}", offset)
            before = here.read_bytes()
            fits.unlink(missing_ok=True)
            try:
                found = search(storage=here, n_trials=8).fit(X, Y)
            except StorageError:
                counts["refused"] += 1
                counts["changed though refused"] += here.read_bytes() != before
                continue
            n_new = fits.stat().st_size // 24 // 5 if fits.exists() else 0
            kind = "recovered whole" if not n_new else "begun anew" if n_new == n_trials else "recovered in part"
            counts[kind if is_same(found, whole) else "otherwise"] += 1
        name = f"{'with a log' if source == broken else 'closed'}, {'the log' if which else 'the file'}"
        print(f"{name:28}" + "".join(f"{counts[column]:18}" for column in columns), flush=True)
    print()
    del os.environ[FOLDER]
    shutil.rmtree(folder)


def count_workers(n_trials: int) -> None:
    whole = search(n_trials=n_trials).fit(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        found = search(n_trials=n_trials, n_jobs=2).set_params(estimator__deadly=20).fit(X, Y)
        n_fits = Path(folder, "fits").stat().st_size // 24
        del os.environ[FOLDER]
    scores = np.array([found.cv_results_[f"split{i}_test_score"] for i in range(5)])
    print(f"a worker killed every 20 folds: {n_fits // 20} killed, {scores.size} folds, all of them innocent,", end=" ")
    print(f"{np.isfinite(scores).sum()} scored, the table is the same: {is_same(found, whole)}, hangs: 0\n", flush=True)


@contextlib.contextmanager
def on(backend: str, n_jobs: int) -> Iterator[None]:
    """Have searches run on a backend with so many workers."""
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            from distributed import Client, LocalCluster

            cluster = LocalCluster(
                n_workers=n_jobs, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
            )
            stack.enter_context(cluster)
            stack.enter_context(Client(cluster))
        if backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
            local = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            ray.init(num_cpus=n_jobs, logging_level="ERROR", log_to_driver=False, **local)
            stack.callback(ray.shutdown)
            register_ray()
        jobs = {} if backend == "dask" else {"n_jobs": n_jobs}
        stack.enter_context(joblib.parallel_config(backend, **jobs))
        yield


def count_backends(n_seeds: int) -> None:
    needs = {"dask": "distributed", "ray": "ray"}
    backends = [
        each for each in ("threading", "loky", "multiprocessing", "dask", "ray") if find_spec(needs.get(each, "sys"))
    ]
    kinds = [{"random_state": seed, "pruner": pruner} for seed in range(n_seeds) for pruner in (None, "race")]
    whole = [search(**kind).fit(X, Y) for kind in kinds]
    print(f"{'tables as in one thread':24}" + "".join(f"{f'n_jobs={n}':>12}" for n in (1, 2, 4)))
    for backend in backends:
        print(f"{backend:24}", end="", flush=True)
        for n_jobs in (1, 2, 4):
            with on(backend, n_jobs):
                n_same = sum(is_same(search(**kind).fit(X, Y), each) for kind, each in zip(kinds, whole, strict=True))
            print(f"{f'{n_same} of {len(kinds)}':>12}", end="", flush=True)
        print()
    print()


def in_use() -> dict[str, int]:
    """Return how much of what has to be given back this process holds, and its resident memory in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": threading.active_count(),
        "open files": len(os.listdir("/proc/self/fd")),
        "temporary folders": len(os.listdir(tempfile.gettempdir())),
        "MB": pages * os.sysconf("SC_PAGE_SIZE") // 10**6,
    }


def count_left(n_trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        # where no other process has folders
        stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
        tempfile.tempdir = folder
        rows = {}
        for name, storage in {"memory": None, "sqlite": Path(folder) / "search.db"}.items():
            arguments = {"sampler": "random", "storage": storage}
            search(n_trials=3, **arguments).set_params(estimator=Marking(seconds=0.0)).fit(X, Y)
            before = in_use()
            search(n_trials=n_trials, **arguments).set_params(estimator=Marking(seconds=0.0)).fit(X, Y)
            rows[name] = before, in_use()
    print(f"{f'before and after {n_trials} trials':34}" + "".join(f"{name:>20}" for name in before))
    for name, (before, after) in rows.items():
        print(f"{name:34}" + "".join(f"{f'{before[key]} -> {after[key]}':>20}" for key in before))
    print()


def by_hand(storage: object, n_trials: int) -> None:
    space = {"level": FloatDistribution(0, 1), "rate": FloatDistribution(1e-3, 1, log=True)}
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, direction="maximize", sampler=sampler)
    for _ in range(n_trials):
        trial = study.ask(space)
        study.tell(trial, trial.params["level"])


def show_costs(n_trials: int, n_rounds: int, url: str | None) -> None:
    folder = Path(tempfile.mkdtemp())
    number = iter(range(10**6))
    quick = Marking(seconds=0.0)

    def ours(**arguments: object) -> None:
        search(n_trials=n_trials, sampler="random", **arguments).set_params(estimator=quick).fit(X, Y)

    rows: dict[str, Callable[[], object]] = {
        "memory: OptunaSearchCV": ours,
        "memory: bare Optuna, ask + tell": lambda: by_hand(None, n_trials),
        "kept: OptunaSearchCV": lambda: ours(storage=optuna.storages.InMemoryStorage()),
        "sqlite: OptunaSearchCV": lambda: ours(storage=folder / f"{next(number)}.db"),
        "sqlite: bare Optuna, ask + tell": lambda: by_hand(f"sqlite:///{folder}/{next(number)}.db", n_trials),
    }
    if url is not None:
        rows["database: OptunaSearchCV"] = lambda: ours(storage=url, study_name=f"{os.getpid()}-{next(number)}")
        rows["database: bare Optuna, ask + tell"] = lambda: by_hand(url, n_trials)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for run in rows.values():  # imports
        run()
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(list(rows)):
            wall, cpu = time.perf_counter(), time.process_time()
            rows[name]()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    ms = {name: np.median(by_round, axis=0) / n_trials * 1e3 for name, by_round in seconds.items()}
    first = ms["memory: OptunaSearchCV"]
    print(
        f"{f'ms a trial, {n_trials} trials of 5 folds':36}{'wall':>10}{'over memory':>14}{'CPU':>10}{'over memory':>14}"
    )
    for name, (wall, cpu) in ms.items():
        over = (f"{wall - first[0]:14.2f}", f"{cpu - first[1]:14.2f}") if "Search" in name else ("", "")
        print(f"{name:36}{wall:10.2f}{over[0]:>14}{cpu:10.2f}{over[1]:>14}")
    shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--each", type=int, default=10, help="kills of one search")
    parser.add_argument("--offsets", type=int, default=100)
    parser.add_argument("--url", help="of a database, for a row of the costs")
    parser.add_argument("--only", choices=COUNTS, nargs="+")
    parser.add_argument("--tiny", action="store_true", help="a taste")
    arguments = parser.parse_args()
    n_kills, n_each, n_offsets = (4, 1, 5) if arguments.tiny else (arguments.kills, arguments.each, arguments.offsets)
    only = arguments.only or COUNTS

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    packages = ["sk-optuna", "scikit-learn", "optuna", "sqlalchemy", "joblib"]
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages), "\n")
    with tempfile.TemporaryDirectory() as folder:  # imports
        search(n_trials=1, storage=Path(folder) / "search.db").fit(X, Y)
    if "kills" in only:
        count_kills(n_kills, n_each)
    if "offsets" in only:
        count_offsets(n_offsets)
    if "workers" in only:
        count_workers(8 if arguments.tiny else 60)
    if "backends" in only:
        count_backends(1 if arguments.tiny else 5)
    if "soak" in only:
        count_left(100 if arguments.tiny else 10_000)
    if "costs" in only:
        show_costs(*((10, 1) if arguments.tiny else (200, 5)), arguments.url)


if __name__ == "__main__":
    main()
