"""A space as one reads it: scipy's distributions are calls, ``loguniform(0.01, 500)``, and not addresses."""

from collections.abc import Mapping
from typing import Any


class _Words:
    """An object whose repr is a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def in_words(space: Any) -> Any:
    """Return a space to be printed, in which frozen scipy distributions are calls; everything else is as it was."""
    if isinstance(space, Mapping):
        return {name: in_words(written) for name, written in space.items()}
    if isinstance(space, list | tuple) and any(isinstance(branch, Mapping) for branch in space):
        return type(space)(map(in_words, space))
    family = getattr(space, "dist", None)
    if family is None or not hasattr(space, "args") or not hasattr(space, "kwds"):
        return space
    arguments = [*map(repr, space.args), *(f"{name}={value!r}" for name, value in space.kwds.items())]
    return _Words(f"{family.name}({', '.join(arguments)})")
