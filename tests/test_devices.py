import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV
from sk_optuna import devices as module
from sk_optuna.devices import device_workers
from sk_optuna.exceptions import InvalidArgumentError, MissingExtraError

pytestmark = pytest.mark.usefixtures("sent_by_value")


@pytest.fixture(autouse=True)
def _same_environment(monkeypatch):
    """Begin without the variable, and find the environment as it was at the end."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before = dict(os.environ)
    yield
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    before.pop("PYTEST_CURRENT_TEST", None)
    assert environment == before


class Meeting:
    """A place where so many tasks wait for each other: each of them is on a worker of its own then."""

    def __init__(self, folder, n):
        self.folder = str(folder)
        self.n = n

    def join(self, task):
        Path(self.folder, str(task)).touch()
        end = time.monotonic() + 60
        while len(os.listdir(self.folder)) < self.n and time.monotonic() < end:
            time.sleep(0.01)


def _device(meeting=None, task=0):
    if meeting is not None:
        meeting.join(task)
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _devices_of(tmp_path, n, n_jobs=None):
    """Return the device of each of `n` workers that run at once."""
    folder = tmp_path / f"meeting_{time.monotonic_ns()}"
    folder.mkdir()
    meeting = Meeting(folder, n)
    found = joblib.Parallel(n_jobs=joblib.effective_n_jobs(n_jobs), batch_size=1)(
        joblib.delayed(_device)(meeting, task) for task in range(n)
    )
    assert len({pid for _, pid in found}) == n
    return sorted((device for device, _ in found), key=str)


def _kill_a_worker():
    with pytest.raises(joblib.externals.loky.process_executor.TerminatedWorkerError):
        joblib.Parallel(n_jobs=2)(joblib.delayed(_die)() for _ in range(2))


# --- workers ----------------------------------------------------------------------------------------------------------


def test_each_worker_owns_one_device(tmp_path):
    with device_workers(["3", "GPU-8932f937"]) as devices:
        assert devices == ["3", "GPU-8932f937"]
        assert _devices_of(tmp_path, 2) == ["3", "GPU-8932f937"]


def test_a_worker_that_replaces_a_dead_one_owns_its_device(tmp_path):
    with device_workers(["0", "1"]):
        _kill_a_worker()
        assert _devices_of(tmp_path, 2) == ["0", "1"]


def test_one_device_can_have_several_workers(tmp_path):
    with device_workers(["5"], workers_per_device=2):
        assert _devices_of(tmp_path, 2) == ["5", "5"]


def test_workers_share_devices_evenly_and_fewer_are_on_different_ones(tmp_path):
    with device_workers(["0", "1"], workers_per_device=2) as devices:
        assert devices == ["0", "1", "0", "1"]
        assert _devices_of(tmp_path, 4) == ["0", "0", "1", "1"]
        assert _devices_of(tmp_path, 2, n_jobs=2) == ["0", "1"]


def test_n_jobs_means_all_workers_or_fewer_never_more():
    with device_workers(["0", "1", "2"]):
        assert [joblib.effective_n_jobs(n) for n in (None, -1, -2, 3, 2, 1, 64, -64)] == [3, 3, 2, 3, 2, 1, 3, 1]
    with device_workers(["0"]):
        assert [joblib.effective_n_jobs(n) for n in (None, -1, 8)] == [1, 1, 1]


def test_workers_of_before_and_after_see_what_this_process_sees(tmp_path):
    assert _devices_of(tmp_path, 2, n_jobs=2) == [None, None]
    with device_workers(["0", "1"]):
        assert _devices_of(tmp_path, 2) == ["0", "1"]
    assert _devices_of(tmp_path, 2, n_jobs=2) == [None, None]


def test_the_next_context_has_devices_of_its_own(tmp_path):
    for _ in range(2):
        with device_workers(["1", "2"]):
            assert _devices_of(tmp_path, 2) == ["1", "2"]


@pytest.mark.parametrize("error", [None, ValueError])
def test_workers_end_with_the_context_and_leave_nothing_behind(error, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        with device_workers(["0", "1"]):
            found = joblib.Parallel(n_jobs=2)(joblib.delayed(_device)() for _ in range(4))
            assert [name.startswith("sk_optuna_devices_") for name in os.listdir(tmp_path)] == [True]
            if error is not None:
                raise error
    except ValueError:
        pass
    for pid in {pid for _, pid in found}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert os.listdir(tmp_path) == []


def test_this_process_keeps_its_view_within(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    with device_workers(["4", "5"]):
        joblib.Parallel(n_jobs=2)(joblib.delayed(_device)() for _ in range(2))
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5"
    monkeypatch.undo()


def test_a_worker_that_finds_no_place_gives_up_instead_of_waiting_for_ever(tmp_path, monkeypatch):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys, sk_optuna.devices as d; d._take_place({str(tmp_path)!r}, ['0']); "
            "print('held', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setattr(module, "_PATIENCE", 0.2)
        with pytest.raises(RuntimeError, match="All 1 places of device_workers are still taken"):
            module._take_place(str(tmp_path), ["0"])
        monkeypatch.setattr(module, "_PATIENCE", 60.0)
        threading.Timer(0.3, holder.kill).start()
        module._take_place(str(tmp_path), ["0"])  # free as soon as the process is dead, however it died
        assert os.environ.pop("CUDA_VISIBLE_DEVICES") == "0"
    finally:
        holder.kill()
        holder.communicate()
        while module._held:
            os.close(module._held.pop())


# --- searches ---------------------------------------------------------------------------------------------------------


class OnDevice(BaseEstimator):
    """Notes where it is fitted, and kills its worker once if told to."""

    def __init__(self, a=0, notes=None, marker=None):
        self.a = a
        self.notes = notes
        self.marker = marker

    def fit(self, X, y=None):
        Path(self.notes, f"{os.environ.get('CUDA_VISIBLE_DEVICES')}_{os.getpid()}").touch()
        time.sleep(0.05)
        if self.marker is not None and self.a == 3 and not os.path.exists(self.marker):
            Path(self.marker).touch()
            _die()
        return self

    def score(self, X, y=None):
        return float(self.a)


_X = np.zeros((8, 2))


def _noted(folder):
    """Return device and process of all fits but this process's."""
    notes = [name.split("_") for name in os.listdir(folder)]
    return [(device, int(pid)) for device, pid in notes if int(pid) != os.getpid()]


