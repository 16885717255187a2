"""PairedRacePruner, as a pruner of any Optuna study: whether it stops whom its formula says, and nobody else."""

import copy
import itertools
import math
import pickle
import statistics
import sys
import threading
from fractions import Fraction

import numpy as np
import optuna
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial
from scipy import stats

import sk_optuna.exceptions
from sk_optuna.pruners import PairedRacePruner

# The same examples on every machine: a suite that fails now and then is not run.
examples = settings(max_examples=40)
many_examples = settings(examples, max_examples=200)

# --- studies by their fold scores -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def complete(scores, steps=None):
    reports = dict(zip(range(len(scores)) if steps is None else steps, map(float, scores), strict=False))
    return create_trial(value=float(np.mean(scores)), intermediate_values=reports)


def running(scores, steps=None):
    reports = dict(zip(range(len(scores)) if steps is None else steps, map(float, scores), strict=False))
    return create_trial(state=TrialState.RUNNING, intermediate_values=reports)


def study_of(trials, direction="maximize"):
    study = optuna.create_study(direction=direction)
    study.add_trials(trials)
    return study


def pruned(scores):
    return create_trial(state=TrialState.PRUNED, intermediate_values=dict(enumerate(map(float, scores))))


def stops(rows, own, stopped=(), *, direction="maximize", pruner=None, **arguments):
    """Return the decision on a trial with the scores `own`, after complete trials with the scores `rows`.

    `stopped` are scores of trials that were stopped.
    """
    pruner = PairedRacePruner(**arguments) if pruner is None else pruner
    return pruner.prune(study_of([*map(complete, rows), *map(pruned, stopped)], direction), running(own))


# Four candidates within .02 of the incumbent, whose differences to it vary by some .01.
ROWS = [
    [0.90, 0.80, 0.85, 0.95, 0.70],
    [0.89, 0.80, 0.84, 0.93, 0.70],
    [0.90, 0.78, 0.85, 0.94, 0.69],
    [0.88, 0.80, 0.83, 0.94, 0.68],
]
HOPELESS = [0.5]


# --- the formula ------------------------------------------------------------------------------------------------------

K = st.shared(st.integers(2, 7), key="K")
score = st.integers(-16, 16).map(lambda n: n / 8)  # sums of them are exact
row = K.flatmap(lambda k: st.lists(score, min_size=k, max_size=k))
rows = st.lists(row, min_size=1, max_size=9)
part = K.flatmap(lambda k: st.lists(score, min_size=1, max_size=k - 1))
positive = st.sampled_from([0.1, 0.5, 1.0, 1.64, 3.0])
directions = st.sampled_from(["minimize", "maximize"])


stopped_rows = st.lists(part, max_size=6)


def by_the_formula(rows, own, stopped=(), *, others=None, direction="maximize", z=1.64, n_startup_trials=1):
    """Return the decision by the formula of the docstring, in plain Python, and how near it was.

    `others` are all rows in their order, if that is not complete ones before stopped ones.
    """
    if len(rows) < n_startup_trials:
        return False, math.inf
    sign = 1 if direction == "maximize" else -1
    incumbent = max(rows, key=lambda row: sign * sum(row))

    def to_incumbent(row):
        return [sign * (a - b) for a, b in zip(row, incumbent, strict=False)]

    others = [d for d in map(to_incumbent, others or [*rows, *stopped]) if len(d) > 1 and any(d)]
    others.sort(key=lambda d: abs(statistics.fmean(d)))
    nearest = others[: max(2, math.ceil(len(others) / 2))]
    df = sum(len(d) - 1 for d in nearest)
    if df < 2:
        return False, math.inf
    pooled = sum(about_mean(d) for d in nearest) / df
    own, k = to_incumbent(own), len(own)
    spread = math.sqrt((3 * pooled + about_mean(own)) / (3 + k - 1))
    t = stats.t.ppf(stats.norm.cdf(z), 3 + k - 1)
    margin = statistics.fmean(own) + t * spread * math.sqrt(1 / k - 1 / len(incumbent))
    return bool(margin < 0), margin


def about_mean(values):
    """Return the sum of squares about the mean."""
    return sum((value - statistics.fmean(values)) ** 2 for value in values)


