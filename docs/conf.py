"""Build the site: `python -m sphinx -n docs docs/_build/html`, in the clone.

`-D plot_gallery=0` leaves out the examples' runs. `SK_OPTUNA_DOCS_OFFLINE=1` does without a network: names of other
projects are then plain text. `scripts/docs` builds it as CI does, where a warning is an error.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from sk_optuna import __version__

project = "sk_optuna"
author = "the sk_optuna developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # docs/_ext
    "api_pages",
    "markdown_pages",
    "mathml",
]
exclude_patterns = ["_build", "changelog.d", "examples/plot_*", "auto_examples/index.rst", "**/sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "literal"  # as docstrings mean it
smartquotes = False  # docstrings have values in quotes outside of code, too

# Pages
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# Docstrings: numpydoc's sections as they are; types are words there, so signatures show no annotations.
autodoc_typehints = "none"
autosummary_generate = False  # api_pages does, for the names in api.md
numpydoc_show_class_members = False  # docs/_templates/autosummary/class.rst does
numpydoc_xref_param_type = False

# Names of other places
extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"), "doi": ("https://doi.org/%s", "doi:%s")}
_OTHERS = {
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "lightning": "https://lightning.ai/docs/pytorch/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "optuna": "https://optuna.readthedocs.io/en/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "python": "https://docs.python.org/3/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "sklearn": "https://scikit-learn.org/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
if os.environ.get("SK_OPTUNA_DOCS_OFFLINE", "0") != "1":
    intersphinx_mapping = {name: (address, None) for name, address in _OTHERS.items()}
else:
    nitpick_ignore_regex = [(r"py:.*", rf"({'|'.join(_OTHERS)})\..*")]

# Examples
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "abort_on_example_error": True,
    "parallel": True,  # as many at a time as `sphinx -j` says
    "backreferences_dir": "auto_examples/backreferences",
    "doc_module": ("sk_optuna",),
    "minigallery_sort_order": "markdown_pages.place_in_readme",
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": float("inf"),  # none: times are the machine's
}

# Theme
html_theme = "pydata_sphinx_theme"
html_title = "sk_optuna"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False  # markdown_pages copies sources
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "sk_optuna"},
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc", "as_markdown"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
toc_object_entries_show_parents = "hide"
copybutton_selector = "div:not(.highlight-diff) > div.highlight pre"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
