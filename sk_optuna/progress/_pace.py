"""The time that a search is going to take.

The pace is that of fits which count: those that a decision rests on, of told trials and of trials in flight. What idle
workers run ahead and nobody wants then makes the pace slower, and nothing else. Candidates to come take as many fits as
the told ones did on average, so that what a race spares is spared in the estimate. The time per told trial, which needs
no fits, was the road not taken: with eight trials in flight, their work is done and not counted when the first is told,
and the first estimate is up to eight times too long.
"""


def seconds_left(
    seconds: float, since: float, *, n_fits: int, n_fits_of_told: int, n_told: int, n_left: int, n_splits: int
) -> float | None:
    """Estimate the seconds to the end of the last trial; None before the first fit is finished.

    Parameters
    ----------
    seconds : float
        Seconds from the beginning of the first fit to the end of the last one that is finished.
    since : float
        Seconds since then. They count down to the next fit that is due, and not below.
    n_fits : int
        Fits that were finished by now and count.
    n_fits_of_told : int
        Those of trials that were told.
    n_told : int
        Trials that were told, without those that were known before.
    n_left : int
        Trials that are not told yet.
    n_splits : int
        Fits of a trial that is not stopped, which count as long as no trial is told.
    """
    if n_fits == 0:
        return None
    per_trial = n_fits_of_told / n_told if n_told else n_splits
    n_fits_left = max(n_left * per_trial - (n_fits - n_fits_of_told), 0.0)
    per_fit = seconds / n_fits
    return max(per_fit * n_fits_left - min(since, per_fit), 0.0)
