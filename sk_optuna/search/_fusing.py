"""Networks that a search has trained together, and those that it has not."""

from collections.abc import Iterable

import numpy as np

from sk_optuna.evaluation import FoldResult, TrialRecord
from sk_optuna.exceptions import InvalidArgumentError


def is_fused(result: FoldResult) -> bool:
    """Return whether all networks of a fold were trained by the step that trains several together."""
    return bool(result.notes) and all(note.reason is None for note in result.notes)


def check_fused(result: FoldResult) -> None:
    """Refuse a fold that was to train its network together with others, and did not.

    Raises
    ------
    InvalidArgumentError
        With the reason.
    """
    for note in result.notes:
        if note.reason is not None:
            raise InvalidArgumentError(
                f"fuse=True, but {note.group} of candidate {note.key[-2]} was trained by itself: {note.reason}. Use "
                "fuse='auto', which trains by themselves those that have to be."
            )


def fused_table(records: Iterable[TrialRecord]) -> dict[str, np.ndarray]:
    """Count the networks that were trained together, and those that were not, with the reason.

    Returns
    -------
    dict of str to ndarray of shape (n_groups,)
        `group`, `n_models`, `fused` and `reason`, which is empty for networks that were.
    """
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        for result in record.results:
            for note in result.notes:
                key = note.group, note.reason or ""
                counts[key] = counts.get(key, 0) + 1
    return {
        "group": np.array([group for group, _ in counts], dtype=str),
        "n_models": np.array(list(counts.values()), dtype=int),
        "fused": np.array([not reason for _, reason in counts], dtype=bool),
        "reason": np.array([reason for _, reason in counts], dtype=str),
    }
