"""Do the epochs of a round: find the nets that are alike, and train each group as one model.

Whether a group is trained as one is decided by what its nets are, never by a clock: in float32 the last digits depend
on it, and the same search must give the same numbers. On a CPU the batched step saves the time of small operations and
nothing of large ones, so nets with much arithmetic a step are left to themselves (`_MOST_FLOPS`). Not taken: to time
the first steps of a group both ways.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sk_optuna._compat._torch import strict_vmap
from sk_optuna.skorch._fused_draws import CannotFuseError
from sk_optuna.skorch._fused_epoch import train_epoch
from sk_optuna.skorch._fused_optimizers import state_names
from sk_optuna.skorch._fused_parts import Likeness, Part
from sk_optuna.skorch._fused_step import BatchedStep, without_onednn
from sk_optuna.skorch._loader import free_memory as free_on_device
from sk_optuna.worker import Meeting, MeetingClosedError, clear_frames, free_memory, generators_lock, on_release

# Number of kinds of nets whose steps are kept.
_N_KEPT = 64
# Words of torch.func, and what they say of a net.
_REASONS = {
    "data-dependent control flow": "its forward decides by the values of its data",
    "randomness error mode": "its module draws random numbers otherwise than Dropout",
    "Batching rule not implemented": "an operation of its module has no form for several models",
    "vmap: It looks like you're calling .item()": "its forward takes single numbers out of tensors",
}
# Arithmetic of a step of one model from which a CPU gains nothing. Measured with 20 models on one core: 1.5 and 1.2
# times as fast as alone at 25 and 18 million, .98 and .87 at 55 and 61, .9 and .8 at 210 and 850. A GPU is idle while a
# step's operations are started, about a millisecond. Not measured: at 5000 million a small one computes as long.
_MOST_FLOPS = {"cpu": 3e7, "cuda": 5e9}
# The same of convolutions: 1.5 times as fast at 6 million, 1.1 and .8 at 20. torch's own ones are slower than oneDNN's.
_MOST_CONV_FLOPS = {"cpu": 1e7}
# Steps, of all nets that are alike, from which writing down their step is paid: it takes as long as some hundreds.
_LEAST_STEPS = 1500
# Steps of an epoch from which a net by itself, as in a worker process, is not slower for what an epoch costs besides.
_LEAST_STEPS_OF_EPOCH = 8
# Largest share of the free memory for the copies, gradients and batches of a group.
_SHARE_OF_MEMORY = 0.5
# Torch does not know the free memory of every device.
_MOST_NETS = 10**6
_LACKS_MEMORY = "the memory does not hold the copies of it by which a group trains"


class _KnownSteps:
    """The steps of kinds of nets, or the reasons why a kind has none; the least recently used go first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Any, BatchedStep | str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> BatchedStep | str | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: Any, step: BatchedStep | str) -> None:
        with self._lock:
            self._known[key] = step
            while len(self._known) > _N_KEPT:
                self._known.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._known.clear()


_steps = _KnownSteps()
on_release(_steps.clear)


def train_together(meeting: Meeting, parts: Sequence[Part]) -> list[list[float] | str]:
    """Train an epoch of each net, those that are alike together.

    Parameters
    ----------
    meeting : Meeting
        Where they were brought.
    parts : sequence of Part
        The epochs.

    Returns
    -------
    list
        For each part the losses of its steps, or the reason why it was left as it was.
    """
    outcomes: list[list[float] | str] = [[] for _ in parts]
    # a round sets what holds for the process, and other searches of it may train their nets
    with generators_lock():
        for members in _alike([(_likeness(part).key, part.terms) for part in parts]):
            made = _train_kind(meeting, [parts[i] for i in members])
            for i, outcome in zip(members, made, strict=True):
                outcomes[i] = outcome
    return outcomes


def _train_kind(meeting: Meeting, parts: list[Part]) -> list[list[float] | str]:
    """Train nets that differ at most in what a step does with its batch's rows."""
    outcomes: list[list[float] | str] = [[] for _ in parts]
    step = step_of(parts[0])
    if isinstance(step, str):
        return _left(parts, step)
    others = []
    for i, part in enumerate(parts):
        if (reason := _why_last_batch(part, step)) is None:
            others.append(i)
        else:
            (outcomes[i],) = _left([part], reason)
    # a batch that is filled up would be another one for a module that mixes rows
    for places in _alike([parts[i].n_rows if step.mixes_rows else 0 for i in others]):
        longest_first = sorted((others[place] for place in places), key=lambda i: -parts[i].n_steps)
        made = _train_in_turns(meeting, [parts[i] for i in longest_first], step)
        for i, outcome in zip(longest_first, made, strict=True):
            outcomes[i] = outcome
    return outcomes


