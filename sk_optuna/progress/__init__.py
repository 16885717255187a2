"""Progress while it runs: one status in numbers, and three faces that show it.

The status is a frozen record (`_search_status.py`, `_nested.py`). A face shows one record after another: a line
of a terminal, an output of a notebook, or lines of a file. `_choice.py` takes the face that fits where the output goes.
Not taken: tqdm, rich and ipywidgets, three packages for one line; and scikit-learn's ProgressBar, which counts fits and
knows neither scores nor candidates.
"""

from sk_optuna.progress._choice import following_nested, following_search
from sk_optuna.progress._html import table
from sk_optuna.progress._nested import NestedProgress
from sk_optuna.progress._search import SearchProgress
from sk_optuna.progress._search_status import RunningFold
from sk_optuna.progress._words import duration

__all__ = [
    "NestedProgress",
    "RunningFold",
    "SearchProgress",
    "duration",
    "following_nested",
    "following_search",
    "table",
]
