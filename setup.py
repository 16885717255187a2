"""The package's description on an index: README.md without its relative links, which lead nowhere from there.

pyproject.toml has everything else. Once its `[project.urls]` has a `Documentation`, links to pages of `docs/` and
pictures lead to that site; until then a paragraph that begins with a picture is left out. Other relative links become
their text.
"""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PICTURE = re.compile(r"^!\[.*?(\n\n|\Z)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def description(readme: str, site: str) -> str:
    """Replace each relative link of a README, `[text](docs/page.md#part)`."""

    def replaced(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        page = re.fullmatch(r"docs/(\w+)\.md(#[\w-]+)?", target)
        if site and page:
            return f"[{text}]({site}/{page[1]}.html{page[2] or ''})"
        return f"![{text}]({site}/{target.removeprefix('docs/')})" if picture else text

    return LINK.sub(replaced, readme if site else PICTURE.sub("", readme))


if __name__ == "__main__":
    from setuptools import setup

    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Documentation", "").rstrip("/")
    setup(
        long_description=description((HERE / "README.md").read_text(encoding="utf-8"), address),
        long_description_content_type="text/markdown",
    )