@many_examples
@given(rows=rows, own=part, stopped=stopped_rows, direction=directions, z=positive, n_startup_trials=st.integers(1, 4))
def test_decision_is_that_of_the_formula(rows, own, stopped, direction, z, n_startup_trials):
    arguments = {"direction": direction, "z": z, "n_startup_trials": n_startup_trials}
    decision, margin = by_the_formula(rows, own, stopped, **arguments)
    assume(abs(margin) > 1e-9)
    assert stops(rows, own, stopped, **arguments) is decision


@examples
@given(rows=rows, own=part, stopped=stopped_rows, data=st.data())
def test_nothing_changes_if_trials_that_were_stopped_came_before_all_complete_ones(rows, own, stopped, data):
    trials = data.draw(st.permutations([*map(complete, rows), *map(pruned, stopped)]))
    shown = [list(trial.intermediate_values.values()) for trial in trials]
    decision, margin = by_the_formula([row for row in shown if len(row) == len(rows[0])], own, others=shown)
    assume(abs(margin) > 1e-9)
    assert PairedRacePruner().prune(study_of(trials), running(own)) is decision


@examples
@given(rows=st.lists(row, min_size=4, max_size=9), own=part, z=positive, data=st.data())
def test_nothing_changes_if_a_fold_is_harder_for_all(rows, own, z, data):
    shifts = np.array(data.draw(st.lists(score, min_size=len(rows[0]), max_size=len(rows[0]))))
    _, margin = by_the_formula(rows, own, z=z)
    assume(abs(margin) > 1e-9)
    assert stops(rows + shifts, own + shifts[: len(own)], z=z) is stops(rows, own, z=z)


@examples
@given(rows=st.lists(row, min_size=4, max_size=9), own=part, z=positive, data=st.data())
def test_nothing_changes_if_folds_have_other_numbers(rows, own, z, data):
    _, margin = by_the_formula(rows, own, z=z)
    assume(abs(margin) > 1e-9)
    steps = data.draw(st.permutations(range(10)))[: len(rows[0])]
    trials = [complete(row, steps) for row in rows]
    assert PairedRacePruner(z).prune(study_of(trials), running(own, steps)) is stops(rows, own, z=z)


@examples
@given(rows=st.lists(row, min_size=4, max_size=9), own=part, z=positive, scale=st.sampled_from([2**-20, 0.5, 2**20]))
def test_nothing_changes_in_another_unit_or_in_the_other_direction(rows, own, z, scale):
    _, margin = by_the_formula(rows, own, z=z)
    assume(abs(margin) > 1e-9)
    decision = stops(rows, own, z=z)
    assert stops(scale * np.array(rows), scale * np.array(own), z=z) is decision
    assert stops(-np.array(rows), -np.array(own), z=z, direction="minimize") is decision


@examples
@given(rows=st.lists(row, min_size=4, max_size=9), own=part, z=positive, direction=directions)
def test_trial_that_leads_or_is_level_is_never_stopped(rows, own, z, direction):
    sign = 1 if direction == "maximize" else -1
    incumbent = max(rows, key=lambda row: sign * sum(row))
    ahead = sign * (sum(own) - sum(incumbent[: len(own)]))
    assume(ahead >= 0)
    assert not stops(rows, own, z=z, direction=direction)


@examples
@given(rows=st.lists(row, min_size=4, max_size=9), own=part, direction=directions, zs=st.tuples(positive, positive))
def test_larger_z_never_stops_whom_a_smaller_one_lets_go_on(rows, own, direction, zs):
    lenient, strict = (stops(rows, own, z=z, direction=direction) for z in (max(zs), min(zs)))
    assert strict or not lenient


# --- examples ---------------------------------------------------------------------------------------------------------


def test_hopeless_trial_is_stopped_after_its_first_fold():
    assert stops(ROWS, HOPELESS) is True


def test_trial_within_the_noise_goes_on_and_is_stopped_when_it_stays_behind():
    own = [0.896, 0.796, 0.846, 0.946]
    assert [stops(ROWS, own[:k]) for k in range(1, 5)] == [False, False, False, True]


def test_trial_as_far_ahead_as_it_can_be_goes_on():
    assert stops(ROWS, [1.0]) is False


