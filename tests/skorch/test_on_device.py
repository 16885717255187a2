"""Devices and precisions, as far as a machine without a GPU can tell."""

import copy
import pickle
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from sk_optuna.skorch import _on_device as devices  # noqa: E402

X, Y = make_classification(100, 5, n_informative=4, n_redundant=0, random_state=0)


class MLP(torch.nn.Sequential):
    dtypes: ClassVar = []

    def __init__(self, n_features, n_outputs):
        super().__init__(torch.nn.Linear(n_features, 8), torch.nn.ReLU(), torch.nn.Linear(8, n_outputs))

    def forward(self, X):
        output = super().forward(X)
        self.dtypes.append(output.dtype)
        return output


PARAMS = {"module__n_features": "auto", "module__n_outputs": "auto", "verbose": 0, "random_state": 0, "lr": 0.1}


def net(**params):
    return NeuralNetClassifier(MLP, **{**PARAMS, "criterion": torch.nn.CrossEntropyLoss, **params})


@pytest.fixture
def machine(monkeypatch):
    """Set what torch finds on this machine."""

    def has(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


@pytest.mark.parametrize(("found", "best"), [({"cuda": 2, "mps": True}, "cuda"), ({"mps": True}, "mps"), ({}, "cpu")])
def test_auto_is_the_best_device_there_is(machine, found, best):
    machine(**found)
    automatic = net()
    assert automatic.device == best
    assert automatic.get_params()["device"] == clone(automatic).get_params()["device"] == "auto"


@pytest.mark.parametrize("found", [{"cuda": 1}, {"mps": True}])
@pytest.mark.parametrize("copied", [lambda fitted: pickle.loads(pickle.dumps(fitted)), copy.deepcopy])
def test_a_pickle_is_at_home_on_any_machine(machine, found, copied):
    machine()
    fitted = net().fit(X, Y)
    machine(**found)
    fitted.device_ = "cuda" if "cuda" in found else "mps"  # as if it were trained there
    assert fitted.device == fitted.device_
    dumped = pickle.dumps(fitted)
    assert b"cuda:" not in dumped
    assert b"device_\x94\x8c\x04cuda" not in dumped
    machine()
    loaded = pickle.loads(dumped)  # without a warning, which would be an error
    assert loaded.device == "cpu"
    assert loaded.get_params()["device"] == "auto"
    assert np.array_equal(loaded.predict_proba(X), net().fit(X, Y).predict_proba(X))
    loaded.partial_fit(X, Y)


def test_the_device_is_found_anew_by_each_initialization(machine):
    machine()
    fitted = net().fit(X, Y)
    machine(cuda=1)
    assert fitted.device == "cpu"  # where its module is
    assert clone(fitted).device == "cuda"


@pytest.mark.parametrize(
    ("device", "found", "message"),
    [
        ("cdua", {}, "device must be 'auto', None, or a device of torch.*Nearest to 'cdua': 'cuda'"),
        ("gpu", {}, "but got 'gpu'"),
        (3.5, {}, "but got 3.5"),
        ("cuda", {}, "device='cuda', but torch finds no CUDA device here.*device='auto'"),
        ("cuda:7", {"cuda": 2}, "finds 2 CUDA device.*the last one is 'cuda:1'"),
        (torch.device("cuda", 2), {"cuda": 2}, "the last one is 'cuda:1'"),
        ("mps", {}, "no Apple GPU"),
    ],
)
def test_devices_that_are_not_there_are_refused(machine, device, found, message):
    machine(**found)
    with pytest.raises(InvalidArgumentError, match=message):
        net(device=device).fit(X, Y)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), None])
def test_devices_of_skorch_are_taken(device):
    assert np.array_equal(net(device=device).fit(X, Y).predict_proba(X), net().fit(X, Y).predict_proba(X))


def test_loading_weights_leaves_the_device_to_the_machine(machine, tmp_path):
    machine()
    net().fit(X, Y).save_params(f_params=tmp_path / "weights.pt")
    loaded = net(module__n_features=5, module__n_outputs=2).initialize()
    loaded.load_params(f_params=tmp_path / "weights.pt")
    assert loaded.get_params()["device"] == "auto"
    assert np.array_equal(loaded.predict_proba(X), net().fit(X, Y).predict_proba(X))


# --- precision --------------------------------------------------------------------------------------------------------

