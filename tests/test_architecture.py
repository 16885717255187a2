"""The house keeps its plan: imports point down, privates come through one door, the front door shows what it says."""

import ast
import importlib
import inspect
import pickle
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest
from joblib.parallel import LokyBackend
from sklearn.base import BaseEstimator

import sk_optuna

ROOT = Path(sk_optuna.__file__).parent
FLOORS = {
    "_compat": 0,
    "_distributions": 0,
    "_nearest": 0,
    "_optional": 0,
    "_short_value": 0,
    "_standard_error": 0,
    "_study_view": 0,
    "_version": 0,
    "_versions": 0,
    "exceptions": 0,
    "worker": 1,
    "callbacks": 2,
    "devices": 2,
    "epochs": 2,
    "execution": 2,
    "prefixes": 2,
    "pruners": 2,
    "refit": 2,
    "samplers": 2,
    "spaces": 2,
    "evaluation": 3,
    "_function_estimator": 4,
    "boosting": 4,
    "checks": 4,
    "lightning": 4,
    "progress": 4,
    "results": 4,
    "skorch": 4,
    "storage": 4,
    "study": 4,
    "displays": 5,
    "nested": 6,
    "search": 6,
    "__init__": 7,
    "_search": 7,
}
# Rooms that know less than their floor would let them: of the others nothing but these, and the bottom.
KNOWN = {
    "_function_estimator": {"worker", "epochs"},
    "boosting": {"worker", "epochs"},
    "checks": {"spaces", "refit"},
    "lightning": {"worker", "epochs"},
    "progress": {"evaluation"},
    "skorch": {"worker", "epochs"},
    "study": {"epochs", "pruners", "samplers"},
}
# Privates of a base class that a room overrides, or calls where it has overridden them: a method has to be where its
# class is, and can go through no door. Rows of test_compat.py say what is relied on.
OVERRIDDEN = {
    ("lightning", "_parameter_constraints"): "scikit-learn checks parameters by this attribute of the class",
    ("search", "_parameter_constraints"): "scikit-learn checks parameters by this attribute of the class",
    ("search", "_repr_html_"): "a table of what was found stands below scikit-learn's diagram",
    ("search", "_repr_mimebundle_"): "a table of what was found stands below scikit-learn's diagram",
    ("search", "_validate_params"): "its error for an unknown scorer names the nearest scorers",
    ("search", "_get_scorers"): "its error for an unknown scorer names the nearest scorers",
    ("search", "_check_refit_for_multimetric"): "its error for an unknown metric names the nearest metrics",
    ("skorch", "_get_param_names"): "the attributes of a net that are ours are no parameters",
    ("skorch", "_get_predict_nonlinearity"): "what predict reads is to be in a dtype that numpy knows",
    ("skorch", "_set_training"): "a module that trains already is not told so at each step",
    ("skorch", "_validate_params"): "its error for an unknown argument names the nearest arguments",
}
# Private names of a mixin of ours that lives in another room.
INHERITED = {("skorch", "_monitor"): "ParksMonitor of epochs"}
# Underscores that Python itself documents as public, of named tuples.
PUBLIC = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}
# Strings that look like private names: an ending of skorch's columns.
NO_NAMES = {"_best"}
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


def is_private(name):
    return name.startswith("_") and name.strip("_") != "" and not name.endswith("__") and name not in PUBLIC


def defined_in(tree):
    """The names of functions, classes, variables and attributes of `self` that are defined in a piece of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node.attr


def is_self(node):
    return isinstance(node, ast.Name) and node.id == "self"


def privates_used(tree):
    """The private names that a piece of code asks objects for: as attributes, and in strings, which may be dotted.

    A string that is joined to another, or a text whose method is called, is no name.
    """
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.BinOp) for part in (node.left, node.right)}
    parts |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            names = node.value.split(".")
            if all(name.isidentifier() for name in names) and names[0] != "sk_optuna" and node.value not in NO_NAMES:
                yield from filter(is_private, names)


@cache
def names_of_room(name):
    return {own for path in FILES if room(path) == name for own in defined_in(parsed(path))}


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_attributes_of_others_are_used_in_compat_only(path):
    """A private name is a room's own if the room defines it; otherwise it is another library's, or another room's."""
    if room(path) != "_compat":
        inherited = {name for where, name in INHERITED if where == room(path)}
        assert set(privates_used(parsed(path))) <= names_of_room(room(path)) | inherited


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("study._storage.get_trial(0)", {"_storage"}),
        ("self._workers", {"_workers"}),
        ("trial._trial_id = 3", {"_trial_id"}),
        ("getattr(net, '_modules')", {"_modules"}),
        ("'_skl_callbacks' in vars(estimator)", {"_skl_callbacks"}),
        ("logging.getLogger('optuna.samplers._qmc')", {"_qmc"}),
        ("result._replace(score=1).__dict__, prefix + '_loss', '_kmgt'.index('k'), name + '_', '_'", set()),
    ],
)
def test_privates_are_seen_as_attributes_and_in_strings(code, used):
    assert set(privates_used(ast.parse(code))) == used


