"""Nets that train their epochs together get the numbers that each gets alone."""

# ruff: noqa: E402

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR, StepLR

from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor, _fused_rounds
from sk_optuna.skorch._fused_epoch import Rows, _indices, _RowsOfNet
from sk_optuna.worker import Meeting, MeetingClosedError, Terms

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 6))
Y = np.array(["ash", "birch", "cedar"])[np.argmax(X[:, :3] + RNG.normal(size=(150, 3)), axis=1)]
# Folds of unlike sizes: with batches of 8 their epochs have 14 to 16 steps, and last batches of 1 to 7 rows.
FOLDS = [RNG.permutation(150)[:n] for n in (121, 117, 107, 126)]
EPOCHS = 8


class MLP(nn.Module):
    def __init__(self, n_outputs=3, p=0.2, n_hidden=7):
        super().__init__()
        self.first, self.drop, self.last = nn.Linear(6, n_hidden), nn.Dropout(p), nn.Linear(n_hidden, n_outputs)
        self.double()

    def forward(self, X):
        return self.last(self.drop(torch.tanh(self.first(X))))


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, weight):
        return 2 * weight


class Sized(nn.Sequential):
    """A module with the layers that are made by a function."""

    def __init__(self, make):
        super().__init__(*make())
        self.double()


def classifier(number, kind=NeuralNetClassifier, module=MLP, **params):
    own = {"lr": 0.02 * (number + 1), "max_epochs": EPOCHS, "random_state": number}
    if module is MLP:
        own["module__p"] = [0.2, 0.5, 0.0001, 0.3][number % 4]
    defaults = {"criterion": nn.CrossEntropyLoss} if kind is NeuralNetClassifier else {}
    fixed = {"batch_size": 8, "iterator_train__shuffle": True, "verbose": 0, "device": "cpu"}
    return kind(module, **{**defaults, **fixed, **own, **params})


def fit_together(nets, data=None, delays=(), meeting=None):
    """Fit nets in threads that meet; return the meeting and the errors."""
    meeting = Meeting() if meeting is None else meeting
    keys = [(number,) for number in range(len(nets))]
    meeting.invite(*keys)

    def fold(number):
        if number < len(delays):
            delays[number].wait(60)
        with meeting.member(keys[number], Terms(always=True)):
            args, fit_params = rows(number) if data is None else data(number)
            nets[number].fit(*args, **fit_params)

    with ThreadPoolExecutor(len(nets)) as pool:
        futures = [pool.submit(fold, number) for number in range(len(nets))]
    return meeting, [future.exception() for future in futures]


def rows(number):
    where = FOLDS[number % len(FOLDS)]
    return (X[where], Y[where]), {}


def numbers_of(net):
    """Return everything that training changes, as one array."""
    tensors = [*net.module_.state_dict().values(), *_tensors_in(net.optimizer_.state_dict()["state"])]
    return np.concatenate([tensor.detach().double().numpy().ravel() for tensor in tensors])


def _tensors_in(state):
    return [value for of_param in state.values() for _, value in sorted(of_param.items()) if value is not None]


def assert_same(alone, together, rtol=1e-12):
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(numbers_of(b), numbers_of(a), rtol=rtol, atol=rtol * np.abs(numbers_of(a)).max())
        assert len(a.history) == len(b.history)
        for one, other in zip(a.history, b.history, strict=True):
            assert one.keys() == other.keys()
            assert [list(row) for row in one["batches"]] == [list(row) for row in other["batches"]]
            assert [row["train_batch_size"] for row in one["batches"]] == [
                row["train_batch_size"] for row in other["batches"]
            ]
            for name in one["batches"][0]:
                np.testing.assert_allclose(
                    [row[name] for row in other["batches"]], [row[name] for row in one["batches"]], rtol=1e-9
                )


