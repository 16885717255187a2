"""Numbers in words: seconds, scores, and the end of a run."""

import math
from decimal import ROUND_FLOOR, Context, Decimal

# Decimals of a score: as many at least, and more where they tell it from the best one.
FEWEST_DECIMALS, _MOST_DECIMALS = 4, 12
# Digits of the largest float, with its decimals.
_MOST_DIGITS = 350


def duration(seconds: float) -> str:
    """Write seconds: "8.1s", "21s", "2min05s", "1h07min"."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}h{minutes % 60:02d}min" if minutes >= 60 else f"{minutes}min{rest:02d}s"


def spent(seconds: float, left: float | None, end: str) -> str:
    """Write the seconds that have passed, with those that are left, or with the way in which the run ended."""
    if end:
        return duration(seconds) if end == FINISHED else f"{duration(seconds)}, {end}"
    return duration(seconds) if left is None else f"{duration(seconds)}, about {duration(left)} left"


def score_in_words(score: float, n_decimals: int) -> str:
    """Write a score with so many decimals, cut off towards the worse side.

    Decimals grow during a search. Rounded to four, 0.99966 would be more than 0.99967 is with five, and a better score
    would look like a worse one. What is only an error of arithmetic, such as 0.9699999999999999, is rounded before.
    """
    if not math.isfinite(score):
        return str(score)
    exact = Decimal(f"{score:.{_MOST_DECIMALS}f}")
    return str(exact.quantize(Decimal(1).scaleb(-n_decimals), ROUND_FLOOR, Context(prec=_MOST_DIGITS)))


def decimals_telling(one: float, other: float, at_least: int) -> int:
    """Return the decimals with which two scores look different, both cut off and rounded.

    Those that are equal, but for an error of arithmetic, take no more than `at_least`.
    """
    n = at_least
    while n <= _MOST_DECIMALS and _look_equal(one, other, n):
        n += 1
    return n if n <= _MOST_DECIMALS else at_least


def _look_equal(one: float, other: float, n: int) -> bool:
    return score_in_words(one, n) == score_in_words(other, n) or float(f"{one:.{n}f}") == float(f"{other:.{n}f}")


FINISHED = "finished"
"""The end of a run that nothing broke off."""


def end_of(kind: type[BaseException] | None) -> str:
    """Write how a run ended, by the exception that left it."""
    if kind is None:
        return FINISHED
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else f"ended by {kind.__name__}"
