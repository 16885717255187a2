"""The first steps of a pipeline, fitted once per fold for all candidates that differ in later steps only.

A search opens the sharing, a fold is evaluated within it; nothing else needs to know of this room.
"""

from sk_optuna.prefixes._current_evaluation import prefix_origin, remember_test_rows, sharing_nothing, watching
from sk_optuna.prefixes._sharing import PrefixSharing, check_cache_prefix, share_prefixes

__all__ = [
    "PrefixSharing",
    "check_cache_prefix",
    "prefix_origin",
    "remember_test_rows",
    "share_prefixes",
    "sharing_nothing",
    "watching",
]
