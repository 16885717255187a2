"""Everything that a process lends to the fold that it runs: its identity, random generators, torch threads, memory.

Networks and other leaves may import this room. It knows nothing of searches, trials or pipelines.
"""

from sk_optuna.worker._current_fold import CurrentFold, current_fold, in_fold, seed_of
from sk_optuna.worker._end_signals import EndSignals, end_signals
from sk_optuna.worker._generators import generators_lock, holds_generators
from sk_optuna.worker._interrupts import Interrupts, delivered, kept_alive, on_interrupt, watched
from sk_optuna.worker._meeting import (
    USUAL,
    Branch,
    Meeting,
    MeetingClosedError,
    MemberExpelledError,
    Note,
    Terms,
    current_place,
    in_meeting,
    shared_meeting,
    sharing,
)
from sk_optuna.worker._memory import (
    bytes_of,
    clear_frames,
    free_memory,
    knows_resident_memory,
    on_release,
    release_kept,
    release_memory,
    resident_memory,
)
from sk_optuna.worker._origins import Origins, reference_to
from sk_optuna.worker._parent import end_with
from sk_optuna.worker._torch_threads import torch_threads, torch_threads_of_a_fold

__all__ = [
    "USUAL",
    "Branch",
    "CurrentFold",
    "EndSignals",
    "Interrupts",
    "Meeting",
    "MeetingClosedError",
    "MemberExpelledError",
    "Note",
    "Origins",
    "Terms",
    "bytes_of",
    "clear_frames",
    "current_fold",
    "current_place",
    "delivered",
    "end_signals",
    "end_with",
    "free_memory",
    "generators_lock",
    "holds_generators",
    "in_fold",
    "in_meeting",
    "kept_alive",
    "knows_resident_memory",
    "on_interrupt",
    "on_release",
    "reference_to",
    "release_kept",
    "release_memory",
    "resident_memory",
    "seed_of",
    "shared_meeting",
    "sharing",
    "torch_threads",
    "torch_threads_of_a_fold",
    "watched",
]
