"""The nets are skorch's, with scikit-learn's kinds of input, and fit where scikit-learn's estimators do."""

import gc
import inspect
import io
import pickle
import sys
import weakref
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

import sklearn  # noqa: E402
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.datasets import load_digits, make_classification  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import get_tags  # noqa: E402
from skorch.callbacks import Checkpoint, EpochScoring, LRScheduler  # noqa: E402
from skorch.dataset import Dataset, ValidSplit  # noqa: E402
from skorch.helper import SliceDataset  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

import sk_optuna.skorch  # noqa: E402
from sk_optuna import OptunaSearchCV  # noqa: E402
from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from sk_optuna.skorch._nets import SearchableNet  # noqa: E402

X, Y = make_classification(120, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
X32 = X.astype(np.float32)


class MLP(torch.nn.Module):
    def __init__(self, n_features, n_outputs, n_hidden=8):
        super().__init__()
        self.hidden = torch.nn.Linear(n_features, n_hidden)
        self.out = torch.nn.Linear(n_hidden, n_outputs)

    def forward(self, X):
        return self.out(torch.relu(self.hidden(X)))


PARAMS = {"module__n_features": "auto", "module__n_outputs": "auto", "verbose": 0, "random_state": 0, "lr": 0.1}


def classifier(module=MLP, **params):
    return NeuralNetClassifier(module, **{**PARAMS, "criterion": torch.nn.CrossEntropyLoss, **params})


def weights(net):
    return np.concatenate([weight.detach().numpy().ravel() for weight in net.module_.parameters()])


# --- skorch's nets ----------------------------------------------------------------------------------------------------


# As the table in sk_optuna/skorch/_nets.py has it.
ORDER = [
    "TakesArrays",
    "ChecksBeforehand",
    "ChecksParameters",
    "TrainsTogether",
    "DrawsFromStreams",
    "RunsOnDevice",
    "WeighsRows",
    "DeferredLosses",
    "ReportsEpochs",
    "ParksMonitor",
]
STACKED = {
    "initialize": ["ChecksParameters", "DrawsFromStreams", "RunsOnDevice"],
    "set_params": ["ChecksParameters", "DrawsFromStreams"],
    "partial_fit": ["TakesArrays", "ReportsEpochs"],
    "fit_loop": ["TakesArrays", "ReportsEpochs"],
    "get_split_datasets": ["TakesArrays", "DrawsFromStreams"],
    "get_iterator": ["TakesArrays", "DrawsFromStreams"],
    "run_single_epoch": ["TrainsTogether", "DrawsFromStreams", "WeighsRows", "DeferredLosses"],
    "infer": ["RunsOnDevice", "WeighsRows"],
    "notify": ["DeferredLosses", "ReportsEpochs"],
    "__getstate__": ["TakesArrays", "RunsOnDevice", "ParksMonitor"],
    "_about_features": ["TakesArrays", "WeighsRows"],
}


def mixins_of(net):
    """Return our classes that a net is made of, without its own and those of its targets."""
    ours = [cls for cls in net.__mro__ if cls.__module__.startswith("sk_optuna.")]
    return ours[ours.index(SearchableNet) + 1 :]


@pytest.mark.parametrize("net", [NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor])
def test_mixins_stand_in_the_order_that_the_table_gives(net):
    assert [cls.__name__ for cls in mixins_of(net)] == ORDER
    first = net.__mro__[1 : net.__mro__.index(SearchableNet)]
    assert {cls.__module__ for cls in first} == {"sk_optuna.skorch._targets"}


def test_the_table_names_all_methods_that_several_mixins_define():
    mixins = mixins_of(NeuralNetClassifier)
    names = {name for cls in mixins for name, value in vars(cls).items() if inspect.isfunction(value)}
    defined = {name: [cls.__name__ for cls in mixins if name in vars(cls)] for name in names}
    assert {name: found for name, found in defined.items() if len(found) > 1} == STACKED


@pytest.mark.parametrize("method", STACKED)
def test_the_table_stands_above_the_nets(method):
    rows = [line.split() for line in inspect.getsource(sys.modules[SearchableNet.__module__]).splitlines()]
    assert [row for row in rows if row[:2] == ["#", method] and row[2 : 2 + len(STACKED[method])] == STACKED[method]]


# What a search asks of a net, and what users read: beside skorch's names these are the public ones.
PARAMETERS, PROTOCOL = {"amp", "random_state"}, {"check_fit", "fit_epochs", "get_checkpoint", "set_checkpoint"}
FITTED = {"device_", "scaler_", "n_features_in_"}


@pytest.mark.parametrize("name", ["NeuralNetClassifier", "NeuralNetBinaryClassifier", "NeuralNetRegressor"])
def test_tab_completion_shows_skorchs_names_and_the_documented_ones(name):
    params = {"module__n_features": 6, "module__n_outputs": 3 if name == "NeuralNetClassifier" else 1, "verbose": 0}
    if name == "NeuralNetClassifier":
        params["criterion"] = torch.nn.CrossEntropyLoss
    y = {"NeuralNetClassifier": Y, "NeuralNetBinaryClassifier": (Y > 0).astype(np.float32)}.get(name, X32[:, :1])
    ours, theirs = (
        getattr(nets, name)(MLP, max_epochs=1, train_split=None, **params).fit(X32, y)
        for nets in (sk_optuna.skorch, skorch)
    )
    weighted = set() if name == "NeuralNetRegressor" else {"class_weight"}
    # In skorch the first belongs to the other classifier, and the second comes with a newer scikit-learn or skorch.
    skorchs = {*dir(theirs), "classes_inferred_", "set_fit_request"}
    shown = {attribute for attribute in set(dir(ours)) - skorchs if not attribute.startswith("_")}
    assert shown == PARAMETERS | weighted | PROTOCOL | FITTED
    assert all(attribute in type(ours).__doc__ for attribute in PARAMETERS | weighted | FITTED)
    assert all(getattr(type(ours), method).__doc__ for method in PROTOCOL)


@pytest.mark.parametrize("name", ["NeuralNetClassifier", "NeuralNetBinaryClassifier", "NeuralNetRegressor"])
def test_training_is_skorchs_to_the_last_bit(name):
    y = {"NeuralNetClassifier": Y, "NeuralNetBinaryClassifier": (Y > 0).astype(np.float32)}.get(name, X32[:, :1])
    params = {"module__n_features": 6, "module__n_outputs": 3 if name == "NeuralNetClassifier" else 1, "verbose": 0}
    params |= {"iterator_train__shuffle": True, "batch_size": 32}
    if name == "NeuralNetClassifier":
        params["criterion"] = torch.nn.CrossEntropyLoss
    trained = []
    for nets, device in ((skorch, "cpu"), (sk_optuna.skorch, "auto")):
        torch.manual_seed(0)
        net = getattr(nets, name)(MLP, train_split=ValidSplit(4), device=device, **params).fit(X32, y)
        trained.append((weights(net), net.history[:, ("train_loss", "valid_loss")], net.predict(X32)))
    ours, theirs = trained
    assert np.array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]
    assert np.array_equal(ours[2], theirs[2])


