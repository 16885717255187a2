"""A net's random numbers are its own: the same at any number of workers, and nobody else's are touched."""

import threading

import joblib
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from skorch.callbacks import Callback, Initializer  # noqa: E402
from skorch.dataset import ValidSplit  # noqa: E402

from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna._compat._joblib import cloudpickle  # noqa: E402
from sk_optuna.skorch import NeuralNetClassifier  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

BACKENDS = [(2, "loky"), (2, "threading"), (2, "multiprocessing")]
X, Y = make_classification(200, 8, n_informative=5, n_classes=3, random_state=0)


class Dropping(torch.nn.Sequential):
    def __init__(self, n_features, n_classes, n_hidden=8):
        super().__init__(
            torch.nn.Linear(n_features, n_hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(n_hidden, n_classes),
        )


def net(random_state=0, **params):
    params = {
        "criterion": torch.nn.CrossEntropyLoss,
        "module__n_features": "auto",
        "module__n_classes": "auto",
        "iterator_train__shuffle": True,
        "batch_size": 32,
        "max_epochs": 3,
        "lr": 0.1,
        "verbose": 0,
        **params,
    }
    return NeuralNetClassifier(Dropping, random_state=random_state, **params)


def weights(fitted):
    return np.concatenate([weight.detach().numpy().ravel() for weight in fitted.module_.parameters()])


# --- where the numbers come from --------------------------------------------------------------------------------------


def test_equal_seeds_train_equal_nets_and_others_do_not():
    first = weights(net(0).fit(X, Y))
    assert np.array_equal(first, weights(net(0).fit(X, Y)))
    assert not np.array_equal(first, weights(net(1).fit(X, Y)))


def test_a_second_fit_of_the_same_net_trains_the_same():
    fitted = net(0).fit(X, Y)
    first = weights(fitted)
    assert np.array_equal(first, weights(fitted.fit(X, Y)))


def test_a_clone_of_a_fitted_net_trains_the_same():
    fitted = net(0).fit(X, Y)
    assert np.array_equal(weights(fitted), weights(clone(fitted).fit(X, Y)))


def test_the_callers_seed_has_no_influence():
    torch.manual_seed(1)
    first = weights(net(0).fit(X, Y))
    torch.manual_seed(2)
    assert np.array_equal(first, weights(net(0).fit(X, Y)))


@pytest.mark.parametrize("part", ["initialization", "order", "dropout"])
def test_each_source_of_randomness_follows_the_seed(part):
    params = {"max_epochs": 0} if part == "initialization" else {"iterator_train__shuffle": part == "order"}
    nets = [net(seed, **params) for seed in (0, 1, 0)]
    if part != "initialization":  # from equal weights on
        for each in nets:
            each.set_params(callbacks=[Initializer("*", fn=lambda weight: torch.nn.init.constant_(weight, 0.1))])
    first, other, again = (weights(each.fit(X, Y)) for each in nets)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_a_seed_nets_draw_from_torchs_generator_as_in_skorch():
    torch.manual_seed(5)
    first = weights(net(None).fit(X, Y))
    after = torch.get_rng_state()
    torch.manual_seed(5)
    assert np.array_equal(first, weights(net(None).fit(X, Y)))
    assert torch.equal(after, torch.get_rng_state())
    assert not np.array_equal(first, weights(net(None).fit(X, Y)))


def test_a_random_state_instance_seeds_each_fit_anew():
    random_state = np.random.RandomState(0)
    first, second = (weights(net(random_state).fit(X, Y)) for _ in range(2))
    assert not np.array_equal(first, second)
    again = np.random.RandomState(0)
    assert np.array_equal(first, weights(net(again).fit(X, Y)))
    assert np.array_equal(second, weights(net(again).fit(X, Y)))


def test_partial_fit_goes_on_where_fit_ended():
    whole = net(0, max_epochs=4).fit(X, Y)
    halves = net(0, max_epochs=2).fit(X, Y)
    halves.partial_fit(X, Y)
    assert np.array_equal(weights(whole), weights(halves))


def test_a_pickle_in_the_middle_goes_on_the_same():
    halves = net(0, max_epochs=2).fit(X, Y)
    copied = cloudpickle.loads(cloudpickle.dumps(halves))
    assert np.array_equal(weights(halves.partial_fit(X, Y)), weights(copied.partial_fit(X, Y)))


@pytest.mark.parametrize("stratified", [True, False])
def test_a_random_split_follows_the_seed_and_stays_what_was_given(stratified):
    split = ValidSplit(0.3, stratified=stratified)
    nets = [net(seed, train_split=split).fit(X, Y) for seed in (0, 0, 1)]
    first, again, other = (each.history[:, "valid_loss"] for each in nets)
    assert first == again != other
    assert nets[0].train_split is split
    assert split.random_state is None


# --- nobody else's numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train_split", [None, ValidSplit(3)])
def test_fitting_leaves_all_global_generators_as_they_were(train_split):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    net(0, train_split=train_split).fit(X, Y).predict(X)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert all(np.array_equal(a, b) for a, b in zip(numpy_state, np.random.get_state(), strict=True))  # noqa: NPY002


def test_a_failing_fit_leaves_the_global_generator_as_it_was():
    class Failing(Callback):
        def on_batch_end(self, net, **kwargs):
            raise OSError("no")

    state = torch.get_rng_state()
    with pytest.raises(OSError, match="no"):
        net(0, callbacks=[Failing()]).fit(X, Y)
    assert torch.equal(state, torch.get_rng_state())


def test_a_callback_that_draws_changes_no_training():
    class Drawing(Callback):
        def on_epoch_end(self, net, **kwargs):
            torch.rand(3)

    assert np.array_equal(weights(net(0).fit(X, Y)), weights(net(0, callbacks=[Drawing()]).fit(X, Y)))


def test_callbacks_that_initialize_weights_follow_the_seed():
    drawn = [weights(net(0, callbacks=[Initializer("*", fn=torch.nn.init.normal_)]).fit(X, Y)) for _ in range(2)]
    assert np.array_equal(*drawn)


def test_nets_that_train_at_the_same_time_do_not_mix_their_numbers():
    alone = {seed: weights(net(seed).fit(X, Y)) for seed in range(4)}
    together = {}

    def fit(seed):
        together[seed] = weights(net(seed).fit(X, Y))

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(alone[seed], together[seed]) for seed in alone)


