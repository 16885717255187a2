"""A missing package is named with the command that brings it, from a clone and by name."""

import re
from pathlib import Path

import pytest

from sk_optuna._optional import require
from sk_optuna.exceptions import MissingExtraError

ROOT = Path(__file__).parent.parent


def test_a_missing_package_is_told_how_to_install_from_a_clone_and_by_name():
    with pytest.raises(MissingExtraError, match=r"thing needs the package 'absent_package', which is not") as caught:
        require("absent_package", extra="skorch", purpose="thing")
    assert "pip install '.[skorch]' in a clone of sk-optuna" in str(caught.value)
    assert "pip install 'sk-optuna[skorch]' once it is on an index" in str(caught.value)
    require("optuna", extra="skorch", purpose="thing")


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_no_page_installs_by_a_name_that_is_on_no_index_without_the_way_from_a_clone(page):
    text = page.read_text(encoding="utf-8")
    assert "pip install sk-optuna" not in text
    if "pip install 'sk-optuna" in text:
        assert "pip install '.[" in text


def test_extras_that_pages_name_exist():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r"^(\w+) = \[", pyproject.partition("[project.optional-dependencies]")[2], re.MULTILINE))
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for extras in re.findall(
            r"pip install (?:-e )?'(?:\.|sk-optuna)\[([^\]]+)\]'", page.read_text(encoding="utf-8")
        ):
            assert set(extras.split(",")) <= declared
