"""Arguments of module and Trainer are parameters; names and values that nothing takes are refused."""

# ruff: noqa: E402
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from lightning.pytorch import LightningModule
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from torch.nn import functional

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning import LightningClassifier, LightningRegressor

X, y = make_classification(150, 6, flip_y=0.05, random_state=0)
X_reg, y_reg = make_regression(120, 4, noise=1.0, random_state=0)
y_reg = y_reg / y_reg.std()


class Net(LightningModule):
    """What users write: sizes, a rate, dropout, a validation_step for their own scripts."""

    def __init__(self, n_features, n_outputs, hidden=16, lr=0.05, dropout=0.0):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_features, hidden),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, n_outputs),
        )

    def forward(self, X):
        return self.layers(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        loss = functional.cross_entropy if y.dtype == torch.int64 else functional.mse_loss
        loss = loss(self(X), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        raise AssertionError("there is no validation loop")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class OneLogit(Net):
    def __init__(self, n_features, flat=False):
        super().__init__(n_features, 1)
        self.flat = flat

    def forward(self, X):
        return super().forward(X).squeeze(1) if self.flat else super().forward(X)

    def training_step(self, batch, batch_idx):
        X, y = batch
        output = self(X)
        return functional.binary_cross_entropy_with_logits(output, y.to(output).view_as(output))


def classifier(module=Net, **params):
    return LightningClassifier(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


def regressor(module=Net, **params):
    return LightningRegressor(module, **{"max_epochs": 3, "batch_size": 32, "random_state": 0, **params})


# --- scikit-learn's contract ------------------------------------------------------------------------------------------


def test_arguments_of_module_and_trainer_are_parameters():
    net = classifier(module__hidden=8)
    assert net.get_params()["module__hidden"] == 8
    net.set_params(module__lr=0.2, trainer__gradient_clip_val=1.0)
    twin = clone(net)
    assert twin.get_params() == net.get_params()
    assert twin.fit(X, y).module_.hparams.lr == 0.2
    assert "module__hidden=8" in repr(net)


def test_the_module_may_be_exchanged_with_its_arguments():
    net = classifier(OneLogit).set_params(module=Net, module__hidden=4)
    assert net.fit(X, y).module_.hparams.hidden == 4


def test_sizes_are_filled_in():
    assert classifier(module__n_features="auto", module__n_outputs="auto").fit(X, y).module_.hparams.n_features == 6
    assert regressor().fit(X_reg, np.c_[y_reg, y_reg]).module_.hparams.n_outputs == 2


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: classifier(Net(6, 2)), "got an instance of one.*module=Net"),
        (lambda: classifier(torch.nn.Linear), "derived from lightning.pytorch.LightningModule, got <class"),
        (lambda: classifier("Net"), "got 'Net'"),
        (lambda: classifier(module__hiden=3), r"Net takes no argument 'hiden'.*Nearest to .*: 'module__hidden'"),
        (lambda: classifier(trainer__max_step=3), "Trainer takes no argument 'max_step'.*: 'trainer__max_steps'"),
        (lambda: classifier(trainer__max_epochs=3), "trainer__max_epochs cannot be set. Use the parameter max_epochs"),
        (lambda: classifier(trainer__devices=2, accelerator="cpu"), "one device, but the Trainer was asked for 2"),
        (lambda: classifier(module__n_outputs=3), r"shape \(2, 3\) for 2 rows, but y has 2 classes.*n_classes"),
        (lambda: classifier(output="scores"), "'log_probabilities', got 'scores'"),
        (lambda: classifier(output="probabilities"), r"outside \[0, 1\].*output='logits'"),
        (lambda: classifier(dtype="float65"), "dtype must be 'float32', 'int64' or None, got 'float65'"),
        (lambda: classifier(max_epochs=0), "'max_epochs' parameter.*must be an int in the range"),
        (lambda: classifier(batch_size=0), "'batch_size' parameter.*must be an int in the range"),
        (lambda: classifier(module__lr=1e30, max_epochs=20), "diverged in epoch .*lower the learning rate"),
    ],
)
def test_what_cannot_be_used_is_refused(make, message):
    with pytest.raises((InvalidArgumentError, ValueError), match=message):
        make().fit(X, y)


def test_missing_arguments_are_named():
    class Sized(Net):
        def __init__(self, n_features, width):
            super().__init__(n_features, width)

    with pytest.raises(InvalidArgumentError, match=r"Sized needs the argument 'width': give module__width="):
        classifier(Sized).fit(X, y)


def test_names_are_refused_before_anything_is_trained():
    with pytest.raises(InvalidArgumentError, match=r"parameter 'max_epoch'.*Nearest to 'max_epoch': 'max_epochs'"):
        classifier(max_epoch=3)
    with pytest.raises(InvalidArgumentError, match=r"Nearest to .*: 'module__hidden'"):
        classifier().set_params(module__hiden=3)
    with pytest.raises(InvalidArgumentError, match=r"Nearest to .*: 'module__hidden'"):
        OptunaSearchCV(classifier(), {"module__hiden": [3]}).fit(X, y)


def test_missing_packages_are_named_with_the_extra(tmp_path):
    program = (
        "import sys, importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'lightning' else find(name, *rest)\n"
        "import sk_optuna\n"
        "assert 'torch' not in sys.modules\n"
        "try:\n    import sk_optuna.lightning\n"
        "except sk_optuna.exceptions.MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert "sk_optuna.lightning needs the package 'lightning'" in done.stdout
    assert "pip install 'sk-optuna[lightning]'" in done.stdout


@pytest.mark.parametrize("net", [LightningClassifier(Net), LightningRegressor(Net)], ids=lambda net: type(net).__name__)
def test_tab_completion_shows_parameters_scikit_learns_methods_and_the_protocol_of_epochs(net):
    protocol = {"check_fit", "fit_epochs", "get_checkpoint", "set_checkpoint"}
    scikit_learns = {"fit", "predict", "score", "get_params", "set_params", "get_metadata_routing", "set_score_request"}
    scikit_learns |= {"predict_proba"} if isinstance(net, LightningClassifier) else set()
    shown = {name for name in dir(net) if not name.startswith("_")}
    assert shown == protocol | scikit_learns | set(net.get_params())
