"""The record of importances: one number a parameter of the user's, with what chance would make of it.

Optuna's evaluators take parameters that all trials have. In a space of several branches most are set in some trials
only, and would be left out without a word. Here such a parameter is evaluated over the trials that set it, and the
record says how many those are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.results._candidates import candidates_of
from sk_optuna.results._param_values import ShownParams, checked_names, params_of

# The share of trials that PED-ANOVA takes for the best ones. Optuna's documentation asks for five of them, and with
# Optuna's own default of a tenth the 2 best of 20 trials decide.
_BEST = 0.25
# Scores of fewer candidates say by chance which parameter comes first.
LEAST_SCORES = 20
_DRAWER = "ParamImportancesDisplay"
_EVALUATORS = ("ped-anova", "fanova")
_WHISKERS = (0.05, 0.95)
# A bootstrap's forest is smaller than that of the bar, which has Optuna's own 64 trees.
_TREES, _BOOTSTRAP_TREES = 64, 16


# Not frozen: a display is its own record.
@dataclass(kw_only=True, eq=False, repr=False)
class ParamImportancesRecord:
    """Importances of the parameters of a search, the greatest first.

    Parameters
    ----------
    params : sequence of str of length n_params
        Names of the parameters.
    importance : ndarray of shape (n_params,)
        Shares of the sum; NaN for parameters that too few trials set.
    low, high : ndarray of shape (n_params,)
        The quantiles .05 and .95 of the bootstraps; NaN where there are none.
    n_trials : ndarray of shape (n_params,)
        Trials with a score that set the parameter, over which it was evaluated.
    n_finished : int
        All trials with a score.
    evaluator : {"ped-anova", "fanova"}, default="ped-anova"
        How they were evaluated.
    score_name : str, default="Score"
        Name of the scores.
    """

    params: Sequence[str]
    importance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_trials: np.ndarray
    n_finished: int
    evaluator: str = "ped-anova"
    score_name: str = "Score"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the bars as columns, one row for each parameter, the greatest first.

        Returns
        -------
        dict of str to ndarray of shape (n_params,)
            `param`, `importance`, `low`, `high` and `n_trials`.
        """
        return {
            "param": np.asarray(self.params, dtype=str),
            "importance": np.asarray(self.importance),
            "low": np.asarray(self.low),
            "high": np.asarray(self.high),
            "n_trials": np.asarray(self.n_trials),
        }


def param_importances_record(
    search: Any,
    *,
    evaluator: str = "ped-anova",
    params: Sequence[str] | None = None,
    metric: str | None = None,
    n_bootstraps: int = 30,
    random_state: int = 0,
    score_name: str | None = None,
) -> ParamImportancesRecord:
    """Evaluate the importances of a fitted search's parameters.

    Parameters
    ----------
    search : OptunaSearchCV, or a search of scikit-learn
        A fitted search, with at least 20 candidates that have a score or an estimate.
    evaluator : {"ped-anova", "fanova"}, default="ped-anova"
        Optuna's evaluator.
    params : sequence of str, default=None
        Names of parameters to keep; None keeps all. All are evaluated.
    metric : str, default=None
        One of its metrics; None for the one that steered it, of several objectives the one that `refit` names.
    n_bootstraps : int, default=30
        Bootstraps of the trials; 0 for none.
    random_state : int, default=0
        Seed of bootstraps and forests.
    score_name : str, default=None
        Name of the scores; None makes one of the metric's.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where the search is not fitted, or has no finished candidate.
    InvalidArgumentError
        Where fewer than 20 candidates have a score, or an argument is not as above.
    NoScoreError
        Where no candidate has a score.
    """
    if evaluator not in _EVALUATORS:
        raise InvalidArgumentError(f"evaluator must be one of {_EVALUATORS}, but got {evaluator!r}.")
    _check_whole("n_bootstraps", n_bootstraps)
    _check_whole("random_state", random_state)
    found, shown = candidates_of(search, metric, drawer=_DRAWER), params_of(search)
    known = list(shown.distributions)
    names = checked_names(params, known)
    rows = np.flatnonzero(~np.isnan(found.score))
    if len(rows) < LEAST_SCORES:
        raise InvalidArgumentError(
            f"Importances need at least {LEAST_SCORES} finished candidates, but this search has {len(rows)}: of fewer, "
            "chance decides which parameter comes first. Search on (warm_start=True, or a greater n_trials), or look "
            "at the candidates themselves: ParamSliceDisplay."
        )
    shares = _evaluate(shown, found.score, rows, _maker(evaluator, _TREES, random_state))
    low = high = np.full(len(known), np.nan)
    if n_bootstraps:
        rng, make = np.random.default_rng(random_state), _maker(evaluator, _BOOTSTRAP_TREES, random_state)
        drawn = [_evaluate(shown, found.score, rng.choice(rows, len(rows)), make, shares) for _ in range(n_bootstraps)]
        low, high = np.quantile(drawn, _WHISKERS, axis=0)
    # The greatest first; those without a number come last, and equal ones stay in order.
    order = [int(i) for i in np.argsort(-shares, kind="stable") if known[int(i)] in names]
    return ParamImportancesRecord(
        params=[known[i] for i in order],
        importance=shares[order],
        low=low[order],
        high=high[order],
        n_trials=np.array([len(_setting(known[i], shown, rows)) for i in order]),
        n_finished=len(rows),
        evaluator=evaluator,
        score_name=found.metric if score_name is None else score_name,
    )


