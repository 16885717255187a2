"""A store has the history of one search, refuses those of others, and can be read by others."""

import sqlite3

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from sk_optuna import __version__
from sk_optuna.evaluation import FoldResult
from sk_optuna.exceptions import InvalidArgumentError, ResumeMismatchError, StorageError
from sk_optuna.storage import History, Store, StoredTrial

IDENTITY = {"estimator": "sklearn.svm._classes.SVC(C=1.0)", "cv": "5", "X": "array of shape (3, 2), float64, 00"}
LONG = "Traceback: \N{SNOWMAN} \ud800 \0 \"'\\\n" * 4000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


def history(**identity):
    splits = [(np.arange(4), np.arange(4, 6)), (np.arange(2, 6), np.arange(2))]
    return History({**IDENTITY, **identity}, {"scikit-learn": "1.8"}, 7, splits)


def stored(value=0.5, error=None):
    fold = FoldResult(value, None, 2, 0.25, 0.5, error, ("score",) if error else ())
    return StoredTrial({"C": value}, "COMPLETE", value, {0: fold, 1: fold}, notes={"a": 1})


def frozen(trial):
    return create_trial(
        state=TrialState[trial.state], value=trial.value, params=trial.row, distributions={"C": FloatDistribution(0, 9)}
    )


def write(storage, *trials, name=None, **identity):
    """Write a search and close it."""
    one = history(**identity)
    store = Store(storage, name, one.identity)
    assert store.history is None
    store.create(one)
    for trial in trials:
        store.add(frozen(trial), trial, {"model__C": trial.value, "kind": object()}, "f1")
    store.close()


def read(storage, name=None, **identity):
    store = Store(storage, name, {**IDENTITY, **identity})
    store.close()
    return store.history


STORAGES = {
    "file": lambda tmp_path: tmp_path / "search.db",
    "url": lambda tmp_path: f"sqlite:///{tmp_path}/search.db",
    "memory": lambda tmp_path: InMemoryStorage(),
    "rdb": lambda tmp_path: RDBStorage(f"sqlite:///{tmp_path}/own.db"),
    "journal": lambda tmp_path: JournalStorage(JournalFileBackend(str(tmp_path / "journal.log"))),
}


@pytest.mark.parametrize("kind", STORAGES)
def test_what_was_written_comes_back_from_any_storage(tmp_path, kind):
    storage = STORAGES[kind](tmp_path)
    trials = [stored(0.1), stored(0.2, LONG), stored(1 / 3)]
    write(storage, *trials)
    found = read(storage)
    assert found.trials == trials
    assert (found.identity, found.versions, found.random_state) == (IDENTITY, {"scikit-learn": "1.8"}, 7)
    np.testing.assert_array_equal(found.splits[1][0], np.arange(2, 6))
    assert read(storage, cv="6") is None


@given(st.floats(0, 9), st.text(max_size=60))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scores_and_errors_come_back_bit_by_bit_from_a_file(tmp_path, value, error):
    trial = stored(value, error)
    name = f"{value!r} {error!r}"
    write(tmp_path / "search.db", trial, name=name)
    assert repr(read(tmp_path / "search.db", name=name).trials) == repr([trial])
    optuna.delete_study(study_name=name, storage=f"sqlite:///{tmp_path}/search.db")


def test_readers_find_scores_seconds_parameters_and_arguments_in_clear_text(path):
    write(path, stored(0.1), name="mine")
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    assert study.metric_names == ["mean_test_f1"]
    assert study.user_attrs == {"sk_optuna": __version__, "scikit-learn": "1.8", **IDENTITY}
    (trial,) = study.trials
    assert trial.params == {"C": 0.1}
    assert trial.user_attrs["params"]["model__C"] == 0.1
    assert trial.user_attrs["fold_scores"] == {"0": 0.1, "1": 0.1}
    assert trial.user_attrs["fold_seconds"] == {"0": 0.75, "1": 0.75}


def test_a_name_finds_the_study_only_of_the_same_search(path):
    write(path, stored(), name="mine")
    with pytest.raises(ResumeMismatchError, match=r"(?s)'mine'.*search.db.*cv: 5 then, 6 now.*another study_name"):
        read(path, name="mine", cv="6")
    assert read(path) is None
    assert read(path, name="mine").trials == [stored()]


@pytest.mark.parametrize("name", ["", "x" * 513, 5, b"name"])
def test_names_that_no_database_takes_are_refused(path, name):
    with pytest.raises(InvalidArgumentError, match="'study_name' parameter must be a text of 1 to 512 characters"):
        Store(path, name, IDENTITY)
    assert not path.exists()


@pytest.mark.parametrize("name", ["x" * 512, "\N{SNOWMAN}", "a/b'c\"d%e{f}", " "])
def test_other_names_are_taken(path, name):
    write(path, stored(), name=name)
    assert len(read(path, name=name).trials) == 1