def check(make, data=None, n_nets=4, rtol=1e-12, delays=()):
    """Fit nets alone and together, and compare; return those fitted together."""
    alone, together = ([make(number) for number in range(n_nets)] for _ in range(2))
    for number, net in enumerate(alone):
        args, fit_params = rows(number) if data is None else data(number)
        net.fit(*args, **fit_params)
    meeting, errors = fit_together(together, data, delays)
    assert errors == [None] * n_nets
    assert {note.reason for note in meeting.notes} == {None}
    assert_same(alone, together, rtol)
    return together


OPTIMIZERS = {
    "sgd": {"optimizer": SGD},
    "decaying sgd": {"optimizer": SGD, "optimizer__weight_decay": 0.1, "optimizer__maximize": False},
    "momentum": {"optimizer": SGD, "optimizer__momentum": 0.9, "optimizer__dampening": 0.3},
    "nesterov": {"optimizer": SGD, "optimizer__momentum": 0.9, "optimizer__nesterov": True},
    "adam": {"optimizer": Adam, "optimizer__weight_decay": 0.01},
    "amsgrad": {"optimizer": Adam, "optimizer__amsgrad": True, "optimizer__betas": (0.8, 0.9)},
    "adamw": {"optimizer": AdamW},
    "rmsprop": {"optimizer": RMSprop},
    "centered rmsprop": {"optimizer": RMSprop, "optimizer__centered": True, "optimizer__momentum": 0.5},
}


