"""Tell from the text of a traceback whether a fit ran out of memory.

Not taken: to catch the error before scikit-learn does, which would need its `error_score` written anew; and to search
the text for words, which would take a ValueError about memory for a lack of it.
"""

from sk_optuna._compat._numpy import ARRAY_MEMORY_ERROR
from sk_optuna.evaluation._tracebacks import raised_errors

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
    for error in raised_errors(traceback_text):
        message = error.message.partition("\n")[0]
        if _tells_of_memory(error.name.rpartition(".")[2], message):
            return f"out of memory: {_shortened(message) or error.name}"
    return None


def _tells_of_memory(name: str, message: str) -> bool:
    if name in _MEMORY_ERRORS or name.endswith("OutOfMemoryError"):
        return True
    return name in _BEARERS and any(words in message for words in _MESSAGES)


def _shortened(message: str) -> str:
    """Return the first two sentences: torch goes on about processes and settings."""
    return ". ".join(message.split(". ")[:2]).rstrip(". ")
