"""The page on the API names what is public and nothing else; the site has a page for each name in its tables."""

import ast
import re
from pathlib import Path
from types import ModuleType

import sk_optuna

ROOT = Path(sk_optuna.__file__).parent
PAGE = Path(__file__).parent.parent / "docs" / "api.md"
NEED_EXTRAS = ["lightning", "skorch"]
# In `__all__` of public modules, for other rooms.
BETWEEN_ROOMS = {
    "sk_optuna.checks.CODES",
    "sk_optuna.checks.ResultsEvidence",
    "sk_optuna.checks.SearchEvidence",
    "sk_optuna.checks.check_results",
    "sk_optuna.checks.check_search",
    "sk_optuna.checks.checked_ignore",
    "sk_optuna.checks.evidence_of",
    "sk_optuna.refit.Policy",
    "sk_optuna.refit.metric_of",
    "sk_optuna.samplers.ERROR_OF_ESTIMATE",
}


def names_in_all_of(module):
    """Read `__all__` without an import, for which two modules need torch."""
    path = next(path for path in (ROOT / f"{module}.py", ROOT / module / "__init__.py") if path.exists())
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (value,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__")
    return {f"sk_optuna.{module}.{name}" for name in ast.literal_eval(value)}


def test_the_tables_have_each_public_name_once_and_no_other():
    top = [name for name in sk_optuna.__all__ if name != "__version__"]
    modules = [name for name in top if isinstance(getattr(sk_optuna, name), ModuleType)]
    public = {f"sk_optuna.{name}" for name in top if name not in modules}
    for module in [*modules, *NEED_EXTRAS]:
        public |= names_in_all_of(module)
    named = re.findall(r"^\| `(sk_optuna\.[\w.]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(public - BETWEEN_ROOMS)
    assert public >= BETWEEN_ROOMS