def by_importance(shown: ShownParams, score: np.ndarray) -> list[str]:
    """Order the parameters by PED-ANOVA, the most important first.

    Those that fewer than 20 trials with a score set come last, in the order of the space. Of fewer trials than that,
    all are in this order, but those of one value come last.
    """
    known, rows = list(shown.distributions), np.flatnonzero(~np.isnan(score))
    if len(rows) < LEAST_SCORES:
        return sorted(known, key=lambda name: shown.distributions[name].single())
    shares = _evaluate(shown, score, rows, _maker("ped-anova", _TREES, 0))
    return [known[i] for i in np.argsort(-shares, kind="stable")]


def _maker(evaluator: str, n_trees: int, seed: int) -> Callable[[], Any]:
    """Return a function that makes one of Optuna's evaluators."""
    from optuna.importance import FanovaImportanceEvaluator

    from sk_optuna._compat._optuna import ped_anova

    if evaluator == "fanova":
        return lambda: FanovaImportanceEvaluator(n_trees=n_trees, seed=seed)
    return lambda: ped_anova(_BEST)


def _setting(name: str, shown: ShownParams, rows: np.ndarray) -> np.ndarray:
    """Return those of the rows whose trials set a parameter."""
    return rows[[name in shown.rows[row] for row in rows]]


def _evaluate(
    shown: ShownParams,
    score: np.ndarray,
    rows: np.ndarray,
    make: Callable[[], Any],
    of_all: np.ndarray | None = None,
) -> np.ndarray:
    """Evaluate the parameters over some rows, which may repeat; shares of the sum, in the order of the parameters.

    Each group of parameters that the same trials set is evaluated over those. Parameters that too few trials set have
    NaN; in a bootstrap, they are those of `of_all`, the shares in all rows.
    """
    known = list(shown.distributions)
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, name in enumerate(known):
        groups.setdefault(tuple(_setting(name, shown, rows).tolist()), []).append(i)
    found = np.full(len(known), np.nan)
    for trials, places in groups.items():
        if len(trials) >= LEAST_SCORES if of_all is None else not np.isnan(of_all[places]).all():
            values = _evaluate_group(shown, score, np.array(trials, dtype=int), make)
            found[places] = [values.get(known[i], 0.0) for i in places]
    if of_all is not None:
        found[np.isnan(of_all)] = np.nan
    total = np.nansum(found)
    return found / total if total > 0 else found


def _evaluate_group(
    shown: ShownParams, score: np.ndarray, rows: np.ndarray, make: Callable[[], Any]
) -> dict[str, float]:
    """Ask Optuna for the importances of the parameters that all of these rows set; none where all scores are equal."""
    from optuna.trial import create_trial

    from sk_optuna._compat._optuna import new_study

    if len(rows) < 2 or np.ptp(score[rows]) == 0:
        return {}
    study = new_study()
    study.add_trials(
        [
            create_trial(
                value=score[row],
                params=dict(shown.rows[row]),
                distributions={name: shown.distributions[name] for name in shown.rows[row]},
            )
            for row in rows
        ]
    )
    importances: dict[str, float] = make().evaluate(study)
    return importances


def _check_whole(name: str, value: Any) -> None:
    """Raise unless an argument is an integer of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InvalidArgumentError(f"{name} must be an integer of at least 0, but got {value!r}.")