@pytest.mark.parametrize(("n_jobs", "dies"), [(None, False), pytest.param(2, True, marks=pytest.mark.slow)])
def test_the_folds_of_a_search_run_on_the_devices(tmp_path, n_jobs, dies):
    marker = tmp_path / "died"
    (tmp_path / "notes").mkdir()
    estimator = OnDevice(notes=str(tmp_path / "notes"), marker=str(marker) if dies else None)
    search = OptunaSearchCV(estimator, {"a": list(range(30))}, cv=2, n_jobs=n_jobs)
    with device_workers(["0", "1"]):
        search.fit(_X)
    assert search.best_params_ == {"a": 29}
    assert set(search.cv_results_["trial_state"]) == {"COMPLETE"}
    assert marker.exists() == dies
    noted = _noted(tmp_path / "notes")
    assert {device for device, _ in noted} <= {"0", "1"}
    assert len({pid for _, pid in noted}) == len(noted)
    if not dies:
        assert sorted(device for device, _ in noted) in (["0", "1"], ["0"], ["1"])


def test_scikit_learns_own_searches_run_on_the_devices(tmp_path):
    with device_workers(["0", "1"]):
        GridSearchCV(OnDevice(notes=str(tmp_path)), {"a": list(range(20))}, cv=2).fit(_X)
    assert {device for device, _ in _noted(tmp_path)} <= {"0", "1"}


def test_one_worker_is_this_process(tmp_path):
    with device_workers(["0"]) as devices:
        assert devices == ["0"]
        OptunaSearchCV(OnDevice(notes=str(tmp_path)), {"a": [1, 2]}, cv=2, n_jobs=-1).fit(_X)
    assert _noted(tmp_path) == []
    assert os.listdir(tmp_path) == [f"None_{os.getpid()}"]


# --- which devices ----------------------------------------------------------------------------------------------------


@pytest.fixture
def n_found(monkeypatch):
    torch = pytest.importorskip("torch")

    def say(n):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n)

    return say


def _names(devices, **rest):
    with device_workers(devices, **rest) as found:
        return found