def test_nothing_is_stopped_before_n_startup_trials_are_complete():
    assert not stops(ROWS[:3], HOPELESS, n_startup_trials=4)
    assert stops(ROWS[:3], HOPELESS, n_startup_trials=3)
    assert not stops(ROWS, HOPELESS, n_startup_trials=5)


def test_race_begins_with_one_complete_trial_and_the_differences_of_another():
    assert not stops(ROWS[:1], HOPELESS)
    assert stops(ROWS[:2], HOPELESS)
    assert not stops(ROWS[:1], HOPELESS, [[0.88, 0.79]])  # of one difference from their mean there is no spread
    assert stops(ROWS[:1], HOPELESS, [[0.88, 0.79], [0.87, 0.80]])
    assert not stops(ROWS[:1], HOPELESS, [[0.88], [0.87], [0.5]])
    assert not stops([], HOPELESS, [[0.88, 0.79], [0.87, 0.80]])


def test_decision_on_numbers_that_were_worked_out_by_hand():
    """Differences of the others (1, -1, 0, 0, -5) and (2, -2), of the trial (-1, -2).

    Pooled they vary by ((2^2 + 0 + 1 + 1 + 4^2) + (2^2 + 2^2)) / (4 + 1) = 6, joined to the trial's own by
    (3 * 6 + .5) / 4 = 4.625, so that the standard error is sqrt(4.625 (1/2 - 1/5)) = 1.17792.
    """
    rows, stopped, own = [[10.0] * 5, [11.0, 9.0, 10.0, 10.0, 5.0]], [[12.0, 8.0]], [9.0, 8.0]
    t = 1.5 / 1.17792
    z = stats.norm.isf(stats.t.sf(t, 4))
    assert stops(rows, own, stopped, z=z - 0.001)
    assert not stops(rows, own, stopped, z=z + 0.001)


def test_nothing_is_stopped_before_n_startup_steps():
    own = [0.5, 0.5, 0.5]
    assert [stops(ROWS, own[:k], n_startup_steps=3) for k in (1, 2, 3)] == [False, False, True]


def test_trial_without_a_report_is_not_stopped():
    assert not stops(ROWS, [])


def test_trial_with_all_folds_is_not_stopped():
    assert not stops(ROWS, [0.5] * 5)


def test_nothing_is_stopped_where_all_complete_trials_came_to_the_same_scores():
    assert not stops([ROWS[0]] * 6, HOPELESS)


def test_copies_of_the_incumbent_do_not_make_the_race_stricter():
    """A parameter without effect gives the same predictions again and again, and no idea of a real difference."""
    own = [0.888]
    assert not stops(ROWS, own)
    assert not stops(ROWS + [ROWS[0]] * 20, own)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_trial_with_a_score_that_is_not_finite_is_not_stopped(bad):
    assert not stops(ROWS, [bad])
    assert not stops(ROWS, [0.5, bad])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_complete_trials_with_a_score_that_is_not_finite_are_ignored(bad):
    odd = create_trial(value=9.0, intermediate_values={0: bad, 1: 9.0, 2: 9.0, 3: 9.0, 4: 9.0})
    trials = [complete(row) for row in ROWS]
    for mixed in ([odd, *trials], [*trials, odd]):
        assert PairedRacePruner().prune(study_of(mixed), running(HOPELESS))
        assert not PairedRacePruner().prune(study_of(mixed), running([1.0]))
        assert not PairedRacePruner(n_startup_trials=5).prune(study_of(mixed), running(HOPELESS))


@pytest.mark.parametrize(
    "odd",
    [
        create_trial(value=9.0),
        create_trial(value=9.0, intermediate_values={0: 9.0, 1: 9.0}),
        create_trial(state=TrialState.PRUNED, value=9.0, intermediate_values=dict.fromkeys(range(5), 9.0)),
        create_trial(state=TrialState.FAIL, intermediate_values=dict.fromkeys(range(5), 9.0)),
        create_trial(state=TrialState.RUNNING, intermediate_values=dict.fromkeys(range(5), 9.0)),
        create_trial(state=TrialState.WAITING),
    ],
    ids=["without reports", "without all reports", "pruned", "failed", "running", "waiting"],
)
def test_trials_that_are_no_complete_rows_of_scores_are_ignored(odd):
    trials = [complete(row) for row in ROWS]
    own = running([1.0])  # far behind 9.0
    for mixed in ([trials[0], odd, *trials[1:]], [*trials, odd]):
        assert not PairedRacePruner().prune(study_of(mixed), own)
        assert PairedRacePruner().prune(study_of(mixed), running(HOPELESS))
        assert not PairedRacePruner(n_startup_trials=5).prune(study_of(mixed), running(HOPELESS))


