"""A net that cannot be trained together with others is trained alone, and its meeting says why."""

# ruff: noqa: E402

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback, EpochScoring, LRScheduler
from skorch.dataset import Dataset
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from sk_optuna.skorch import NeuralNetClassifier
from sk_optuna.worker import Meeting

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


class MLP(nn.Module):
    def __init__(self, n_hidden=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, n_hidden), nn.Tanh(), nn.Linear(n_hidden, 3))

    def forward(self, X):
        return self.layers(X)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.last = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, X):
        return self.last(self.cells(X.view(len(X), 3, 2))[0][:, -1])


class Alpha(MLP):
    def __init__(self):
        super().__init__()
        self.layers.append(nn.AlphaDropout(0.2))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.TransformerEncoderLayer(2, 1, 4, dropout=0.1, batch_first=True), nn.Linear(6, 3)

    def forward(self, X):
        return self.last(self.layer(X.view(len(X), 3, 2)).flatten(1))


class Decides(MLP):
    def forward(self, X):
        made = super().forward(X)
        return 2 * made if made.sum() > 0 else made


class TakesNumbers(MLP):
    def forward(self, X):
        return super().forward(X) * float(X.abs().max())


class Noisy(MLP):
    def forward(self, X):
        return super().forward(X + 0.1 * torch.randn_like(X))


class GoesThroughNumPy(MLP):
    def forward(self, X):
        return super().forward(torch.as_tensor(np.tanh(X.detach().numpy())))


class HasHook(MLP):
    def __init__(self):
        super().__init__()
        self.layers.register_forward_hook(_hook)


def _hook(module, args, output):
    return output


class HoldsTensor(MLP):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(6)


class TurnsAround(MLP):
    def forward(self, X):
        return nn.functional.dropout(super().forward(X).T, 0.5, self.training).T


class Penalized(NeuralNetClassifier):
    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs) + sum(p.abs().sum() for p in self.module_.parameters())


class StepsItself(NeuralNetClassifier):
    def train_step_single(self, *args, **kwargs):
        return super().train_step_single(*args, **kwargs)


class TwoModules(NeuralNetClassifier):
    def initialize_module(self):
        super().initialize_module()
        self.other_ = MLP()
        return self


class LooksAtBatches(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


class OwnLoss(nn.CrossEntropyLoss):
    pass


def scheduler():
    return LRScheduler(ReduceLROnPlateau, monitor="train_loss", step_every="batch")


CASES = {
    "GRU": ({"module": Recurrent}, "GRU has no batched form"),
    "AlphaDropout": ({"module": Alpha}, "AlphaDropout draws random numbers otherwise"),
    "attention": ({"module": Attention}, "MultiheadAttention has dropout of its own"),
    "if": ({"module": Decides}, "decides by the values"),
    "item": ({"module": TakesNumbers}, "its forward takes single numbers"),
    "noise": ({"module": Noisy}, "draws random numbers otherwise than Dropout"),
    "numpy": ({"module": GoesThroughNumPy}, "no form for several models"),
    "hook": ({"module": HasHook}, "layers has hooks"),
    "tensor": ({"module": HoldsTensor}, "holds a tensor that is neither parameter nor buffer: scale"),
    "transposed dropout": ({"module": TurnsAround}, "not contiguous"),
    "get_loss": ({"class": Penalized}, "Penalized has its own get_loss"),
    "train_step_single": ({"class": StepsItself}, "StepsItself has its own train_step_single"),
    "two modules": ({"class": TwoModules}, "other parts than one module"),
    "callback": ({"callbacks": lambda: [LooksAtBatches()]}, "takes part in batches: .*LooksAtBatches"),
    "plateau": ({"callbacks": lambda: [scheduler()]}, "takes part in batches: .*LRScheduler"),
    "training scores": (
        {"callbacks": lambda: [EpochScoring("accuracy", on_train=True)]},
        r"EpochScoring\(on_train=True\) looks at",
    ),
    "criterion": ({"criterion": OwnLoss}, "criterion=OwnLoss is not one of those"),
    "optimizer": ({"optimizer": torch.optim.Adagrad}, "optimizer=Adagrad is not one of SGD"),
    "groups": (
        {"optimizer__param_groups": [("layers.0.*", {"lr": 0.1})]},
        "optimizer=SGD has several groups of parameters",
    ),
    "loader": ({"iterator_train": DataLoader}, "batches come from DataLoader"),
    "generator": ({"iterator_train__generator": torch.Generator}, "a generator of the user's"),
    "workers": ({"iterator_train__num_workers": 0, "iterator_train__pin_memory": True}, "are not plain arrays"),
    "transform": ({"data": "dataset"}, "are not plain arrays"),
    "fit argument": (
        {"fit_params": {"scale": 2.0}, "module": "takes scale"},
        "forward is given arguments of fit: scale",
    ),
}


class TakesScale(MLP):
    def forward(self, X, scale=1.0):
        return super().forward(X) * scale


class Transformed(Dataset):
    def __getitem__(self, i):
        X, y = super().__getitem__(i)
        return 2 * X, y


def make_net(number, case):
    params = {name: value for name, value in case.items() if name not in ("class", "data", "fit_params")}
    if callable(params.get("callbacks")):
        params["callbacks"] = params["callbacks"]()
    if params.get("iterator_train__generator") is torch.Generator:
        params["iterator_train__generator"] = torch.Generator().manual_seed(number)
    if params.get("module") == "takes scale":
        params["module"] = TakesScale
    fixed = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "batch_size": 4, "verbose": 0, "device": "cpu"}
    return case.get("class", NeuralNetClassifier)(**{"module": MLP, **fixed, "random_state": number, **params})


def fit_together(nets, case):
    meeting = Meeting()
    keys = [(number,) for number in range(len(nets))]
    meeting.invite(*keys)

    def fold(key, net):
        with meeting.member(key):
            return fit(net, case)

    with ThreadPoolExecutor(len(nets)) as pool:
        futures = [pool.submit(fold, key, net) for key, net in zip(keys, nets, strict=True)]
    assert [future.exception() for future in futures] == [None] * len(nets)
    return meeting


def fit(net, case):
    data = (Transformed(X, Y), None) if case.get("data") == "dataset" else (X, Y)
    return net.fit(*data, **case.get("fit_params", {}))


@pytest.mark.filterwarnings("ignore:.*pin_memory")
@pytest.mark.parametrize(("case", "reason"), CASES.values(), ids=CASES)
def test_net_trains_alone_for_a_reason_and_as_it_would_without_a_meeting(case, reason):
    nets, alone = ([make_net(number, case) for number in range(2)] for _ in range(2))
    for net in alone:
        fit(net, case)
    meeting = fit_together(nets, case)
    assert len(meeting.notes) == 2
    for note in meeting.notes:
        assert "vmap" not in note.reason
        assert re.search(reason, note.reason), note.reason
    for a, b in zip(alone, nets, strict=True):
        for one, other in zip(a.module_.state_dict().values(), b.module_.state_dict().values(), strict=True):
            assert torch.equal(one, other)
        assert a.history[:, "train_loss"] == b.history[:, "train_loss"]


def test_large_nets_train_alone_unless_the_meeting_is_for_all():
    case = {"module__n_hidden": 600_000, "max_epochs": 1}
    meeting = fit_together([make_net(number, case) for number in range(2)], case)
    assert all("million operations" in note.reason for note in meeting.notes)


def test_nothing_is_noted_without_a_meeting():
    net = make_net(0, {})
    assert clone(net).fit(X, Y).history[-1, "train_loss"] > 0
