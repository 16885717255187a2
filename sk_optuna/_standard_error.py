"""The standard error of a mean over folds that share training rows."""

import numpy as np


def corrected_standard_error(scores: np.ndarray, test_to_train: float) -> np.ndarray:
    """Return the standard errors of means over folds, corrected for shared training rows [1]_.

    Parameters
    ----------
    scores : ndarray of shape (..., n_splits)
        Scores, or differences of scores on the same folds.
    test_to_train : float
        Rows that a fold tests, divided by those that it trains on.

    Returns
    -------
    ndarray of shape (...)
        The root of the variance over folds times ``1 / n_splits + test_to_train``. NaN where a score is missing or
        there is one fold.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
       :doi:`10.1023/A:1024068626366`
    """
    scores = np.asarray(scores, dtype=float)
    n_splits = scores.shape[-1]
    if n_splits < 2:
        return np.full(scores.shape[:-1], np.nan)
    is_known = np.isfinite(scores).all(axis=-1)
    known = np.where(is_known[..., None], scores, 0.0)
    # the variance of equal floats may not be 0
    variance = np.where(np.ptp(known, axis=-1) == 0, 0.0, np.var(known, axis=-1, ddof=1))
    errors: np.ndarray = np.where(is_known, np.sqrt((1 / n_splits + test_to_train) * variance), np.nan)
    return errors