@pytest.mark.parametrize("net", [NeuralNetClassifier, NeuralNetBinaryClassifier, NeuralNetRegressor])
def test_defaults_are_skorchs_but_for_what_is_named(net):
    ours, theirs = net(MLP).get_params(), getattr(skorch, net.__name__)(MLP).get_params()
    new = {"random_state", "amp"} | (set() if net is NeuralNetRegressor else {"class_weight"})
    assert {name for name in ours if not name.startswith("callbacks__")} - set(theirs) == new
    changed = {name for name in theirs if not name.startswith(("callbacks__", "_")) and theirs[name] != ours[name]}
    assert changed == {"train_split", "device", "iterator_train", "iterator_valid"}
    assert ours["train_split"] is None


def test_what_subclasses_override_is_called():
    class Net(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return super().get_loss(y_pred, y_true, *args, **kwargs) * 0

        def fit(self, X, y, **fit_params):
            self.was_fitted_ = True
            return super().fit(X, y, **fit_params)

    net = Net(MLP, **PARAMS, criterion=torch.nn.CrossEntropyLoss)
    start = weights(classifier(max_epochs=0).fit(X, Y))
    assert np.array_equal(weights(net.fit(X, Y)), start)
    assert net.was_fitted_


def test_skorchs_callbacks_go_on_working(tmp_path):
    callbacks = [
        Checkpoint(dirname=tmp_path, monitor="train_loss_best"),
        LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=2),
        EpochScoring("accuracy", name="train_acc", on_train=True, lower_is_better=False),
    ]
    net = classifier(callbacks=callbacks, max_epochs=4).fit(X, Y)
    assert 0 < net.history[-1, "train_acc"] < 1
    restored = classifier().fit(X, Y)
    restored.load_params(checkpoint=callbacks[0])
    assert np.array_equal(weights(restored), weights(net))


