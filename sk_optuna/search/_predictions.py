"""The chosen candidate's predictions for the rows that its folds tested.

Its folds run once more when it is chosen. To keep the predictions of every fold until then would take the memory of all
candidates, since a callable `refit` may choose any, and a place in the storage, for a search that goes on.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from sk_optuna._compat._sklearn import num_samples
from sk_optuna.epochs import leaf_of
from sk_optuna.evaluation import Fold, FoldEvaluator, FoldPredictions, FoldPredictor, FoldResult
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.execution import open_engine
from sk_optuna.results import predictions_table
from sk_optuna.worker import EndSignals

# Scores that differ by less are the same up to rounding, in single precision, too.
_ROUNDING = 1e-5


def check_predicts(estimator: Any, refit: Any, scoring: Any) -> None:
    """Refuse an estimator that makes no predictions; a step that is only a name may be replaced by one that does.

    Raises
    ------
    InvalidArgumentError
        Where it has no `predict`, or where there will be no best candidate.
    """
    if refit is False and not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise InvalidArgumentError(
            "return_predictions=True needs a best candidate, which refit=False leaves open where there are several "
            "metrics. Name one of them as refit, or leave return_predictions out."
        )
    leaf = leaf_of(estimator)
    if leaf is not None and not isinstance(leaf, str) and not hasattr(estimator, "predict"):
        raise InvalidArgumentError(
            f"return_predictions=True needs an estimator with predict, which {type(leaf).__name__} has not. Leave "
            "return_predictions out."
        )


def out_of_fold_predictions(
    evaluator: FoldEvaluator,
    estimator: Any,
    trial: int,
    params: Mapping[str, Any],
    *,
    n_jobs: int | None,
    pre_dispatch: int | str,
    signals: EndSignals,
) -> tuple[dict[str, np.ndarray], list[FoldResult]]:
    """Run the folds of a candidate once more, and return the predictions for their test rows, and their results.

    Parameters
    ----------
    evaluator : FoldEvaluator
        The evaluator of the search.
    estimator : estimator
        The search's estimator, without shared prefixes.
    trial : int
        The number of the candidate, on which seeds depend.
    params : mapping
        Its parameters.
    n_jobs, pre_dispatch : object
        As in the search.
    signals : EndSignals
        The signals that end the search.

    Raises
    ------
    Exception
        The error of a fold, which has failed though it had not before.
    """
    evaluator = replace(
        evaluator, estimator=clone(estimator), prefixes=None, error_score="raise", return_train_score=False
    )
    predictor = FoldPredictor(evaluator)
    n_splits = len(evaluator.splits)
    done: dict[int, tuple[FoldResult, FoldPredictions]] = {}
    waiting = list(range(n_splits))
    try:
        with open_engine(predictor, n_jobs=n_jobs, pre_dispatch=pre_dispatch) as engine:
            while len(done) < n_splits:
                while waiting and engine.has_room:
                    number = waiting.pop(0)
                    engine.submit((trial, number), Fold(trial, number, params))
                outcome = engine.wait()
                signals.raise_swallowed()
                if (error := outcome.error or outcome.death) is not None:
                    raise error
                done[outcome.key[1]] = outcome.result  # type: ignore[index]
    finally:
        predictor.close()
    rows = np.arange(num_samples(evaluator.X))
    tests = [rows[np.asarray(test)] for _, test in (evaluator.splits[i] for i in range(n_splits))]
    results, predictions = zip(*(done[i] for i in range(n_splits)), strict=True)
    y_true = None if evaluator.y is None else [np.asarray(evaluator.y)[test] for test in tests]
    return predictions_table(tests, y_true, predictions), list(results)


def warn_of_other_scores(
    table: Mapping[str, Any], row: int, results: Sequence[FoldResult], estimator: Any, params: Mapping[str, Any]
) -> None:
    """Warn where folds have other scores than those in the table, since the fits draw at random."""
    differences = np.array([_difference(table, row, i, result) for i, result in enumerate(results)])
    if not differences.any():
        return
    candidate = clone(estimator).set_params(**clone(dict(params), safe=False))
    random = [
        name
        for name, value in candidate.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ]
    named = f"Set {' and '.join(random)} to an integer" if random else "Fix its random_state, and that of the scorer"
    warnings.warn(
        "oof_predictions_ are not those of the models in cv_results_: the folds of the chosen candidate ran once more, "
        f"and the scores of {np.count_nonzero(differences)} of {len(results)} differ, by up to "
        f"{differences.max():.2g}. The estimator is not deterministic. {named}, so that the predictions belong to "
        "best_score_.",
        UserWarning,
        stacklevel=4,
    )


def _difference(table: Mapping[str, Any], row: int, fold: int, result: FoldResult) -> float:
    """Return the largest difference between the scores of a fold and those in the table; 0 for one of rounding."""
    scores = result.test_scores if isinstance(result.test_scores, dict) else {"score": result.test_scores}
    largest = 0.0
    for name, score in scores.items():
        known = float(table[f"split{fold}" + "_test_" + name][row])
        if not np.isclose(score, known, rtol=_ROUNDING, atol=_ROUNDING * 1e-3, equal_nan=True):
            largest = max(largest, abs(score - known))
    return largest
