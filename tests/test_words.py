"""The first line of a docstring names a noun or says who does what; it is never a riddle about "what ..."."""

import ast
import re
from pathlib import Path

import pytest

import sk_optuna

_PACKAGE = Path(sk_optuna.__file__).parent
_WITH_DOCSTRINGS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", sorted(_PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_no_docstring_begins_with_what_which_whose_or_whether(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    docstrings = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, _WITH_DOCSTRINGS)]
    assert [text for text in docstrings if re.match(r"(What|Which|Whose|Whether|Return what)\b", text)] == []