@pytest.mark.parametrize("settings", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_numbers_are_those_of_each_net_alone_after_a_hundred_steps(settings):
    nets = check(lambda number: classifier(number, **settings))
    assert all(sum(len(epoch["batches"]) for epoch in net.history) > 100 for net in nets)


@pytest.mark.parametrize("optimizer", [Adam, AdamW])
def test_numbers_are_those_of_each_net_alone_with_many_parameters(optimizer):
    check(lambda number: classifier(number, optimizer=optimizer, module__n_hidden=260, lr=0.001), n_nets=3)


def test_settings_of_the_optimizer_may_differ_between_nets():
    check(
        lambda number: classifier(
            number, optimizer=AdamW, optimizer__betas=(0.5 + number / 10, 0.9), optimizer__weight_decay=0.1 * number
        )
    )


def test_nets_may_end_at_different_epochs():
    class StopsAfter(Callback):
        def __init__(self, n):
            self.n = n

        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == self.n:
                raise KeyboardInterrupt

    nets = check(
        lambda number: classifier(
            number,
            optimizer=AdamW,
            max_epochs=3 + number,
            callbacks=[StopsAfter(2)] if number == 3 else [EarlyStopping("train_loss", patience=1)],
        )
    )
    assert len({len(net.history) for net in nets}) > 2


@pytest.mark.parametrize(
    "params",
    [
        {"class_weight": "balanced"},
        {"class_weight": {"ash": 0, "birch": 2}},
        {"criterion__weight": torch.tensor([1.0, 2.0, 0.5]).double()},
        {"criterion__weight": torch.tensor([1.0, 2.0, 0.5]).double(), "class_weight": "balanced"},
        {"criterion__weight": torch.tensor([1.0, 2.0, 0.5]).double(), "criterion__label_smoothing": 0.1},
        {"criterion__label_smoothing": 0.1, "class_weight": "balanced"},
        {"criterion__ignore_index": 1},
        {"criterion__reduction": "sum", "class_weight": "balanced"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("sample_weights", [False, True])
def test_weights_of_classes_and_rows_are_those_of_each_net_alone(params, sample_weights):
    def data(number):
        args, _ = rows(number)
        weights = RNG_WEIGHTS[: len(args[0])] * (number + 1)
        return args, {"sample_weight": weights} if sample_weights else {}

    check(lambda number: classifier(number, optimizer=AdamW, lr=0.01, max_epochs=2, **params), data, n_nets=3)


RNG_WEIGHTS = np.random.default_rng(1).integers(0, 3, 150)


def test_every_class_weight_may_be_a_nets_own():
    check(lambda number: classifier(number, class_weight={"ash": 1 + number}))


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda: [LRScheduler(ExponentialLR, gamma=0.9)],
        lambda: [LRScheduler(StepLR, step_size=5, gamma=0.5, step_every="batch", event_name="rate")],
        lambda: [LRScheduler(OneCycleLR, max_lr=0.1, total_steps=400, step_every="batch", cycle_momentum=True)],
        lambda: [GradientNormClipping(0.05)],
        lambda: [GradientNormClipping(0.05, gradient_clip_norm_type=float("inf"))],
    ],
    ids=["exponential", "step", "one cycle", "clipping", "clipping the largest"],
)
@pytest.mark.parametrize("optimizer", [SGD, AdamW])
def test_schedules_and_clipping_are_those_of_each_net_alone(callbacks, optimizer):
    momentum = {"optimizer__momentum": 0.5} if optimizer is SGD else {}
    check(lambda number: classifier(number, optimizer=optimizer, callbacks=callbacks(), max_epochs=3, **momentum))


MODULES = {
    "LayerNorm": lambda: [nn.Linear(6, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3)],
    "BatchNorm": lambda: [nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5), nn.Dropout(0.2), nn.Linear(5, 3)],
    "Conv": lambda: [nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)],
    "parametrized": lambda: [nn.utils.parametrize.register_parametrization(nn.Linear(6, 3), "weight", Doubled())],
    "frozen": lambda: [nn.Linear(6, 5).requires_grad_(False), nn.Tanh(), nn.Linear(5, 3)],
    "in place": lambda: [nn.Linear(6, 5), nn.Dropout(0.3, inplace=True), nn.ReLU(inplace=True), nn.Linear(5, 3)],
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("optimizer", [SGD, AdamW])
def test_modules_of_many_kinds_are_trained_as_alone(make, optimizer):
    # a last batch of one row is nothing for BatchNorm
    data = lambda number: ((X[FOLDS[number][:118]], Y[FOLDS[number][:118]]), {})  # noqa: E731
    params = {"module": Sized, "module__make": make, "optimizer": optimizer, "lr": 0.01, "max_epochs": 3}
    check(lambda number: classifier(number, **params), data, n_nets=3)


def test_batchnorm_refuses_a_single_row_as_alone_and_the_others_go_on():
    data = lambda number: ((X[: 17 - number], Y[: 17 - number]), {})  # noqa: E731
    nets = [classifier(number, module=Sized, module__make=MODULES["BatchNorm"]) for number in range(3)]
    alone = [clone(net) for net in nets]
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        alone[0].fit(*data(0)[0])
    meeting, errors = fit_together(nets, data)
    assert str(errors[0]).startswith("Expected more than 1 value per channel")
    assert errors[1:] == [None, None]
    assert_same([alone[number].fit(*data(number)[0]) for number in (1, 2)], nets[1:])
    assert "one value of a channel" in next(note.reason for note in meeting.notes if note.key == (0,))


def test_module_that_mixes_rows_is_trained_with_those_that_have_as_many():
    class Centers(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 3).double()

        def forward(self, X):
            return self.layer(X - X.mean(0))

    sizes = [100, 96, 100, 96, 101]
    data = lambda number: ((X[: sizes[number]], Y[: sizes[number]]), {})  # noqa: E731
    check(lambda number: classifier(number, module=Centers, max_epochs=3), data, n_nets=5)


def test_dropout_called_as_a_function_draws_the_same():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(6, 5).double(), nn.Linear(5, 3).double()

        def forward(self, X):
            hidden = nn.functional.dropout(torch.tanh(self.first(X)), 0.3, self.training)
            return self.last(nn.functional.dropout(hidden, p=0.1, training=self.training))

    check(lambda number: classifier(number, module=Functional), n_nets=2)


def test_masks_are_the_same_in_single_precision():
    class Half(MLP):
        def __init__(self):
            super().__init__()
            self.float()

    single = [classifier(number, module=Half, lr=1e-9, max_epochs=1) for number in range(2)]
    alone = [clone(net) for net in single]
    for number, net in enumerate(alone):
        net.fit(*rows(number)[0])
    fit_together(single)
    # nothing is learned, so the losses show the masks
    for a, b in zip(alone, single, strict=True):
        losses = [net.history[0, "batches", :, "train_loss"] for net in (a, b)]
        np.testing.assert_allclose(*losses, rtol=1e-6)


@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss])
@pytest.mark.parametrize("n_targets", [0, 2])
def test_regressors_are_trained_as_alone(criterion, n_targets):
    def data(number):
        where = FOLDS[number]
        target = X[where] @ RNG_TARGETS
        return (X[where], target[:, :n_targets] if n_targets else target[:, 0]), {}

    check(
        lambda number: classifier(
            number, NeuralNetRegressor, criterion=criterion, module__n_outputs=n_targets or 1, max_epochs=2, lr=0.01
        ),
        data,
        n_nets=3,
    )


