"""Ready spaces of networks: of what all networks have."""

import pytest
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from sk_optuna import OptunaSearchCV, suggest_space  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from sk_optuna.spaces._domains import domain_of  # noqa: E402

X, y = make_classification(90, 4, random_state=0)
X = X.astype("float32")


class Linear(torch.nn.Linear):
    def __init__(self, out=1):
        super().__init__(4, out)


def classifier(**params):
    criterion = torch.nn.CrossEntropyLoss
    return NeuralNetClassifier(Linear, module__out=2, criterion=criterion, max_epochs=1, random_state=0, **params)


def ends(values):
    return (values[0], values[-1]) if isinstance(values, list) else (values.low, values.high)


@pytest.mark.parametrize(
    "optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad], ids=lambda o: o.__name__
)
def test_corners_can_be_trained_and_defaults_lie_within(optimizer):
    net = classifier(optimizer=optimizer)
    space = suggest_space(net)
    assert list(space) == ["lr", "batch_size", "optimizer__weight_decay"]
    for name in ("lr", "batch_size"):
        domain_of(name, space[name]).encode(net.get_params()[name])
    first = [{name: ends(values)[place] for name, values in space.items()} for place in (0, 1)]
    options = {"cv": 2, "refit": False, "error_score": "raise", "random_state": 0}
    search = OptunaSearchCV(net, space, n_trials=3, initial_params=first, **options).fit(X, y)
    assert search.cv_results_["params"][:2] == first


def test_plain_gradient_descent_has_larger_rates():
    plain, adaptive = (suggest_space(classifier(optimizer=o))["lr"] for o in (torch.optim.SGD, torch.optim.AdamW))
    assert plain.low > adaptive.low
    assert plain.high > adaptive.high


def test_the_space_follows_what_the_net_is_set_to():
    assert list(suggest_space(classifier(optimizer=torch.optim.LBFGS, batch_size=-1))) == ["lr"]


@pytest.mark.parametrize(
    "kind", [NeuralNetRegressor, NeuralNetBinaryClassifier, skorch.NeuralNetRegressor, skorch.NeuralNetClassifier]
)
def test_all_nets_have_one_space(kind):
    space = suggest_space(classifier())
    assert suggest_space(kind(Linear)) == space
    step = make_pipeline(StandardScaler(), kind(Linear))
    assert suggest_space(step) == {f"{kind.__name__.lower()}__{name}": values for name, values in space.items()}
