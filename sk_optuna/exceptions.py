"""Errors of sk_optuna: a small tree, in which each is also the exception a caller would already catch."""

__all__ = [
    "ConstraintError",
    "FoldFailedError",
    "FoldMemoryError",
    "FoldTimeoutError",
    "InvalidArgumentError",
    "InvalidSpaceError",
    "MissingExtraError",
    "NoFeasibleCandidateError",
    "NoScoreError",
    "ResumeMismatchError",
    "SkOptunaError",
    "StorageError",
    "TooManyFailuresError",
    "WorkerDiedError",
]


class SkOptunaError(Exception):
    """Base class of the errors that sk_optuna raises on its own account."""


class ConstraintError(SkOptunaError, ValueError, TypeError):
    """A constraint could not be computed for a candidate; those that are finished are kept.

    Its cause is the error of the user's callable, if that raised one.
    """


class FoldMemoryError(SkOptunaError, MemoryError):
    """A fold took more memory than `fold_memory` allows, and its process was ended."""


class FoldTimeoutError(SkOptunaError, TimeoutError):
    """A fold took more time than `fold_timeout` allows, and its process was ended."""


class InvalidArgumentError(SkOptunaError, ValueError, TypeError):
    """An argument cannot be used; raised before the first model is trained.

    It is a ValueError and a TypeError at once, as scikit-learn's own error for invalid parameters is.
    """


class InvalidSpaceError(InvalidArgumentError):
    """A search space, or a value meant for it, cannot be used."""


class MissingExtraError(SkOptunaError, ImportError):
    """An optional package is needed; the message names the extra that brings it."""


class NoScoreError(SkOptunaError, ValueError, TypeError):
    """No candidate has a mean score, so that none is the best; raised when all have been evaluated.

    It is a ValueError, as is scikit-learn's error where all fits failed. It is also a TypeError, which the refit might
    have raised, had it begun.
    """


class NoFeasibleCandidateError(NoScoreError):
    """No complete candidate keeps the constraints, so that none is the best; the message names the nearest."""


class ResumeMismatchError(InvalidArgumentError):
    """A search cannot go on from the trials of another search; the message lists the differences."""


class StorageError(SkOptunaError, ValueError, RuntimeError):
    """A storage cannot be opened, read or written.

    It is a ValueError, since the argument that named it cannot be used. It is a RuntimeError, since that may depend on
    the day.
    """


class TooManyFailuresError(NoScoreError):
    """The first candidates all failed, as many as `max_failures` allows, and the search ended before the others.

    Its cause is the last error, a FoldFailedError.
    """


class FoldFailedError(SkOptunaError, RuntimeError):
    """The error of a fit or a scorer, as it was told by the process in which the fold ran.

    The error itself stayed there: it may hold the model, or not be picklable.

    Parameters
    ----------
    exception : str
        Its class, with the module unless that is builtins; empty if there was no exception.
    message : str
        Its message.
    traceback : str
        The text of its traceback, which is shown with this error.
    """

    def __init__(self, exception: str, message: str, traceback: str) -> None:
        super().__init__(exception, message, traceback)
        self.exception = exception
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        first = ": ".join(filter(None, (self.exception, self.message)))
        return f'{first}\n"""\n{self.traceback.strip()}\n"""'


class WorkerDiedError(SkOptunaError, RuntimeError):
    """A worker process died twice while it ran one fold, the second time alone."""
