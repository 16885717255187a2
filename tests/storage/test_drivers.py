"""Drivers of one study: turns, leases, claims, and the way from one that is alone to several that share."""

import threading
import time
from contextlib import ExitStack, closing

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from sk_optuna.evaluation import FoldResult
from sk_optuna.exceptions import StorageError
from sk_optuna.storage import Claim, Driver, History, Store, StoredTrial, ended
from sk_optuna.storage import _driver as driver_module
from sk_optuna.storage import _drivers as drivers_module

IDENTITY = {"estimator": "sklearn.svm.SVC()", "X": "some"}
SPLITS = [(np.arange(4), np.arange(4, 6)), (np.arange(2, 6), np.arange(2))]


def in_memory(request, directory):
    storage = InMemoryStorage()
    return lambda: storage


def journal(request, directory):
    return lambda: JournalStorage(JournalFileBackend(str(directory / "journal.log")))


def file(request, directory):
    return lambda: f"sqlite:///{directory}/search.db"


def postgresql(request, directory):
    """Return a function to the URL of a database in which no test before has left a study."""
    url = request.getfixturevalue("postgresql_url")
    opened = optuna.storages.RDBStorage(url)
    for study in opened.get_all_studies():
        opened.delete_study(study._study_id)
    opened.engine.dispose()
    return lambda: url


STORAGES = {"file": file, "journal": journal, "memory": in_memory, "postgresql": postgresql}


@pytest.fixture(params=STORAGES)
def storage(request, tmp_path):
    """Return a function that opens one storage, as each process does for itself."""
    return STORAGES[request.param](request, tmp_path)


@pytest.fixture
def open_driver(storage, monkeypatch):
    """Return a function that opens a driver of one study, and its store; leases never expire by themselves."""
    monkeypatch.setattr(drivers_module, "LEASE", 1000.0)
    monkeypatch.setattr(driver_module, "_LOOK_EVERY", 0.05)
    with ExitStack() as stack:

        def opened(objectives=()):
            store = stack.enter_context(closing(Store(storage(), "shared", IDENTITY, objectives)))
            return stack.enter_context(closing(Driver(store))), store

        yield opened


def begun(opened):
    """Write the beginning of the search, as a driver that is alone does."""
    driver, store = opened
    store.create(History(dict(IDENTITY), {}, 0, splits=SPLITS))
    driver.begin()
    return driver


def claim_of(number):
    trial = create_trial(
        state=TrialState.RUNNING, params={"C": number / 10}, distributions={"C": FloatDistribution(0, 10)}
    )
    trial.number = number
    return Claim(trial, {"C": number / 10}, {"noted": number})


def told(number, score=0.5, n_folds=2):
    """Return the arguments by which a trial is told."""
    claim = claim_of(number)
    fold = FoldResult(
        test_scores=score,
        train_scores=None,
        n_test_samples=2,
        fit_time=1.0,
        score_time=1.0,
        fit_error=None,
        failed_scores=(),
    )
    kept = StoredTrial(claim.trial.params, "COMPLETE", score, dict.fromkeys(range(n_folds), fold), notes={"kept": True})
    return ended(claim.trial, "COMPLETE", score, {"mean_test_score": score}), kept, claim.params, "score"


def die(driver):
    """Have a driver end as a killed one does, without a word, and look as it does when its lease has expired."""
    driver._closing.set()
    driver._thread.join()
    drivers = driver._drivers
    drivers.write(sign=drivers._clock() - 2 * drivers_module.LEASE)


def wait_for(condition):
    while not condition():
        time.sleep(0.01)


