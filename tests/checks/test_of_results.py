"""Each check of nested results speaks of numbers that were made to show one thing, and not of others."""

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from sk_optuna.checks import Finding, Findings, ResultsEvidence, check_results
from sk_optuna.spaces import unit_scales

SPACE = {"C": FloatDistribution(1e-3, 1e3, log=True), "kernel": ["rbf", "linear"], "n": [1, 2, 4, 8]}
SCALES = unit_scales(SPACE)
BOUND = Finding("bound", "issue", "The best C=999 lies at the upper end.", "Widen the range.", "C at the upper end")
EQUAL = Finding("many-equal", "tip", "9 of 12 lie within.", "Take the fastest.")


def found(**kwargs):
    return check_results([ResultsEvidence("svm", kwargs.pop("n_outer", 5), scales=SCALES, **kwargs)])


def choices(**columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_nothing_known_is_nothing_found():
    assert found() == ()


def test_optimism_speaks_above_one_error():
    (finding,) = found(outer_mean=0.80, outer_error=0.02, inner_best=0.85)
    assert (finding.code, finding.severity, finding.about) == ("optimism", "issue", "svm")
    assert finding.sentence.startswith("svm: the best inner scores are 0.05 above the outer ones")
    assert found(outer_mean=0.80, outer_error=0.04, inner_best=0.85)[0].severity == "tip"
    assert found(outer_mean=0.80, outer_error=0.06, inner_best=0.85) == ()
    assert found(outer_mean=0.80, outer_error=np.nan, inner_best=0.85) == ()


def test_defaults_as_good_speaks_within_one_error():
    (finding,) = found(gain=0.003, gain_error=0.01)
    assert (finding.code, finding.severity) == ("defaults-as-good", "tip")
    assert "tuning gained 0.003 over its defaults, with a standard error of 0.01" in finding.sentence
    assert "tuning lost 0.003 to its defaults" in found(gain=-0.003, gain_error=0.01)[0].sentence
    assert found(gain=-0.015, gain_error=0.01)[0].severity == "tip"
    assert found(gain=0.03, gain_error=0.01) == ()
    (finding,) = found(gain=-0.03, gain_error=0.01)
    assert finding.severity == "issue"
    assert "tuning lost 0.03 to its defaults, with a standard error of 0.01" in finding.sentence
    assert found(gain=0.003, gain_error=np.nan) == ()


def test_unstable_choice_names_the_parameters_that_scatter():
    scattered = choices(C=[1e-3, 1e3, 1e-2, 1e2, 1.0], kernel=["rbf"] * 5, n=[4, 4, 8, 4, 4])
    (finding,) = found(choices=scattered)
    assert (finding.code, finding.severity) == ("unstable-choice", "tip")
    assert finding.sentence == "svm: the outer folds chose C (0.001 to 1000) no more alike than random draws are."


def test_unstable_choice_counts_categories():
    (finding,) = found(choices=choices(kernel=["rbf", "linear", "rbf", "linear", "rbf"]))
    assert "kernel (rbf in 3, linear in 2 of 5)" in finding.sentence
    assert found(choices=choices(kernel=["rbf"] * 4 + ["linear"])) == ()


def test_unstable_choice_keeps_silent_where_the_folds_agree_or_are_few():
    assert found(choices=choices(C=[1.0, 2.0, 1.5, 3.0, 0.8], n=[1, 1, 2, 1, 1])) == ()
    assert found(choices=choices(C=[1e-3, 1e3, 1.0]), n_outer=3) == ()


def test_unstable_choice_speaks_of_random_choices_about_half_the_time():
    """Its level: choices that are random are called so by a fair coin, since it compares with their median."""
    rng = np.random.default_rng(0)
    spoke = [bool(found(choices=choices(C=10 ** rng.uniform(-3, 3, 5)))) for _ in range(200)]
    assert 0.4 < np.mean(spoke) < 0.6


def test_estimators_as_choices_are_told_by_their_class():
    scales = unit_scales({"step": [PCA(), Ridge(), "passthrough"]})
    values = choices(step=[PCA(), Ridge(), "passthrough", PCA(), Ridge()])
    (finding,) = check_results([ResultsEvidence("p", 5, choices=values, scales=scales)])
    assert "step (PCA in 2, Ridge in 2, passthrough in 1 of 5)" in finding.sentence


@pytest.mark.parametrize(("n_with", "speaks"), [(0, False), (1, False), (2, False), (3, True), (5, True)])
def test_findings_of_half_of_the_inner_searches_are_gathered(n_with, speaks):
    inner = [Findings([BOUND])] * n_with + [Findings()] * (5 - n_with)
    findings = found(inner=inner)
    assert bool(findings) == speaks
    if speaks:
        assert findings[0].sentence == (
            f"svm: in {n_with} of 5 outer folds the best candidate has C at the upper end of its range, and those well "
            "inside are worse."
        )


def test_gathered_findings_keep_their_parameters_apart():
    lower = Finding("bound", "issue", "…", "…", "gamma at the lower end")
    findings = found(inner=[Findings([BOUND, lower])] * 2 + [Findings([EQUAL, BOUND])] * 3)
    assert findings.codes == ["bound", "many-equal"]


def test_findings_can_be_left_out():
    evidence = ResultsEvidence("svm", 5, gain=0.0, gain_error=0.1, inner=[Findings([EQUAL])] * 5)
    assert check_results([evidence]).codes == ["many-equal", "defaults-as-good"]
    assert check_results([evidence], frozenset(["many-equal"])).codes == ["defaults-as-good"]
