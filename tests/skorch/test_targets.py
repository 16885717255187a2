"""y of more than one dimension, y in datasets, labels that come with `classes`: what they are to skorch's net."""

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from torch.nn import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss  # noqa: E402

from sk_optuna.exceptions import InvalidArgumentError  # noqa: E402
from sk_optuna.skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor  # noqa: E402

RNG = np.random.RandomState(0)
N = 30
X, CODES = RNG.rand(N, 4).astype(np.float32), np.arange(N) % 3
IMAGES = RNG.rand(N, 1, 4, 4).astype(np.float32)
SOFT = RNG.dirichlet([1, 1, 1], N).astype(np.float32)
LINEAR = {"module": torch.nn.Linear, "module__in_features": 4, "module__out_features": 3}
CONV = {
    "module": torch.nn.Conv2d,
    "module__in_channels": 1,
    "module__out_channels": 2,
    "module__kernel_size": 3,
    "module__padding": 1,
}
CASES = {
    "masks": (IMAGES, (IMAGES[:, 0] > 0.5).astype(np.int64), {**CONV, "criterion": CrossEntropyLoss}),
    "soft labels": (X, SOFT, {**LINEAR, "criterion": CrossEntropyLoss}),
    "several labels": (X, (SOFT > 0.3).astype(np.float32), {**LINEAR, "criterion": BCEWithLogitsLoss}),
    "one-hot": (X, np.eye(3, dtype=np.float32)[CODES], {**LINEAR, "criterion": MSELoss}),
}


def fitted(cls, rows, y, params):
    torch.manual_seed(0)
    return cls(**params, max_epochs=3, train_split=None, verbose=0, device="cpu").fit(rows, y)


def same(one, other):
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs) and one.history[:, "train_loss"] == other.history[:, "train_loss"]


@pytest.mark.parametrize("name", CASES)
def test_targets_of_more_dimensions_train_as_in_skorch(name):
    rows, y, params = CASES[name]
    theirs = fitted(skorch.NeuralNetClassifier, rows, y, params)
    for given in (y, torch.as_tensor(y), y.tolist()):
        ours = fitted(NeuralNetClassifier, rows, given, params)
        assert same(ours, theirs)
        assert np.array_equal(ours.predict(rows), theirs.predict(rows))
    assert np.array_equal(ours.classes_, theirs.classes_)


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("soft labels", lambda y: y.astype(np.float64)),
        ("soft labels", pd.DataFrame),
        ("masks", lambda y: y.astype(np.uint8)),
        ("masks", lambda y: y.astype(bool)),
    ],
)
def test_dtypes_are_made_those_that_torch_compares(name, convert):
    rows, y, params = CASES[name]
    ours, theirs = (fitted(NeuralNetClassifier, rows, given, params) for given in (convert(y), y))
    assert same(ours, theirs)


def test_targets_in_a_dict_or_a_list_are_the_criterions_matter():
    class Sum(torch.nn.Module):
        def forward(self, y_pred, y_true):
            codes, shares = y_true.values() if isinstance(y_true, dict) else y_true
            return torch.nn.functional.cross_entropy(y_pred, codes) + torch.nn.functional.mse_loss(y_pred, shares)

    params = {**LINEAR, "criterion": Sum}
    theirs = fitted(skorch.NeuralNetClassifier, X, {"a": CODES, "b": SOFT}, params)
    assert same(fitted(NeuralNetClassifier, X, {"a": CODES, "b": SOFT}, params), theirs)
    assert same(fitted(NeuralNetRegressor, X, (CODES, SOFT), params), theirs)


def test_a_criterion_that_takes_no_list_of_targets_is_named():
    with pytest.raises(InvalidArgumentError, match=r"criterion=MSELoss cannot compare .* with y \(list\)"):
        fitted(NeuralNetRegressor, X, (CODES, SOFT), {**LINEAR, "criterion": MSELoss})


@pytest.mark.parametrize("cls", [NeuralNetClassifier, NeuralNetRegressor])
def test_a_list_with_an_array_for_each_row_is_an_array(cls):
    params = {**LINEAR, "criterion": MSELoss}
    plain = fitted(cls, X, SOFT, params)
    assert same(fitted(cls, X, list(SOFT), params), plain)
    assert same(fitted(cls, X, list(torch.as_tensor(SOFT)), params), plain)


def test_sequences_of_several_lengths_reach_the_loss_as_they_are():
    class Own(NeuralNetClassifier):
        def check_data(self, X, y=None):
            pass

        def get_loss(self, y_pred, y_true, *args, **kwargs):
            lengths.append(y_true.shape[1])
            return y_pred.sum()

    lengths = []
    y = [np.arange(1 + i % 3) for i in range(N)]
    Own(**LINEAR, batch_size=1, max_epochs=1, verbose=0).fit(X, y)
    assert lengths == [len(each) for each in y]


