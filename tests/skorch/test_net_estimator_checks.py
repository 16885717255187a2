"""scikit-learn's estimator checks, for nets whose module takes its sizes from the data.

The module computes in float64: checks compare to seven digits.
"""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

import sklearn  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402


class MLP(torch.nn.Sequential):
    def __init__(self, n_features, n_outputs):
        super().__init__(torch.nn.Linear(n_features, 32), torch.nn.Tanh(), torch.nn.Linear(32, n_outputs))
        self.double()


PARAMS = {
    "module__n_features": "auto",
    "module__n_outputs": "auto",
    "batch_size": -1,
    "verbose": 0,
    "random_state": 0,
}
NETS = [
    NeuralNetClassifier(MLP, criterion=torch.nn.CrossEntropyLoss, max_epochs=40, lr=0.1, **PARAMS),
    NeuralNetBinaryClassifier(MLP, max_epochs=60, lr=0.3, **PARAMS),
    NeuralNetRegressor(MLP, max_epochs=100, lr=0.01, **PARAMS),
]
KINDS = ("dense", "sparse")
IN_INIT = "skorch keeps the state of a net (history_, initialized_, virtual_params_) in attributes from __init__ on"
SHUFFLED = "until 1.6 the check makes binary labels of shuffled rows, and other ones of the rows that are not shuffled"
PROBA = "skorch's predict_proba of a regressor is its output, on which its predict and callbacks are built"


def expected_failures(net):
    expected = {"check_no_attributes_set_in_init": IN_INIT}
    if isinstance(net, NeuralNetRegressor):
        names = (
            "check_regressors_no_decision_function",
            "check_estimator_sparse_array",  # takes it for a classifier's
            "check_estimator_sparse_matrix",
        )
        expected |= dict.fromkeys(names, PROBA)
    if isinstance(net, NeuralNetBinaryClassifier) and sklearn.__version__.startswith("1.6."):
        expected |= dict.fromkeys([f"check_sample_weight_equivalence_on_{kind}_data" for kind in KINDS], SHUFFLED)
    return expected


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(NETS, expected_failed_checks=expected_failures)
def test_estimator_checks(estimator, check):
    check(estimator)
