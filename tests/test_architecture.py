"""The house keeps its plan: imports point down, privates come through one door, the front door shows what it says."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import sk_optuna

ROOT = Path(sk_optuna.__file__).parent
FLOORS = {
    "_compat": 0,
    "_distributions": 0,
    "_nearest": 0,
    "_optional": 0,
    "_study_view": 0,
    "_version": 0,
    "exceptions": 0,
    "worker": 1,
    "devices": 2,
    "epochs": 2,
    "execution": 2,
    "prefixes": 2,
    "pruners": 2,
    "samplers": 2,
    "spaces": 2,
    "evaluation": 3,
    "_function_estimator": 4,
    "lightning": 4,
    "results": 4,
    "skorch": 4,
    "study": 4,
    "displays": 5,
    "search": 5,
    "__init__": 6,
    "_search": 6,
}
# Rooms that know less than their floor would let them: of the others nothing but these, and the bottom.
KNOWN = {
    "_function_estimator": {"worker", "epochs"},
    "lightning": {"worker", "epochs"},
    "skorch": {"worker", "epochs"},
    "study": {"epochs", "pruners"},
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
        if room(path) in KNOWN and FLOORS[other] > 0:
            assert other in KNOWN[room(path)], f"{room(path)} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_names_of_others_are_imported_in_compat_only(path):
    if room(path) == "_compat":
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
        "import sys, sk_optuna.evaluation, sk_optuna.execution, sk_optuna.worker\n"
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


def test_pickles_of_the_last_version_find_their_class():
    reference = b"csk_optuna._search\nOptunaSearchCV\n."
    assert pickle.loads(reference) is sk_optuna.OptunaSearchCV
