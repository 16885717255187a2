"""Errors about unknown names bring the names that look like them, in one sentence everywhere."""

import ast
from pathlib import Path

import pytest

import sk_optuna
from sk_optuna._nearest import hint, nearest

ROOT = Path(sk_optuna.__file__).parent


def test_the_name_that_looks_most_like_it_comes_first():
    assert nearest("n_epoch", ["lr", "n_epochs", "epoch"])[0] == "n_epochs"


def test_names_that_look_different_are_not_near():
    assert nearest("gamma", ["C", "kernel"]) == []


@pytest.mark.parametrize("at_most", [1, 2])
def test_no_more_names_come_than_are_asked_for(at_most):
    assert len(nearest("alpha", ["alpha_1", "alpha_2", "alpha_3"], at_most)) == at_most


def test_the_hint_is_a_sentence_with_the_name_that_came_and_those_that_exist():
    assert hint("gama", ["gamma", "gamma_2"]) == " Nearest to 'gama': 'gamma', 'gamma_2'."


def test_there_is_no_hint_without_a_near_name():
    assert hint("xyz", []) == ""


def test_no_other_file_looks_for_near_names_by_itself():
    """A second wording begins with a second import of difflib."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "difflib"
    }
    assert found == {"_nearest.py"}
