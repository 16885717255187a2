"""Samplers, callbacks and the output of a pruned search see its trials as they ended."""

import math
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import optuna
import pytest
import scipy
from optuna.trial import TrialState

K, SIZE = 5, 4
NAMES = ["race", "median", "percentile", "wilcoxon", "halving", "hyperband", "threshold"]


# --- folds ------------------------------------------------------------------------------------------------------------


def test_study_keeps_no_mean_of_a_stopped_trial_but_the_number_of_its_folds(searches):
    found = searches.fitted(scoring=searches.both, refit="main")
    for trial, n_run in zip(found.study_.trials, found.cv_results_["n_folds_run"], strict=True):
        if trial.state is TrialState.PRUNED:
            assert set(trial.user_attrs) == {"mean_fit_time", "n_folds_run"}
            assert trial.user_attrs["n_folds_run"] == n_run
        else:
            assert trial.user_attrs["mean_test_main"] == trial.value


class Recording(optuna.samplers.RandomSampler):
    def __init__(self, seed, notes):
        super().__init__(seed)
        self.notes = notes

    def sample_independent(self, study, trial, param_name, param_distribution):
        shown = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        self.notes[trial.number] = [(t.number, t.state, t.value) for t in shown]
        return super().sample_independent(study, trial, param_name, param_distribution)


# --- samplers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["table", "define-by-run"])
@pytest.mark.parametrize("n_jobs", [1, 4])
def test_sampler_learns_from_pruned_trials_as_from_complete_ones(n_jobs, space, searches):
    notes = {}
    with joblib.parallel_config(backend="threading"):
        found = searches.fitted(space, sampler=lambda seed: Recording(seed, notes), n_jobs=n_jobs)
    assert TrialState.PRUNED in {trial.state for trial in found.study_.trials}
    told = [(t.number, TrialState.COMPLETE, t.value) for t in found.study_.trials]
    for number in range(24):
        assert notes[number] == told[: searches.n_told(found, number)]


def test_tpe_concentrates_where_the_unpruned_search_does(searches):
    """Told only of complete trials it would see survivors, told of nothing it would draw at random."""
    pruned, whole = (searches.fitted(pruner=pruner, sampler="tpe", n_trials=60) for pruner in ("race", None))
    assert pruned.cv_results_["n_folds_run"].sum() < 0.6 * 60 * K
    late = np.abs(np.array(pruned.cv_results_["param_a"][30:], dtype=float) - 0.7)
    assert np.median(late) < 0.15
    assert pruned.best_score_ > whole.best_score_ - 0.01


# --- callbacks and output ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_callbacks_see_pruned_trials_in_order(n_jobs, searches):
    seen = []

    def note(study, trial):
        assert study.trials[-1].number >= trial.number
        seen.append((trial.number, trial.state.name, trial.value, len(trial.intermediate_values)))

    with joblib.parallel_config(backend="threading"):
        found = searches.fitted(study_callbacks=[note], n_jobs=n_jobs)
    assert seen == [(t.number, t.state.name, t.value, len(t.intermediate_values)) for t in found.study_.trials]
    assert {state for _, state, _, _ in seen} == {"COMPLETE", "PRUNED"}


def cut(score):
    """Write a score with four decimals, cut towards the worse side."""
    return f"{math.floor(round(score, 12) * 1e4) / 1e4:.4f}"


def test_verbose_2_says_after_how_many_folds_a_trial_was_pruned(capsys, searches):
    found = searches.fitted(verbose=2)
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first == "Fitting 5 folds for each of 24 candidates, totalling 120 fits"
    best = None
    for row, line in enumerate(lines):
        mean, n_run = found.cv_results_["mean_test_score"][row], found.cv_results_["n_folds_run"][row]
        best = mean if best is None else np.nanmax([best, mean])
        what = f"score {cut(mean)}" if n_run == K else f"pruned after {n_run} of 5 folds"
        assert line.startswith(f"[{row + 1}/24] trial {row}: {what}; best {cut(best)} (trial ")
    assert len(lines) == 24
    n_pruned = (found.cv_results_["n_folds_run"] < K).sum()
    assert last.startswith(f"24/24 trials, {n_pruned} pruned; best {cut(best)} (trial {found.best_index_}); ")


_SILENT_PROGRAM = """
    import joblib
    import numpy as np
    from scipy.stats import uniform
    from sklearn.dummy import DummyRegressor
    from sk_optuna import OptunaSearchCV

    X, y = np.zeros((20, 1)), np.arange(20.0)
    space = [{"constant": uniform(0, 20)}, {"constant": [1, 2], "quantile": [0.5]}]
    for pruner in PRUNERS:
        with joblib.parallel_config(backend="threading"):
            OptunaSearchCV(
                DummyRegressor(strategy="constant"), space, n_trials=15, pruner=pruner, n_jobs=2, random_state=0
            ).fit(X, y)
"""


def test_pruned_searches_print_nothing():
    # SciPy before 1.15 warns of small samples where Optuna's WilcoxonPruner asks it about scores that tie
    warns = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)
    names = [name for name in NAMES if not (warns and name == "wilcoxon")]
    program = textwrap.dedent(_SILENT_PROGRAM.replace("PRUNERS", repr(names)))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_global_random_state_of_numpy_is_neither_used_nor_changed(searches):
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        results.append([searches.fitted(pruner=name, sampler="tpe", n_trials=12) for name in NAMES])
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert all(searches.same(a, b) for a, b in zip(*results, strict=True))
