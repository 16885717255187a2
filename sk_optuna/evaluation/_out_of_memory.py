"""Tell from the text of a traceback whether a fit ran out of memory.

scikit-learn hands on a failed fit as the text of its traceback, with the error itself gone: only the text is there
to be read. Not taken: to catch the error before scikit-learn does, which would need its `error_score` written anew; and
to search the text for words, which would take a ValueError about memory for a lack of it.
"""

import re
from collections.abc import Iterator

from sk_optuna._compat._numpy import ARRAY_MEMORY_ERROR

# Before the frames of an error; one that was never raised has neither, and comes first or after one of the others.
_BEGINNINGS = (
    "Traceback (most recent call last):",
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
# The line under the frames: a class with its module, unless that is builtins or __main__, and the message, if any.
_EXCEPTION = re.compile(r"(?P<name>[\w.<>]+)(?:: (?P<message>.*))?")

# Messages of torch's RuntimeErrors, and of subclasses with another name than OutOfMemoryError, where memory was
# lacking.
_MESSAGES = (
    "CUDA error: out of memory",
    "CUDA out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "HIP out of memory",
    "MPS backend out of memory",
)
_BEARERS = ("RuntimeError", "AcceleratorError", "DeferredCudaCallError")
_MEMORY_ERRORS = ("MemoryError", ARRAY_MEMORY_ERROR)


def out_of_memory_reason(traceback_text: str) -> str | None:
    """Return in one line the memory that was lacking, if the error of a traceback, or one it comes from, says so.

    Parameters
    ----------
    traceback_text : str
        As ``traceback.format_exc()`` returns it.

    Returns
    -------
    reason : str or None
        Such as ``"out of memory: CUDA out of memory. Tried to allocate 20.00 MiB"``, of the first such error; None if
        there is none.
    """
    for name, message in _exceptions(traceback_text):
        if _tells_of_memory(name.rpartition(".")[2], message):
            return f"out of memory: {_shortened(message) or name}"
    return None


def _exceptions(text: str) -> Iterator[tuple[str, str]]:
    """Yield class and first line of the message of each error, a cause before its consequence.

    Frames are indented, so the first line after a beginning that is not is the error's. Lines after it belong to its
    message, whatever they look like, until the next beginning.
    """
    is_next = True
    for line in text.split("\n"):
        if line in _BEGINNINGS:
            is_next = True
        elif is_next and line and not line[0].isspace():
            is_next = False
            found = _EXCEPTION.fullmatch(line)
            if found:
                yield found["name"], found["message"] or ""


def _tells_of_memory(name: str, message: str) -> bool:
    if name in _MEMORY_ERRORS or name.endswith("OutOfMemoryError"):
        return True
    return name in _BEARERS and any(words in message for words in _MESSAGES)


def _shortened(message: str) -> str:
    """Return the first two sentences: torch goes on about processes and settings."""
    return ". ".join(message.split(". ")[:2]).rstrip(". ")