def test_a_column_of_labels_is_labels_with_scikit_learns_warning():
    with pytest.warns(Warning, match="A column-vector y was passed"):
        ours = fitted(NeuralNetClassifier, X, np.array([*"abc"])[CODES][:, None], CASES["soft labels"][2])
    assert set(ours.predict(X)) <= {*"abc"}


def test_several_classes_a_row_are_not_counted():
    for y in (SOFT, CASES["masks"][1]):
        net = NeuralNetClassifier(torch.nn.Linear, module__n_classes="auto", verbose=0)
        with pytest.raises(InvalidArgumentError, match="module__n_classes='auto' is not known from such a y"):
            net.fit(X, y)


def test_a_net_that_had_soft_labels_learns_labels_anew():
    net = fitted(NeuralNetClassifier, X, SOFT, CASES["soft labels"][2])
    assert set(net.fit(X, np.array([*"abc"])[CODES]).predict(X)) <= {*"abc"}
    assert net.classes_.tolist() == [*"abc"]


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
def test_a_binary_net_says_as_skorch_that_y_has_one_dimension(convert):
    with pytest.raises(InvalidArgumentError, match=r"The target data should be 1-dimensional: .* y is shape \(30, 3\)"):
        NeuralNetBinaryClassifier(torch.nn.Linear, verbose=0).fit(X, convert(SOFT))


def test_missing_targets_are_refused():
    with pytest.raises(InvalidArgumentError, match="y contains NaN"):
        fitted(NeuralNetClassifier, X, np.where(SOFT > 0.9, np.nan, SOFT), CASES["soft labels"][2])


# --- datasets ---------------------------------------------------------------------------------------------------------


class Dicts(torch.utils.data.Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return {"x": torch.as_tensor(X[i]), "label": int(CODES[i])}


class Keyed(Dicts):
    def __getitem__(self, key):
        return super().__getitem__(int(key.removeprefix("row")))


class Drawing(torch.utils.data.Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return torch.as_tensor(X[i]) + torch.rand(4), int(CODES[i])


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return ((torch.as_tensor(row), int(code)) for row, code in zip(X, CODES, strict=True))


def unpacked(rows):
    return torch.stack([row["x"] for row in rows]), torch.tensor([row["label"] for row in rows])


DATASETS = {
    "dicts": (Dicts, {"iterator_train__collate_fn": unpacked}),
    "keys": (
        Keyed,
        {"iterator_train__collate_fn": unpacked, "iterator_train__sampler": [f"row{i}" for i in range(N)]},
    ),
    "draws": (Drawing, {}),
    "stream": (Stream, {"iterator_train__batch_size": 10}),
}


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_of_any_items_train_as_in_skorch(name):
    dataset, params = DATASETS[name]
    params = {**LINEAR, "criterion": CrossEntropyLoss, "classes": [0, 1, 2], **params}
    ours, theirs = (fitted(cls, dataset(), None, params) for cls in (NeuralNetClassifier, skorch.NeuralNetClassifier))
    assert same(ours, theirs)


def test_a_dataset_of_single_values_gets_skorchs_explanation():
    class Single(Dicts):
        def __getitem__(self, i):
            return 0.0

    with pytest.raises(ValueError, match=r"Dataset.__getitem__ must return exactly 2 values"):
        fitted(NeuralNetClassifier, Single(), None, {**LINEAR, "criterion": CrossEntropyLoss})


def test_validation_data_that_need_no_conversion_are_handed_on():
    valid = skorch.dataset.Dataset(X, CODES)
    split = skorch.helper.predefined_split(valid)
    net = NeuralNetClassifier(**LINEAR, criterion=CrossEntropyLoss, verbose=0, train_split=split, max_epochs=1)
    seen = []

    class Looks(skorch.callbacks.Callback):
        def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
            seen.append(dataset_valid)

    net.set_params(callbacks=[Looks()]).fit(X, CODES)
    assert seen == [valid]


# --- loaded weights ---------------------------------------------------------------------------------------------------


def test_loaded_weights_predict_the_labels_in_classes(tmp_path):
    params = {**LINEAR, "criterion": CrossEntropyLoss, "classes": ["no", "so", "yes"]}
    net = fitted(NeuralNetClassifier, X, np.array(params["classes"])[CODES], params)
    net.save_params(f_params=tmp_path / "weights")
    loaded = NeuralNetClassifier(**params).initialize()
    loaded.load_params(f_params=tmp_path / "weights")
    assert np.array_equal(loaded.predict(X), net.predict(X))
    assert loaded.score(X, net.predict(X)) == 1


def test_loaded_weights_without_classes_predict_codes(tmp_path):
    params = {**LINEAR, "criterion": CrossEntropyLoss}
    net = fitted(NeuralNetClassifier, X, np.array(["no", "so", "yes"])[CODES], params)
    net.save_params(f_params=tmp_path / "weights")
    loaded = NeuralNetClassifier(**params).initialize()
    loaded.load_params(f_params=tmp_path / "weights")
    assert np.array_equal(np.array(["no", "so", "yes"])[loaded.predict(X)], net.predict(X))
