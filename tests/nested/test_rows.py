"""Bad input is refused before the first fit, with the argument, the rule, and a way on."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.svm import SVC

from sk_optuna import nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError


class MustNotBeFitted(LogisticRegression):
    def fit(self, X, y):
        raise AssertionError("fitted")


MODEL = MustNotBeFitted()
SEARCH = GridSearchCV(MODEL, {"C": [0.1, 1]})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"search": "svm"}, "'search' parameter must be a search, an estimator, or a dict"),
        ({"search": SVC}, "cannot be cloned and fitted. Pass an instance, such as SVC()."),
        ({"search": {"svm": SEARCH, "no": 3}}, "search['no'] is 3 of type int"),
        ({"search": {}}, "must have a search at least"),
        ({"search": {1: SEARCH}}, "names in 'search' must be texts"),
        ({"search": {"dummy": SEARCH}}, "The name 'dummy' is a baseline's"),
        ({"search": {"a": SEARCH, "a (defaults)": SEARCH}}, "The name 'a (defaults)' is a baseline's"),
        ({"search": {"a": SEARCH, "b": Ridge()}}, "['a'] are classifiers, and ['b'] are regressors"),
        ({"search": clone(SEARCH).set_params(refit=False)}, "must refit its best candidate"),
        ({"baselines": ("defaults",)}, "Nearest to 'defaults': 'default'"),
        ({"baselines": 3}, "'baselines' parameter must be some of"),
        ({"keep": "all"}, "'keep' parameter must be one of ('search', 'best', 'nothing'), but got 'all'"),
        ({"keep": ["best"]}, "'keep' parameter must be one of"),
        ({"error_score": "ignore"}, "'error_score' parameter must be a number, NaN, 'raise' or 'dummy'"),
        ({"error_score": "dummy", "baselines": ("default",)}, "does not have it. Add it, or pass a number."),
        ({"cv": []}, "must give a split at least"),
        ({"cv": 3.5}, "must be a number of folds, a splitter or pairs of rows"),
        ({"cv": [([0, 1], [2, 99])]}, "split 0 is ([0, 1], [2, 99]): one part has row 99"),
        ({"cv": [([0, 1], [])]}, "split 0 has no test rows"),
        ({"cv": [([0.5, 1], [2])]}, "one part has values of type float64"),
        ({"cv": [([True] * 3, [2])]}, "a mask has 3 rows"),
        ({"cv": [([0, 1, 2],)]}, "gives no splits of these rows: not enough values to unpack"),
        ({"cv": GroupKFold(2)}, "must be given where a splitter splits by groups, as the outer cv, GroupKFold("),
        ({"search": {"svm": clone(SEARCH).set_params(cv=GroupKFold(2))}}, "as the cv of 'svm', GroupKFold("),
        ({"cv": KFold(2)}, "those of outer fold 0 are all of class 1"),
        ({"cv": KFold(5), "scoring": ["accuracy", "roc_auc"]}, "of two classes at least for 'roc_auc'"),
        ({"cv": KFold(5), "scoring": "roc_auc"}, "must give test rows of two classes at least for 'roc_auc'"),
        ({"groups": np.zeros(20), "params": {"groups": np.zeros(20)}}, "Groups are given twice"),
        ({"scoring": "acuracy"}, "Nearest to 'acuracy': 'accuracy'"),
    ],
)
def test_bad_input_is_refused_before_the_first_fit(arguments, sentence):
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) // 10
    with pytest.raises(InvalidArgumentError, match=re.escape(sentence)):
        nested_cross_validate(**{"search": SEARCH, "X": X, "y": y, **arguments})


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        nested_cross_validate(SEARCH, np.zeros((20, 2)), np.zeros(19))


@pytest.mark.parametrize("name", ["best", "svm"])
def test_baselines_can_be_left_out_so_that_their_names_are_free(iris, name):
    X, y = iris
    results = nested_cross_validate({name: SVC(), "dummy": SVC(C=2)}, X, y, cv=2, baselines=())
    assert list(results.cross_validate_) == [name, "dummy"]