@pytest.mark.parametrize("bad", [[9.0, math.nan], [9.0, math.inf], []])
def test_stopped_trials_that_cannot_be_compared_are_ignored(bad):
    others = [[0.88, 0.79], [0.87, 0.80]]
    for own in (HOPELESS, [0.9], [0.86]):
        assert stops(ROWS[:1], own, [bad, *others]) is stops(ROWS[:1], own, others)
    assert not stops(ROWS[:1], HOPELESS, [bad, bad, others[0]])


def test_trial_with_a_step_of_its_own_is_not_stopped():
    assert not PairedRacePruner().prune(study_of(map(complete, ROWS)), running(HOPELESS, [99]))


def test_pruner_used_on_several_studies_in_turn_decides_as_a_new_one():
    better = [[value + 0.5 for value in row] for row in ROWS]
    pruner = PairedRacePruner()
    studies = [study_of(map(complete, rows)) for rows in (ROWS, better, ROWS[:3], [])]
    for study in [*studies, *studies[::-1], *studies]:
        for own in (HOPELESS, [0.95], [1.5]):
            assert pruner.prune(study, running(own)) is PairedRacePruner().prune(study, running(own))


def test_trials_that_complete_out_of_order_are_taken_in():
    study = study_of(map(complete, ROWS[1:]))
    slow = study.ask()
    study.add_trial(complete([0.85] * 5))
    pruner = PairedRacePruner()
    assert not pruner.prune(study, running([0.91]))
    for step in range(5):
        slow.report(2.0 + 0.01 * step, step)
    study.tell(slow, 2.02)
    assert pruner.prune(study, running([0.91])) is PairedRacePruner().prune(study, running([0.91])) is True


# --- another rule -----------------------------------------------------------------------------------------------------


# --- how likely a trial is to go on -----------------------------------------------------------------------------------

LEVEL, RIVAL = [1.0, 2.0, 3.0, 4.0], [0.0, 3.0, 2.0, 5.0]


def chances(own, rows=(LEVEL, RIVAL), direction="maximize", **arguments):
    return PairedRacePruner(**arguments).chances(study_of([complete(row) for row in rows], direction), running(own))


def test_chance_of_the_next_decision_is_how_often_it_lets_go_on_whom_the_projection_describes():
    own = [1.0 - 0.9, 2.0 - 0.6]
    # The rival's differences are -1, 1, -1, 1: their variance is 4 / 3. The trial's are -.9 and -.6.
    mean, spread = -0.75, math.sqrt((3 * 4 / 3 + 2 * 0.15**2) / 4)
    rng = np.random.default_rng(0)
    true_mean = rng.normal(mean, spread / math.sqrt(2), 100_000)
    mean_of_three = (2 * mean + rng.normal(true_mean, spread)) / 3
    margin = stats.t.ppf(stats.norm.cdf(1.64), 4) * spread * math.sqrt(1 / 3 - 1 / 4)
    assert chances(own) == pytest.approx([1, 1, 1, np.mean(mean_of_three + margin >= 0)], abs=0.01)


@examples
@given(own=st.lists(st.floats(-3, 3), min_size=1, max_size=3), gain=st.floats(0.1, 3), z=st.floats(0.5, 3))
def test_chances_are_less_for_later_folds_and_more_for_a_better_trial(own, gain, z):
    found = chances(own, z=z)
    assert found[: len(own) + 1] == [1.0] * (len(own) + 1)
    assert all(1 >= earlier >= later >= 0 for earlier, later in itertools.pairwise(found))
    better = chances([score + gain for score in own], z=z)
    assert all(more >= less for more, less in zip(better, found, strict=True))


def test_chances_in_the_other_direction_are_those_of_the_negative_scores():
    negative = chances([-0.1, -1.4], [[-x for x in LEVEL], [-x for x in RIVAL]], "minimize")
    assert negative == chances([0.1, 1.4])


