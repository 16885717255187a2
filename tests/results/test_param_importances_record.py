"""The record behind ParamImportancesDisplay: Optuna's numbers, one a parameter of the user's, and what chance does."""

import warnings

import numpy as np
import pytest
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._optuna import ped_anova
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results import param_importances_record

X = np.zeros((20, 1))


class Bowl(BaseEstimator):
    def __init__(self, a=1.0, b=0.0, c=0.0, kind="x"):
        self.a = a
        self.b = b
        self.c = c
        self.kind = kind

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        if self.kind == "flat":
            return 1.0
        return -((np.log10(self.a) + 1) ** 2) - 0.05 * self.b


PLAIN = {"b": uniform(0, 1), "a": loguniform(1e-3, 10), "c": uniform(0, 1)}


def searched(space, n_trials, **options):
    options = {"cv": 2, "random_state": 0, "sampler": "random", "refit": False, **options}
    return OptunaSearchCV(Bowl(), space, n_trials=n_trials, **options).fit(X)


@pytest.fixture(scope="module")
def search():
    return searched(PLAIN, 60)


@pytest.fixture(scope="module")
def branched():
    space = [{"kind": ["x"], **PLAIN}, {"kind": ["y"], "a": loguniform(1e-3, 10)}]
    return searched(space, 60)


@pytest.mark.parametrize("name", ["ped-anova", "fanova"])
def test_shares_are_optunas_where_all_trials_set_all_parameters(search, name):
    record = param_importances_record(search, evaluator=name, n_bootstraps=0)
    theirs = FanovaImportanceEvaluator(seed=0) if name == "fanova" else ped_anova(0.25)
    expected = get_param_importances(search.plain_study(), evaluator=theirs)
    assert dict(zip(record.params, record.importance, strict=True)) == pytest.approx(expected)
    assert record.importance.sum() == pytest.approx(1)
    assert record.params[0] == "a"
    assert np.isnan(record.low).all()


def test_a_parameter_of_one_branch_is_evaluated_over_the_trials_that_set_it(branched):
    record = param_importances_record(branched, n_bootstraps=3)
    rows = branched.cv_results_["params"]
    at = {name: i for i, name in enumerate(record.params)}
    assert set(at) == {"a", "b", "c", "kind"}
    for name, i in at.items():
        assert record.n_trials[i] == sum(name in params for params in rows)
    assert record.n_finished == 60
    assert np.isfinite(record.importance).all()
    own = [i for i, params in enumerate(rows) if "b" in params]
    study = branched.plain_study()
    trials = study.get_trials()
    part = type(study)(study.study_name, study._storage)
    part.get_trials = lambda deepcopy=True, states=None: [trials[i] for i in own]
    expected = ped_anova(0.25).evaluate(part)
    ratio = record.importance[at["b"]] / record.importance[at["c"]]
    assert ratio == pytest.approx(expected["b"] / expected["c"])


def test_parameters_that_too_few_trials_set_have_no_number_and_come_last():
    space = [{"kind": ["x"], "a": loguniform(1e-3, 10)}, {"kind": ["y"], "b": uniform(0, 1)}]
    record = param_importances_record(searched(space, 24), n_bootstraps=2)
    few = record.n_trials < 20
    assert few.any()
    np.testing.assert_array_equal(np.isnan(record.importance), few)
    np.testing.assert_array_equal(np.isnan(record.low), few)
    assert few.tolist() == sorted(few)


def test_whiskers_are_the_same_again_and_part_what_counts_from_what_does_not(search):
    first, again = (param_importances_record(search, n_bootstraps=20, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.low, again.low)
    assert (first.low < first.high).all()
    assert first.low[0] > first.high[1:].max()  # "a" counts, and no chance makes it less than the others
    assert first.columns().keys() == {"param", "importance", "low", "high", "n_trials"}


def test_one_terrible_score_changes_no_order_of_ped_anova(search):
    before = param_importances_record(search, n_bootstraps=0)
    assert before.evaluator == "ped-anova"
    study = search.plain_study()
    trials = study.get_trials(deepcopy=False)
    worst = min(trials, key=lambda trial: trial.value)
    worst.values = [-1e9]
    assert list(get_param_importances(study, evaluator=ped_anova(0.25))) == before.params


def test_equal_scores_give_no_parameter_a_share():
    record = param_importances_record(searched({"kind": ["flat"], "b": uniform(0, 1)}, 20), evaluator="fanova")
    assert record.importance.tolist() == [0, 0]
    assert record.high.tolist() == [0, 0]


def test_asked_parameters_keep_their_share_of_all(search):
    whole = param_importances_record(search, n_bootstraps=0)
    part = param_importances_record(search, params=["b"], n_bootstraps=0)
    assert part.params == ["b"]
    assert part.importance[0] == whole.importance[whole.params.index("b")]


def test_fewer_than_20_candidates_are_refused_with_the_reason():
    search = searched(PLAIN, 19)
    with pytest.raises(InvalidArgumentError, match="at least 20 finished candidates, but this search has 19: of fewer"):
        param_importances_record(search)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"evaluator": "shap"}, r"evaluator must be one of \('ped-anova', 'fanova'\), but got 'shap'"),
        ({"n_bootstraps": -1}, "n_bootstraps must be an integer of at least 0, but got -1"),
        ({"random_state": None}, "random_state must be an integer of at least 0, but got None"),
        ({"params": ["aa"]}, "params names 'aa'.*'a'"),
    ],
)
def test_arguments_out_of_range_are_refused(search, option, sentence):
    with pytest.raises(InvalidArgumentError, match=sentence):
        param_importances_record(search, **option)


def test_filters_of_warnings_and_the_search_stay_as_they_are(search):
    before, trials = list(warnings.filters), search.study_.trials
    param_importances_record(search, n_bootstraps=2)
    assert warnings.filters == before
    assert search.study_.trials == trials
