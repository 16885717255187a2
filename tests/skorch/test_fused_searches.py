"""A search whose networks are trained together finds what it finds without, in the same table."""

import numpy as np
import pytest
import torch
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna import OptunaSearchCV, nested_cross_validate
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch import NeuralNetClassifier

X, y = load_iris(return_X_y=True)
SPACE = {
    "neuralnetclassifier__lr": loguniform(1e-3, 1e-2),
    "neuralnetclassifier__optimizer__weight_decay": loguniform(1e-6, 1e-2),
    "neuralnetclassifier__module__p": [0.0, 0.3],
    "neuralnetclassifier__max_epochs": [2, 4],
}


class MLP(torch.nn.Sequential):
    def __init__(self, p=0.0):
        super().__init__(torch.nn.Linear(4, 12), torch.nn.ReLU(), torch.nn.Dropout(p), torch.nn.Linear(12, 3))
        self.double()


class Recurrent(torch.nn.Module):
    def __init__(self, p=0.0):
        super().__init__()
        self.lstm, self.out = torch.nn.LSTM(4, 6, batch_first=True), torch.nn.Linear(6, 3)

    def forward(self, X):
        return self.out(self.lstm(X[:, None])[0][:, -1])


def search(fuse, module=MLP, dtype=np.float64, space=SPACE, **arguments):
    net = NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        batch_size=32,
        verbose=0,
        device="cpu",
    )
    arguments = {"n_trials": 9, "cv": 3, "random_state": 0, "scoring": "neg_log_loss", **arguments}
    return OptunaSearchCV(make_pipeline(StandardScaler(), net), space, fuse=fuse, **arguments)


def assert_same_tables(one, other, *, rtol):
    assert one.cv_results_["params"] == other.cv_results_["params"]
    assert one.cv_results_.keys() == other.cv_results_.keys()
    for name, column in one.cv_results_.items():
        if name == "params" or "time" in name or name.startswith("param_"):
            continue
        if np.asarray(column).dtype.kind == "f":
            np.testing.assert_allclose(column, other.cv_results_[name], rtol=rtol, atol=0)
        else:
            np.testing.assert_array_equal(column, other.cv_results_[name])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"pruner": "race", "speculate": True},
        {"report": "epoch", "pruner": "race"},
        {"report": "epoch", "checkpoint": "best"},
    ],
    ids=lambda arguments: "-".join(map(str, arguments.values())) or "plain",
)
def test_trials_decisions_and_tables_are_those_of_nets_that_are_trained_one_by_one(arguments):
    fused, alone = (search(fuse, **arguments).fit(X, y) for fuse in ("auto", False))
    assert fused.fused_["fused"].all()
    assert fused.fused_["n_models"].sum() == fused.cv_results_["trial_state"].size * 3 or arguments.get("pruner")
    assert not hasattr(alone, "fused_")
    assert_same_tables(fused, alone, rtol=1e-9)
    for one, other in zip(
        fused.best_estimator_[-1].module_.parameters(), alone.best_estimator_[-1].module_.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_jobs", [2, "threads"])
def test_in_single_precision_too_the_table_does_not_depend_on_the_workers(n_jobs, sent_by_value):
    import joblib

    one = search("auto", module=Single).fit(X.astype(np.float32), y)
    with joblib.parallel_config("threading" if n_jobs == "threads" else "loky", n_jobs=2):
        other = search("auto", module=Single).fit(X.astype(np.float32), y)
    assert_same_tables(one, other, rtol=0)


class Single(MLP):
    def __init__(self, p=0.0):
        super().__init__(p)
        self.float()


def test_nets_that_cannot_be_trained_together_say_why_once(capsys):
    found = search("auto", module=Recurrent, n_trials=2, verbose=1).fit(X.astype(np.float32), y)
    assert found.fused_["fused"].tolist() == [False]
    assert found.fused_["n_models"].tolist() == [6]
    assert "LSTM" in found.fused_["reason"][0]
    assert capsys.readouterr().out.count("is trained by itself: ") == 1


def test_fuse_true_refuses_nets_that_cannot_be_trained_together():
    with pytest.raises(InvalidArgumentError, match=r"fuse=True, but .* was trained by itself: .*LSTM.*fuse='auto'"):
        search(True, module=Recurrent).fit(X.astype(np.float32), y)


def test_fuse_true_refuses_other_estimators_before_the_first_fit():
    with pytest.raises(InvalidArgumentError, match=r"fuse=True trains the networks.*LogisticRegression, the last"):
        OptunaSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, fuse=True).fit(X, y)
    with pytest.raises(ValueError, match="'fuse' parameter"):
        OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2]}, fuse="always").fit(X, y)
    found = OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2]}, cv=3).fit(X, y)
    assert not hasattr(found, "fused_")


def test_a_search_goes_on_from_a_storage_with_and_without(tmp_path):
    storage = tmp_path / "search.db"
    search("auto", n_trials=4, storage=storage).fit(X, y)
    resumed, whole = search(False, storage=storage).fit(X, y), search(False).fit(X, y)
    assert_same_tables(resumed, whole, rtol=1e-9)


def test_outer_folds_meet_too_and_unseeded_rows_leave_them_alone():
    found = [
        nested_cross_validate(
            {"net": search(fuse, n_trials=4)}, X, y, cv=StratifiedKFold(3, shuffle=True, random_state=0)
        )
        for fuse in ("auto", "auto", False)
    ]
    scores = [np.asarray(each.archive_["mean_test_score"]) for each in found]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-9)


def test_an_error_of_a_fit_ends_the_search_where_it_is_raised():
    class Own(Exception):
        pass

    class Fails(MLP):
        def forward(self, X):
            raise Own("no more")

    with pytest.raises(Own, match="no more"):
        search("auto", module=Fails, error_score="raise").fit(X, y)


def test_an_interrupt_keeps_what_is_finished():
    def stop(study, trial):
        if trial.number == 2:
            raise KeyboardInterrupt

    broken_off = search("auto", study_callbacks=[stop])
    with pytest.raises(KeyboardInterrupt):
        broken_off.fit(X, y)
    assert broken_off.n_trials_ == 3
    with pytest.raises(NotFittedError):
        broken_off.predict(X)
    assert broken_off.refit_best(X, y).predict(X).shape == (150,)