@pytest.mark.parametrize("net", [NeuralNetClassifier, NeuralNetBinaryClassifier, NeuralNetRegressor])
def test_losses_wait_for_the_end_of_the_epoch(net):
    # which DeferredLosses refuses where `notify` is overridden
    params = {"criterion": torch.nn.CrossEntropyLoss} if net is NeuralNetClassifier else {}
    assert net(MLP, **PARAMS, **params, max_epochs=1).fit(X, np.minimum(Y, 1))._nobody_reads_losses()


def test_callbacks_can_be_disabled():
    assert classifier(callbacks="disable").fit(X, Y).score(X, Y) > 0.3


def test_parameters_of_the_forward_pass_go_through_fit():
    class Scaled(MLP):
        def forward(self, X, scale=1.0):
            return super().forward(X * scale)

    plain, scaled = classifier(Scaled).fit(X, Y), classifier(Scaled).fit(X, Y, scale=2.0)
    assert not np.array_equal(weights(plain), weights(scaled))


# --- X ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ">f8", "int64", "int8", "uint8", "bool", object])
def test_any_number_type_is_cast_to_that_of_the_weights(dtype):
    given = (X * 10).astype(np.int8).astype(dtype) if dtype != "uint8" else np.abs(X * 10).astype(np.uint8)
    net, same = classifier().fit(given, Y), classifier().fit(given.astype(np.float32), Y)
    assert np.array_equal(weights(net), weights(same))
    assert np.array_equal(net.predict_proba(given), same.predict_proba(given.astype(np.float32)))


def test_the_modules_dtype_decides():
    class Double(MLP):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.double()

    assert classifier(Double).fit(X, Y).predict_proba(X).dtype == np.float64
    regressor = NeuralNetRegressor(Double, module__n_features="auto", module__n_outputs="auto", verbose=0)
    assert regressor.fit(X, X[:, 0]).predict(X).dtype == np.float64

    class Brain(MLP):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.bfloat16()

        def forward(self, X):
            return super().forward(X).float()

    assert classifier(Brain).fit(X, Y).predict_proba(X).dtype == np.float32


def test_integers_stay_integers_for_an_embedding():
    class Words(torch.nn.Module):
        def __init__(self, n_classes):
            super().__init__()
            self.embedding = torch.nn.Embedding(10, 4)
            self.out = torch.nn.Linear(4, n_classes)

        def forward(self, X):
            assert X.dtype == torch.int64
            return self.out(self.embedding(X).mean(1))

    rows = np.abs(X * 2).astype(np.int32).clip(0, 9)
    params = {"module__n_classes": "auto", "criterion": torch.nn.CrossEntropyLoss, "verbose": 0}
    net = NeuralNetClassifier(Words, **params).fit(rows, Y)
    assert net.predict(pd.DataFrame(rows, columns=list("abcdef")).to_numpy()).shape == Y.shape


