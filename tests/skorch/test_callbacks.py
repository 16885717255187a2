"""Callbacks of skorch's that need validation rows are told of before the training begins, if there are none."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import (  # noqa: E402
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    TrainEndCheckpoint,
)
from skorch.dataset import ValidSplit  # noqa: E402
from torch.optim.lr_scheduler import ReduceLROnPlateau  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetClassifier  # noqa: E402

X, Y = np.random.RandomState(0).rand(40, 4).astype(np.float32), np.arange(40) % 2
PARAMS = {"module__in_features": 4, "module__out_features": 2, "criterion": torch.nn.CrossEntropyLoss, "verbose": 0}


def net(callbacks, cls=NeuralNetClassifier, **params):
    return cls(torch.nn.Linear, callbacks=callbacks, **{**PARAMS, "max_epochs": 2, **params})


class Quiet(Callback):
    """Writes nothing, but nobody can know."""


NEEDY = {
    "EarlyStopping": ([EarlyStopping()], {}, "valid_loss"),
    "a class": ([EarlyStopping], {}, "valid_loss"),
    "a name": ([("stop", EarlyStopping("train_loss"))], {"callbacks__stop__monitor": "valid_acc"}, "valid_acc"),
    "Checkpoint": ([Checkpoint(f_params=None)], {}, "valid_loss_best"),
    "ReduceLROnPlateau": ([LRScheduler(ReduceLROnPlateau, monitor="valid_loss")], {}, "valid_loss"),
    "a policy's name": ([LRScheduler("ReduceLROnPlateau", monitor="valid_acc")], {}, "valid_acc"),
    "a score": ([EpochScoring("roc_auc", name="auc"), EarlyStopping("auc")], {}, "auc"),
    "a score's best": ([EpochScoring("f1", lower_is_better=False), Checkpoint("f1_best")], {}, "f1_best"),
}


@pytest.mark.parametrize("case", NEEDY)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "check_fit"])
def test_what_monitors_validation_rows_is_refused_where_there_are_none(case, method):
    callbacks, params, monitor = NEEDY[case]
    it = net(callbacks, **params)
    message = rf"monitors '{monitor}', but there are no validation rows: train_split is None\. Pass train_split=skorch"
    with pytest.raises(InvalidArgumentError, match=message):
        getattr(it, method)(X, Y)
    assert not it.history
    net(callbacks, **params, train_split=ValidSplit(2)).check_fit(X, Y)


def test_the_remedy_names_what_a_search_has():
    with pytest.raises(InvalidArgumentError, match=r"\(monitor='train_loss_best'\)\. In a search, report='epoch' with"):
        net([Checkpoint()]).fit(X, Y)


@pytest.mark.parametrize(
    "callbacks",
    [
        None,
        "disable",
        [],
        [EarlyStopping("train_loss")],
        [Checkpoint(None, f_params=None, f_optimizer=None, f_criterion=None, f_history=None)],
        [Checkpoint(lambda net: False)],
        [LRScheduler(ReduceLROnPlateau)],
        [LRScheduler("StepLR", step_size=1, monitor="valid_loss")],
        [EpochScoring("accuracy", on_train=True, name="valid_acc"), EarlyStopping("valid_acc")],
    ],
)
def test_what_monitors_something_else_trains(callbacks):
    it = net(callbacks)
    it.check_fit(X, Y)
    assert len(it.fit(X, Y).history) == 2


def test_callbacks_that_were_taken_out_monitor_nothing():
    net([("stop", EarlyStopping())], callbacks__stop=None).fit(X, Y)


@pytest.mark.parametrize("scoring", [EpochScoring, BatchScoring])
def test_scores_of_no_rows_are_warned_of_once(scoring):
    class Own(NeuralNetClassifier):
        pass

    callbacks = [("auc", scoring("roc_auc"))]
    net(callbacks, Own).check_fit(X, Y)
    with pytest.warns(UserWarning, match=r"they do nothing: auc\. train_split is None\. .*\(on_train=True\)"):
        net(callbacks, Own).fit(X, Y)
    net(callbacks, Own).fit(X, Y)
    net([("auc", scoring("accuracy", on_train=True))], type("Other", (Own,), {})).fit(X, Y)


def test_scores_of_a_class_of_the_users_may_have_rows_of_their_own():
    class Own(EpochScoring):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("own", net.score(X, Y))

    assert len(net([Own("accuracy")], type("Net", (NeuralNetClassifier,), {})).fit(X, Y).history[:, "own"]) == 2


def test_columns_that_a_callback_of_the_users_writes_are_found():
    class Writes(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("valid_loss", 1.0)

    assert len(net([Writes(), EarlyStopping()]).fit(X, Y).history) == 2


def test_columns_that_a_net_of_the_users_writes_are_found():
    class Own(NeuralNetClassifier):
        def on_epoch_end(self, net, **kwargs):
            self.history.record("valid_loss", 1.0)

        def get_split_datasets(self, X, y=None, **fit_params):
            train, _ = super().get_split_datasets(X, y, **fit_params)
            return train, train

    assert len(net([EarlyStopping(), EpochScoring("f1")], Own).fit(X, Y).history) == 2


def test_columns_that_nobody_wrote_are_explained_by_the_missing_rows():
    with pytest.raises(KeyError, match="valid_loss") as caught:
        net([Quiet(), EarlyStopping()]).fit(X, Y)
    assert caught.value.__notes__[0].startswith("There are no validation rows: train_split is None. Pass train_split=")


def test_checkpoints_at_the_end_of_training_need_no_rows(tmp_path):
    net([TrainEndCheckpoint(dirname=str(tmp_path))]).fit(X, Y)
    assert (tmp_path / "train_end_params.pt").exists()
