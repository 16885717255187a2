"""Types of OptunaSearchCV's parameters, for editors and type checkers.

Names are listed beside `str`: an editor offers them, and a type checker accepts a variable that holds one of them.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal

from optuna import Study
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial

SamplerName = Literal["auto", "cmaes", "gp", "grid", "nsgaii", "qmc", "random", "tpe"]
PrunerName = Literal["halving", "hyperband", "median", "percentile", "race", "threshold", "wilcoxon"]

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[Trial], Mapping[str, Any]]
Sampler = SamplerName | str | BaseSampler | Callable[[int], BaseSampler] | None
Pruner = PrunerName | str | BasePruner | None
# A fitted search is any object with `cv_results_`.
InitialParams = Literal["default"] | Sequence[Mapping[str, Any]] | Any | None
Storage = str | PathLike[str] | BaseStorage | None
Scoring = str | Callable[..., Any] | Sequence[str] | Mapping[str, Any] | None
Bounds = Mapping[str, float | str] | Callable[[Mapping[str, Any]], Any] | None
StudyCallback = Callable[[Study, FrozenTrial], None]
