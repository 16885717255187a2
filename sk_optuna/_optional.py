"""Optional packages, named with the extra that brings them.

The check asks for the module's spec and does not import it: `import sk_optuna` stays fast, and a missing package is
reported before the first model is trained instead of from inside a library.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from sk_optuna.exceptions import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> None:
    """Raise MissingExtraError unless `module` can be imported.

    Parameters
    ----------
    module : str
        Name of the top-level module.
    extra : str
        The extra of sk-optuna that brings it.
    purpose : str
        The feature that needs the module; the message begins with it.
    """
    if find_spec(module) is None:
        raise MissingExtraError(
            f"{purpose} needs the package {module!r}, which is not installed. "
            f"Install it with: pip install '.[{extra}]' in a clone of sk-optuna, or "
            f"pip install 'sk-optuna[{extra}]' once it is on an index."
        )


def as_frame(columns: Mapping[str, Any]) -> Any:
    """Return columns of one length as a pandas DataFrame where pandas is installed, else as a dict.

    Parameters
    ----------
    columns : mapping of str to ndarray
        The columns.
    """
    if find_spec("pandas") is None:
        return dict(columns)
    import pandas as pd

    return pd.DataFrame({name: pd.Series(column, dtype=_dtype(column)) for name, column in columns.items()})


def _dtype(column: Any) -> Any:
    """Keep objects as they are, which pandas would turn into texts of its own kind."""
    return object if getattr(getattr(column, "dtype", None), "kind", "") == "O" else None
