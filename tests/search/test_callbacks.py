"""scikit-learn's own callbacks, new in its 1.9: a search calls their hooks as GridSearchCV does."""

import json
from collections import Counter
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from sk_optuna import OptunaSearchCV

callback = pytest.importorskip("sklearn.callback", reason="new in scikit-learn 1.9")

pytestmark = [
    pytest.mark.usefixtures("sent_by_value"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


class Notes:
    """Appends a line to a file at every hook, in whichever process it is called."""

    def __init__(self, path):
        self.path = str(path)

    def _note(self, hook, estimator, context, **seen):
        path, at = [], context
        while at is not None:
            path.insert(0, (at.task_name, at.task_id))
            at = at.parent
        note = {"hook": hook, "estimator": type(estimator).__name__, "path": path, **seen}
        note["most"] = context.max_subtasks
        with Path(self.path).open("a") as file:
            file.write(json.dumps(note) + "\n")

    def setup(self, estimator, context):
        self._note("setup", estimator, context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        shape = None if X is None else list(X.shape)
        weighted = metadata is not None and metadata.get("sample_weight") is not None
        self._note("begin", estimator, context, X=shape, y=y is not None, weighted=weighted)

    def on_fit_task_end(self, estimator, context):
        self._note("end", estimator, context)

    def teardown(self, estimator, context):
        self._note("teardown", estimator, context)


class PropagatedNotes(Notes):
    max_propagation_depth = None


class Stop(Notes):
    """Asks to stop at the end of a fold of the third candidate."""

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        return context.task_name == "candidate-split-evaluation" and context.task_id == 2 * 3 + 1


class Steps(callback.CallbackSupportMixin, BaseEstimator):
    """An estimator with steps that are tasks of its own."""

    def __init__(self, a=1, n_steps=2):
        self.a = a
        self.n_steps = n_steps

    @callback.with_callbacks
    def fit(self, X, y=None, sample_weight=None):
        root = self._init_callback_context(max_subtasks=self.n_steps).call_on_fit_task_begin(estimator=self, X=X, y=y)
        for _ in range(self.n_steps):
            step = root.subcontext(task_name="step").call_on_fit_task_begin(estimator=self, X=X, y=y)
            step.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=lambda: {"mean_": 0.0})
        self.mean_ = float(np.mean(X))
        root.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=lambda: {"mean_": self.mean_})
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_ * self.a)

    def score(self, X, y=None, sample_weight=None):
        return -((self.a - 2.2) ** 2) + float(np.mean(X))


_GRID = {"a": [0, 1, 2, 3]}
_X, _Y = np.random.default_rng(0).normal(size=(18, 2)), np.arange(18.0)

engines = pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])


def _fit(search, *callbacks, backend="loky", **params):
    with joblib.parallel_config(backend=backend):
        return search.set_callbacks(*callbacks).fit(_X, _Y, **params)


def _notes(callback):
    return [json.loads(line) for line in Path(callback.path).read_text().splitlines()]


def _tree(notes):
    """Return how often each hook was called for each task, whatever the search is called."""
    searches = ("GridSearchCV", "OptunaSearchCV")
    return Counter(json.dumps({**n, "estimator": n["estimator"].replace(searches[1], searches[0])}) for n in notes)


@engines
@pytest.mark.parametrize("kind", [Notes, PropagatedNotes])
@pytest.mark.parametrize("refit", [True, False])
def test_hooks_are_those_of_grid_search(tmp_path, kind, backend, n_jobs, refit):
    ours, theirs = kind(tmp_path / "ours"), kind(tmp_path / "theirs")
    search = _fit(OptunaSearchCV(Steps(), _GRID, cv=3, n_jobs=n_jobs, refit=refit), ours, backend=backend)
    grid = _fit(GridSearchCV(Steps(), _GRID, cv=3, refit=refit), theirs)
    assert _tree(_notes(ours)) == _tree(_notes(theirs))
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"])


def test_hooks_are_those_of_grid_search_with_sample_weight(tmp_path):
    ours, theirs = Notes(tmp_path / "ours"), Notes(tmp_path / "theirs")
    _fit(OptunaSearchCV(Steps(), _GRID, cv=3), ours, sample_weight=np.ones(18))
    _fit(GridSearchCV(Steps(), _GRID, cv=3), theirs, sample_weight=np.ones(18))
    assert _tree(_notes(ours)) == _tree(_notes(theirs))
    assert any(note.get("weighted") for note in _notes(ours))