needs_bf16 = pytest.mark.skipif(not devices.cpu_has_bf16(), reason="this CPU has no bfloat16")


@needs_bf16
@pytest.mark.parametrize("kind", [NeuralNetClassifier, NeuralNetBinaryClassifier, NeuralNetRegressor])
def test_bf16_computes_in_bf16_and_answers_in_float32(kind):
    y = X[:, 0] if kind is NeuralNetRegressor else np.array(["no", "yes"])[Y]
    params = {**PARAMS, "criterion": torch.nn.CrossEntropyLoss} if kind is NeuralNetClassifier else PARAMS
    MLP.dtypes.clear()
    fitted = kind(MLP, **params, amp="bf16", max_epochs=30).fit(X, y)
    output = fitted.predict_proba(X)
    assert set(MLP.dtypes) == {torch.bfloat16}
    assert output.dtype == np.float32
    assert {weight.dtype for weight in fitted.module_.parameters()} == {torch.float32}
    assert fitted.score(X, y) > 0.6
    exact = kind(MLP, **params, max_epochs=30).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(output, exact, atol=0.1)
    assert not np.array_equal(output, exact)


@pytest.mark.parametrize(
    ("amp", "message"),
    [
        ("fp16", "amp='fp16' needs a CUDA device, but the net is on 'cpu'"),
        ("bfloat16", "amp must be None, 'bf16' or 'fp16', but got 'bfloat16'"),
        (True, "but got True"),
    ],
)
def test_precisions_that_a_cpu_lacks_are_refused(machine, amp, message):
    machine()
    with pytest.raises(InvalidArgumentError, match=message):
        net(amp=amp).fit(X, Y)


def test_bf16_is_refused_on_a_cpu_without(machine, monkeypatch):
    machine()
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: False)
    with pytest.raises(InvalidArgumentError, match="amp='bf16' cannot be computed by this machine's 'cpu'"):
        net(amp="bf16").fit(X, Y)


class PretendedScaler:
    """Counts what GradScaler is asked for, and scales by 4."""

    def __init__(self, device):
        self.calls = []

    def scale(self, loss):
        return loss * 4

    def unscale_(self, optimizer):
        self.calls.append("unscale")
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad /= 4

    def step(self, optimizer):
        self.calls.append("step")
        optimizer.step()

    def update(self):
        self.calls.append("update")


def test_scaled_steps_are_the_steps(monkeypatch):
    """The path of fp16, without its precision."""
    monkeypatch.setattr(devices, "check_amp", lambda amp, device: None)
    monkeypatch.setattr("sk_optuna.skorch._checks.check_amp", lambda amp, device: None)
    monkeypatch.setattr(torch.amp, "GradScaler", PretendedScaler)
    monkeypatch.setitem(devices._AMP, "fp16", torch.bfloat16)
    scaled, plain = net(amp="fp16", max_epochs=1).fit(X, Y), net(amp="bf16", max_epochs=1).fit(X, Y)
    assert scaled.scaler_.calls == ["unscale", "step", "update"]
    np.testing.assert_allclose(scaled.predict_proba(X), plain.predict_proba(X))
    assert scaled.history[:, "train_loss"] == plain.history[:, "train_loss"]
    with pytest.raises(InvalidArgumentError, match="LBFGS does both at once"):
        net(amp="fp16", optimizer=torch.optim.LBFGS).fit(X, Y)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
def test_nets_train_on_cuda_and_their_pickles_load_on_a_cpu(machine, amp):
    state, cuda_state = torch.get_rng_state(), torch.cuda.get_rng_state()
    fitted = net(amp=amp, max_epochs=30).fit(X, Y)
    assert next(fitted.module_.parameters()).is_cuda
    assert fitted.score(X, Y) > 0.6
    again = net(amp=amp, max_epochs=30).fit(X, Y)
    np.testing.assert_allclose(fitted.predict_proba(X), again.predict_proba(X), atol=1e-5)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(cuda_state, torch.cuda.get_rng_state())
    dumped = pickle.dumps(fitted)
    machine()
    loaded = pickle.loads(dumped)
    assert not next(loaded.module_.parameters()).is_cuda
    loaded.amp = None
    np.testing.assert_allclose(loaded.predict_proba(X), fitted.predict_proba(X), atol=0.05)
