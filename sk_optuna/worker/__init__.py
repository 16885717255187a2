"""Everything that a process lends to the fold that it runs: its identity, random generators, torch threads, memory.

Networks and other leaves may import this room. It knows nothing of searches, trials or pipelines.
"""

from sk_optuna.worker._current_fold import CurrentFold, current_fold, in_fold
from sk_optuna.worker._generators import generators_lock
from sk_optuna.worker._memory import clear_frames, free_memory, on_release, release_kept, release_memory
from sk_optuna.worker._torch_threads import torch_threads, torch_threads_of_a_fold

__all__ = [
    "CurrentFold",
    "clear_frames",
    "current_fold",
    "free_memory",
    "generators_lock",
    "in_fold",
    "on_release",
    "release_kept",
    "release_memory",
    "torch_threads",
    "torch_threads_of_a_fold",
]
