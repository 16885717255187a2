"""Non-dominated sorting: which candidates no other is better than in all objectives at once, rank by rank.

Candidates are inserted in lexicographic order, so that a later one dominates no earlier one, and the front of each is
found by bisection (Zhang, Tian, Cheng and Jin, *An efficient approach to nondominated sorting for evolutionary
multiobjective optimization*, IEEE Transactions on Evolutionary Computation, 2015, doi:10.1109/TEVC.2014.2308305).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def pareto_ranks(scores: np.ndarray) -> np.ndarray:
    """Rank rows of scores: 1 for those that no row dominates, 2 for those that only rows of rank 1 dominate, and so on.

    A row dominates another if it is at least as good in each score, and better in one. Equal rows have equal ranks.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_objectives)
        Finite scores; greater ones are better.
    """
    ranks = np.zeros(len(scores), dtype=np.int32)
    fronts: list[np.ndarray] = []
    for row in np.lexsort(-scores.T[::-1]).tolist():
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if _is_dominated(scores[row], fronts[middle]) else (low, middle)
        own = scores[row][None]
        fronts[low:] = [np.vstack([fronts[low], own]), *fronts[low + 1 :]] if low < len(fronts) else [own]
        ranks[row] = low + 1
    return ranks


def _is_dominated(row: np.ndarray, front: np.ndarray) -> bool:
    return bool(((front >= row).all(axis=1) & (front > row).any(axis=1)).any())


def may_be_best(table: Mapping[str, Any]) -> np.ndarray:
    """Mark the rows that are complete and keep to all constraints."""
    complete: np.ndarray = np.asarray(table["trial_state"]) == "COMPLETE"
    return complete & table["feasible"] if "feasible" in table else complete


def candidate_ranks(table: Mapping[str, Any], objectives: Sequence[str]) -> np.ndarray:
    """Rank the rows of a table of results.

    Rows that break a constraint come behind all that do not, and rows that are not complete behind these.
    """
    complete, able = np.asarray(table["trial_state"]) == "COMPLETE", may_be_best(table)
    ranks = np.empty(len(complete), dtype=np.int32)
    ranks[able] = pareto_ranks(_scores(table, objectives)[able])
    last = max(ranks[able], default=1)
    infeasible = complete & ~able
    ranks[infeasible] = last + 1
    ranks[~complete] = last + 1 + infeasible.any()
    return ranks


def front_of(table: Mapping[str, Any], objectives: Sequence[str]) -> dict[str, Any]:
    """Return the rows of the first rank, the best in the first objective first; none without a row that is able."""
    rows = np.flatnonzero(may_be_best(table) & (table["pareto_rank"] == 1))
    rows = rows[np.lexsort(-_scores(table, objectives)[rows].T[::-1])]
    return {name: _at(rows, column) for name, column in table.items()}


def _scores(table: Mapping[str, Any], objectives: Sequence[str]) -> np.ndarray:
    return np.column_stack([table[f"mean_test_{name}"] for name in objectives])


def _at(rows: np.ndarray, column: Any) -> Any:
    return [column[i] for i in rows.tolist()] if isinstance(column, list) else column[rows]
