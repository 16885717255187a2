"""How much longer does a fold take whose rounds are followed, scored and judged than a plain fit?

A fold is that of the shipped evaluator, with 800 of 1,000 rows to train on and 200 to score: the estimator is cloned,
fitted and scored at about fifty of its rounds, and once more at its end. Its CPU time on one thread is divided by that
of a plain `fit` on the same rows in the same round; the median over the rounds is shown, each of which has an order of
its own. No judge stops anything here, so that as many rounds are made by all. Predictions are compared: they must be
those of the plain fit, bit for bit.

plain fold     fitted and scored once, as with report="fold"
no pruner      report="epoch"
its scores     the metric alone, as often as "no pruner" computes it, of predictions that are there
race, median   "no pruner" with the judges of pruner="race" and pruner="median", the latter with ten trials to
               compare with
round by round   the estimator grown through `warm_start` and scored after each round; at the fewest rounds only

LightGBM, XGBoost and CatBoost are measured where they are installed, with one thread.

Run: OMP_NUM_THREADS=1 python benchmarks/boosters.py [--tiny]
"""

import argparse
import math
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.pruners import MedianPruner
from optuna.trial import create_trial
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold

from sk_optuna.epochs import N_LOOKS, Judge, Predictions, rounds_parameter
from sk_optuna.evaluation import EpochScores, Fold, FoldEvaluator
from sk_optuna.study._epoch_judge import EpochJudge, RivalFold
from sk_optuna.study._epoch_race import RaceJudge

# From a number of rounds to an estimator.
ESTIMATORS: dict[str, Callable[[int], Any]] = {
    "HistGradientBoosting": lambda n: HistGradientBoostingClassifier(max_iter=n, random_state=0),
    "GradientBoosting": lambda n: GradientBoostingClassifier(n_estimators=n, random_state=0),
    "RandomForest": lambda n: RandomForestClassifier(n_estimators=n, random_state=0),
    "ExtraTrees": lambda n: ExtraTreesClassifier(n_estimators=n, random_state=0),
}

# Of those that are installed: the name of the class in its module, and parameters other than the number of rounds.
LIBRARIES: dict[str, tuple[str, dict[str, Any]]] = {
    "lightgbm": ("LGBMClassifier", {"n_jobs": 1, "random_state": 0, "verbose": -1}),
    "xgboost": ("XGBClassifier", {"n_jobs": 1, "random_state": 0}),
    "catboost": ("CatBoostClassifier", {"thread_count": 1, "verbose": 0, "allow_writing_files": False}),
}
INSTALLED = [name for name in LIBRARIES if find_spec(name) is not None]


def of_library(library: str, n: int) -> Any:
    """Return a booster of a library."""
    name, params = LIBRARIES[library]
    return getattr(import_module(library), name)(n_estimators=n, **params)


ESTIMATORS |= {LIBRARIES[name][0].removesuffix("Classifier"): partial(of_library, name) for name in INSTALLED}

Data = tuple[np.ndarray, np.ndarray]


