"""Numbers in words: seconds, scores, and the end of a run."""

# Decimals of a score: as many at least, and more where they tell it from the best one.
FEWEST_DECIMALS, _MOST_DECIMALS = 4, 12


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


def decimals_telling(one: float, other: float, at_least: int) -> int:
    """Return the decimals with which two scores look different if they are."""
    n = at_least
    while one != other and n < _MOST_DECIMALS and float(f"{one:.{n}f}") == float(f"{other:.{n}f}"):
        n += 1
    return n


FINISHED = "finished"
"""The end of a run that nothing broke off."""


def end_of(kind: type[BaseException] | None) -> str:
    """Write how a run ended, by the exception that left it."""
    if kind is None:
        return FINISHED
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else f"ended by {kind.__name__}"
