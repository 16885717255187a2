"""What a sampler sees of a long study, and that up to the bound nothing changes."""

import gc
import pickle
import weakref
from copy import deepcopy

import joblib
import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold

from sk_optuna import OptunaSearchCV
from sk_optuna._compat._optuna import tpe_sampler
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.samplers import BoundedHistorySampler

SPACE = {"x": FloatDistribution(-1, 1), "n": IntDistribution(1, 9), "c": CategoricalDistribution(["a", "b"])}
BOUND, N_BEST = 250, 25


class Witness(BaseSampler):
    """Notes which trials it sees and draws near the best of them, in cheap imitation of TPE."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.seen = []
        self.calls = []

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        trials = study.get_trials(deepcopy=False)
        self.seen.append(trials)
        values = [t.params["a"] + t.value / 9 for t in trials if t.state == TrialState.COMPLETE and "a" in t.params]
        return float(np.clip(np.mean(values or [0.5]) % 1 + self.rng.normal(0, 0.1), 0, 1))

    def before_trial(self, study, trial):
        self.calls.append(("before", study, trial.number))

    def after_trial(self, study, trial, state, values):
        self.calls.append(("after", study, trial.number, state, values))

    def reseed_rng(self):
        self.calls.append(("reseed",))


class Model(BaseEstimator):
    def __init__(self, a=0.5):
        self.a = a

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2)


def finished(value, state=TrialState.COMPLETE, **kwargs):
    if state == TrialState.FAIL:
        return create_trial(state=state)
    params = {"x": (value % 200) / 100 - 1, "n": int(value) % 9 + 1, "c": "ab"[int(value) % 2]}
    return create_trial(
        params=params,
        distributions=SPACE,
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        **kwargs,
    )


def study_of(trials, direction="minimize", sampler=None):
    study = optuna.create_study(direction=direction, sampler=sampler)
    study.add_trials(trials)
    return study


def shuffled(n, seed=0):
    return np.random.default_rng(seed).permutation(n).astype(float)


def numbers_seen(study, n_trials=BOUND):
    """Return the finished trials and the others that a sampler sees at the next ask."""
    witness = Witness()
    study.sampler = BoundedHistorySampler(witness, n_trials=n_trials)
    study.ask({"a": FloatDistribution(0, 1)})
    (seen,) = witness.seen
    assert [t.number for t in seen] == sorted(t.number for t in seen)
    return [t.number for t in seen if t.state.is_finished()], [t.number for t in seen if not t.state.is_finished()]


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    if trial.number % 11 == 5:
        trial.report(x, 0)
        raise optuna.TrialPruned
    if trial.number % 13 == 7:
        return float("nan")
    if trial.suggest_categorical("kind", ["flat", "deep"]) == "deep":
        return x + trial.suggest_int("depth", 1, 9)
    return x


# --- up to the bound --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_suggestions_below_the_bound_are_those_of_the_sampler_itself(direction):
    def params(sampler):
        study = optuna.create_study(direction=direction, sampler=sampler)
        study.optimize(objective, n_trials=45)
        return [trial.params for trial in study.trials]

    plain = params(tpe_sampler(3, group=True))
    assert params(BoundedHistorySampler(seed=3)) == plain
    assert params(BoundedHistorySampler(tpe_sampler(3, group=True), n_trials=BOUND)) == plain


def test_suggestion_at_the_bound_is_that_of_the_sampler_itself():
    def suggested(sampler):
        return study_of(map(finished, shuffled(BOUND)), sampler=sampler).ask(SPACE).params

    assert suggested(BoundedHistorySampler(n_trials=BOUND, seed=0)) == suggested(tpe_sampler(0, group=True))


def test_failed_trials_do_not_count_and_are_shown_up_to_the_bound():
    states = [TrialState.COMPLETE] * BOUND + [TrialState.FAIL] * 20
    study = study_of([finished(float(i), state) for i, state in enumerate(states)])
    assert len(numbers_seen(study)[0]) == len(states)


# --- beyond the bound -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n_trials", [BOUND, 300])
def test_sampler_sees_the_best_and_the_latest_and_no_more_than_the_bound(direction, n_trials):
    values = shuffled(420)
    seen, _ = numbers_seen(study_of(map(finished, values), direction), n_trials)
    best_first = np.argsort(values if direction == "minimize" else -values)
    assert len(seen) == n_trials
    assert set(best_first[:N_BEST]) <= set(seen)
    others = sorted(set(range(420)) - set(best_first[:N_BEST]))
    assert set(others[-(n_trials - N_BEST) :]) <= set(seen)


def test_sampler_sees_every_running_trial():
    study = study_of(map(finished, shuffled(400)), sampler=RandomSampler(seed=0))
    running = [study.ask(SPACE).number for _ in range(7)]
    study.enqueue_trial({"x": 0.0})
    study.ask()
    seen, others = numbers_seen(study)
    assert len(seen) == BOUND
    assert others == [*running, 407, 408]


def test_pruned_trials_are_best_only_where_complete_ones_are_too_few():
    few = [finished(float(i)) for i in range(10)]
    pruned = [
        finished(float(i), TrialState.PRUNED, intermediate_values={0: 1.0, i % 5: float(i)} if i % 2 else {})
        for i in range(400)
    ]
    seen, _ = numbers_seen(study_of(few + pruned))
    # The longest come first, of those the lowest; the latest 225 fill up.
    longest = sorted((i for i in range(400) if i % 2 and i % 5 == 4), key=float)[:15]
    assert set(range(10)) | {10 + i for i in longest} <= set(seen)
    assert len(seen) == BOUND


def test_trials_that_violate_constraints_are_not_among_the_best():
    attributes = {"constraints": [1.0]}
    violating = [finished(-1.0 - i, system_attrs=attributes) for i in range(50)]
    seen, _ = numbers_seen(study_of(violating + [finished(float(i)) for i in range(400)]))
    assert set(range(50, 50 + N_BEST)) <= set(seen)
    assert not set(range(50)) & set(seen)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_seen_follows_from_the_study_alone_in_whatever_order_trials_finish(seed):
    rng = np.random.default_rng(seed)
    study = optuna.create_study(sampler=RandomSampler(seed=seed))
    running = []
    for step in range(330):
        running.append(study.ask(SPACE))
        if rng.random() < 0.95:
            trial = running.pop(rng.integers(len(running)))
            state = rng.choice([TrialState.COMPLETE] * 8 + [TrialState.PRUNED, TrialState.FAIL])
            study.tell(trial, float(rng.integers(50)) if state == TrialState.COMPLETE else None, TrialState(state))
        if step > 270 and step % 10 == 0:
            afresh = pickle.loads(pickle.dumps(study))
            assert numbers_seen(study) == numbers_seen(afresh)
            study.sampler = RandomSampler(seed=seed)


def test_suggestions_beyond_the_bound_are_reproducible():
    def suggested():
        study = study_of(map(finished, shuffled(300)), sampler=BoundedHistorySampler(n_trials=BOUND, seed=5))
        study.optimize(objective_of_space, n_trials=4)
        return [trial.params for trial in study.trials[-4:]]

    assert suggested() == suggested()


def objective_of_space(trial):
    bonus = {"a": 1.0, "b": 0.0}[trial.suggest_categorical("c", ["a", "b"])]
    return trial.suggest_float("x", -1, 1) + trial.suggest_int("n", 1, 9) + bonus


def test_a_branch_that_is_no_longer_seen_can_still_be_drawn():
    lost = create_trial(
        params={"kind": "deep", "depth": 3},
        distributions={"kind": CategoricalDistribution(["flat", "deep"]), "depth": IntDistribution(1, 9)},
        value=1e6,
    )
    kept = [
        create_trial(params={"kind": "flat"}, distributions={"kind": lost.distributions["kind"]}, value=float(i))
        for i in range(300)
    ]
    study = study_of([lost, *kept], sampler=BoundedHistorySampler(n_trials=BOUND, seed=0))
    trial = study.ask()
    trial.suggest_categorical("kind", ["flat", "deep"])
    assert 1 <= trial.suggest_int("depth", 1, 9) <= 9


def test_optimize_in_threads_works_beyond_the_bound():
    study = study_of(map(finished, shuffled(300)), sampler=BoundedHistorySampler(n_trials=BOUND, seed=0))
    study.optimize(objective_of_space, n_trials=12, n_jobs=2)
    assert [trial.state for trial in study.trials[300:]] == [TrialState.COMPLETE] * 12


def test_a_study_is_not_kept_alive():
    study = study_of(map(finished, shuffled(300)))
    numbers_seen(study)
    ref = weakref.ref(study)
    del study
    gc.collect()
    assert ref() is None


# --- in a search ------------------------------------------------------------------------------------------------------


def fitted(sampler, n_jobs=1):
    search = OptunaSearchCV(
        Model(), {"a": FloatDistribution(0, 1)}, sampler=sampler, n_trials=290, cv=KFold(2), random_state=0, refit=False
    )
    with joblib.parallel_config("threading", n_jobs=n_jobs):
        return search.fit(np.zeros((6, 1)))


def bounded_witness(seed):
    return BoundedHistorySampler(Witness(seed), n_trials=BOUND)


def test_search_tries_the_same_at_any_n_jobs():
    one, two = (fitted(bounded_witness, n_jobs).cv_results_["params"] for n_jobs in (1, 2))
    assert one == two


def test_search_feels_the_bound_only_beyond_it():
    bounded, plain = (
        fitted(sampler).cv_results_["params"] for sampler in (bounded_witness, lambda seed: Witness(seed))
    )
    n_alike = next(i for i, (a, b) in enumerate(zip(bounded, plain, strict=True)) if a != b)
    assert n_alike == BOUND + 1 + 7  # seven more are in flight when the first is asked that learns of 251


def test_search_by_default_sampler_is_that_of_tpe_by_name():
    def first(sampler):
        search = OptunaSearchCV(
            Model(), {"a": FloatDistribution(0, 1)}, sampler=sampler, n_trials=25, cv=KFold(2), random_state=0
        )
        return search.fit(np.zeros((6, 1))).cv_results_["params"]

    assert first(lambda seed: BoundedHistorySampler(seed=seed)) == first("tpe")


def test_search_with_an_instance_can_be_cloned_and_fitted():
    search = OptunaSearchCV(
        Model(), {"a": FloatDistribution(0, 1)}, sampler=BoundedHistorySampler(seed=1), n_trials=15, cv=KFold(2)
    )
    params = [s.fit(np.zeros((6, 1))).cv_results_["params"] for s in (search, clone(search))]
    assert params[0] == params[1]


# --- the sampler as an object -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_copies_suggest_the_same(copy):
    sampler = BoundedHistorySampler(n_trials=BOUND, seed=0)
    copied = copy(sampler)
    own, other = (study_of(map(finished, shuffled(300)), sampler=s).ask(SPACE).params for s in (sampler, copied))
    assert own == other


def test_hooks_reach_the_sampler_with_the_study_itself():
    witness = Witness()
    study = optuna.create_study(sampler=BoundedHistorySampler(witness))
    trial = study.ask()
    study.tell(trial, 1.5)
    study.sampler.reseed_rng()
    assert witness.calls == [("before", study, 0), ("after", study, 0, TrialState.COMPLETE, [1.5]), ("reseed",)]


def test_it_says_what_it_wraps():
    assert str(BoundedHistorySampler(RandomSampler())) == "BoundedHistorySampler(RandomSampler, n_trials=500)"


def test_several_objectives_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=BoundedHistorySampler(seed=0))
    with pytest.raises(InvalidArgumentError, match=r"has 2: .* Use the TPESampler by itself"):
        study.ask(SPACE)


@pytest.mark.parametrize("n_trials", [249, 0, -1, 300.0, True, None, "300"])
def test_bad_n_trials_is_refused(n_trials):
    with pytest.raises(InvalidArgumentError, match=r"an integer of at least 250, .* but got .*The default is 500"):
        BoundedHistorySampler(n_trials=n_trials)


def test_numpy_integer_is_taken():
    assert "n_trials=300" in str(BoundedHistorySampler(n_trials=np.int64(300)))


@pytest.mark.parametrize("sampler", ["tpe", TPESampler, 3])
def test_bad_sampler_is_refused(sampler):
    with pytest.raises(InvalidArgumentError, match=r"an optuna sampler or None, .* or write, for example"):
        BoundedHistorySampler(sampler)


def test_seed_beside_a_sampler_is_refused():
    with pytest.raises(InvalidArgumentError, match="Give the seed to that sampler"):
        BoundedHistorySampler(RandomSampler(), seed=0)
