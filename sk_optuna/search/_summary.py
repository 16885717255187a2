"""The table below scikit-learn's diagram of a fitted search."""

from collections import Counter
from typing import Any

from sk_optuna._short_value import in_few_digits
from sk_optuna.progress import duration, table


def summary_table(search: Any) -> str:
    """Return HTML with what a search has found; empty before `fit`, and where it kept no candidate.

    Parameters
    ----------
    search : OptunaSearchCV
        The search, of any version: attributes that it has not are left out.
    """
    if not hasattr(search, "cv_results_"):
        return ""
    rows = []
    if hasattr(search, "best_score_"):
        rows.append(("Best score", f"{search.best_score_:.4g}"))
    if hasattr(search, "best_params_"):
        rows.append(("Best parameters", in_few_digits(search.best_params_)))
    if hasattr(search, "pareto_front_"):
        rows.append(("Pareto front", f"{len(search.pareto_front_['trial_number'])} trials"))
    states = Counter(search.cv_results_["trial_state"])
    kinds = {"complete": states["COMPLETE"], "pruned": states["PRUNED"], "failed": states["FAIL"]}
    rows.append(("Trials", ", ".join(f"{n} {kind}" for kind, n in kinds.items())))
    if hasattr(search, "search_time_"):
        rows.append(("Search", duration(search.search_time_)))
    if hasattr(search, "refit_time_"):
        rows.append(("Refit", duration(search.refit_time_)))
    return table("What the search has found", rows)
