"""A study that shows other trials than it holds."""

from copy import copy

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sk_optuna._study_view import study_showing


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def first(n):
    return lambda trials: trials[:n]


def numbers(trials):
    return [trial.number for trial in trials]


@pytest.fixture
def study():
    study = optuna.create_study(direction="maximize", study_name="whole")
    for value in (1.0, 3.0, 2.0):
        study.add_trial(create_trial(value=value, intermediate_values={1: value}))
    study.add_trial(create_trial(state=TrialState.PRUNED, value=5.0))
    study.add_trial(create_trial(value=9.0))
    return study


def test_only_the_selected_trials_are_seen_by_every_way_of_asking(study):
    view = study_showing(study, first(4))
    assert (
        numbers(view.trials) == numbers(view.get_trials()) == numbers(view.get_trials(deepcopy=False)) == [0, 1, 2, 3]
    )
    assert numbers(view.get_trials(states=(TrialState.COMPLETE,))) == [0, 1, 2]
    assert numbers(view.get_trials(states=[TrialState.PRUNED])) == [3]
    assert view.best_trial.number == 1
    assert view.best_value == 3.0
    assert view.best_params == {}
    storage = view._storage  # samplers and pruners ask it themselves
    assert numbers(storage.get_all_trials(view._study_id, deepcopy=False)) == [0, 1, 2, 3]
    assert storage.get_best_trial(view._study_id).number == 1
    assert storage.get_n_trials(view._study_id, TrialState.COMPLETE) == 3


def test_study_itself_is_not_changed(study):
    before = [repr(trial) for trial in study.trials]
    view = study_showing(study, first(1))
    assert numbers(view.trials) == [0]
    assert [repr(trial) for trial in study.trials] == before
    assert study.best_value == 9.0


def test_view_of_no_trials_has_no_best_one(study):
    view = study_showing(study, first(0))
    assert view.trials == []
    with pytest.raises(ValueError, match="No trials are completed yet"):
        view.best_trial  # noqa: B018


def test_selection_may_show_a_trial_otherwise(study):
    """A pruned trial as a complete one, in the samplers' eyes."""

    def completed(trials):
        changed = [copy(trial) for trial in trials]
        changed[3].state = TrialState.COMPLETE
        return changed[:4]

    view = study_showing(study, completed)
    assert view.best_trial.number == 3
    assert [trial.state for trial in view.trials] == [TrialState.COMPLETE] * 4
    assert study.trials[3].state is TrialState.PRUNED


def test_trials_are_copies_unless_asked_for_otherwise(study):
    view = study_showing(study, first(5))
    own = study.get_trials(deepcopy=False)
    assert all(a is b for a, b in zip(view.get_trials(deepcopy=False), own, strict=True))
    view.trials[0].set_user_attr("mark", 1)
    view.get_trials()[0].params["x"] = 1
    assert own[0].user_attrs == {}
    assert own[0].params == {}


def test_trials_that_come_in_later_are_selected_from_too(study):
    view = study_showing(study, lambda trials: [trial for trial in trials if trial.number != 1])
    study.add_trial(create_trial(value=11.0))
    assert numbers(view.trials) == [0, 2, 3, 4, 5]
    assert view.best_value == 11.0


def test_what_is_written_goes_to_the_study(study):
    """Successive halving notes rungs at the trial, NSGA-II generations at the study."""
    trial = study.ask()
    view = study_showing(study, first(2))
    view._storage.set_trial_system_attr(trial._trial_id, "rung", 0.5)
    view._storage.set_study_system_attr(view._study_id, "cache", [1])
    view.set_user_attr("note", "here")
    assert study.trials[-1].system_attrs == {"rung": 0.5}
    assert study._storage.get_study_system_attrs(study._study_id) == {"cache": [1]}
    assert study.user_attrs == {"note": "here"}
    assert view.user_attrs == {"note": "here"}


def test_all_else_is_that_of_the_study(study):
    view = study_showing(study, first(2))
    assert isinstance(view, optuna.Study)
    assert view.study_name == "whole"
    assert view.direction == study.direction
    assert view.sampler is study.sampler
    assert view.pruner is study.pruner


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_direction_of_the_study_says_which_trial_is_best(direction):
    study = optuna.create_study(direction=direction)
    study.add_trials([create_trial(value=value) for value in (2.0, 1.0, 3.0, 0.0, 4.0)])
    assert study_showing(study, first(3)).best_value == {"minimize": 1.0, "maximize": 3.0}[direction]


def test_sampler_asked_through_a_view_suggests_as_in_a_study_that_holds_no_more():
    """What a sampler is shown is all it knows."""
    distributions = {"x": optuna.distributions.FloatDistribution(0, 1)}

    def filled(n):
        study = optuna.create_study(study_name="s")
        for i in range(n):
            x = (0.37 * i) % 1
            study.add_trial(create_trial(value=(x - 0.4) ** 2, params={"x": x}, distributions=distributions))
        return study

    def suggested(study):
        sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=2)
        trial = create_trial(state=TrialState.RUNNING)
        return sampler.sample_independent(study, trial, "x", distributions["x"])

    assert suggested(study_showing(filled(12), first(8))) == suggested(filled(8)) != suggested(filled(12))