# --- searches and cross-validation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_jobs", "backend"), BACKENDS)
def test_searches_and_cross_validation_score_the_same_on_any_backend(n_jobs, backend):
    def scores(n_jobs):
        search = OptunaSearchCV(
            net(None),
            {"module__n_hidden": [4, 8], "lr": [0.05, 0.5]},
            n_trials=3,
            cv=2,
            scoring="neg_log_loss",
            random_state=0,
            n_jobs=n_jobs,
        ).fit(X, Y)
        refitted = search.best_estimator_.predict_proba(X)
        crossed = cross_val_score(net(3), X, Y, cv=3, scoring="neg_log_loss", n_jobs=n_jobs)
        return search.cv_results_["mean_test_score"], refitted, crossed

    alone = scores(1)
    with joblib.parallel_config(backend=backend):
        for one, many in zip(alone, scores(n_jobs), strict=True):
            assert np.array_equal(one, many)


def test_trials_and_folds_of_a_search_have_seeds_of_their_own_and_searches_repeat_them():
    def score(random_state):
        search = OptunaSearchCV(
            net(None, max_epochs=0), {"lr": [0.1, 0.2]}, n_trials=2, cv=2, scoring="neg_log_loss", refit=False
        )
        return search.set_params(random_state=random_state).fit(X, Y).cv_results_["mean_test_score"]

    first = score(0)
    assert first[0] != first[1]  # the learning rate has no influence on no epochs
    assert np.array_equal(first, score(0))
    assert not np.array_equal(first, score(1))
