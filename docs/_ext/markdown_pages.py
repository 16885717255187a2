"""Put each page's source beside the page, and llms.txt, which lists them all, above them.

Pages are written for two readers. Their links go to files that a viewer of the repository can open, such as
`examples/plot_quickstart.py`; on the site the same links lead to the gallery, and the tables of examples become
pictures. A section page lists its pages, a sentence each: the site's tree and llms.txt are made from this list.
"""

import inspect
import re
import shutil
from pathlib import Path
from typing import Any

from api_pages import FOLDER, names_and_sentences, own_methods
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.autosummary import import_by_name
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SECTIONS = ("learn", "how_to", "understand", "look_up")
_EXAMPLES = "examples/README"
_EXAMPLE_ROW = re.compile(r"^\| \[(plot_\w+\.py)\]\(\1\) \| (.+?) \|.*\n", re.MULTILINE)
_TABLE_OF_EXAMPLES = re.compile(r"^\| script .*\n\| ---.*\n((?:\| \[plot_.*\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^- \[(.+?)\]\((\S+?)\): (.+(?:\n  .+)*)", re.MULTILINE)
_TOCTREE = re.compile(r"^```\{toctree\}\n.*?^```\n", re.MULTILINE | re.DOTALL)
_CARD = re.compile(r"^:::\{grid-item-card\} (.+)\n:link: (\w+)\n:link-type: doc\n", re.MULTILINE)
_FENCE = re.compile(r"^:{3,}.*\n(?::.*\n)*", re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]*\]\(([\w/.-]+)\)")
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def place_in_readme(path: str) -> int:
    """Sort examples as docs/examples/README.md does."""
    return Path(path).with_name("README.md").read_text(encoding="utf-8").find(f"({Path(path).name})")


def _for_the_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead links to the gallery, and put the pages that a page lists below it in the site's tree."""
    text = source[0]
    if docname == _EXAMPLES:
        pages = [f"/auto_examples/{Path(name).stem}" for name, _ in _EXAMPLE_ROW.findall(text)]
        text = _TABLE_OF_EXAMPLES.sub(_as_thumbnails, text)
    elif docname == "api":
        pages = [f"/{FOLDER}/{name}" for name in names_and_sentences(Path(app.srcdir))]
    elif docname in SECTIONS:
        pages = [file.removesuffix(".md") for _, file, _ in _ITEM.findall(text)]
    else:
        pages = []
    text = re.sub(r"\]\(examples/(plot_\w+)\.py\)", r"](auto_examples/\1.rst)", text)
    if "/" not in docname:
        text = re.sub(r"\]\(\.\./([\w/.-]+\.md)\)", r"](path:../\1)", text)  # a download, as code outside of docs is
    source[0] = "\n".join([text, "```{toctree}", ":hidden:", "", *pages, "```", ""]) if pages else text


def _as_thumbnails(table: re.Match[str]) -> str:
    paths = [f"examples/{name}" for name, _ in _EXAMPLE_ROW.findall(table[1])]
    return "\n".join(["```{eval-rst}", f".. minigallery:: {' '.join(paths)}", "```", ""])


def _source_of(app: Sphinx, docname: str) -> str | None:
    """Name the file beside a page that has its source; None for pages that the theme makes."""
    if docname.startswith("auto_examples/"):
        return f"{docname}.py"
    return f"{docname}.md" if docname in app.env.found_docs else None


def _name_source(app: Sphinx, docname: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    context["markdown_source"] = _source_of(app, docname)


def _write_sources(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    for docname in sorted(app.env.found_docs):
        target = Path(app.outdir) / _source_of(app, docname)
        target.parent.mkdir(exist_ok=True)
        text = _text_of(app, docname)
        target.write_text(text, encoding="utf-8")
        for name in _PICTURE.findall(text):
            picture = Path(app.env.doc2path(docname)).parent / name
            if picture.is_file():  # Sphinx warns where it is missing
                (target.parent / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture, target.parent / name)
    (Path(app.outdir) / "llms.txt").write_text(_llms(app), encoding="utf-8")


def _text_of(app: Sphinx, docname: str) -> str:
    if docname.startswith(f"{FOLDER}/"):
        return _api_in_markdown(docname.removeprefix(f"{FOLDER}/"))
    if docname.startswith("auto_examples/"):
        return (Path(app.srcdir) / f"{docname}.py").read_text(encoding="utf-8")
    text = _TOCTREE.sub("", Path(app.env.doc2path(docname)).read_text(encoding="utf-8"))
    if docname == _EXAMPLES:
        return re.sub(r"\]\((plot_\w+\.py)\)", r"](../auto_examples/\1)", text)
    text = re.sub(r"\]\((?:auto_)?examples/(plot_\w+)\.(?:py|rst)\)", r"](auto_examples/\1.py)", text)
    text = _FENCE.sub("", _CARD.sub(r"[\1](\2.md)\n", text))
    return _OUTSIDE.sub(r"\1", text)  # these files are not on the site


def _api_in_markdown(fullname: str) -> str:
    """Write the docstrings of a name, and of a class's methods, as they stand in the code."""
    obj = import_by_name(fullname)[1]
    documented = {fullname: obj}
    if inspect.isclass(obj):
        documented |= {f"{obj.__name__}.{name}": getattr(obj, name) for name in own_methods(fullname)}
    parts = [f"# {fullname}"]
    for name, described in documented.items():
        parts.append(f"```text\n{name}{_signature(described)}\n\n{inspect.getdoc(described) or ''}\n```")
    return "\n\n".join(parts) + "\n"


def _signature(described: Any) -> str:
    if inspect.isclass(described) and issubclass(described, Exception):
        return ""
    signature = inspect.signature(described)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _llms(app: Sphinx) -> str:
    """Write the list of all pages, with the sentences that section pages and tables have for them."""
    sentence = (Path(app.srcdir) / "index.md").read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")
    parts = [f"# {app.config.project}", f"> {sentence}"]
    for section in SECTIONS:
        text = (Path(app.srcdir) / f"{section}.md").read_text(encoding="utf-8")
        title = text.splitlines()[0].lstrip("# ")
        parts.append(_section(app, title, _ITEM.findall(text)))
    examples = _EXAMPLE_ROW.findall((Path(app.srcdir) / f"{_EXAMPLES}.md").read_text(encoding="utf-8"))
    parts.append(_section(app, "Examples", [(name, f"auto_examples/{name}", why) for name, why in examples]))
    names = names_and_sentences(Path(app.srcdir))
    parts.append(_section(app, "API", [(name, f"{FOLDER}/{name}.md", why) for name, why in names.items()]))
    return "\n\n".join(parts) + "\n"


def _section(app: Sphinx, title: str, entries: list[tuple[str, str, str]]) -> str:
    if not entries:
        LOGGER.warning("llms.txt has no entry in its section %s", title)
    for _, file, _ in entries:
        if not (Path(app.outdir) / file).is_file():
            LOGGER.warning("llms.txt lists %s, which is not there", file)
    return f"## {title}\n\n" + "\n".join(f"- [{name}]({file}): {' '.join(why.split())}" for name, file, why in entries)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the steps."""
    app.connect("source-read", _for_the_site)
    app.connect("html-page-context", _name_source)
    app.connect("build-finished", _write_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
