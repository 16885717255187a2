"""numpy's privates."""

# The class of numpy's MemoryError, by its name: evaluation reads it in a traceback.
ARRAY_MEMORY_ERROR = "_ArrayMemoryError"