RNG_TARGETS = np.random.default_rng(2).normal(size=(6, 2))


def test_binary_classifiers_are_trained_as_alone():
    def data(number):
        return (X[FOLDS[number]], Y[FOLDS[number]] == "ash"), {}

    check(
        lambda number: classifier(
            number, NeuralNetBinaryClassifier, module__n_outputs=1, class_weight="balanced", max_epochs=2
        ),
        data,
    )


@pytest.mark.parametrize("batch_size", [-1, 300, 110])
def test_batches_of_all_rows_are_trained_as_alone(batch_size):
    check(lambda number: classifier(number, optimizer=AdamW, batch_size=batch_size, max_epochs=3))


def test_training_goes_on_as_alone_after_a_fit_alone():
    nets, alone = ([classifier(number, optimizer=AdamW, max_epochs=2) for number in range(3)] for _ in range(2))
    for number, net in enumerate([*nets, *alone]):
        net.fit(*rows(number % 3)[0]).set_params(warm_start=True)
    for number, net in enumerate(alone):
        net.fit(*rows(number)[0])
    meeting, errors = fit_together(nets)
    assert errors == [None] * 3
    assert {note.reason for note in meeting.notes} == {None}
    assert_same(alone, nets)


def test_optimizer_that_has_made_more_steps_for_some_parameters_trains_alone():
    nets, alone = ([classifier(number, optimizer=AdamW, max_epochs=2) for number in range(3)] for _ in range(2))
    for number, net in enumerate([*nets, *alone]):
        net.initialize().set_params(warm_start=True)
        net.module_.first.requires_grad_(False)
        net.fit(*rows(number % 3)[0])
        net.module_.first.requires_grad_(True)
    for number, net in enumerate(alone):
        net.fit(*rows(number)[0])
    meeting, errors = fit_together(nets)
    assert errors == [None] * 3
    assert all("more steps for some parameters" in note.reason for note in meeting.notes)
    assert_same(alone, nets)


def test_rows_of_one_origin_are_kept_once():
    parts = [_Rows(b"one", 3), _Rows(b"two", 2), _Rows(b"one", 3)]
    shelf = {}
    made = Rows(parts, shelf)
    assert made.X.tolist() == [3, 3, 3, 2, 2]
    assert made.first_X == [0, 3, 0]
    assert Rows(parts[:2], shelf).X is made.X
    assert len(made.y) == 8


def test_batch_is_filled_up_with_rows_of_its_own():
    net = _RowsOfNet(torch.tensor([4, 2, 0, 3, 1]), torch.full((5,), 0.5), (10, 20))
    indices, weights, real = _indices([net], 0, 3, 4, 6, torch.device("cpu"))
    assert indices[0, :2, 0].tolist() == [[14, 12, 10, 13, 14, 14], [11] * 6]
    assert torch.equal(indices[1, :2], indices[0, :2] + 10)
    assert weights[:, 0].tolist() == [[0.5] * 4 + [0, 0], [0.5] + [0] * 5, [0] * 6]
    assert torch.equal(real, weights * 2)