def tree_of(kind):
    """The code of a class; none of a class that is not written in Python."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return ast.Module(body=[], type_ignores=[])


@cache
def inherited_privates(kind, package="sk_optuna"):
    """Privates of base classes from elsewhere that a class overrides or asks itself for: module and name of each."""
    ours = [each for each in kind.__mro__ if each.__module__.startswith(package)]
    others = set()
    for each in kind.__mro__:
        if each not in ours:
            others |= {*vars(each), *names_on_self(each)}
    return {(each.__module__, name) for each in ours for name in names_on_self(each) & others if is_private(name)}


@cache
def names_on_self(kind):
    """The names that a class defines, and those that it asks `self` or `super()` for."""
    tree = tree_of(kind)
    asked = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {*defined_in(tree), *(node.attr for node in asked if is_self(node.value) or is_super(node.value))}


def is_super(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def classes_of_package():
    for path in FILES:
        module = importlib.import_module(".".join(["sk_optuna", *path.relative_to(ROOT).with_suffix("").parts]))
        yield from (
            each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__
        )


def test_private_names_that_are_inherited_are_overridden_for_a_reason():
    """Each use of a private by inheritance has its reason above, and each reason its use."""
    for extra in ("torch", "skorch", "lightning", "matplotlib"):
        pytest.importorskip(extra)
    found = {each for kind in classes_of_package() for each in inherited_privates(kind)}
    rooms = {(module.split(".")[1], name) for module, name in found}
    assert {(place, name) for place, name in rooms if place != "_compat"} == set(OVERRIDDEN)


class Reads(LokyBackend):
    def configure(self):
        return self._workers


class Sets(LokyBackend):
    def __init__(self):
        self._workers = None


class Overrides(BaseEstimator):
    def _validate_params(self):
        super()._validate_params()


@pytest.mark.parametrize(("kind", "name"), [(Reads, "_workers"), (Sets, "_workers"), (Overrides, "_validate_params")])
def test_privates_of_base_classes_are_seen(kind, name):
    assert inherited_privates(kind, __name__) == {(__name__, name)}


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
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_are_refused_as_in_any_module():
    with pytest.raises(AttributeError, match="module 'sk_optuna' has no attribute 'OptunaSearch'"):
        sk_optuna.OptunaSearch  # noqa: B018


@pytest.mark.parametrize("name", sk_optuna.exceptions.__all__)
def test_exceptions_are_also_built_in_ones(name):
    error = getattr(sk_optuna.exceptions, name)
    assert issubclass(error, sk_optuna.exceptions.SkOptunaError)
    if name != "SkOptunaError":
        assert issubclass(error, ValueError | ImportError | RuntimeError | MemoryError | TimeoutError)


def test_files_stay_short_enough_to_read_whole():
    longest = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    # the docstring of OptunaSearchCV, the contract with its users, is more than half of its file
    most = {"search/_search_cv.py": 600}
    assert {name: n for name, n in longest.items() if n > most.get(name, 450)} == {}


def test_pickles_of_the_last_version_find_their_class():
    reference = b"csk_optuna._search\nOptunaSearchCV\n."
    assert pickle.loads(reference) is sk_optuna.OptunaSearchCV


def test_each_decision_names_its_alternative_and_the_tests_that_guard_it():
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    decisions = page.partition("\n## Decisions\n")[2].partition("\n## ")[0].split("\n### ")[1:]
    assert len(decisions) > 20
    for decision in decisions:
        title, instead, guards = decision.partition("\n")[0], "\n- Instead of: ", "\n- Guarded by: "
        assert instead in decision, title
        named = re.findall(r"`(tests/[\w/]+\.py)`", decision.partition(guards)[2])
        assert named, title
        assert all((ROOT.parent / name).is_file() for name in named), title
