"""TensorLoader serves what torch's DataLoader serves, from where the network is, or is a DataLoader."""

# ruff: noqa: E402

from types import GeneratorType

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from skorch.dataset import Dataset
from torch.utils.data import DataLoader, Subset, TensorDataset

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch import _loader
from sk_optuna.skorch._loader import TensorLoader, columns_of, forget_device_copies

META = torch.device("meta")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 7)).astype(np.float32)
Y = RNG.integers(0, 3, 23)
WEIGHTS = RNG.uniform(size=23).astype(np.float32)


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


DATASETS = {
    "labels": lambda: Dataset(X, Y),
    "no y": lambda: Dataset(X),
    "y with weights": lambda: Dataset(X, (Y, WEIGHTS)),
    "a list of two y": lambda: Dataset(X, [Y, WEIGHTS]),
    "y by name": lambda: Dataset(X, {"labels": Y, "weights": WEIGHTS}),
    "several targets": lambda: Dataset(X, X[:, :2]),
    "one column": lambda: Dataset(X[:, 0], Y == 1),
    "images": lambda: Dataset(np.arange(23 * 12, dtype=np.uint8).reshape(23, 3, 2, 2), Y.astype(np.int32)),
    "half precision": lambda: Dataset(X.astype(np.float16), WEIGHTS.astype(np.float16)),
    "Fortran order": lambda: Dataset(np.asfortranarray(X), Y),
    "every other row": lambda: Dataset(np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    "read only": lambda: Dataset(read_only(X), read_only(Y)),
    "tensors": lambda: Dataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "a TensorDataset": lambda: TensorDataset(*map(torch.from_numpy, (X, Y, WEIGHTS))),
    "a part": lambda: Subset(Dataset(X, Y), np.arange(20, 3, -1)),
    "a part of a TensorDataset": lambda: Subset(TensorDataset(torch.from_numpy(X)), [3, 1, 1, 8, 22]),
}


def flat(batch):
    """Return what a batch consists of, with the types that nest it."""
    if isinstance(batch, dict):
        return [("dict", list(batch)), *flat(list(batch.values()))]
    if isinstance(batch, (list, tuple)):
        return [(type(batch), len(batch)), *(leaf for part in batch for leaf in flat(part))]
    return [batch]


def assert_equal_batches(served, expected, device="cpu"):
    assert len(served) == len(expected)
    for ours, theirs in zip(map(flat, served), map(flat, expected), strict=True):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            if isinstance(b, torch.Tensor):
                assert (a.dtype, a.shape, a.device.type, a.stride()) == (b.dtype, b.shape, device, b.stride())
                assert torch.equal(a.cpu(), b)
            else:
                assert a == b


def iterates_itself(loader):
    return isinstance(iter(loader), GeneratorType)


@pytest.fixture
def sent(monkeypatch):
    """Shapes of the tensors that were sent to a device."""
    shapes = []
    send = _loader.send

    def counting(tensor, device):
        shapes.append(tuple(tensor.shape))
        return send(tensor, device)

    monkeypatch.setattr(_loader, "send", counting)
    yield shapes
    forget_device_copies()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("kind", DATASETS)
def test_batches_are_those_of_a_data_loader(kind, shuffle, device):
    dataset = DATASETS[kind]()
    expected_from = DATASETS["labels"]() if kind == "read only" else dataset  # torch warns of it
    options = {"batch_size": 5, "shuffle": shuffle}
    expected = list(DataLoader(expected_from, generator=torch.Generator().manual_seed(1), **options))
    for share in (0.5, 0.0):
        generator = torch.Generator().manual_seed(1)
        loader = TensorLoader(dataset, generator=generator, device=device, device_share=share, **options)
        assert iterates_itself(TensorLoader(dataset, device=device, **options))
        assert_equal_batches(list(loader), expected, device)


@pytest.mark.parametrize("given", [True, False], ids=["own generator", "global generator"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 8, 16, 40])
@pytest.mark.parametrize("n_rows", [16, 23])
def test_random_numbers_are_drawn_as_a_data_loader_draws_them(n_rows, batch_size, drop_last, shuffle, given):
    def trace(cls):
        torch.manual_seed(3)
        generator = torch.Generator().manual_seed(5) if given else None
        source = torch.default_generator if generator is None else generator
        dataset = Dataset(X[:n_rows], Y[:n_rows])
        loader = cls(dataset, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, generator=generator)
        states, batches = [], []
        for _ in range(2):
            for batch in loader:
                batches.append(batch)
                states.append(source.get_state())
            states.append(source.get_state())
        return len(loader), batches, states

    (n_ours, ours, our_states), (n_theirs, theirs, their_states) = trace(TensorLoader), trace(DataLoader)
    assert n_ours == n_theirs
    assert_equal_batches(ours, theirs)
    assert all(torch.equal(a, b) for a, b in zip(our_states, their_states, strict=True))


@pytest.mark.parametrize("n_features", [3, 16])  # of which one makes batches that are not aligned
def test_a_chunk_of_many_batches_changes_nothing(monkeypatch, n_features):
    data = torch.randn(1000, n_features)
    expected = list(DataLoader(TensorDataset(data), batch_size=5))
    for n_bytes in (0, 1000, 2**20):
        monkeypatch.setattr(_loader, "_CHUNK_BYTES_CPU", n_bytes)
        served = list(TensorLoader(TensorDataset(data), batch_size=5))
        assert_equal_batches(served, expected)
        assert all(batch.data_ptr() % 64 == 0 for (batch,) in served)


@pytest.mark.parametrize("shuffle", [False, True])
def test_losses_of_a_net_are_those_with_a_data_loader(shuffle):
    def losses(loader):
        torch.manual_seed(0)
        net = skorch.NeuralNetClassifier(
            torch.nn.Sequential(torch.nn.Linear(7, 9), torch.nn.Dropout(0.5), torch.nn.Linear(9, 3)),
            criterion=torch.nn.CrossEntropyLoss,
            iterator_train=loader,
            iterator_train__shuffle=shuffle,
            iterator_valid=loader,
            train_split=skorch.dataset.ValidSplit(3),
            batch_size=4,
            verbose=0,
        )
        torch.manual_seed(0)
        net.module.apply(lambda module: getattr(module, "reset_parameters", lambda: None)())
        history = net.fit(X, Y).history
        return history[:, "batches", :, "train_loss"], history[:, "valid_loss"], net.predict_proba(X).tolist()

    assert losses(TensorLoader) == losses(DataLoader)


@pytest.mark.parametrize("protect", [lambda array: array, read_only], ids=["writable", "read only"])
def test_a_float32_array_is_not_copied_on_the_cpu(protect):
    rows, labels = protect(X), protect(Y)
    columns = columns_of(Dataset(rows, labels))
    assert [tensor.data_ptr() for tensor in columns.tensors] == [rows.ctypes.data, labels.ctypes.data]


def test_rows_of_a_read_only_memory_map_are_served(tmp_path):
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    loader = TensorLoader(Dataset(mapped, Y), batch_size=23)
    assert iterates_itself(loader)
    assert np.array_equal(next(iter(loader))[0].numpy(), X)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_module_that_works_in_place_leaves_the_users_rows_alone(shuffle):
    rows, before = X.copy(), X.copy()
    for batch, _ in TensorLoader(Dataset(rows, Y), batch_size=5, shuffle=shuffle):
        batch.zero_()
    assert np.array_equal(rows, before)


class OwnRows(Dataset):
    def __getitem__(self, i):
        rows, y = super().__getitem__(i)
        return rows * 2, y


class OwnTransform(Dataset):
    def transform(self, rows, y):
        return rows * 2, y


def with_transform_of_its_own():
    dataset = Dataset(X, Y)
    dataset.transform = lambda rows, y: (rows * 2, y)
    return dataset


LEFT_TO_TORCH = {
    "own rows": lambda: (OwnRows(X, Y), {}),
    "own transform": lambda: (OwnTransform(X, Y), {}),
    "a transform set on it": lambda: (with_transform_of_its_own(), {}),
    "X is a dict": lambda: (Dataset({"a": X, "b": X}, Y), {}),
    "X is a list": lambda: (Dataset([X, X], Y), {}),
    "y is a list of numbers": lambda: (Dataset(X, Y.tolist()), {}),
    "negative strides": lambda: (Dataset(X[::-1], Y), {}),
    "uint64": lambda: (Dataset(X, Y.reshape(-1, 1).astype(np.uint64)), {}),
    "length given": lambda: (Dataset(X, Y, length=5), {}),
    "a part of a part": lambda: (Subset(Subset(Dataset(X, Y), range(10)), [1, 2]), {}),
    "rows from the end": lambda: (Subset(Dataset(X, Y), [-1, -2]), {}),
    "collate_fn": lambda: (Dataset(X, Y), {"collate_fn": list}),
    "sampler": lambda: (Dataset(X, Y), {"sampler": [3, 1, 2]}),
    "batch_sampler": lambda: (Dataset(X, Y), {"batch_sampler": [[3, 1], [2]]}),
    "no batches": lambda: (Dataset(X, Y), {"batch_size": None}),
    "a subclass of TensorDataset": lambda: (type("Own", (TensorDataset,), {})(torch.from_numpy(X)), {}),
}


@pytest.mark.parametrize("kind", LEFT_TO_TORCH)
def test_what_is_not_plainly_rows_is_left_to_torch(kind):
    dataset, options = LEFT_TO_TORCH[kind]()
    loader = TensorLoader(dataset, **options)
    assert not iterates_itself(loader)
    served, expected = list(loader), list(DataLoader(dataset, **options))
    assert repr(served) == repr(expected)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # torch, of rows of a frame
def test_data_frames_and_sparse_rows_are_left_to_torch():
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    for rows in (pandas.DataFrame({"a": X[:, 0], "b": X[:, 1]}), sparse.csr_matrix(X)):
        loader = TensorLoader(Dataset(rows, Y), batch_size=5)
        assert not iterates_itself(loader)
        assert repr(list(loader)) == repr(list(DataLoader(Dataset(rows, Y), batch_size=5)))


def test_defaults_that_are_spelled_out_are_no_reason_to_leave_it_to_torch():
    assert iterates_itself(TensorLoader(Dataset(X, Y), num_workers=0, collate_fn=None, pin_memory=False))


def test_it_is_a_data_loader_with_its_attributes_and_its_errors():
    loader = TensorLoader(Dataset(X, Y), batch_size=4, shuffle=True)
    assert isinstance(loader, DataLoader)
    assert (loader.batch_size, len(loader), loader.drop_last) == (4, 6, False)
    with pytest.raises(ValueError, match="batch_size should be a positive integer"):
        TensorLoader(Dataset(X, Y), batch_size=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'shufle'"):
        TensorLoader(Dataset(X, Y), shufle=True)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_memory_that_is_none_is_refused(share):
    with pytest.raises(InvalidArgumentError, match="device_share is a share of the device's free memory, from 0 to 1"):
        TensorLoader(Dataset(X, Y), device_share=share)


def test_rows_are_sent_once_a_fit(sent):
    loader = TensorLoader(Dataset(X, Y), batch_size=5, shuffle=True, device="meta")
    for _ in range(3):
        assert all(part.device == META for batch in loader for part in batch)
    assert sent == [(23, 7), (23,)]


def test_rows_may_lie_on_one_device_and_labels_on_another():
    dataset = TensorDataset(torch.from_numpy(X).to("meta"), torch.from_numpy(Y))
    for device, devices in ((None, ["meta", "cpu"]), ("meta", ["meta", "meta"])):
        for share in (0, 0.5):
            loader = TensorLoader(dataset, batch_size=5, shuffle=True, device=device, device_share=share)
            assert [part.device.type for part in next(iter(loader))] == devices


def test_of_a_part_only_its_rows_are_sent(sent):
    list(TensorLoader(Subset(Dataset(X, Y), [4, 2, 9]), device="meta"))
    assert sent == [(3, 7), (3,)]


def test_rows_that_a_callback_put_in_place_of_others_are_served():
    dataset = Dataset(X, Y)
    loader = TensorLoader(dataset, batch_size=23)
    list(loader)
    dataset.X = X + 1
    assert np.array_equal(next(iter(loader))[0].numpy(), X + 1)


def test_rows_that_take_more_than_their_share_are_streamed(sent, monkeypatch):
    monkeypatch.setattr(_loader, "_CHUNK_BYTES", 10 * X[0].nbytes)
    needed = X.nbytes + Y.nbytes
    for free, streams in ((2 * needed, False), (2 * needed - 1, True)):
        sent.clear()
        monkeypatch.setattr(_loader, "free_memory", lambda device, free=free: free)
        loader = TensorLoader(Dataset(X, Y), batch_size=5, device="meta")
        assert [len(rows) for rows, _ in loader] == [5, 5, 5, 5, 3]
        assert sent == ([(10, 7), (10,), (10, 7), (10,), (3, 7), (3,)] if streams else [(23, 7), (23,)])


def test_streamed_batches_are_those_of_a_data_loader(monkeypatch):
    """With a second device that is the first one under another name."""
    monkeypatch.setattr(_loader, "_lies_on", lambda tensors, device: False)
    monkeypatch.setattr(_loader, "_CHUNK_BYTES", 10 * X[0].nbytes)
    options = {"batch_size": 5, "shuffle": True}
    expected = list(DataLoader(Dataset(X, Y), generator=torch.Generator().manual_seed(1), **options))
    generator = torch.Generator().manual_seed(1)
    served = TensorLoader(Dataset(X, Y), generator=generator, device="cpu", device_share=0, **options)
    assert_equal_batches(list(served), expected)


def test_a_device_that_runs_short_is_streamed_to_and_relieved_of_what_was_kept(sent, monkeypatch):
    list(TensorLoader(Dataset(X, Y), device="meta", origin=b"another fold"))
    counting = _loader.send

    def short(tensor, device):
        if len(tensor) == len(X):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return counting(tensor, device)

    monkeypatch.setattr(_loader, "send", short)
    monkeypatch.setattr(_loader, "_CHUNK_BYTES", 0)
    assert len(list(TensorLoader(Dataset(X, Y), batch_size=5, device="meta"))) == 5
    assert not _loader._kept._tensors


def test_rows_of_a_known_origin_are_sent_once_a_search(sent):
    for _ in range(3):
        list(TensorLoader(Dataset(X.copy(), Y), device="meta", origin=b"fold 0"))
    assert sent.count((23, 7)) == 1
    list(TensorLoader(Dataset(X, Y), device="meta", origin=b"fold 1"))
    list(TensorLoader(Dataset(X.astype(np.float64), Y), device="meta", origin=b"fold 0"))
    assert sent.count((23, 7)) == 3
    forget_device_copies()
    list(TensorLoader(Dataset(X, Y), device="meta", origin=b"fold 0"))
    assert sent.count((23, 7)) == 4


def test_rows_of_unknown_origin_are_not_kept(sent):
    for _ in range(2):
        list(TensorLoader(Dataset(X, Y), device="meta"))
    assert sent.count((23, 7)) == 2


def test_what_is_kept_is_bounded_and_the_least_recently_used_goes_first(sent, monkeypatch):
    room = 2 * X.nbytes
    held = _loader._kept._tensors
    monkeypatch.setattr(_loader, "_STORE_SHARE", 0.5)
    monkeypatch.setattr(_loader, "free_memory", lambda device: 2 * room - sum(t.nbytes for t in held.values()))
    for origin in (b"0", b"1", b"0", b"2", b"0"):
        list(TensorLoader(Dataset(X, Y), device="meta", origin=origin, device_share=1))
    assert [key[1] for key in held] == [b"2", b"0"]
    assert sent.count((23, 7)) == 3


def test_what_is_kept_is_let_go_of_when_nobody_uses_it(sent, monkeypatch):
    list(TensorLoader(Dataset(X, Y), device="meta", origin=b"fold 0"))
    monkeypatch.setattr(_loader._kept, "_last_used", float("-inf"))
    monkeypatch.setattr(_loader.time, "sleep", lambda seconds: None)
    _loader._kept._watch()
    assert not _loader._kept._tensors


def test_nothing_is_kept_or_sent_where_rows_lie_already(sent):
    list(TensorLoader(Dataset(X, Y), device="cpu", origin=b"fold 0"))
    list(TensorLoader(Dataset(torch.from_numpy(X).to("meta"), torch.from_numpy(Y).to("meta")), batch_size=5))
    assert sent == []
    assert not _loader._kept._tensors


def test_what_is_left_on_devices_goes_when_a_search_ends():
    from sklearn.dummy import DummyClassifier

    from sk_optuna import OptunaSearchCV
    from sk_optuna.skorch import _loader

    _loader._kept._tensors["rows"] = torch.zeros(1)
    OptunaSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=2).fit(np.zeros((8, 1)), [0, 1] * 4)
    assert not _loader._kept._tensors