class _Rows:
    device = torch.device("cpu")

    def __init__(self, origin, n):
        self.origin, self.X, self.y = origin, torch.full((n,), n), torch.full((n,), n)


def test_probabilities_with_their_criterion_are_trained_as_alone():
    make = lambda: [nn.Linear(6, 3), nn.Softmax(dim=-1)]  # noqa: E731
    check(lambda n: classifier(n, module=Sized, module__make=make, criterion=nn.NLLLoss, max_epochs=2), n_nets=3)


def test_predictions_and_scores_come_from_an_ordinary_net():
    nets = check(lambda number: classifier(number, optimizer=AdamW), n_nets=2)
    for net in nets:
        again = pickle.loads(pickle.dumps(net))
        assert accuracy_score(Y, again.predict(X)) > 0.5
        net.partial_fit(X, Y)  # alone, it goes on


def test_pickle_of_a_net_is_as_small_as_of_one_trained_alone():
    alone = classifier(0, optimizer=AdamW).fit(*rows(0)[0])
    nets = [classifier(number, optimizer=AdamW) for number in range(4)]
    meeting, _ = fit_together(nets)
    assert {note.group for note in meeting.notes} == {"MLP of 73 parameters, AdamW, batch 8"}
    assert abs(len(pickle.dumps(nets[0])) - len(pickle.dumps(alone))) < 1000


def test_global_generators_are_left_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit_together([classifier(number) for number in range(3)])
    assert torch.equal(torch.get_rng_state(), before)


REASON = "its step has no form for several models (RuntimeError)"


class GoesBefore(threading.Event):
    """An event that sets the next one when it has been waited for."""

    def __init__(self, following=None):
        super().__init__()
        self.following = following

    def wait(self, timeout=None):
        arrived = super().wait(timeout)
        if self.following is not None:
            self.following.set()
        return arrived


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_order_of_arrival_changes_no_bit(order):
    events = {}
    following = None
    for number in reversed(order):
        following = events[number] = GoesBefore(following)
    events[order[0]].set()
    nets = [classifier(number, optimizer=AdamW, max_epochs=2) for number in range(4)]
    fit_together(nets, delays=[events[number] for number in range(4)])
    others = [classifier(number, optimizer=AdamW, max_epochs=2) for number in range(4)]
    fit_together(others)
    for a, b in zip(nets, others, strict=True):
        assert np.array_equal(numbers_of(a), numbers_of(b))


def test_nets_of_unlike_kinds_are_trained_in_groups_of_their_own():
    kinds = [{"module__n_hidden": 7}, {"module__n_hidden": 5}]
    check(lambda number: classifier(number, optimizer=AdamW, **kinds[number % 2]))


def test_net_that_is_like_no_other_is_a_group_by_itself():
    nets = [classifier(0), classifier(1, module__n_hidden=4), classifier(2, module__n_hidden=4)]
    alone = [clone(net) for net in nets]
    for number, net in enumerate(alone):
        net.fit(*rows(number)[0])
    meeting, errors = fit_together(nets)
    assert errors == [None] * 3
    assert {note.reason for note in meeting.notes} == {None}
    assert_same(alone, nets)


def test_step_that_fails_leaves_the_nets_untouched_and_they_train_alone(monkeypatch):
    def fails_at_the_end(parts, step, shelf, check):
        return train_epoch(parts, step, shelf, lambda: None if next(calls) < 30 else fail())

    def fail():
        raise RuntimeError("the device is on fire")

    train_epoch, calls = _fused_rounds.train_epoch, iter(range(10**6))
    monkeypatch.setattr(_fused_rounds, "train_epoch", fails_at_the_end)
    monkeypatch.setattr(_fused_rounds, "_steps", _fused_rounds._KnownSteps())
    schedule = lambda: [LRScheduler(StepLR, step_size=5, step_every="batch")]  # noqa: E731
    nets = [classifier(number, optimizer=AdamW, max_epochs=2, callbacks=schedule()) for number in range(3)]
    alone = [clone(net) for net in nets]
    for number, net in enumerate(alone):
        net.fit(*rows(number)[0])
    meeting, errors = fit_together(nets)
    assert errors == [None] * 3
    # the first epoch of 16 steps has succeeded
    assert [note.reason for note in meeting.notes if note.key == (0,)] == [None, REASON]
    assert_same(alone, nets)