@pytest.mark.parametrize(
    "container", [pd.DataFrame, lambda X: X.tolist(), lambda X: list(X), np.asfortranarray, lambda X: X[::-1][::-1]]
)
def test_any_container_of_rows_is_taken(container):
    net, same = classifier().fit(container(X), Y), classifier().fit(X32, Y)
    assert np.array_equal(net.predict_proba(container(X)), same.predict_proba(X32))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_names_of_columns_are_those_of_scikit_learn(frame):
    given = frame({name: X[:, i] for i, name in enumerate("abcdef")})
    net = classifier().fit(given, Y)
    assert net.feature_names_in_.tolist() == list("abcdef")
    assert np.array_equal(net.predict_proba(given), classifier().fit(X, Y).predict_proba(X))
    with pytest.raises(InvalidArgumentError, match="feature names should match"):
        net.predict(given[list("fedcba")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        net.predict(X)


def test_fitting_on_other_columns_forgets_the_old_ones():
    net = classifier().fit(pd.DataFrame(X, columns=list("abcdef")), Y)
    net.fit(X[:, :3], Y)
    assert net.n_features_in_ == 3
    assert not hasattr(net, "feature_names_in_")
    with pytest.raises(InvalidArgumentError, match="X has 6 features, but NeuralNetClassifier is expecting 3"):
        net.predict(X)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix, sparse.dok_array])
def test_sparse_rows_are_those_rows(kind):
    rows = np.where(X > 0.5, X, 0)
    net, same = classifier().fit(kind(rows), Y), classifier().fit(rows, Y)
    assert np.array_equal(weights(net), weights(same))
    assert np.array_equal(net.predict_proba(kind(rows)), same.predict_proba(rows))


def test_sparse_rows_are_made_dense_a_batch_at_a_time():
    longest = []

    class Watching(sparse.csr_matrix):
        def toarray(self, *args, **kwargs):
            longest.append(self.shape[0])
            return super().toarray(*args, **kwargs)

    classifier(batch_size=50, max_epochs=1).fit(Watching(X), Y)
    assert sorted(longest, reverse=True) == [50, 50, 20]


def test_tensors_dicts_tuples_and_datasets_are_used_as_in_skorch():
    class Named(MLP):
        def forward(self, X):
            return super().forward(X)

    reference = classifier().fit(X32, Y)
    tensor = classifier().fit(torch.as_tensor(X32), torch.as_tensor(Y))
    named = classifier(Named, module__n_features=6).fit({"X": X32}, Y)
    dataset = classifier().fit(Dataset(X32, Y), None)
    for net, given in ((tensor, torch.as_tensor(X32)), (named, {"X": X32}), (dataset, Dataset(X32, Y))):
        assert np.array_equal(weights(net), weights(reference))
        assert np.array_equal(net.predict_proba(given), reference.predict_proba(X32))


def test_sliced_datasets_are_split_by_scikit_learn_as_in_skorch():
    dataset = Dataset(X32, Y)
    rows, labels = SliceDataset(dataset), SliceDataset(dataset, 1)
    sliced = cross_val_score(classifier(module__n_features=6), rows, np.asarray(labels), cv=3)
    assert np.array_equal(sliced, cross_val_score(classifier(), X, Y, cv=3))


def test_a_net_trimmed_for_prediction_predicts():
    net = classifier().fit(X, Y)
    before = net.predict(X)
    net.trim_for_prediction()
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict(X), before)


def test_lists_of_arrays_are_several_inputs_as_in_skorch():
    class Both(MLP):
        def forward(self, Xs):
            return super().forward(torch.cat(Xs, 1))

    net = classifier(Both, module__n_features=6).fit([X32[:, :3], X32[:, 3:]], Y)
    assert np.array_equal(weights(net), weights(classifier().fit(X32, Y)))