def test_chances_are_certain_where_the_trial_has_the_scores_of_the_incumbent_and_no_difference_varies():
    rows = [LEVEL, [x - 1 for x in LEVEL]]
    assert chances(LEVEL[:2], rows) == [1, 1, 1, 1]
    assert chances([x - 1 for x in LEVEL[:2]], rows) == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("own", "rows", "arguments"),
    [
        ([], (LEVEL, RIVAL), {}),
        ([1.0], (LEVEL,), {}),
        ([1.0], (), {}),
        ([1.0], (LEVEL, RIVAL), {"n_startup_trials": 3}),
    ],
)
def test_nothing_is_guessed_where_too_little_is_known(own, rows, arguments):
    assert chances(own, rows, **arguments) is None


class Noted(PairedRacePruner):
    """Stops by a rule of its own, and notes the scores that the rule was asked about."""

    def __init__(self, answer, **arguments):
        super().__init__(**arguments)
        self.answer = answer
        self.asked = []

    def is_behind(self, own, scores):
        self.asked.append((own.tolist(), scores.tolist()))
        return self.answer


@pytest.mark.parametrize("answer", [True, False])
def test_subclass_that_overrides_is_behind_decides_by_its_own_rule(answer):
    for own in (HOPELESS, [1.0]):
        assert stops(ROWS, own, pruner=Noted(answer)) is answer


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_is_behind_is_given_scores_of_which_higher_is_better(direction, sign):
    pruner = Noted(answer=False)
    stops(sign * np.array(ROWS), [sign * 0.5, sign * 0.6], direction=direction, pruner=pruner)
    ((own, scores),) = pruner.asked
    np.testing.assert_array_equal(own, [0.5, 0.6, np.nan, np.nan, np.nan])
    assert scores == ROWS


def test_is_behind_is_not_asked_where_there_is_nothing_to_decide():
    pruner = Noted(answer=True, n_startup_trials=4, n_startup_steps=2)
    for rows, own in [(ROWS[:3], [0.5, 0.5]), (ROWS, [0.5]), (ROWS, [0.5] * 5), (ROWS, [0.5, math.nan])]:
        assert not stops(rows, own, pruner=pruner)
    assert pruner.asked == []


# --- in study.optimize ------------------------------------------------------------------------------------------------

N_FOLDS = 5
HARDNESS = [0.0, 3.0, -2.0, 1.0, -1.0]


def fold_score(x, fold):
    return -((x - 0.3) ** 2) + HARDNESS[fold] + 0.01 * math.sin(1e4 * x * (fold + 1))


def objective_of(sign, calls=None):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        scores = []
        for fold in range(N_FOLDS):
            scores.append(sign * fold_score(x, fold))
            if calls is not None:
                calls.append(trial.number)
            trial.report(scores[-1], fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    return objective


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_plain_study_finds_the_same_best_with_half_of_the_folds(direction):
    sign = 1 if direction == "maximize" else -1
    found, calls = [], []
    for pruner in (PairedRacePruner(), optuna.pruners.NopPruner()):
        sampler = optuna.samplers.RandomSampler(seed=3)
        study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)
        calls.append([])
        study.optimize(objective_of(sign, calls[-1]), n_trials=40)
        found.append((study.best_value, study.best_params, study.best_trial.number))
    assert found[0] == found[1]
    assert len(calls[1]) == 200
    assert len(calls[0]) < 100


def test_direction_does_not_change_who_is_stopped():
    states = []
    for direction, sign in (("maximize", 1), ("minimize", -1)):
        sampler = optuna.samplers.RandomSampler(seed=1)
        study = optuna.create_study(direction=direction, sampler=sampler, pruner=PairedRacePruner(z=1.0))
        study.optimize(objective_of(sign), n_trials=25)
        states.append([(trial.state, len(trial.intermediate_values)) for trial in study.trials])
    assert states[0] == states[1]
    assert {state for state, _ in states[0]} == {TrialState.COMPLETE, TrialState.PRUNED}


