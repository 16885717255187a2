"""README's links lead somewhere, in the repository and on an index; what cites the package names its version."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from sk_optuna import __version__

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
description = runpy.run_path(str(ROOT / "setup.py"))["description"]


def links_of(text):
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors_of(page):
    """Return the anchors that a repository's viewer and MyST give to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"])
def test_links_lead_to_files_and_headings_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    lost = []
    for link in links_of(text):
        path, _, anchor = link.partition("#")
        target = ROOT / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            lost.append(link)
    assert lost == []


def test_without_an_address_an_index_shows_links_as_text_and_no_picture():
    picture = "![A search](docs/_static/search.png)\nIts [caption](docs/pictures.md)."
    text = f"# Title\n\n{picture}\n\n[Install](docs/install.md#extras)"
    assert description(text, "") == "# Title\n\nInstall"
    assert links_of(description(README, "")) == []
    assert "search.plot()" not in description(README, "")


def test_with_an_address_links_and_pictures_lead_to_the_site():
    assert (
        description(
            "![A search](docs/_static/search.png) [a](docs/install.md#extras) [b](LICENSE) [c](https://else.org/)",
            "https://s.org/x",
        )
        == "![A search](https://s.org/x/_static/search.png) [a](https://s.org/x/install.html#extras) b [c](https://else.org/)"
    )
    links = links_of(description(README, "https://s.org"))
    assert "https://s.org/_static/search.png" in links
    assert all(link.startswith("https://s.org/") for link in links)


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
