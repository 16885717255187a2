"""Samplers around another one hand every call on; only the study that they show may differ."""

import optuna
import pytest
from optuna.samplers import RandomSampler

from sk_optuna.study._estimates_sampler import EstimatesSampler
from sk_optuna.study._wrapped_sampler import WrappedSampler


class Recording(RandomSampler):
    def __init__(self):
        super().__init__(seed=0)
        self.calls = []

    def infer_relative_search_space(self, study, trial):
        self.calls.append(("infer", study))
        return {}

    def sample_relative(self, study, trial, search_space):
        self.calls.append(("jointly", study))
        return {}

    def sample_independent(self, study, trial, name, distribution):
        self.calls.append((name, study))
        return super().sample_independent(study, trial, name, distribution)

    def before_trial(self, study, trial):
        self.calls.append(("before", study))

    def after_trial(self, study, trial, state, values):
        self.calls.append(("after", study))


def run_one(sampler):
    study = optuna.create_study(sampler=sampler)
    trial = study.ask()
    value = trial.suggest_float("x", 0, 1)
    study.tell(trial, value)
    return study, value


def test_every_call_is_handed_on_with_the_study_itself():
    inner = Recording()
    study, value = run_one(WrappedSampler(inner))
    assert sorted(name for name, _ in inner.calls) == ["after", "before", "infer", "jointly", "x"]
    assert all(given is study for _, given in inner.calls)
    assert value == run_one(RandomSampler(seed=0))[1]


@pytest.mark.parametrize("name", ["before", "infer", "jointly", "x"])
def test_a_sampler_that_learns_from_estimates_suggests_from_the_view(name):
    inner, view = Recording(), optuna.create_study()
    run_one(EstimatesSampler(inner, view))
    assert dict(inner.calls)[name] is view


def test_a_sampler_that_learns_from_estimates_can_stop_the_study_itself():
    inner, view = Recording(), optuna.create_study()
    study, _ = run_one(EstimatesSampler(inner, view))
    assert dict(inner.calls)["after"] is study