def test_images_keep_their_shape():
    class Conv(torch.nn.Sequential):
        def __init__(self, n_features, n_classes):
            super().__init__(
                torch.nn.Conv2d(n_features, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, n_classes)
            )

    images, y = load_digits(return_X_y=True)
    images = images[:200].reshape(-1, 1, 8, 8) / 16
    params = {"module__n_features": "auto", "module__n_classes": "auto", "criterion": torch.nn.CrossEntropyLoss}
    net = NeuralNetClassifier(Conv, **params, verbose=0).fit(images, y[:200])
    assert net.n_features_in_ == 1
    assert net.predict(images).shape == (200,)


def test_users_own_datasets_are_given_the_rows_as_they_are():
    class Doubling(Dataset):
        def transform(self, X, y):
            assert X.dtype == np.float64
            return (X * 2).astype(np.float32), y

    net = classifier(dataset=Doubling).fit(X, Y)
    assert np.array_equal(weights(net), weights(classifier().fit(X * 2, Y)))


def test_nan_is_refused_unless_the_module_can_take_it():
    class Masking(MLP):
        def forward(self, X):
            return super().forward(torch.nan_to_num(X))

    holey = X.copy()
    holey[3, 2] = np.nan
    with pytest.raises(InvalidArgumentError, match=r"Input X contains NaN.*SimpleImputer"):
        classifier().fit(holey, Y)
    with pytest.raises(InvalidArgumentError, match="Input X contains NaN"):
        classifier().fit(X, Y).predict(holey)
    assert np.isfinite(classifier(Masking).fit(holey, Y).predict_proba(holey)).all()
    with pytest.raises(InvalidArgumentError, match="infinity or a value too large"):
        classifier().fit(np.where(np.isnan(holey), 1e300, holey), Y)


# --- "auto" -----------------------------------------------------------------------------------------------------------


def test_auto_is_what_the_data_tell_and_stays_auto():
    net = classifier().fit(X, Y)
    assert (net.module_.hidden.in_features, net.module_.out.out_features) == (6, 3)
    assert net.get_params()["module__n_features"] == "auto"
    net.fit(X[:, :2], np.minimum(Y, 1))
    assert (net.module_.hidden.in_features, net.module_.out.out_features) == (2, 2)
    net.set_params(module__n_hidden=3)
    assert (net.module_.hidden.in_features, net.module_.hidden.out_features) == (2, 3)


@pytest.mark.parametrize(
    ("given", "y"), [(torch.as_tensor(X32), Y), (Dataset(X32, Y), None)], ids=["tensor", "dataset"]
)
def test_auto_is_known_of_tensors_and_datasets_too(given, y):
    assert classifier().fit(given, y).module_.hidden.in_features == 6


def test_auto_cannot_be_known_before_there_are_data():
    with pytest.raises(InvalidArgumentError, match="module__n_features='auto' is not known before fit has seen data"):
        classifier().initialize()
    with pytest.raises(InvalidArgumentError, match="not known from such an X"):
        classifier().fit({"X": X32}, Y)


# --- in scikit-learn's hands ------------------------------------------------------------------------------------------


def test_tags_say_what_the_nets_are():
    many, two, numbers = (kind(MLP) for kind in (NeuralNetClassifier, NeuralNetBinaryClassifier, NeuralNetRegressor))
    assert is_classifier(many)
    assert is_classifier(two)
    assert is_regressor(numbers)
    assert get_tags(many).classifier_tags.multi_class
    assert not get_tags(two).classifier_tags.multi_class
    assert get_tags(numbers).target_tags.multi_output


def test_clone_has_all_parameters_and_nothing_of_the_fit():
    params = {"random_state": 3, "amp": None, "class_weight": "balanced", "device": "cpu", "module__n_hidden": 3}
    net = classifier(**params, train_split=None).fit(X, Y)
    copied = clone(net)
    assert {name: copied.get_params()[name] for name in params} == params
    assert copied.get_params().keys() == clone(copied).get_params().keys()
    assert not copied.initialized_