def test_all_are_those_that_torch_counts(n_found):
    n_found(3)
    assert _names("all") == ["0", "1", "2"]
    assert _names(2) == ["0", "1"]
    assert _names([2, 0]) == ["2", "0"]
    assert _names(range(1, 3)) == ["1", "2"]
    assert _names((np.int64(1), 2)) == ["1", "2"]


def test_devices_are_counted_among_those_this_process_was_given(n_found, monkeypatch):
    n_found(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-8932f937,7")
    assert _names("all") == ["5", "GPU-8932f937", "7"]
    assert _names([2, 1]) == ["7", "GPU-8932f937"]
    n_found(2)  # CUDA ends the list at a device that is not there
    assert _names("all") == ["5", "GPU-8932f937"]
    monkeypatch.undo()


def test_each_part_of_a_divided_gpu_is_a_device(n_found, monkeypatch):
    n_found(1)  # a process sees one part of those it is given
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1a,MIG-2b")
    assert _names("all") == ["MIG-1a", "MIG-2b"]
    monkeypatch.undo()


def test_names_are_passed_on_without_asking_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert _names([" 8", "GPU-8932f937", "MIG-GPU-1/0/0"]) == ["8", "GPU-8932f937", "MIG-GPU-1/0/0"]


@pytest.mark.parametrize("devices", ["all", 1, [0]])
def test_no_device_is_an_error_that_says_what_to_do(n_found, devices):
    n_found(0)
    with pytest.raises(InvalidArgumentError, match=r"found no CUDA device: See whether nvidia-smi .* leave device"):
        _names(devices)


def test_hidden_devices_are_named_where_there_is_none(n_found, monkeypatch):
    n_found(0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InvalidArgumentError, match="CUDA_VISIBLE_DEVICES is ''"):
        _names("all")
    monkeypatch.undo()


@pytest.mark.parametrize(
    "devices",
    ["cuda", "0", None, True, 0, -1, 1.5, [], [True], [-1], [1.0], ["cuda:1"], ["0,1"], [""], ["all"], {0, 1}],
)
def test_what_is_no_choice_of_devices_is_refused(n_found, devices):
    n_found(4)
    with pytest.raises(InvalidArgumentError, match="The 'devices' parameter must be 'all', a number of devices"):
        _names(devices)


@pytest.mark.parametrize("workers_per_device", [0, -1, 1.5, None, "2", True])
def test_what_is_no_number_of_workers_is_refused(workers_per_device):
    with pytest.raises(InvalidArgumentError, match="'workers_per_device' parameter must be an int of at least 1"):
        _names(["0", "1"], workers_per_device=workers_per_device)


def test_devices_that_are_not_there_are_refused(n_found):
    n_found(2)
    with pytest.raises(InvalidArgumentError, match="devices=3, but this process sees 2"):
        _names(3)
    with pytest.raises(InvalidArgumentError, match="names device 2, but this process sees 2, counted from 0"):
        _names([0, 2])


@pytest.mark.parametrize("devices", [["1", "1"], [0, "0"], [1, 1]])
def test_a_device_named_twice_is_refused(n_found, devices):
    n_found(2)
    with pytest.raises(InvalidArgumentError, match=r"twice\. To have several workers share one, pass workers_per"):
        _names(devices)


def test_one_worker_on_another_device_than_the_first_is_refused(n_found, monkeypatch):
    n_found(2)
    assert _names([0]) == ["0"]
    with pytest.raises(InvalidArgumentError, match="Set CUDA_VISIBLE_DEVICES=1 before Python starts"):
        _names([1])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert _names(1) == ["3"]
    with pytest.raises(InvalidArgumentError, match="whose first device is '3'"):
        _names([1])
    monkeypatch.undo()


def test_a_missing_torch_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(module, "require", _require_without_torch)
    with pytest.raises(MissingExtraError, match=r"sk-optuna\[skorch\]"):
        _names("all")


def _require_without_torch(name, **rest):
    return _require("a_package_that_is_not_there", **rest)


_require = module.require


def test_importing_the_module_imports_no_torch():
    program = "import sys, sk_optuna.devices; print(sorted({'torch', 'optuna'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_worker_is_started_with_is_small():
    assert len(pickle.dumps((module._take_place, ("/tmp/folder", ("0", "1"))))) < 200
