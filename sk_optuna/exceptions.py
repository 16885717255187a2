"""Errors of sk_optuna: a small tree, in which each is also the exception a caller would already catch."""

__all__ = [
    "InvalidArgumentError",
    "InvalidSpaceError",
    "MissingExtraError",
    "NoScoreError",
    "ResumeMismatchError",
    "SkOptunaError",
    "StorageError",
    "WorkerDiedError",
]


class SkOptunaError(Exception):
    """Base class of the errors that sk_optuna raises on its own account."""


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


class ResumeMismatchError(InvalidArgumentError):
    """A search cannot go on from the trials of another search; the message lists the differences."""


class StorageError(SkOptunaError, ValueError, RuntimeError):
    """A storage cannot be opened, read or written.

    It is a ValueError, since the argument that named it cannot be used. It is a RuntimeError, since that may depend on
    the day.
    """


class WorkerDiedError(SkOptunaError, RuntimeError):
    """A worker process died twice while it ran one fold, the second time alone."""
