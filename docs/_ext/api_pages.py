"""Make a page for each name in the tables of api.md, and link names to these pages wherever they stand in code type.

The tables are the only list of names: autosummary's own directive would be a second one, and shows the docstrings'
first lines instead of our sentences. A full name such as `sk_optuna.refit.Choice` that has no page is a warning, and so
an error in CI.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from numpydoc.docscrape_sphinx import SphinxDocString
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autosummary import import_by_name
from sphinx.ext.autosummary.generate import generate_autosummary_docs
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
FOLDER = "api"
_ROW = re.compile(r"^\| `(sk_optuna\.[\w.]+)` \| (.+) \|$", re.MULTILINE)
# Of what a class inherits from other libraries, a page describes these.
_VERBS = (
    "fit",
    "partial_fit",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "score_samples",
    "transform",
    "inverse_transform",
    "fit_transform",
    "get_params",
    "set_params",
    "set_callbacks",
    "save_params",
    "load_params",
)


def names_and_sentences(srcdir: Path) -> dict[str, str]:
    """Read the tables of api.md: full names and their sentences."""
    return dict(_ROW.findall((srcdir / "api.md").read_text(encoding="utf-8")))


def own_methods(fullname: str) -> list[str]:
    """List the methods that a class's page describes: defined here, other than hooks that another library calls."""
    return [name for name, (definer, is_new) in _methods(fullname) if _is_ours(definer) and (is_new or name in _VERBS)]


def other_methods(fullname: str) -> list[tuple[str, str]]:
    """List the methods that users call and another library describes, with the first sentences that it has for them."""
    found = dict(_methods(fullname))
    others = [name for name in _VERBS if name in found and not _is_ours(found[name][0])]
    return [(name, _first_line(getattr(_imported(fullname), name))) for name in others]


def base_elsewhere(fullname: str) -> str:
    """Name the class of another library that a net is a subclass of; nothing for classes without one."""
    bases = [base for base in _imported(fullname).__mro__ if base.__module__.startswith("skorch")]
    return f"skorch.{bases[0].__name__}" if bases else ""


def _methods(fullname: str) -> Iterator[tuple[str, tuple[type, bool]]]:
    """Yield each public method with the class that defines it, and whether no other library has one of the name."""
    cls = _imported(fullname)
    for name in sorted({name for base in cls.__mro__ for name in vars(base)}):
        definers = [base for base in cls.__mro__ if name in vars(base)]
        is_function = inspect.isroutine(getattr(cls, name, None)) or hasattr(vars(definers[0])[name], "check")
        if not name.startswith("_") and is_function and not re.fullmatch(r"set_\w+_request", name):
            yield name, (definers[0], all(map(_is_ours, definers)))


def _is_ours(definer: type) -> bool:
    return definer.__module__.startswith("sk_optuna")


def _first_line(method: Any) -> str:
    return (inspect.getdoc(method) or "").split("\n\n")[0].replace("\n", " ").replace("`", "")


def _imported(fullname: str) -> Any:
    return import_by_name(fullname)[1]


def _write_pages(app: Sphinx) -> None:
    names = names_and_sentences(Path(app.srcdir))
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    for page in folder.glob("*.rst"):
        if page.stem not in names:
            page.unlink()
    listing = folder / "names.txt"
    listing.write_text("\n".join([".. autosummary::", f"   :toctree: {folder}", "", *(f"   {n}" for n in names)]))
    app.config.autosummary_context = {
        "own_methods": own_methods,
        "other_methods": other_methods,
        "base_elsewhere": base_elsewhere,
    }
    generate_autosummary_docs([str(listing)], app=app)
    app.config.autosummary_context = {}  # functions cannot be pickled with the configuration


def _note_modules(app: Sphinx, doctree: nodes.document) -> None:
    """Let a module's name lead to the section of api.md whose title has it."""
    if app.env.docname != "api":
        return
    domain = app.env.domains.python_domain
    for title in doctree.findall(nodes.title):
        section = title.parent["ids"][0]
        for name in re.findall(r"sk_optuna[\w.]*", title.astext()):
            domain.note_module(name, section, "", "", False)
            domain.note_object(name, "module", section, location=title)


_process_param = SphinxDocString._process_param


def _as_documented(docstring: SphinxDocString, name: str, text: list[str], _: bool) -> tuple[str, list[str]]:
    """Keep a class's words on an attribute that is a property; numpydoc would show the property's first line."""
    return _process_param(docstring, name, text, False)


class LinkNames(SphinxPostTransform):
    """Link names of the API in code type: a name with its module anywhere, one without once a section."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Wrap each of these literals in a reference, and so errors and types in docstrings."""
        objects = self.env.domains.python_domain.objects
        for described in self.document.findall(lambda node: isinstance(node, (nodes.term, nodes.classifier))):
            if described.astext() in objects and isinstance(described[0], nodes.Text):
                described[:] = [nodes.inline("", "", described[0])]
                self._link(described[0], described.astext())
        short = _short_names(self.env)
        linked: set[tuple[nodes.Node, str]] = set()
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext().removesuffix("()")
            target = text if text in objects else short.get(text)
            if isinstance(literal.parent, (nodes.reference, addnodes.pending_xref, nodes.title)):
                continue
            if target is None:
                self._complain(text, literal)
            elif text == target or (_section(literal), target) not in linked:
                linked.add((_section(literal), target))
                if objects[target].docname != self.env.current_document.docname:
                    self._link(literal, target)

    def _link(self, shown: nodes.Element, target: str) -> None:
        docname = self.env.current_document.docname
        link = addnodes.pending_xref(refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refdoc=docname)
        shown.replace_self(link)
        link += shown

    def _complain(self, text: str, literal: nodes.literal) -> None:
        if re.fullmatch(r"sk_optuna(\.[A-Za-z]\w*)+", text):
            LOGGER.warning("No page of the API has the name %s", text, location=literal, type="ref")


def _section(node: nodes.Node) -> nodes.Node:
    while node.parent is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node


def _short_names(env: BuildEnvironment) -> dict[str, str]:
    """Map names without their modules to full ones; not those of nets, which are skorch's, too."""
    full = [name for name, entry in env.domains.python_domain.objects.items() if entry.objtype != "module"]
    return {
        re.sub(r"^sk_optuna\.([a-z]+\.)?", "", name): name for name in full if not name.startswith("sk_optuna.skorch.")
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the steps."""
    SphinxDocString._process_param = _as_documented
    app.connect("builder-inited", _write_pages)
    app.connect("doctree-read", _note_modules)
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
