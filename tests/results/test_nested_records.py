"""Records of nested results are made of plain tables: of any object that has them, and by names alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from sk_optuna._short_value import short_value
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import comparison_record, nested_scores_record, param_stability_record

SCORES = {"a": [0.6, 0.8], "b": [0.9, 0.7], "b, plain": [0.5, 0.5]}
TABLE = {
    "search": ["b", "a", "b, plain"],
    "kind": ["search", "search", "default"],
    "defaults": ["b, plain", "", ""],
    "mean": [0.8, 0.7, 0.5],
    "low": [0.7, 0.6, 0.5],
    "high": [0.9, 0.8, 0.5],
    "inner_best": [0.95, 0.75, np.nan],
}
OUTER = {
    "search": np.repeat(list(SCORES), 2),
    "outer_fold": [0, 1] * 3,
    "test_score": np.concatenate(list(SCORES.values())),
    "params": [{"C": 1}, {"C": 2}, {"model": "x", "C": None}, {"model": "y"}, {}, {}],
    "error": [""] * 5 + ["ValueError: no"],
}
STABILITY = {
    "search": ["a", "b", "b"],
    "parameter": ["C", "model", "C"],
    "active_share": [1.0, 1.0, 0.5],
    "mode": ["1", "x", "None"],
    "modal_share": [0.5, 0.5, 1.0],
    "low": [1.0, np.nan, np.nan],
    "spread": [0.5, np.nan, np.nan],
    "space_low": [1, np.nan, np.nan],
    "space_high": [3, np.nan, np.nan],
    "space_log": [False, False, False],
}


def compare(reference, rope):
    reference = reference or "b"
    others = [name for name in SCORES if name != reference]
    numbers = {key: np.zeros(len(others)) for key in ("low", "high", "p_worse", "p_equivalent", "p_better")}
    difference = [np.mean(SCORES[name]) - np.mean(SCORES[reference]) for name in others]
    return {
        "model": others,
        "reference": [reference] * len(others),
        "difference": difference,
        "reason": ["no"] * len(others),
        **numbers,
    }


@pytest.fixture(params=[dict, "frame"])
def results(request):
    make = pytest.importorskip("pandas").DataFrame if request.param == "frame" else dict
    return SimpleNamespace(
        metric_="neg_log_loss",
        table_=make(TABLE),
        outer_=make(OUTER),
        stability_=make(STABILITY),
        compare=lambda reference, rope: make(compare(reference, rope)),
    )


def test_scores_go_by_the_order_of_the_table_and_defaults_by_their_name(results):
    record = nested_scores_record(results)
    assert record.search == ["b", "a"]
    assert record.test_score.tolist() == [SCORES["b"], SCORES["a"]]
    np.testing.assert_array_equal(record.default_mean, [0.5, np.nan])
    assert np.isnan(record.dummy_mean)
    assert record.score_name == "Neg log loss"
    assert not record.failed.any()
    assert nested_scores_record(results, search="b, plain").failed.tolist() == [[False, True]]


def test_differences_are_of_the_same_folds_best_first(results):
    record = comparison_record(results, reference="a", rope=0.1, score_name="Loss")
    assert record.model == ["b", "b, plain"]
    np.testing.assert_allclose(record.fold_difference, [[0.3, -0.1], [-0.1, -0.3]])
    assert (record.rope, record.score_name, record.reason) == (0.1, "Loss", ["no", "no"])


def test_choices_tell_a_value_of_none_from_none_at_all(results):
    record = param_stability_record(results, search="b")
    assert record.parameter == ["model", "C"]
    assert record.chosen.tolist() == [["x", "y"], [None, None]]
    assert record.is_set.tolist() == [[True, True], [True, False]]
    assert not record.is_numeric.any()
    best = param_stability_record(results)
    assert best.search == "b"
    assert param_stability_record(results, search="a").is_numeric.tolist() == [True]


@pytest.mark.parametrize("make", [nested_scores_record, comparison_record, param_stability_record])
def test_columns_have_one_length(results, make):
    columns = make(results).columns()
    assert len({len(column) for column in columns.values()}) == 1


@pytest.mark.parametrize("make", [nested_scores_record, comparison_record, param_stability_record])
@pytest.mark.parametrize("given", [None, {}, SimpleNamespace(table_=TABLE)])
def test_objects_without_the_tables_are_refused(make, given):
    with pytest.raises(InvalidArgumentError, match=f"must be nested results.*of type {type(given).__name__}"):
        make(given)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.123"), (7, "7"), (True, "True"), (np.sqrt, "sqrt"), (None, "None"), ("a  b", "a b")],
)
def test_values_are_short(value, text):
    assert short_value(value) == text
