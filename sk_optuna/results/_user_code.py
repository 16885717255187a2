"""The last line of the user's own code on the way to an error.

An error is often raised deep within a library, and what its user can mend is the line that called it. Whose code a line
is can be seen from its file alone, since the traceback may come from a worker on another machine.
"""

import re
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from sk_optuna.evaluation import CodeLine, RaisedError

# An installed package, in a virtual environment or Debian's; the first part of the path within is its name.
_INSTALLED = re.compile(r"/(?:site|dist)-packages/(?P<package>\w+)")
_STANDARD = re.compile(r"/lib/python3[.\d]*/|^<frozen |^<__array_function__|\.p(?:yx|xd|xi)$")
_STANDARD_FOLDERS = tuple({Path(sysconfig.get_path(name)).as_posix() + "/" for name in ("stdlib", "platstdlib")})
_OURS = Path(__file__).parent.parent.as_posix() + "/"
# Between a search and the code that it runs, in each traceback.
_BETWEEN = {"sk_optuna", "sklearn", "joblib", "numpy", "scipy"}


def last_line_of_user_code(errors: Sequence[RaisedError]) -> str:
    """Return the deepest line of the user's code, as ``"file:number: source"``; empty if there is none.

    Code that went to a worker by value, as that of a notebook does, has left file and source behind. Its function is
    named: ``"<dynamic-code>:number in function"``.

    The user's code is in no installed package and not in Python's library. An estimator of another package may fail
    with no line of the user's: then it is the deepest line of that package, since it names whose estimator it is. Of
    scikit-learn's estimators there is none.

    Parameters
    ----------
    errors : sequence of RaisedError
        The errors of a traceback, a cause before its consequence. The last one that has such a line counts.
    """
    for is_meant in (_is_own, _is_of_package):
        line = _deepest(errors, is_meant)
        if line is not None:
            place = f"{line.file}:{line.number}"
            return f"{place}: {line.source}" if line.source else f"{place} in {line.function or '<module>'}"
    return ""


def _deepest(errors: Sequence[RaisedError], is_meant: Callable[[str], bool]) -> CodeLine | None:
    lines = (line for error in reversed(errors) for line in reversed(error.lines))
    return next((line for line in lines if is_meant(line.file.replace("\\", "/"))), None)


def _is_own(file: str) -> bool:
    return not _INSTALLED.search(file) and not _is_standard(file) and not file.startswith(_OURS)


def _is_of_package(file: str) -> bool:
    found = _INSTALLED.search(file)
    return found is not None and found["package"] not in _BETWEEN


def _is_standard(file: str) -> bool:
    """Return whether a file, of no installed package, is Python's own or compiled, such as scikit-learn's."""
    return bool(_STANDARD.search(file)) or file.startswith(_STANDARD_FOLDERS)
