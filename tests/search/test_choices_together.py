"""Policies, constraints, objectives and predictions in one search."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from sk_optuna import OptunaSearchCV
from sk_optuna.refit import PercentLoss

X, Y = load_breast_cancer(return_X_y=True)


def search(**arguments):
    tree = DecisionTreeClassifier(random_state=0)
    return OptunaSearchCV(tree, {"max_depth": [1, 2, 3, 5, 8]}, cv=3, random_state=0, **arguments).fit(X, Y)


def test_a_policy_chooses_among_feasible_candidates():
    policy = PercentLoss(100, simpler={"max_depth": "low"})
    assert search(refit=policy).best_params_ == {"max_depth": 1}
    assert search(refit=policy, constraints=lambda row: 3 - row["params"]["max_depth"]).best_params_ == {"max_depth": 3}


def test_a_policy_names_the_objective_that_leads_and_its_choice_predicts():
    policy = PercentLoss(100, simpler={"max_depth": "low"}, metric="recall")
    found = search(refit=policy, objectives=("roc_auc", "recall"), return_predictions=True)
    assert found.best_params_ == {"max_depth": 1}
    assert found.best_score_ == found.cv_results_["mean_test_recall"][found.best_index_]
    assert found.cv_results_["pareto_rank"].min() == 1
    assert len(next(iter(found.oof_predictions_.values()))) == len(X)
    assert isinstance(found.pareto_front_["mean_test_roc_auc"], np.ndarray)
