"""Nested results without a fit: their public tables, as dicts of arrays."""

from types import SimpleNamespace

import numpy as np
import pytest

from sk_optuna.nested._statistics import OuterSplits, compare_scores, corrected_interval


@pytest.fixture
def nested_tables():
    """Make the tables of as many searches, best first, on as many outer folds.

    `failed` and `far` are pairs of a search and a fold: one has no score, the other one of -1e9.
    """
    return _nested_tables


def _nested_tables(names, n_folds=5, *, failed=None, far=None, kind="k-fold", params=None, stability=None):
    folds = np.arange(n_folds)
    scores = {}
    for i, name in enumerate(names):
        scores[name] = 0.9 - 0.01 * i + 0.002 * ((folds + i) % 3)
        scores[f"{name} (defaults)"] = scores[name] - 0.03 - 0.001 * folds
    scores["dummy"] = np.full(n_folds, 0.85)
    errors = {name: np.full(n_folds, "", dtype=object) for name in scores}
    if failed is not None:
        scores[failed[0]][failed[1]] = np.nan
        errors[failed[0]][failed[1]] = "ValueError: too hard"
    if far is not None:
        scores[far[0]][far[1]] = -1e9
    splits = OuterSplits(kind, n_folds, 1 / (n_folds - 1))
    kinds = {name: "search" if name in names else "dummy" if name == "dummy" else "default" for name in scores}
    order = sorted(scores, key=lambda name: -np.inf if np.isnan(mean := scores[name].mean()) else mean, reverse=True)
    intervals = {
        name: (np.nan, np.nan) if splits.why_no_test else corrected_interval(scores[name], splits.test_to_train)
        for name in order
    }
    table = {
        "search": np.array(order, dtype=object),
        "kind": np.array([kinds[name] for name in order], dtype=object),
        "defaults": np.array([f"{name} (defaults)" if name in names else "" for name in order], dtype=object),
        "mean": np.array([scores[name].mean() for name in order]),
        "low": np.array([intervals[name][0] for name in order]),
        "high": np.array([intervals[name][1] for name in order]),
        "inner_best": np.array([0.91 if name in names else np.nan for name in order]),
    }
    choices = np.empty(len(scores) * n_folds, dtype=object)
    choices[:] = [dict((params or {}).get(name, [{}] * n_folds)[i]) for name in scores for i in folds]
    outer = {
        "search": np.repeat(np.array(list(scores), dtype=object), n_folds),
        "outer_fold": np.tile(folds, len(scores)),
        "test_score": np.concatenate(list(scores.values())),
        "params": choices,
        "error": np.concatenate([errors[name] for name in scores]),
    }

    def compare(reference=None, rope=0.0):
        return compare_scores(scores, splits=splits, reference=reference or names[0], rope=rope)

    return SimpleNamespace(
        metric_="roc_auc", table_=table, outer_=outer, stability_=stability or {"search": []}, compare=compare
    )