def test_group_that_does_not_fit_into_memory_is_trained_in_halves(monkeypatch):
    sizes = []

    def needs_memory(parts, step, shelf, check):
        sizes.append(len(parts))
        if len(parts) > 2:
            raise MemoryError
        return train_epoch(parts, step, shelf, check)

    train_epoch = _fused_rounds.train_epoch
    monkeypatch.setattr(_fused_rounds, "train_epoch", needs_memory)
    check(lambda number: classifier(number, optimizer=AdamW, max_epochs=1))
    assert sizes == [4, 2, 2]


def test_memory_is_estimated_before_a_group_starts(monkeypatch):
    sizes = []

    def count(parts, step, shelf, check):
        sizes.append(len(parts))
        return train_epoch(parts, step, shelf, check)

    train_epoch = _fused_rounds.train_epoch
    monkeypatch.setattr(_fused_rounds, "train_epoch", count)
    monkeypatch.setattr(_fused_rounds, "free_memory", lambda: 4e4)
    check(lambda number: classifier(number, optimizer=AdamW, max_epochs=1))
    assert len(sizes) > 1
    assert max(sizes) < 4


def test_first_batch_is_checked_with_the_errors_of_a_net_alone():
    class TwoOutputs(MLP):
        def __init__(self):
            super().__init__(n_outputs=2)

    nets = [classifier(number, module=TwoOutputs) for number in range(2)] + [classifier(2), classifier(3)]
    with pytest.raises(ValueError, match="3 classes") as caught:
        clone(nets[0]).fit(*rows(0)[0])
    _, errors = fit_together(nets)
    assert [str(error) for error in errors[:2]] == [str(caught.value)] * 2
    assert errors[2:] == [None, None]


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"])
def test_net_whose_callback_fails_at_any_moment_leaves_the_others_alone(hook, epoch):
    class Fails(Callback):
        pass

    def fail(self, net, **kwargs):
        if len(net.history) >= epoch or hook.startswith("on_train"):
            raise ZeroDivisionError(hook)

    setattr(Fails, hook, fail)
    nets = [classifier(number, max_epochs=4, callbacks=[Fails()] if number == 1 else []) for number in range(3)]
    alone = [clone(net).fit(*rows(number)[0]) for number, net in enumerate(nets) if number != 1]
    _, errors = fit_together(nets)
    assert [type(error) for error in errors] == [type(None), ZeroDivisionError, type(None)]
    assert_same(alone, [nets[0], nets[2]])


def test_closed_meeting_ends_all_fits():
    meeting = Meeting()

    class Closes(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                meeting.close(KeyboardInterrupt())

    nets = [classifier(number, max_epochs=1000, callbacks=[Closes()] if number == 0 else []) for number in range(3)]
    _, errors = fit_together(nets, meeting=meeting)
    assert [type(error) for error in errors] == [MeetingClosedError] * 3
    assert all(len(net.history) <= 4 for net in nets)


def test_net_that_trains_within_the_callback_of_another_does_not_wait():
    class TrainsAnother(Callback):
        def on_epoch_end(self, net, **kwargs):
            classifier(7, max_epochs=1).fit(*rows(0)[0])

    nets = [classifier(number, max_epochs=2, callbacks=[TrainsAnother()] if number == 0 else []) for number in range(2)]
    _, errors = fit_together(nets)
    assert errors == [None, None]