def test_steps_may_begin_anywhere_and_have_gaps():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for fold in range(N_FOLDS):
            trial.report(fold_score(x, fold), 7 + 3 * fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean([fold_score(x, fold) for fold in range(N_FOLDS)]))

    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=PairedRacePruner())
    study.optimize(objective, n_trials=25)
    again = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1), pruner=PairedRacePruner()
    )
    again.optimize(objective_of(1), n_trials=25)
    assert [trial.state for trial in study.trials] == [trial.state for trial in again.trials]


def test_one_pruner_serves_the_threads_of_a_study():
    """``study.optimize(n_jobs=4)`` asks it from all of them at once, and its memory of complete trials is shared."""
    rng = np.random.default_rng(0)
    study = study_of([*map(complete, rng.normal(size=(200, 5))), complete([9.0, 9.01, 9.02, 9.03, 9.04])])
    hopeless = running([5.0])
    decisions = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(15):
            pruner, start = PairedRacePruner(), threading.Barrier(4)

            def decide(pruner=pruner, start=start):
                start.wait()
                try:
                    decisions.append(pruner.prune(study, hopeless))
                except Exception as error:  # it would be lost with the thread
                    decisions.append(error)

            threads = [threading.Thread(target=decide) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert decisions == [True] * 60


# --- as a Python object -----------------------------------------------------------------------------------------------


def test_repr_is_the_call_that_makes_it():
    assert repr(PairedRacePruner()) == "PairedRacePruner(z=1.64, n_startup_trials=1, n_startup_steps=1)"
    pruner = PairedRacePruner(2, n_startup_trials=np.int64(6), n_startup_steps=3)
    assert repr(pruner) == "PairedRacePruner(z=2, n_startup_trials=6, n_startup_steps=3)"
    assert repr(eval(repr(pruner))) == repr(pruner)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pruner: pickle.loads(pickle.dumps(pruner))])
def test_copies_have_the_same_arguments_and_decide_alike(copied):
    pruner = PairedRacePruner(z=1.2, n_startup_trials=3, n_startup_steps=2)
    study = study_of(map(complete, ROWS))
    for _ in range(2):  # the second time with something in its memory
        twin = copied(pruner)
        assert twin is not pruner
        assert repr(twin) == repr(pruner)
        for own in ([0.5, 0.5], [0.5], [0.9, 0.8]):
            assert twin.prune(study, running(own)) is pruner.prune(study, running(own))


def test_it_is_an_optuna_pruner():
    assert isinstance(PairedRacePruner(), optuna.pruners.BasePruner)


@pytest.mark.parametrize("z", [0, -1, -1.64, math.nan, math.inf, True, "1.64", None, 1j, [1.64]])
def test_z_that_is_no_positive_number_is_refused(z):
    with pytest.raises(ValueError, match=r"'z' parameter of PairedRacePruner must be a positive number.*1\.64") as info:
        PairedRacePruner(z=z)
    assert isinstance(info.value, sk_optuna.exceptions.InvalidArgumentError)
    assert repr(z) in str(info.value)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("n_startup_trials", value, 1) for value in (0, -3, 2.0, True, "4", None, math.nan)]
    + [("n_startup_steps", value, 1) for value in (0, -1, 1.0, True, "1", None)],
)
def test_startup_that_is_no_integer_or_too_small_is_refused(name, value, least):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of PairedRacePruner.*integer of at least {least}, but"):
        PairedRacePruner(**{name: value})


@pytest.mark.parametrize("z", [1, np.float32(1.5), np.int64(2), Fraction(3, 2), 1e-9])
def test_any_positive_real_number_serves_as_z(z):
    assert stops(ROWS, HOPELESS, z=z)


def test_a_wide_margin_stops_nobody_and_warns_of_nothing():
    """The normal distribution at 9 is 1 to a float, whose quantile is infinite."""
    rows = np.array([[1.0, 1.0, 1.0, 1.0], [0.9, 1.1, 0.9, 1.1], [1.1, 0.9, 1.0, 0.8]])
    own = np.array([0.0, 0.1, np.nan, np.nan])
    with np.errstate(all="raise"):
        assert PairedRacePruner(z=1.64).is_behind(own, rows)
        assert not PairedRacePruner(z=30).is_behind(own, rows)
        assert PairedRacePruner(z=9).is_behind(np.array([0.0, 0.0, np.nan, np.nan]), np.ones((3, 4)) - 0.0) is False
