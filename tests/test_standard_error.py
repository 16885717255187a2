"""One formula for the error of a mean over folds: Nadeau and Bengio's, for scores of one candidate or of many."""

import numpy as np
import pytest

from sk_optuna._standard_error import corrected_standard_error


def test_without_shared_rows_it_is_the_plain_standard_error():
    scores = np.random.default_rng(0).normal(size=(6, 7))
    plain = scores.std(axis=1, ddof=1) / np.sqrt(7)
    np.testing.assert_allclose(corrected_standard_error(scores, 0.0), plain, rtol=1e-12)
    assert corrected_standard_error(scores[2], 0.0) == pytest.approx(plain[2])


def test_of_repeated_draws_that_share_rows_it_is_wider_by_the_share():
    scores = np.array([0.7, 0.8, 0.9, 0.8])
    # by hand: variance .02 / 3, times 1/4 + 1/3
    assert corrected_standard_error(scores, 1 / 3) == pytest.approx(np.sqrt(0.02 / 3 * (1 / 4 + 1 / 3)))


@pytest.mark.parametrize("scores", [[0.1] * 3, [1 / 3] * 7])
def test_equal_scores_have_none(scores):
    assert corrected_standard_error(scores, 0.5) == 0.0


@pytest.mark.parametrize("scores", [[0.5], [0.5, np.nan], [0.5, np.inf, 0.5]])
def test_one_fold_or_a_missing_score_has_no_error(scores):
    assert np.isnan(corrected_standard_error(scores, 0.5))


def test_a_row_without_all_scores_leaves_the_others_alone():
    errors = corrected_standard_error([[1.0, 2.0], [np.nan, 2.0]], 0.0)
    np.testing.assert_array_equal(np.isnan(errors), [False, True])
