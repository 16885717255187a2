"""The first steps of a pipeline, fitted once per fold for all candidates that differ in later steps only.

A search opens the sharing, a fold is evaluated within it; nothing else needs to know of this room.
"""

from sk_optuna.prefixes._current_evaluation import know_test_rows, prefix_origin, sharing_nothing, watching
from sk_optuna.prefixes._sharing import PrefixSharing, check_cache_prefix, share_prefixes

__all__ = [
    "PrefixSharing",
    "check_cache_prefix",
    "know_test_rows",
    "prefix_origin",
    "share_prefixes",
    "sharing_nothing",
    "watching",
]