class Fitted:
    """Remembers the estimator that was scored last."""

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer
        self.last: Any = None

    def __call__(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> float:
        self.last = estimator
        return float(self.scorer(estimator, X, y))


def evaluator(estimator: Any, data: Data, *, period: int | None) -> FoldEvaluator:
    """Return the evaluator of five folds; without a period it scores each once."""
    scorer = check_scoring(estimator, "accuracy")
    return FoldEvaluator(
        estimator=estimator,
        X=data[0],
        y=data[1],
        splits=list(KFold(5).split(data[0])),
        scorer=Fitted(scorer),
        fit_params={},
        score_params={},
        error_score="raise",
        return_train_score=False,
        caller=None,
        random_state=0,
        epochs=None if period is None else EpochScores(scorer, None, "last", period),
    )


def median_judge() -> Judge:
    """Return a judge that asks Optuna's pruner; ten trials before were worse."""
    trial = create_trial(params={"a": 0.5}, distributions={"a": FloatDistribution(0, 1)}, value=0.0)
    rivals = [RivalFold(number, True, -1.0, (-1.0,) * N_LOOKS, {}) for number in range(10)]
    return EpochJudge(MedianPruner(), trial, rivals, "benchmark")


def race_judge() -> Judge:
    """Return a judge that looks after 1, 2, 4, ... periods."""
    return RaceJudge({2**i: -1.0 for i in range(7)})


def plain_fit(estimator: Any, data: Data) -> Any:
    train, _ = next(KFold(5).split(data[0]))
    return clone(estimator).fit(data[0][train], data[1][train])


class Scores:
    """Scores the predictions of a fitted estimator as often as a followed fit does; returns the estimator."""

    def __init__(self, estimator: Any, data: Data, n_looks: int) -> None:
        _, test = next(KFold(5).split(data[0]))
        self._fitted = plain_fit(estimator, data)
        self._rows = data[0][test], data[1][test]
        self._n_looks = n_looks
        self._scorer = check_scoring(estimator, "accuracy")

    def __call__(self) -> Any:
        labels = self._fitted.predict(self._rows[0])
        for _ in range(self._n_looks):
            self._scorer(Predictions(self._fitted, predict=labels), *self._rows)
        return self._fitted


def round_by_round(estimator: Any, data: Data) -> Any:
    parameter = rounds_parameter(estimator)
    assert parameter is not None
    train, test = next(KFold(5).split(data[0]))
    grown = clone(estimator).set_params(warm_start=True)
    for n in range(1, parameter.value + 1):
        grown.set_params(**{parameter.names[0]: n}).fit(data[0][train], data[1][train])
        grown.score(data[0][test], data[1][test])
    return grown


def contestants(estimator: Any, data: Data, n: int, *, slow: bool) -> dict[str, Callable[[], Any]]:
    """Return functions that fit, and return the fitted estimator."""

    def fold(evaluate: FoldEvaluator, make_judge: Callable[[], Judge] | None) -> Any:
        result = evaluate(Fold(0, 0, {}, judge=None if make_judge is None else make_judge()))
        assert result.ending is None
        return evaluate.scorer.last

    period = math.ceil(n / N_LOOKS)
    n_looks = math.ceil(n / period)
    followed = evaluator(estimator, data, period=period)
    found: dict[str, Callable[[], Any]] = {
        "plain fit": partial(plain_fit, estimator, data),
        "plain fold": partial(fold, evaluator(estimator, data, period=None), None),
        "no pruner": partial(fold, followed, None),
        "its scores": Scores(estimator, data, n_looks),
        "race": partial(fold, followed, race_judge),
        "median": partial(fold, followed, median_judge),
    }
    if slow:
        found["round by round"] = partial(round_by_round, estimator, data)
    return found


def seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(estimator: Any, data: Data, n: int, n_rounds: int, *, slow: bool) -> dict[str, np.ndarray]:
    """Return the seconds of each contestant by round of the measurement."""
    fits = contestants(estimator, data, n, slow=slow)
    expected = plain_fit(estimator, data).predict_proba(data[0])
    for name, fit in fits.items():
        if name != "round by round" and not np.array_equal(fit().predict_proba(data[0]), expected):
            print(f"{name}: other predictions than those of a plain fit")
    times: dict[str, list[float]] = {name: [] for name in fits}
    for i in range(n_rounds):
        for name in np.random.default_rng(i).permutation(list(fits)):
            times[name].append(seconds(fits[name]))
    return {name: np.array(by_round) for name, by_round in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the measurement")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 400, 1000], help="rounds of the estimators")
    parser.add_argument("--shape", default="1000x10", help="rows x features")
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    parser.add_argument("--tiny", action="store_true", help="as small as it goes")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.rounds, arguments.sizes, arguments.shape = 1, [5, 60], "100x4"

    n_rows, n_features = map(int, arguments.shape.split("x"))
    n_informative = max(2, n_features * 6 // 10)
    data = make_classification(n_rows, n_features, n_informative=n_informative, n_redundant=0, random_state=0)
    packages = [f"{name} {version(name)}" for name in ("sk-optuna", "scikit-learn", "optuna", "numpy", "scipy")]
    packages += [f"{name} {import_module(name).__version__}" for name in INSTALLED]
    print(", ".join([f"Python {platform.python_version()}", *packages]))
    print(f"{arguments.shape}, two classes, accuracy, {arguments.rounds} rounds, CPU time over that of a plain fit\n")
    names = ("plain fold", "no pruner", "its scores", "race", "median", "round by round")
    print(f"{'':24}{'rounds':>8}{'ms':>10}" + "".join(f"{name:>16}" for name in names))
    for label in arguments.estimators:
        for n in arguments.sizes:
            # the libraries are not grown by warm starts
            slow = n == min(arguments.sizes) and hasattr(ESTIMATORS[label](n), "warm_start")
            times = measure(ESTIMATORS[label](n), data, n, arguments.rounds, slow=slow)
            ratios = {name: float(np.median(times[name] / times["plain fit"])) for name in times}
            row = "".join(f"{ratios[name]:16.2f}" if name in ratios else f"{'':16}" for name in names)
            print(f"{label:24}{n:8}{1e3 * np.median(times['plain fit']):10.1f}{row}", flush=True)


if __name__ == "__main__":
    main()