def _alike(keys: list[Any]) -> list[list[int]]:
    """Return the places of equal keys together, in the order of the first of them."""
    groups: dict[Any, list[int]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def step_of(part: Part) -> BatchedStep | str:
    """Return the step of a kind of nets, or the reason why they are trained by themselves; within a round only."""
    step = _why_few(part) or _known_or_made(part)
    return step if isinstance(step, str) else _why_large(part, step) or step


def _known_or_made(part: Part) -> BatchedStep | str:
    """Return the step of a kind of nets, or the reason why there is none."""
    key = _likeness(part).key
    step = _steps.get(key)
    if step is None:
        try:
            with strict_vmap():
                step = BatchedStep(part.net, _likeness(part).draws, *part.batch(0))
        except Exception as error:  # torch.func refuses with errors of all kinds
            step = _reason(error)
        _steps.put(key, step)
    return step


def _why_few(part: Part) -> str | None:
    terms = part.terms
    if terms.always:
        return None
    if part.n_steps < _LEAST_STEPS_OF_EPOCH:
        return f"its epochs have {part.n_steps} steps, and it takes {_LEAST_STEPS_OF_EPOCH} to gain something"
    if terms.n_alike is None:
        return None
    n_steps = part.n_steps * part.net.max_epochs * terms.n_alike
    if n_steps >= _LEAST_STEPS:
        return None
    return f"{terms.n_alike} nets like it make some {n_steps} steps, and it takes {_LEAST_STEPS} to gain something"


def _why_large(part: Part, step: BatchedStep) -> str | None:
    if part.terms.always:
        return None
    kind = part.device.type
    if kind not in _MOST_FLOPS:
        return f"its worth on a device of type {kind} has not been measured; fuse=True trains it together there"
    for n, most, what in (
        (step.n_flops + step.n_conv_flops, _MOST_FLOPS[kind], "operations"),
        (step.n_conv_flops, _MOST_CONV_FLOPS.get(kind, np.inf), "operations of convolutions"),
    ):
        if n > most:
            return (
                f"a step of one net has {n / 1e6:.0f} million {what}, more than {most / 1e6:.0f}: on this {kind} "
                "nothing is gained"
            )
    return None


def _why_last_batch(part: Part, step: BatchedStep) -> str | None:
    n_rows = part.size_of(part.n_steps - 1)
    if step.n_values is not None and step.n_values * n_rows == 1:
        return "BatchNorm has one value of a channel in its last batch"
    if not step.can_fill_up(part.net, n_rows, *part.batch(0)):
        return f"its forward depends on the number of rows, and its last batch has {n_rows}"
    return None


def _train_in_turns(meeting: Meeting, parts: list[Part], step: BatchedStep) -> list[list[float] | str]:
    """Train as many nets at a time as the memory holds, one lot after another."""
    if len(parts) == 1 and parts[0].net._fitting_.noted:
        return _train(meeting, parts, step)
    n_fit = _n_that_fit(parts[0], step)
    for part in parts:
        part.n_fit = n_fit
    n_lots = -(-len(parts) // max(1, n_fit))
    size = -(-len(parts) // n_lots)
    return [outcome for start in range(0, len(parts), size) for outcome in _train(meeting, parts[start:][:size], step)]


def _n_that_fit(part: Part, step: BatchedStep) -> int:
    """Return how many nets like that of a part, the net itself and its rows included, the free memory holds."""
    params = list(part.net.module_.parameters())
    n_states = len(state_names(part.net.optimizer_))
    of_net = (2 + n_states) * sum(param.nbytes for param in params) + sum(each.nbytes for each in part.rows.tensors)
    of_group = (3 + n_states) * sum(param.nbytes for param in params) + step.bytes_for(part.net, *part.batch(0))
    free = free_memory() if part.device.type == "cpu" else free_on_device(part.device)
    return int(min(_MOST_NETS, _SHARE_OF_MEMORY * free // max(1, of_net + of_group)))


def _train(meeting: Meeting, parts: list[Part], step: BatchedStep) -> list[list[float] | str]:
    """Train a group; in two halves where memory does not suffice, or one of its nets fails."""
    states = [part.state_of_stream() for part in parts]
    try:
        with without_onednn():
            return train_epoch(parts, step, meeting.shelf, meeting.check)
    except MeetingClosedError:
        raise
    except Exception as error:
        for part, state in zip(parts, states, strict=True):
            part.set_stream(state)
        meeting.shelf.clear()
        lacks_memory = _lacks_memory(error)
        if lacks_memory:
            clear_frames(error)
        if len(parts) == 1:
            return [_LACKS_MEMORY] if lacks_memory else _left(parts, _reason(error))
    half = (len(parts) + 1) // 2
    return [*_train(meeting, parts[:half], step), *_train(meeting, parts[half:], step)]


def _left(parts: list[Part], reason: str) -> list[list[float] | str]:
    """Leave nets to themselves, for the rest of their fits."""
    for part in parts:
        part.net._fitting_.together = reason
    return [reason] * len(parts)


def _lacks_memory(error: Exception) -> bool:
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or "not enough memory" in str(error)


def _reason(error: Exception) -> str:
    if isinstance(error, CannotFuseError):
        return str(error)
    text = str(error)
    for words, reason in _REASONS.items():
        if words in text:
            return reason
    return f"its step has no form for several models ({type(error).__name__})"


def _likeness(part: Part) -> Likeness:
    likeness = part.net._fitting_.together
    assert isinstance(likeness, Likeness)
    return likeness
