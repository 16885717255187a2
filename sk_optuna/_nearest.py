"""The known names that a misspelt one may mean: one rule and one sentence for parameters, metrics and devices."""

from collections.abc import Iterable
from difflib import get_close_matches

# Share of letters that two names must have in common, in difflib's measure: "gama" and "gamma" have 0.89.
_ALIKE = 0.5


def nearest(name: str, known: Iterable[str], at_most: int = 3) -> list[str]:
    """Return the known names that look most like `name`, the best first; none if none looks like it."""
    return get_close_matches(name, list(known), n=at_most, cutoff=_ALIKE)


def hint(name: str, near: Iterable[str]) -> str:
    """Return the sentence that ends an error about an unknown name.

    Parameters
    ----------
    name : str
        The name that came.
    near : iterable of str
        The names that may be meant, for example from `nearest`.

    Returns
    -------
    str
        The sentence, after a space that parts it from the one before; empty if there are no such names.
    """
    names = ", ".join(map(repr, near))
    return f" Nearest to {name!r}: {names}." if names else ""
