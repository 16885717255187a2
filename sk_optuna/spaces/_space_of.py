"""The space of a search of any library, as its user wrote it."""

from collections.abc import Mapping
from typing import Any

# scikit-learn's names, and those of scikit-optimize and others.
_NAMES = ("param_distributions", "param_grid", "search_spaces", "search_space")


def space_of(search: Any) -> Any:
    """Return the space of a search, under the name that its class has for it.

    Parameters
    ----------
    search : search, fitted or not
        OptunaSearchCV, GridSearchCV, RandomizedSearchCV or another with their parameters.

    Returns
    -------
    dict, list of dicts, callable or object
        As it was written; an empty dict where there is none that we know. A branch that comes with its number of
        candidates, as scikit-optimize takes it, is without that.
    """
    written = (getattr(search, name, None) for name in _NAMES)
    space: Any = next((each for each in written if each is not None), {})
    if not isinstance(space, list | tuple):
        return space
    branches = [branch[0] if isinstance(branch, tuple) else branch for branch in space]
    return [branch for branch in branches if isinstance(branch, Mapping)]
