"""What callbacks and modules do behind a net's back has the effect that it has on a net that trains by itself."""

# ruff: noqa: E402

import random
import threading
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.callbacks import Callback, Freezer, GradientNormClipping, Unfreezer
from torch import nn

from sk_optuna import OptunaSearchCV
from sk_optuna.skorch import NeuralNetClassifier, _fused_rounds

rng = np.random.default_rng(0)
X, y = rng.standard_normal((75, 6)), rng.integers(0, 3, 75)


class MLP(nn.Sequential):
    def __init__(self, p=0.2, norm=False):
        layers = [nn.Linear(6, 5), nn.BatchNorm1d(5) if norm else nn.Tanh(), nn.Dropout(p), nn.Linear(5, 3)]
        super().__init__(*layers)
        self.t = 1.0
        self.double()

    def forward(self, X):
        return super().forward(X) / self.t


class Does(Callback):
    """Calls a function of the net and the epoch's number, from 1 on."""

    def __init__(self, what, when="on_epoch_end"):
        self.what, self.when = what, when

    def on_epoch_begin(self, net, **kwargs):
        if self.when == "on_epoch_begin":
            self.what(net, len(net.history))

    def on_epoch_end(self, net, **kwargs):
        if self.when == "on_epoch_end":
            self.what(net, len(net.history))


def anneal(net, epoch):
    net.module_.t *= 0.5


def drop_more(net, epoch):
    net.module_[2].p = [0.5, 0.0, 0.9, 0.1][epoch - 1]


def smooth(net, epoch):
    net.criterion_.label_smoothing = 0.3


def remember_slowly(net, epoch):
    net.module_[1].momentum = 0.5


def hook(net, epoch):
    if epoch == 2:
        net.module_.register_forward_hook(lambda module, args, output: output * 2)


def split(net, epoch):
    if epoch == 2:
        group = net.optimizer_.param_groups[0]
        group["params"], rest = group["params"][:2], group["params"][2:]
        net.optimizer_.add_param_group({"params": rest, "lr": 0.5})


def set_p(net, epoch):
    if epoch == 2:
        net.set_params(module__p=0.5)


def note_gradients(net, epoch):
    net.history.record("gradient", float(sum(param.grad.norm() for param in net.module_.parameters())))


class Rows(Callback):
    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        dataset_train.X = dataset_train.X * 0.5


class Some(Callback):
    """Changes some nets of a group only."""

    def __init__(self, what):
        self.what = what

    def on_train_begin(self, net, **kwargs):
        if net.lr < 0.02:
            self.what(net)


def nesterov(net):
    net.optimizer_.param_groups[0].update(nesterov=True)


CALLBACKS = {
    "temperature": ({}, lambda: [Does(anneal)]),
    "temperature at the beginning": ({}, lambda: [Does(anneal, "on_epoch_begin")]),
    "freezer": ({}, lambda: [Freezer("0.*", at=3)]),
    "unfreezer": ({}, lambda: [("freeze", Freezer("0.*")), ("unfreeze", Unfreezer("0.*", at=3))]),
    "dropout": ({}, lambda: [Does(drop_more)]),
    "set_params": ({}, lambda: [Does(set_p)]),
    "smoothing": ({}, lambda: [Does(smooth)]),
    "momentum of BatchNorm": ({"module__norm": True}, lambda: [Does(remember_slowly)]),
    "hook": ({}, lambda: [Does(hook)]),
    "groups of parameters": ({"optimizer": torch.optim.SGD}, lambda: [Does(split)]),
    "gradients": ({"optimizer": torch.optim.Adam, "module__p": 0.0}, lambda: [Does(note_gradients)]),
    "clipped gradients": ({"module__p": 0.0}, lambda: [GradientNormClipping(0.1), Does(note_gradients)]),
    "two clippings": ({}, lambda: [("a", GradientNormClipping(1.0)), ("b", GradientNormClipping(0.01))]),
    "smallest gradient": ({}, lambda: [GradientNormClipping(0.01, gradient_clip_norm_type=-float("inf"))]),
    "rows": ({}, lambda: [Rows()]),
    "nesterov for some": ({"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9}, lambda: [Some(nesterov)]),
}


class Scales(nn.Module):
    """A layer, and an attribute that forward changes."""

    def __init__(self):
        super().__init__()
        self.layer, self.n, self.seen = nn.Linear(6, 3).double(), 0, []
        self.register_buffer("mean", torch.zeros(6).double())
        self.gate = nn.Parameter(torch.zeros(3).double())


class Counts(Scales):
    def forward(self, X):
        self.n += self.training
        return self.layer(X) / (1 + 0.1 * self.n)


class Appends(Scales):
    def forward(self, X):
        if self.training:
            self.seen.append(len(X))
        return self.layer(X) / (1 + 0.1 * len(self.seen))


class SkipsByNumpy(Scales):
    def forward(self, X):
        return self.layer(X) * (2 if self.training and np.random.rand() > 0.5 else 1)  # noqa: NPY002


class SkipsByPython(Scales):
    def forward(self, X):
        return self.layer(X) * (2 if self.training and random.random() > 0.5 else 1)


class ExchangesBuffer(Scales):
    def forward(self, X):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * X.mean(0).detach()
        return self.layer(X - self.mean)


class NotesMean(Scales):
    def forward(self, X):
        if self.training:
            self.mean.copy_(X.mean(0))
            return self.layer(X)
        return self.layer(X - self.mean)


class Gate(Scales):
    def forward(self, X):
        hidden = self.layer(X)
        return hidden - self.gate * hidden.mean(0)


class ZeroHead(Scales):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.layer.weight)

    def forward(self, X):
        return self.layer(X - X.mean(0))


class LooksAtLength(Scales):
    def forward(self, X):
        return self.layer(X) * (1 if len(X) > 10 else 2)


class Instances(Scales):
    def __init__(self):
        super().__init__()
        self.norm = nn.InstanceNorm1d(2, affine=True, track_running_stats=True).double()

    def forward(self, X):
        return self.layer(self.norm(X.view(-1, 2, 3)).flatten(1))


class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyLinear(5, dtype=torch.double), nn.ReLU(), nn.LazyLinear(3, dtype=torch.double))


