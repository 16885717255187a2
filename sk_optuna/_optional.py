"""Optional packages, named with the extra that brings them.

The check asks for the module's spec and does not import it: `import sk_optuna` stays fast, and a missing package is
reported before the first model is trained instead of from inside a library.
"""

from importlib.util import find_spec

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
