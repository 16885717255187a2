"""The names that editors offer are those that the search takes."""

import re
from typing import get_args

import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.search._types import PrunerName, SamplerName

SPACE = {"C": [0.1, 1.0, 10.0]}
X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize(("argument", "names"), [("sampler", SamplerName), ("pruner", PrunerName)])
def test_offered_names_are_all_that_there_are(argument, names):
    with pytest.raises(ValueError, match=argument) as refused:
        OptunaSearchCV(SVC(), SPACE, **{argument: "no such name"}).fit(X, y)
    assert set(re.findall(r"'(\w+)'", str(refused.value))) - {argument} == set(get_args(names))
