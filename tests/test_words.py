"""Prose names things: the first line of a docstring is a sentence with a subject, or an imperative."""

import ast
import re
from pathlib import Path

import pytest

import sk_optuna

ROOT = Path(sk_optuna.__file__).parent
RIDDLE = re.compile(r"(What|Which|Whose|Whether|Return (what|which|whose))\b")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_first_lines_of_docstrings_name_their_subject(path):
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)]
    assert [line for node in nodes if RIDDLE.match(line := ast.get_docstring(node) or "")] == []
