"""How a fold ended, where it did not run to its end as it should."""

from typing import Literal, NamedTuple


class Ending(NamedTuple):
    """The end of a fold before its time.

    Attributes
    ----------
    kind : {"pruned", "memory", "timeout", "worker", "failed"}
        A judge stopped the training, memory or the time for a fold ran out, the worker died, or the fit raised.
    detail : str
        One line for the user; empty for ``"pruned"``.
    """

    kind: Literal["pruned", "memory", "timeout", "worker", "failed"]
    detail: str = ""

    @property
    def cuts_trial(self) -> bool:
        """True if the other folds of the trial are not to run: they would tell nothing new."""
        return self.kind in ("pruned", "memory", "timeout")
