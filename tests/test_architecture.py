"""The house keeps its plan: imports point down, privates come through one door, the front door shows what it says."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sk_optuna

ROOT = Path(sk_optuna.__file__).parent
FLOORS = {
    "exceptions": 0,
    "_nearest": 0,
    "_optional": 0,
    "_compat": 0,
    "_compat_optuna": 0,
    "_distributions": 0,
    "_history": 0,
    "_version": 0,
    "worker": 0,
    "spaces": 1,
    "evaluation": 1,
    "execution": 1,
    "pruners": 1,
    "samplers": 1,
    "study": 2,
    "results": 2,
    "devices": 1,
    "displays": 1,
    "_function_estimator": 2,
    "skorch": 2,
    "lightning": 2,
    "_schedule": 3,
    "_run": 4,
    "_arguments": 4,
    "_base": 4,
    "_outcome": 4,
    "_search": 5,
    "__init__": 6,
}
FILES = sorted(ROOT.rglob("*.py"))


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    for module, name in imports(path):
        if not module.startswith("sk_optuna"):
            continue
        other = module.split(".")[1] if "." in module else name
        if other == room(path):
            continue
        below = FLOORS[other] < FLOORS[room(path)]
        bottom = FLOORS[other] == FLOORS[room(path)] == 0
        assert below or bottom, f"{room(path)} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_names_of_others_are_imported_in_compat_only(path):
    if room(path) in ("_compat", "_compat_optuna"):
        return
    for module, name in imports(path):
        if not module.startswith("sk_optuna"):
            assert not any(part.startswith("_") for part in [*module.split("."), name or ""]), (module, name)


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES} == set(FLOORS)


def test_exported_names_are_sorted_and_there():
    assert sk_optuna.__all__ == sorted(sk_optuna.__all__)
    assert all(hasattr(sk_optuna, name) for name in sk_optuna.__all__)
    assert dir(sk_optuna) == sk_optuna.__all__


def test_worker_processes_import_neither_optuna_nor_what_is_optional():
    """Workers are sent an evaluator; importing its room takes memory and time in each of them."""
    program = (
        "import sys, sk_optuna.evaluation, sk_optuna.execution\n"
        "heavy = {'optuna', 'torch', 'matplotlib'} & {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_are_refused_as_in_any_module():
    with pytest.raises(AttributeError, match="module 'sk_optuna' has no attribute 'OptunaSearch'"):
        sk_optuna.OptunaSearch  # noqa: B018


@pytest.mark.parametrize("name", sk_optuna.exceptions.__all__)
def test_exceptions_are_also_built_in_ones(name):
    error = getattr(sk_optuna.exceptions, name)
    assert issubclass(error, sk_optuna.exceptions.SkOptunaError)
    if name != "SkOptunaError":
        assert issubclass(error, ValueError | ImportError | RuntimeError)


def test_files_stay_short_enough_to_read_whole():
    longest = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: n for name, n in longest.items() if n > 600} == {}