@engines
def test_tree_has_one_root_one_search_a_task_per_fold_and_one_refit(tmp_path, backend, n_jobs):
    notes = Notes(tmp_path / "notes")
    _fit(OptunaSearchCV(Steps(), _GRID, cv=3, n_jobs=n_jobs, n_trials=3, random_state=0), notes, backend=backend)
    for hook in ("begin", "end"):
        names = [tuple(name for name, _ in note["path"]) for note in _notes(notes) if note["hook"] == hook]
        assert Counter(names) == {
            ("fit",): 1,
            ("fit", "search"): 1,
            ("fit", "search", "candidate-split-evaluation"): 9,
            ("fit", "refit-with-best-params"): 1,
        }
        folds = [note["path"][-1][1] for note in _notes(notes) if note["hook"] == hook and len(note["path"]) == 3]
        assert sorted(folds) == list(range(9))


def test_a_search_that_goes_on_announces_the_folds_that_are_to_run(tmp_path):
    notes = Notes(tmp_path / "notes")
    first, more = (OptunaSearchCV(Steps(), _GRID, cv=3, n_trials=n, storage=tmp_path / "search.db") for n in (1, 4))
    _fit(first)
    _fit(more, notes)
    begun = [note for note in _notes(notes) if note["hook"] == "begin"]
    (search,) = [note for note in begun if note["path"][-1][0] == "search"]
    assert search["most"] == sum(note["path"][-1][0] == "candidate-split-evaluation" for note in begun) == 9


@engines
def test_true_from_a_hook_at_the_end_of_a_fold_ends_the_search_after_that_trial(tmp_path, backend, n_jobs):
    stop = Stop(tmp_path / "notes")
    search = _fit(OptunaSearchCV(Steps(), _GRID, cv=3, n_jobs=n_jobs), stop, backend=backend)
    assert search.n_trials_ == 3
    assert search.best_params_ == {"a": 2}
    assert search.best_estimator_.a == 2
    ended = [tuple(name for name, _ in note["path"]) for note in _notes(stop) if note["hook"] == "end"]
    assert ended[-3:] == [("fit", "search"), ("fit", "refit-with-best-params"), ("fit",)]


@engines
def test_callbacks_of_the_estimator_itself_are_called(tmp_path, backend, n_jobs):
    notes = Notes(tmp_path / "notes")
    with joblib.parallel_config(backend=backend):
        OptunaSearchCV(Steps().set_callbacks(notes), _GRID, cv=3, n_jobs=n_jobs).fit(_X, _Y)
    found = Counter((note["hook"], note["path"][-1][0]) for note in _notes(notes))
    assert found["begin", "step"] == found["end", "step"] == 2 * (4 * 3 + 1)


def test_teardown_is_called_after_an_error(tmp_path):
    notes = Notes(tmp_path / "notes")
    with pytest.raises(TypeError):
        _fit(OptunaSearchCV(Steps(n_steps="two"), _GRID, cv=3, error_score="raise"), notes)
    assert Counter(note["hook"] for note in _notes(notes))["teardown"] == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_of_scikit_learn_sees_every_step(n_jobs):
    ours, theirs = (callback.ScoringMonitor(scoring="neg_mean_squared_error") for _ in range(2))
    OptunaSearchCV(Steps().set_callbacks(ours), _GRID, cv=3, n_jobs=n_jobs).fit(_X, _Y)
    GridSearchCV(Steps().set_callbacks(theirs), _GRID, cv=3).fit(_X, _Y)
    assert len(_scores(ours)) == (4 * 3 + 1) * 3  # two steps and the whole fit, in every fold and in the refit
    assert _scores(ours) == _scores(theirs)


def _scores(monitor):
    return sorted(
        (row["task_id_path"], row["task_name"], row["neg_mean_squared_error"])
        for log in monitor.get_logs(select="all")
        for row in log.data
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_of_scikit_learn_runs(n_jobs, capfd):
    pytest.importorskip("rich")
    search = _fit(OptunaSearchCV(Steps(), _GRID, cv=3, n_jobs=n_jobs), callback.ProgressBar())
    assert search.n_trials_ == 4
    assert "OptunaSearchCV - fit" in capfd.readouterr().out


def test_callbacks_hear_of_no_fold_that_is_in_no_table(tmp_path):
    notes = Notes(tmp_path / "notes")
    grid = {"a": [2.2, 2.1, 2.3, 2.0, 2.4, 2.25, 2.15, 2.35, *range(10, 30)]}
    search = OptunaSearchCV(Steps(), grid, pruner="race", cv=3, n_jobs=6, refit=False, speculate=True, random_state=0)
    _fit(search, notes, backend="threading")
    ended = [n for n in _notes(notes) if n["hook"] == "end" and n["path"][-1][0] == "candidate-split-evaluation"]
    assert len(ended) == search.cv_results_["n_folds_run"].sum() < 28 * 3
    assert search.n_folds_dropped_ == 0