def later(function):
    """Call a function in a thread, and return a function that waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()

    def result():
        thread.join()
        return results[0]

    return result


def states(storage):
    opened = storage()
    opened = optuna.storages.RDBStorage(opened) if isinstance(opened, str) else opened
    trials = opened.get_all_trials(opened.get_study_id_from_name("shared"))
    if isinstance(opened, optuna.storages.RDBStorage):
        opened.engine.dispose()
    return [trial.state.name for trial in trials]


def test_a_driver_that_is_alone_writes_ended_trials_only(open_driver, storage):
    driver = begun(open_driver())
    driver.ask(claim_of(0))
    driver.ask(claim_of(1))
    assert driver.settle(*told(0)) is None
    driver.keep(*told(0))
    assert driver.is_alone
    assert states(storage) == ["COMPLETE"]


def test_one_that_is_alone_claims_its_trials_in_flight_before_a_second_takes_part(open_driver, storage):
    first = begun(open_driver())
    for number in range(3):
        first.ask(claim_of(number))
    first.keep(*told(0))
    second, store = open_driver()
    assert not first.is_alone
    assert not second.is_alone
    assert states(storage) == ["COMPLETE", "RUNNING", "RUNNING"]
    assert [len(trial.folds) for trial in store.history.trials] == [2]
    trials, live = second.look()
    assert [trial.notes for trial in trials] == [{"kept": True}, {"noted": 1}, {"noted": 2}]
    assert [trial.owner in live for trial in trials] == [False, True, True]
    kept = told(1)
    assert first.settle(*kept) is kept[1]
    first.keep(*kept)
    assert states(storage) == ["COMPLETE", "COMPLETE", "RUNNING"]


def test_a_shared_trial_has_the_values_of_all_objectives_and_its_constraints(open_driver):
    first = begun(open_driver(["a", "b"]))
    first.ask(claim_of(0))
    _, store = open_driver(["a", "b"])
    trial = ended(claim_of(0).trial, "COMPLETE", [0.5, -0.25], {})
    trial.system_attrs = {"constraints": (0.5, -1.0)}
    kept = StoredTrial(trial.params, "COMPLETE", None, {}, values=[0.5, -0.25])
    assert first.settle(trial, kept, {"C": 0.0}, "a") is kept
    study = optuna.Study("shared", store.storage)
    assert study.metric_names == ["mean_test_a", "mean_test_b"]
    (read,) = study.get_trials()
    assert (read.values, list(read.system_attrs["constraints"])) == ([0.5, -0.25], [0.5, -1.0])


def test_a_second_waits_until_the_first_has_begun(open_driver):
    opened = open_driver()
    second = later(open_driver)
    wait_for(lambda: len(opened[0]._drivers.others()) == 1)
    assert opened[0].is_alone
    first = begun(opened)
    driver, store = second()
    assert not driver.is_alone
    assert not first.is_alone
    assert store.history.splits is not None


def test_one_that_comes_later_than_the_last_has_left_is_alone(open_driver):
    begun(open_driver()).close()
    assert open_driver()[0].is_alone


def test_turns_do_not_overlap(open_driver):
    begun(open_driver())
    drivers = [open_driver()[0] for _ in range(3)]
    inside, most, n_turns = [], [], []

    def take_turns(driver):
        for _ in range(5):
            with driver.turn():
                inside.append(driver)
                most.append(len(inside))
                time.sleep(0.001)
                inside.remove(driver)
                n_turns.append(driver)

    for result in [later(lambda each=each: take_turns(each)) for each in drivers]:
        result()
    assert max(most) == 1
    assert len(n_turns) == 15


def test_trials_of_a_dead_driver_are_taken_over_and_told_once(open_driver, storage):
    begun(open_driver())
    dying, other = open_driver()[0], open_driver()[0]
    with dying.turn():
        dying.ask(claim_of(0))
    trials, live = other.look()
    assert trials[0].owner in live
    die(dying)
    assert trials[0].owner not in other.look()[1]
    with other.turn():
        other.take_over(0)
    trials, live = other.look()
    assert trials[0].owner == other._drivers.name
    kept = told(0, score=0.25)
    assert other.settle(*kept) is kept[1]
    # the first was not dead, only slow
    counts = dying.settle(*told(0, score=0.75))
    assert counts.value == 0.25
    assert states(storage) == ["COMPLETE"]


def test_a_record_has_nothing_of_a_longer_one_that_a_killed_driver_has_begun(open_driver):
    begun(open_driver())
    driver, store = open_driver()
    with driver.turn():
        driver.ask(claim_of(0))
    trial_id = store.storage.get_trial_id_from_study_id_trial_number(store.study_id, 0)
    store.storage.set_trial_system_attr(trial_id, "sk_optuna:record:1", "the end of another record")
    driver.settle(*told(0))
    assert driver.look()[0][0].kept == told(0)[1]


def test_one_that_is_alone_and_was_taken_for_dead_writes_nothing_more(open_driver, storage):
    slow = begun(open_driver())
    slow.ask(claim_of(0))
    die(slow)
    next_one, store = open_driver()
    assert next_one.is_alone
    assert store.history.trials == []
    with pytest.raises(
        StorageError, match=r"'shared' .* was taken over by another process, since this one gave no sign"
    ):
        slow.keep(*told(0))
    next_one.ask(claim_of(0))
    next_one.keep(*told(0))
    assert states(storage) == ["COMPLETE"]


def test_one_that_finds_claims_of_others_does_not_write_as_if_it_were_alone(open_driver, storage):
    first = begun(open_driver())
    second = open_driver()[0]
    with second.turn():
        second.ask(claim_of(0))
    first.close()
    second.close()
    driver, store = open_driver()
    assert not store.is_whole
    assert not driver.is_alone
    trials, live = driver.look()
    assert trials[0].owner not in live


def test_a_search_without_a_name_leaves_claims_alone(storage):
    with closing(Store(storage(), None, IDENTITY)) as unnamed:
        name = unnamed._name
    with closing(Store(storage(), name, IDENTITY)) as store, closing(Driver(store)) as driver:
        begun((driver, store))
        with closing(Store(storage(), name, IDENTITY)) as other, closing(Driver(other)) as second, second.turn():
            second.ask(claim_of(0))
        with pytest.raises(StorageError, match=r"that other processes run.*Give its name as study_name"):
            Store(storage(), None, IDENTITY)