def test_nets_work_in_pipelines_grid_searches_and_searches():
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(pipeline, X, Y, cv=3).shape == (3,)
    space = {"neuralnetclassifier__module__n_hidden": [2, 8], "neuralnetclassifier__lr": [0.1]}
    grid = GridSearchCV(pipeline, space, cv=2).fit(X, Y)
    search = OptunaSearchCV(pipeline, space, cv=2, n_trials=None).fit(X, Y)
    assert np.array_equal(sorted(grid.cv_results_["mean_test_score"]), sorted(search.cv_results_["mean_test_score"]))


def test_nothing_is_printed_within_a_search_and_skorchs_lines_without():
    output = io.StringIO()
    with redirect_stdout(output):
        OptunaSearchCV(classifier(verbose=1), {"lr": [0.1]}, cv=2, n_trials=1).fit(X, Y)
    assert output.getvalue() == ""
    net = classifier(verbose=1, max_epochs=2)
    with redirect_stdout(output):
        net.fit(X, Y)
    assert output.getvalue().count("\n") == 4
    assert (net.verbose, net.get_params()["verbose"]) == (1, 1)


def test_a_fitted_net_refers_to_none_of_its_data():
    class Watched(np.ndarray):
        pass

    rows, labels, row_weights = (each.copy().view(Watched) for each in (X32, Y, np.ones(len(X))))
    watched = [weakref.ref(each) for each in (rows, labels, row_weights)]
    net = classifier(train_split=ValidSplit(3)).fit(rows, labels, sample_weight=row_weights)
    net.predict(rows)
    del rows, labels, row_weights
    gc.collect()
    assert [each() for each in watched] == [None] * 3
    large = [value for value in vars(net).values() if isinstance(value, (np.ndarray, list)) and len(value) > 50]
    assert large == []


def test_a_pickled_net_predicts_the_same_and_trains_on():
    net = classifier().fit(X, Y)
    copied = pickle.loads(pickle.dumps(net))
    assert np.array_equal(copied.predict_proba(X), net.predict_proba(X))
    assert np.array_equal(weights(copied.partial_fit(X, Y)), weights(net.partial_fit(X, Y)))


def test_metadata_routing_knows_fit_parameters():
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier(max_epochs=2).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), net)
        weighted = pipeline.fit(X, Y, sample_weight=(Y == 0) + 0.1)
        search = OptunaSearchCV(net, {"lr": [0.1]}, cv=2, n_trials=1).fit(X, Y, sample_weight=(Y == 0) + 0.1)
    plain = make_pipeline(StandardScaler(), classifier(max_epochs=2)).fit(X, Y)
    assert not np.array_equal(weighted.predict_proba(X), plain.predict_proba(X))
    assert (search.predict(X) == 0).mean() > (plain.predict(X) == 0).mean()


def test_loaders_of_torch_can_be_used():
    net = classifier(iterator_train=DataLoader, iterator_valid=DataLoader).fit(X, Y)
    assert np.array_equal(weights(net), weights(classifier().fit(X, Y)))


# --- a module given as an instance ------------------------------------------------------------------------------------


def test_an_instance_of_a_module_is_warned_of_once():
    net = NeuralNetClassifier(MLP(6, 3), criterion=torch.nn.CrossEntropyLoss, verbose=0)
    with pytest.warns(UserWarning, match=r"every clone.*copies them\. Pass the class.*module=MLP") as caught:
        net.fit(X, Y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    cross_val_score(net, X, Y, cv=3)  # warnings are errors


def test_a_function_that_makes_modules_is_not():
    def make(n_features, n_outputs):
        return MLP(n_features, n_outputs, n_hidden=5)

    assert classifier(make).fit(X, Y).module_.hidden.out_features == 5
