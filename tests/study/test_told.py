"""The memory of told trials: as of an earlier moment, its incumbent, its estimates, and what samplers see of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from sk_optuna.epochs import Curve
from sk_optuna.samplers import ERROR_OF_ESTIMATE
from sk_optuna.study import Told, ToldTrial

examples = settings(max_examples=50, deadline=None, derandomize=True, database=None)
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def told_trial(number, scores, state="complete", *, curves=(), value="mean"):
    """A trial whose value is the mean of its scores, as the search tells it."""
    scores = np.array(scores, dtype=float)
    if value == "mean":
        value = None if state == "failed" else float(scores.mean())
    trial = create_trial(state=STATES[state], value=value)
    trial.number = number
    return ToldTrial(trial, scores, curves, record=f"record {number}")


def told(*trials):
    memory = Told()
    for number, (scores, state) in enumerate(trials):
        memory.append(told_trial(number, scores, state))
    return memory


def curve(*scores):
    return Curve(tuple(range(1, len(scores) + 1)), (float("nan"),) * len(scores), scores, 1, {})


def test_a_trial_that_breaks_a_constraint_is_complete_and_no_rival():
    memory = told(([0.9, 0.9], "complete"), ([0.5, 0.5], "complete"))
    memory.append(replace(told_trial(2, [1.0, 1.0]), is_feasible=False))
    assert memory[2].is_complete
    assert memory.n_rivals(3) == len(memory.rivals) == 2
    assert memory.incumbent.number == 0


fold_scores = st.lists(st.floats(-1, 1), min_size=3, max_size=3)
endings = st.sampled_from(sorted(STATES))


@examples
@given(trials=st.lists(st.tuples(fold_scores, endings), max_size=8), n_told=st.integers(0, 8))
def test_an_earlier_moment_is_the_memory_of_the_trials_told_by_then(trials, n_told):
    memory, earlier = told(*trials), told(*trials[:n_told])
    seen = memory.as_of(n_told)
    assert [trial.number for trial in seen] == [trial.number for trial in earlier]
    assert seen.has_complete == earlier.has_complete == any(kind == "complete" for _, kind in trials[:n_told])
    assert getattr(seen.incumbent, "number", None) == getattr(earlier.incumbent, "number", None)
    scores = np.array([0.25, 0.5])
    assert seen.estimate(scores) == earlier.estimate(scores)
    assert len(memory) == len(trials)


@examples
@given(trials=st.lists(st.tuples(fold_scores, endings), max_size=8))
def test_the_incumbent_is_the_first_best_of_the_trials_that_ran_to_their_end(trials):
    means = {i: float(np.mean(scores)) for i, (scores, state) in enumerate(trials) if state == "complete"}
    incumbent = told(*trials).incumbent
    if not means:
        assert incumbent is None
    else:
        assert incumbent.number == min(i for i, mean in means.items() if mean == max(means.values()))


def test_without_an_incumbent_the_estimate_is_the_mean():
    memory = told(([0.9, 0.9, 0.9], "pruned"), ([0.8, 0.8, 0.8], "failed"))
    assert memory.estimate(np.array([0.5, 0.7])) == pytest.approx(0.6)


@examples
@given(scores=fold_scores, shift=st.floats(-0.5, 0.5), n_ran=st.integers(1, 3))
def test_a_trial_that_is_alike_but_for_a_constant_is_estimated_at_the_constant_whichever_folds_ran(
    scores, shift, n_ran
):
    memory = told((scores, "complete"))
    estimate = memory.estimate(np.array(scores[:n_ran]) + shift)
    assert estimate == pytest.approx(np.mean(scores) + shift, abs=1e-12)


def test_in_the_fold_that_was_stopped_scores_are_compared_at_the_same_epoch():
    memory = Told()
    memory.append(told_trial(0, [0.6, 0.8], curves=[curve(0.5, 0.6), curve(0.3, 0.8)]))
    estimate = memory.estimate(np.array([0.6, 0.2]), [curve(0.5, 0.6), curve(0.2)])
    assert estimate == pytest.approx(0.7 + (0.0 + (0.2 - 0.3)) / 2)


def test_rounds_are_compared_with_the_same_rounds_and_with_the_last_one_of_a_shorter_trial():
    memory = Told()
    complete = Curve((20, 40, 50), (math.nan,) * 3, (0.1, 0.2, 0.4), 50, {})
    memory.append(told_trial(0, [0.4], curves=[complete]))
    for epochs, at_same in ((20,), 0.1), ((20, 40), 0.2), ((20, 40, 60), 0.4):
        curve = Curve(epochs, (math.nan,) * len(epochs), (0.9,) * len(epochs), 20, {})
        assert memory.estimate(np.array([0.9]), [curve]) == pytest.approx(0.4 + 0.9 - at_same)


def test_samplers_see_estimates_as_values_and_the_studys_own_trials_stay_pruned():
    memory = told(([0.5], "complete"), ([0.4], "pruned"), ([0.3], "failed"))
    trials = [trial.trial for trial in memory]
    seen = memory.with_estimates(trials)
    assert [trial.state.name for trial in seen] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert [trial.value for trial in seen] == [0.5, 0.4, None]
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL"]
    assert memory.has_estimates


def test_a_memory_that_is_made_of_told_trials_knows_their_estimates():
    memory = told(([0.5], "complete"), ([0.4], "pruned"))
    trials = [trial.trial for trial in memory]
    again = Told(memory)
    assert again.has_estimates
    assert [trial.state.name for trial in again.with_estimates(trials)] == ["COMPLETE", "COMPLETE"]


def test_a_pruned_trial_without_a_value_is_seen_as_it_is():
    memory = Told()
    memory.append(told_trial(0, [np.nan], "pruned", value=None))
    assert not memory.has_estimates
    assert memory.with_estimates([memory[0].trial]) == [memory[0].trial]


def test_records_come_in_the_order_of_telling():
    assert told(([0.1], "complete"), ([0.2], "pruned")).records == ["record 0", "record 1"]


def test_samplers_are_told_the_error_of_an_estimate_which_shrinks_with_each_fold():
    """Paired differences of the complete trials vary by .1 about their means."""
    rng = np.random.default_rng(0)
    complete = [[1.0] * 5, *((0.9 + 0.1 * rng.choice([-1, 1], size=5)).tolist() for _ in range(6))]
    memory = told(*((scores, "complete") for scores in complete), ([0.5], "pruned"), ([0.5] * 3, "pruned"))
    shown = memory.with_estimates([each.trial for each in memory])
    errors = [each.system_attrs.get(ERROR_OF_ESTIMATE) for each in shown]
    assert errors[:7] == [None] * 7
    assert errors[7] / errors[8] == pytest.approx(((1 - 1 / 5) / (1 / 3 - 1 / 5)) ** 0.5)
    assert 0.05 < errors[7] < 0.15
    assert [each.state for each in shown] == [TrialState.COMPLETE] * 9


@pytest.mark.parametrize("others", [[], [([0.1, 0.2, 0.3], "complete")], [([float("nan"), 0.2], "failed")]])
def test_the_error_of_an_estimate_is_0_while_too_little_is_known(others):
    memory = told(*others, ([0.5, 0.4], "pruned"))
    shown = memory.with_estimates([each.trial for each in memory])
    assert shown[-1].system_attrs[ERROR_OF_ESTIMATE] == 0.0