def test_a_study_of_someone_else_is_refused_and_stays_as_it_was(path):
    url = f"sqlite:///{path}"
    study = optuna.create_study(study_name="mine", storage=url)
    with pytest.raises(
        StorageError, match=r"not made by a search: it has 0 trials.*\['MINIMIZE'\].*another study_name"
    ):
        read(path, name="mine")
    optuna.create_study(study_name="two", storage=url, directions=["maximize", "maximize"])
    with pytest.raises(StorageError, match=r"\['MAXIMIZE', 'MAXIMIZE'\]"):
        read(path, name="two")
    other = optuna.create_study(study_name="other", storage=url, direction="maximize")
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with pytest.raises(StorageError, match=r"it has 2 trials.*pass them as initial_params"):
        read(path, name="other")
    assert (len(study.trials), len(other.trials)) == (0, 2)


def test_a_store_of_a_newer_format_is_refused_with_the_version_that_reads_it(path):
    write(path, stored(), name="mine")
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{path}")
    study.set_user_attr("sk_optuna", "7.5.0")
    study._storage.set_study_system_attr(study._study_id, "sk_optuna:format", 99)
    with pytest.raises(StorageError, match=r"by sk-optuna 7\.5\.0, in format 99.*Install sk-optuna>=7\.5\.0"):
        read(path, name="mine")


def test_a_study_whose_process_was_killed_before_its_first_words_is_begun_anew(path):
    optuna.create_study(study_name="mine", storage=f"sqlite:///{path}", direction="maximize")
    write(path, stored(), name="mine")
    assert len(read(path, name="mine").trials) == 1


HISTORY = "UPDATE study_system_attributes SET value_json = {} WHERE key LIKE '%history%'"
DAMAGES = {
    "history": HISTORY.format("replace(value_json, 'SVC', 'SVD')"),
    "seed": HISTORY.format("replace(value_json, ': 7', ': 8')"),
    "splits": "UPDATE study_system_attributes SET value_json = upper(value_json) WHERE key LIKE '%splits%'",
    "no splits": "DELETE FROM study_system_attributes WHERE key LIKE '%splits%'",
    "no json": "UPDATE study_system_attributes SET value_json = '{' WHERE key LIKE '%history%'",
    "format": "UPDATE study_system_attributes SET value_json = 'null' WHERE key LIKE '%format%'",
    "record": "UPDATE trial_system_attributes SET value_json = replace(value_json, '0.25', '0.26')",
    "no record": "DELETE FROM trial_system_attributes",
    "distribution": "UPDATE trial_params SET distribution_json = '[]'",
    "state": "UPDATE trials SET state = 'OTHER'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_changed_content_is_refused_and_not_written_to(path, damage):
    write(path, stored(), name="mine")
    connection = sqlite3.connect(path)
    assert connection.execute(DAMAGES[damage]).rowcount
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"'mine'.*search\.db' cannot be read: .*Nothing was changed"):
        read(path, name="mine")
    assert path.read_bytes() == before


def test_what_is_there_for_readers_is_not_what_a_search_goes_on_from(path):
    write(path, stored(0.1))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trial_values SET value = 7")
        connection.execute("UPDATE trial_params SET param_value = 7")
    connection.close()
    assert read(path).trials == [stored(0.1)]


class Unsure(InMemoryStorage):
    """Writes a trial, but the answer does not arrive."""

    is_unsure = False

    def create_new_trial(self, study_id, template_trial=None):
        super().create_new_trial(study_id, template_trial)
        if self.is_unsure:
            raise ConnectionError("lost")


def test_a_write_that_arrived_without_an_answer_is_not_made_twice(monkeypatch):
    monkeypatch.setattr("sk_optuna.storage._store._RETRY_EVERY", 0)
    storage = Unsure()
    storage.is_unsure = True
    write(storage, stored(0.1), stored(0.2))
    assert [trial.value for trial in read(storage).trials] == [0.1, 0.2]


def test_another_writer_is_noticed(path):
    write(path, stored(0.1))
    one, other = Store(path, None, IDENTITY), Store(path, None, IDENTITY)
    one.add(frozen(stored(0.2)), stored(0.2), {}, "score")
    with pytest.raises(StorageError, match=r"has other trials than the 2 that this .*another process"):
        other.add(frozen(stored(0.3)), stored(0.3), {}, "score")
    one.close()
    other.close()
    assert [trial.value for trial in read(path).trials] == [0.1, 0.2]


def test_a_store_that_another_process_has_just_begun_is_not_begun_twice(path):
    one, other = Store(path, None, IDENTITY), Store(path, None, IDENTITY)
    one.create(history())
    with pytest.raises(StorageError, match="no other process runs the same search"):
        other.create(history())
    one.close()
    other.close()