MODULES = [Counts, Appends, SkipsByNumpy, SkipsByPython, ExchangesBuffer, NotesMean, Gate, ZeroHead, LooksAtLength]
MODULES += [Instances, Lazy]
SPACE = {"lr": [0.01, 0.03]}


def search(fuse, module=MLP, kind=NeuralNetClassifier, **params):
    fixed = {"criterion": nn.CrossEntropyLoss, "batch_size": 16, "max_epochs": 4, "verbose": 0, "device": "cpu"}
    net = kind(module, **{"optimizer": torch.optim.AdamW, **fixed, **params})
    return OptunaSearchCV(net, SPACE, cv=3, random_state=0, fuse=fuse, scoring="neg_log_loss", error_score="raise")


@pytest.fixture
def always_worth_it(monkeypatch):
    """Have fuse="auto" train together whatever can be."""
    monkeypatch.setattr(_fused_rounds, "_LEAST_STEPS", 1)
    monkeypatch.setattr(_fused_rounds, "_LEAST_STEPS_OF_EPOCH", 1)


def fitted(fuse, **params):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    return search(fuse, **params).set_params(refit=False).fit(X, y)


def assert_same(one, other):
    for name in ("mean_test_score", "split0_test_score", "split2_test_score"):
        np.testing.assert_allclose(one.cv_results_[name], other.cv_results_[name], rtol=1e-9)


@pytest.mark.usefixtures("always_worth_it")
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_change_a_net_do_so(name):
    params, callbacks = CALLBACKS[name]
    one, other = (fitted(fuse, callbacks=callbacks(), **params) for fuse in ("auto", False))
    assert_same(one, other)
    # each began with the others, but for clippings that have no form for several
    assert one.fused_["fused"].any() == (name not in ("two clippings", "smallest gradient"))


@pytest.mark.usefixtures("always_worth_it")
@pytest.mark.parametrize("module", MODULES)
def test_modules_with_a_life_of_their_own_have_it(module):
    one, other = (fitted(fuse, module=module) for fuse in ("auto", False))
    assert_same(one, other)
    assert not one.fused_["fused"].any() or module in (Gate, ZeroHead, Instances, NotesMean)


@pytest.mark.usefixtures("always_worth_it")
def test_a_search_over_networks_within_a_callback_of_a_network_ends():
    class Inner(Callback):
        def on_train_begin(self, net, X=None, y=None, **kwargs):
            search("auto").fit(X, y)

    assert_same(*(fitted(fuse, callbacks=[Inner()]) for fuse in ("auto", False)))


@pytest.mark.usefixtures("always_worth_it")
def test_a_network_trained_while_a_plain_one_is_scored_does_not_wait_for_it():
    class Own(skorch.NeuralNetClassifier):
        pass

    def scorer(estimator, X, y):
        search("auto").estimator.fit(X, y)
        return estimator.score(X, y)

    found = search("auto", kind=Own, train_split=None).set_params(scoring=scorer).fit(X, y)
    assert "class of its own" in found.fused_["reason"][0]


@pytest.mark.usefixtures("always_worth_it")
def test_dtypes_in_a_space_are_groups_and_each_has_its_rows():
    class Typed(nn.Linear):
        def __init__(self, dtype):
            super().__init__(6, 3, dtype=getattr(torch, dtype))

        def forward(self, X):
            return super().forward(X.to(self.weight.dtype))

    found = search("auto", module=Typed)
    found.set_params(param_distributions={"module__dtype": ["float32", "float64"], "lr": loguniform(1e-3, 1e-2)})
    found.set_params(n_trials=8).fit(X, y)
    assert found.fused_["fused"].all()
    assert found.fused_["n_models"].sum() == 24


@pytest.mark.usefixtures("always_worth_it")
def test_searches_in_threads_leave_the_process_as_it_was():
    filters, is_enabled = list(warnings.filters), torch.backends.mkldnn.enabled
    threads = [threading.Thread(target=lambda: search("auto").fit(X, y)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == filters
    assert torch.backends.mkldnn.enabled == is_enabled


@pytest.mark.usefixtures("always_worth_it")
def test_filters_of_warnings_that_a_fit_sets_for_itself_do_not_stay():
    class Quiet(NeuralNetClassifier):
        def fit(self, X, y=None, **params):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return super().fit(X, y, **params)

    before = list(warnings.filters)
    found = search("auto", kind=Quiet).fit(X, y)
    assert found.fused_["fused"].all()
    assert list(warnings.filters) == before
