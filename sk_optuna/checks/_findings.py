"""A finding, the list of them, and the codes by which a finding is known and can be left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Literal

from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidArgumentError

Severity = Literal["issue", "tip"]

# The checks of one search, then those of a nested cross-validation, in the order in which findings are listed.
OF_SEARCHES = ("bound", "still-rising", "few-trials", "failures", "many-equal")
OF_RESULTS = ("optimism", "defaults-as-good", "unstable-choice")
CODES = (*OF_SEARCHES, *OF_RESULTS)
_WIDTH = 80


@dataclass(frozen=True)
class Finding:
    """One thing that a check has found.

    Attributes
    ----------
    code : str
        The check, such as ``"bound"``; it stays the same from version to version, and `ignore` takes it.
    severity : {"issue", "tip"}
        ``"issue"`` where the result is probably worse than it could be, or reads better than it is; ``"tip"`` where
        something may be made simpler, or cheaper, or surer.
    sentence : str
        The observation, with its numbers.
    advice : str
        What to do.
    section : str
        The section of the documentation, ``"checks.md#bound"``.
    about : str
        The part that it is about: the end of a parameter's range, a search by its name, or nothing.
    """

    code: str
    severity: Severity
    sentence: str
    advice: str
    about: str = ""

    @property
    def section(self) -> str:
        """The section of the documentation."""
        return f"checks.md#{self.code}"

    def __str__(self) -> str:
        lines = wrap(self.sentence, _WIDTH - 2) + wrap(f"-> {self.advice}", _WIDTH - 2, subsequent_indent="   ")
        return "\n  ".join([f"{self.severity} [{self.code}]", *lines])


class Findings(tuple[Finding, ...]):
    """Findings, the issues first: a tuple that prints well.

    Attributes
    ----------
    codes : list of str
        Their codes, in order.
    """

    __slots__ = ()

    def __new__(cls, findings: Iterable[Finding] = ()) -> "Findings":
        """Sort by severity, then by check, else in the order that came."""
        return super().__new__(cls, sorted(findings, key=lambda f: (f.severity, CODES.index(f.code))))

    @property
    def codes(self) -> list[str]:
        """Their codes, in order."""
        return [finding.code for finding in self]

    def __repr__(self) -> str:
        if not self:
            return "No findings."
        return "\n".join(map(str, self))


def checked_ignore(ignore: Any) -> frozenset[str]:
    """Return the codes to leave out.

    Parameters
    ----------
    ignore : str or iterable of str
        One code, or several.

    Raises
    ------
    InvalidArgumentError
        Where one is not a code; the error names the nearest.
    """
    try:
        codes = [ignore] if isinstance(ignore, str) else list(ignore)
    except TypeError:
        codes = [ignore]
    for code in codes:
        if code not in CODES:
            raise InvalidArgumentError(
                f"The 'ignore' parameter must be made of codes of checks, {', '.join(map(repr, CODES))}, but got "
                f"{code!r}.{hint(str(code), nearest(str(code), CODES))}"
            )
    return frozenset(codes)
