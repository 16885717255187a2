"""Models come back from worker processes; of one that cannot, the scores and predictions do."""

import os
import pickle

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import nested_cross_validate
from sk_optuna.nested._outer_fold import OuterFold
from sk_optuna.nested._sending import packed, unpacked

HERE = os.getpid()


class StaysThere(DecisionTreeClassifier):
    driver = HERE

    def __getstate__(self):
        if os.getpid() != self.driver:
            raise pickle.PicklingError("it stays where it is")
        return super().__getstate__()


class DoesNotArrive(DecisionTreeClassifier):
    def __setstate__(self, state):
        if hasattr(self, "tree_") or "tree_" in state:
            raise AttributeError("it does not arrive")
        super().__setstate__(state)


@pytest.mark.parametrize(("kind", "error"), [(StaysThere, "it stays"), (DoesNotArrive, "it does not arrive")])
def test_a_model_that_cannot_be_sent_leaves_its_scores_and_predictions(iris, sent_by_value, kind, error):
    X, y = iris
    tree = kind(random_state=0)
    tree.driver = HERE
    rows = {"tree": tree, "plain": DecisionTreeClassifier(random_state=0)}
    with parallel_config("loky"):
        found = nested_cross_validate(rows, X, y, cv=2, n_jobs=2)
    expected = nested_cross_validate({"tree": DecisionTreeClassifier(random_state=0)}, X, y, cv=2)
    scores = found.cross_validate_["tree"]
    assert scores["test_score"].tolist() == expected.cross_validate_["tree"]["test_score"].tolist()
    assert scores["estimator"] == [None, None]
    assert np.count_nonzero(found.predictions_.search == "tree") == len(X)
    assert all(model.get_depth() for model in found.cross_validate_["plain"]["estimator"])
    (note,) = [note for note in found.notes_ if "could not come back" in note]
    assert error in note


def test_in_the_drivers_own_process_a_model_stays_the_same_object():
    fold = OuterFold(model=DecisionTreeClassifier())
    assert unpacked(packed(fold, HERE)).model is fold.model
    sent = packed(fold, HERE + 1)
    assert isinstance(unpacked(sent).model, DecisionTreeClassifier)
    assert unpacked(sent).model is not fold.model
