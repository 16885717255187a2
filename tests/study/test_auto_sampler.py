"""Whose turn a trial is with sampler="auto"."""

from optuna.samplers import TPESampler

from sk_optuna.samplers import GaussianProcessSampler
from sk_optuna.study._samplers import sampler_factory, trial_seed


def test_every_fourth_trial_from_the_sixteenth_on_is_tpes_and_the_others_are_the_processs():
    make = sampler_factory("auto", 0, is_grid=False)
    kinds = [type(make(number)) for number in range(28)]
    assert [number for number, kind in enumerate(kinds) if kind is TPESampler] == [15, 19, 23, 27]
    assert set(kinds) == {TPESampler, GaussianProcessSampler}


def test_each_turn_of_tpe_has_the_seed_that_tpe_alone_has():
    auto, tpe = (sampler_factory(name, 7, is_grid=False) for name in ("auto", "tpe"))
    states = [make(19)._rng.rng.get_state()[1].tolist() for make in (auto, tpe)]
    assert states[0] == states[1]
    assert trial_seed(7, 19) != trial_seed(7, 15)
