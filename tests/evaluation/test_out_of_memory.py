import contextlib
import gc
import subprocess
import sys
import traceback
import warnings
import weakref
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris

from sk_optuna import OptunaSearchCV
from sk_optuna.evaluation._out_of_memory import out_of_memory_reason
from sk_optuna.worker._memory import clear_frames, release_memory


class OutOfMemoryError(RuntimeError):
    """Named as torch's is."""


class AcceleratorError(RuntimeError):
    """Named as torch's is."""


CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB of which 5.19 MiB is "
    "free. See documentation for Memory Management  (https://docs.example.org)"
)


def text_of(error, cause=None, handled=None):
    """Return the traceback of `error`, raised from `cause` or while `handled` was."""
    try:
        if handled is not None:
            try:
                raise handled
            except BaseException:
                raise error  # noqa: B904
        raise error from cause
    except BaseException:
        return traceback.format_exc()


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OutOfMemoryError(CUDA), "out of memory: CUDA out of memory. Tried to allocate 20.00 MiB"),
        (MemoryError(), "out of memory: MemoryError"),
        (MemoryError("no more"), "out of memory: no more"),
        (RuntimeError(CUDA), "out of memory: CUDA out of memory. Tried to allocate 20.00 MiB"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "out of memory: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ),
        (
            AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
            "out of memory: CUDA error: out of memory",
        ),
        (
            RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
            "out of memory: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        ),
        (
            RuntimeError(
                "MPS backend out of memory (MPS allocated: 9 GB). Tried to allocate 1 GB. Use an environment."
            ),
            "out of memory: MPS backend out of memory (MPS allocated: 9 GB). Tried to allocate 1 GB",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_lack_of_memory_is_told_in_one_line(error, reason):
    assert out_of_memory_reason(text_of(error)) == reason


def test_numpys_own_memory_error_counts():
    try:
        np.empty((10**8, 10**8))
    except MemoryError:
        reason = out_of_memory_reason(traceback.format_exc())
    assert reason.startswith("out of memory: Unable to allocate")


def test_torchs_own_errors_count():
    torch = pytest.importorskip("torch")
    reason = out_of_memory_reason(text_of(torch.cuda.OutOfMemoryError(CUDA)))
    assert reason == "out of memory: CUDA out of memory. Tried to allocate 20.00 MiB"
    try:
        torch.empty(10**15)
    except RuntimeError:
        reason = out_of_memory_reason(traceback.format_exc())
    assert "DefaultCPUAllocator" in reason
    assert "allocate" in reason
    assert "\n" not in reason


def test_the_error_that_another_comes_from_counts():
    lack = OutOfMemoryError(CUDA)
    assert out_of_memory_reason(text_of(ValueError("no fit"), cause=lack)) is not None
    assert out_of_memory_reason(text_of(ValueError("no fit"), handled=lack)) is not None
    assert out_of_memory_reason(text_of(lack, handled=KeyError("x"))) is not None


def test_the_first_of_two_is_the_reason():
    text = text_of(MemoryError("second"), handled=OutOfMemoryError("first"))
    assert out_of_memory_reason(text) == "out of memory: first"


def test_the_error_of_a_worker_in_the_message_of_its_parents_counts():
    """As concurrent.futures and joblib show what was raised in another process."""
    remote = type(
        "_RemoteTraceback", (Exception,), {"__str__": lambda self: f'\n"""\n{text_of(MemoryError("there"))}"""'}
    )
    assert out_of_memory_reason(text_of(ValueError("here"), cause=remote())) == "out of memory: there"


def test_classes_within_a_function_count():
    class OutOfMemoryError(RuntimeError):
        pass

    assert out_of_memory_reason(text_of(OutOfMemoryError("full"))) == "out of memory: full"


# --- what does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ValueError("MemoryError: CUDA out of memory"),
        ValueError("CUBLAS_STATUS_ALLOC_FAILED"),
        ValueError("first line\nMemoryError: second\ntorch.OutOfMemoryError: CUDA out of memory. Tried"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("the out of memory handler is not a function"),
        type("ForgottenMemoryError", (Exception,), {})("x"),
        KeyError("MemoryError"),
    ],
    ids=repr,
)
def test_an_error_that_only_mentions_memory_is_not_a_lack_of_it(error):
    assert out_of_memory_reason(text_of(error)) is None


def test_source_lines_that_mention_memory_are_not_a_lack_of_it():
    def out_of_memory(MemoryError="MemoryError: x"):
        raise ValueError("no")

    try:
        out_of_memory(MemoryError="torch.OutOfMemoryError: CUDA out of memory")
    except ValueError:
        text = traceback.format_exc()
    assert "torch.OutOfMemoryError: CUDA out of memory" in text
    assert out_of_memory_reason(text) is None


def test_a_note_is_not_an_error():
    error = ValueError("no")
    error.add_note("MemoryError: a note")
    assert out_of_memory_reason(text_of(error)) is None


@pytest.mark.parametrize("text", ["", "\n", "The worker process died twice. MemoryError"])
def test_what_is_no_traceback_is_no_reason(text):
    assert out_of_memory_reason(text) is None


# --- what is held -----------------------------------------------------------------------------------------------------


class Big:
    """Stands for an array; can be watched."""


def fail_holding(watched):
    """Raise with a big thing in a local variable, and another in a reference cycle."""
    local, within = Big(), Big()
    watched += [weakref.ref(local), weakref.ref(within)]
    cycle = [within]
    cycle.append(cycle)
    raise OutOfMemoryError(CUDA)


def test_a_kept_error_holds_nothing_after_its_frames_are_cleared():
    watched = []
    try:
        fail_holding(watched)
    except OutOfMemoryError as error:
        kept = error
    assert all(ref() is not None for ref in watched)
    clear_frames(kept)
    release_memory()
    assert [ref() for ref in watched] == [None, None]


def test_frames_are_cleared_along_the_chain():
    watched = []
    try:
        try:
            try:
                fail_holding(watched)
            except OutOfMemoryError as error:
                raise ValueError from error
        except ValueError:
            fail_holding(watched)
    except OutOfMemoryError as error:
        kept = error
    clear_frames(kept)
    release_memory()
    assert [ref() for ref in watched] == [None] * 4


def test_frames_are_cleared_within_a_group():
    watched, errors = [], []
    for _ in range(2):
        try:
            fail_holding(watched)
        except OutOfMemoryError as error:
            errors.append(error)
    clear_frames(ExceptionGroup("both", errors))
    release_memory()
    assert [ref() for ref in watched] == [None] * 4


def test_errors_that_come_from_each_other_are_cleared_once():
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    clear_frames(first)


def test_release_memory_does_not_import_torch():
    program = "import sys; from sk_optuna.worker import release_memory; release_memory(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "False"


def test_release_memory_empties_the_caches_that_are_there(monkeypatch):
    emptied = []
    monkeypatch.setitem(sys.modules, "torch", _Torch(emptied))
    release_memory()
    assert emptied == ["cuda", "mps"]


def test_release_memory_leaves_a_cuda_alone_that_was_never_used(monkeypatch):
    emptied = []
    monkeypatch.setitem(sys.modules, "torch", _Torch(emptied, initialized=False))
    release_memory()
    assert emptied == ["mps"]


def test_a_device_that_failed_for_good_does_not_fail_the_release(monkeypatch):
    torch = _Torch([])
    torch.cuda.empty_cache = _assert_on_device
    monkeypatch.setitem(sys.modules, "torch", torch)
    release_memory()


def _assert_on_device():
    raise RuntimeError("CUDA error: device-side assert triggered")


class _Torch:
    """As much of torch, with all devices, as is asked."""

    def __init__(self, emptied, initialized=True):
        class There:
            is_available = staticmethod(lambda: True)
            is_initialized = staticmethod(lambda: initialized)

            def __init__(self, name):
                self.empty_cache = lambda: emptied.append(name)

        self.cuda, self.mps = There("cuda"), There("mps")
        self.backends = self


# --- in a search ------------------------------------------------------------------------------------------------------


class Hungry(BaseEstimator):
    """Runs out of memory where `a` is at least 2, holding an array in a local variable, or in a reference cycle too."""

    alive: ClassVar = []

    def __init__(self, a=0, kind="torch", cycle=False):
        self.a = a
        self.kind = kind
        self.cycle = cycle

    def fit(self, X, y=None):
        still_held = [ref for ref in Hungry.alive if ref() is not None]
        big = np.ones(10**6)
        Hungry.alive.append(weakref.ref(big))
        self.n_held_ = len(still_held)
        if self.a >= 2:
            if self.cycle:
                holder = {"big": big}
                holder["self"] = holder
            self._fail()
        return self

    def _fail(self):
        if self.kind == "torch":
            import torch

            raise torch.cuda.OutOfMemoryError(CUDA)
        raise MemoryError("no more")

    def score(self, X, y=None):
        assert self.n_held_ == 0, "the memory of an earlier fit is still held"
        return float(self.a)


@pytest.mark.parametrize("cycle", [False, True])
@pytest.mark.parametrize("kind", ["torch", "builtin"])
def test_the_next_fit_finds_nothing_held_by_one_that_ran_out_of_memory(kind, cycle):
    if kind == "torch":
        pytest.importorskip("torch")
    X, y = load_iris(return_X_y=True)
    Hungry.alive.clear()
    search = OptunaSearchCV(
        Hungry(kind=kind, cycle=cycle), {"a": [2, 3, 0, 4, 1]}, cv=2, refit=False, error_score=np.nan
    )
    enabled = gc.isenabled()
    gc.disable()  # only release_memory may collect
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.fit(X, y)
    finally:
        if enabled:
            gc.enable()
    assert search.best_params_ == {"a": 1}
    failed = [params["a"] >= 2 for params in search.cv_results_["params"]]
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [not each for each in failed]


def test_an_error_that_is_raised_holds_nothing_of_the_fit():
    X, y = load_iris(return_X_y=True)
    Hungry.alive.clear()
    search = OptunaSearchCV(Hungry(kind="builtin"), {"a": [2]}, cv=2, error_score="raise")
    with contextlib.suppress(MemoryError):
        search.fit(X, y)
    try:
        search.fit(X, y)
    except MemoryError as error:
        kept = error
    gc.collect()
    assert str(kept) == "no more"
    assert [ref() is None for ref in Hungry.alive] == [True] * len(Hungry.alive)


class HungryToPredict(BaseEstimator):
    """Runs out of memory where `a` is 3: when it is fitted, or when it predicts."""

    def __init__(self, a=0, kind="torch", when="fit"):
        self.a, self.kind, self.when = a, kind, when

    def fit(self, X, y=None):
        return self._do("fit")

    def predict(self, X):
        self._do("predict")
        return np.full(len(X), float(self.a))

    def score(self, X, y=None):
        self._do("predict")
        return float(self.a)

    def _do(self, what):
        if self.a == 3 and what == self.when:
            Hungry(kind=self.kind)._fail()
        return self


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("when", ["fit", "predict"])
@pytest.mark.parametrize("scoring", [None, ["r2", "neg_max_error"]], ids=["one metric", "two"])
@pytest.mark.parametrize("kind", ["torch", "builtin"])
def test_a_candidate_without_memory_is_stopped_with_the_reason_and_the_search_goes_on(kind, scoring, when, n_jobs):
    if kind == "torch":
        pytest.importorskip("torch")
    X, y = load_iris(return_X_y=True)
    search = OptunaSearchCV(
        HungryToPredict(kind=kind, when=when),
        {"a": [0, 3, 1]},
        cv=3,
        n_jobs=n_jobs,
        scoring=scoring,
        refit=scoring is None or "r2",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, y)
    table = search.cv_results_
    assert table["trial_state"].tolist() == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert [reason[:13] for reason in table["stop_reason"]] == ["", "out of memory", ""]
    assert table["rank_test_score" if scoring is None else "rank_test_r2"][1] == 3
    assert search.study_.trials[1].state.name == "PRUNED"
    assert search.study_.trials[1].value is None
