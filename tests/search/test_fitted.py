"""The fitted attributes: what is set is forgotten at the next fit."""

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier

from sk_optuna import OptunaSearchCV

X, y = load_iris(return_X_y=True, as_frame=True)


def fitted_names(search):
    return {name for name in vars(search) if name.endswith("_")}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"report": "epoch", "checkpoint": "best"},
        {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
        {"refit": False},
    ],
    ids=str,
)
def test_the_next_fit_forgets_every_attribute_that_a_fit_sets(arguments):
    search = OptunaSearchCV(
        SGDClassifier(max_iter=3, tol=None, random_state=0), {"alpha": [1e-3, 1e-2]}, cv=3, **arguments
    )
    assert fitted_names(search.fit(X, y)) >= {"cv_results_", "study_", "n_trials_", "scorer_", "n_splits_"}
    search.set_params(cv=[])
    with pytest.raises(ValueError, match="No fits were performed"):
        search.fit(X, y)
    assert fitted_names(search) == set()
