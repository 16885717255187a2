"""Have a CUDA device keep the operations of a step, and start them all at once.

A step of small nets is some fifty operations of a few microseconds each, and to start one of them from Python takes as
long as it runs. CUDA can record them as a graph, which is started by a single call. It reads and writes the same memory
each time, so inputs are copied there before. A step is recorded when it has been called some times with tensors of one
shape: the first calls warm up the libraries, and shapes that are rare are not worth a recording.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sk_optuna._compat._torch import copy_to_all

Step = Callable[..., Sequence[Tensor]]
# Calls of a step before it is recorded.
_N_BEFORE = 5


class ReplayedStep:
    """A step on a CUDA device that is recorded, and replayed from then on.

    Parameters
    ----------
    step : callable
        From tensors to tensors. It changes none of its inputs, and all its calls have tensors of the same shapes.
    record : callable, default=record_on_cuda
        Returns a function that repeats the step on the same memory, and the tensors to which it writes its results.
    """

    def __init__(self, step: Step, record: Callable[[Step, Sequence[Tensor]], Any] | None = None) -> None:
        self._step = step
        self._record = record_on_cuda if record is None else record
        self._n_before = _N_BEFORE
        self._inputs: list[Tensor] = []
        self._replay: Callable[[], Any] | None = None
        self._outputs: Sequence[Tensor] = ()

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        """Return the results of the step, which the next call overwrites."""
        if self._n_before > 0:
            self._n_before -= 1
            return self._step(*inputs)
        if self._replay is None and not self._begin(inputs):
            return self._step(*inputs)
        assert self._replay is not None
        copy_to_all(self._inputs, inputs)
        self._replay()
        return self._outputs

    def _begin(self, inputs: Sequence[Tensor]) -> bool:
        """Record the step; return whether CUDA could, and if not, do not ask again."""
        try:
            self._inputs = [torch.empty_like(each, memory_format=torch.contiguous_format) for each in inputs]
            copy_to_all(self._inputs, inputs)
            self._replay, self._outputs = self._record(self._step, self._inputs)
        except RuntimeError:  # an operation that CUDA cannot record, or no memory for a second copy
            self._inputs, self._n_before = [], 2**62
        return self._replay is not None


def record_on_cuda(step: Step, inputs: Sequence[Tensor]) -> tuple[Callable[[], Any], Sequence[Tensor]]:
    """Record a step on its inputs' device; see `ReplayedStep`.

    Raises
    ------
    RuntimeError
        If CUDA cannot record one of its operations.
    """
    graph = torch.cuda.CUDAGraph()
    # other threads of the process may use the device meanwhile
    with torch.cuda.device(inputs[0].device), torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = step(*inputs)
    return graph.replay, outputs
