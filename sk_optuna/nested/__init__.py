"""Nested cross-validation as a result: was tuning worth it, how optimistic was it, what did each fold choose.

Any of scikit-learn's searches can be cross-validated here. The room needs little of OptunaSearchCV but the names of its
parameters `storage` and `study_name`.
"""

from sk_optuna.nested._cross_validate import nested_cross_validate
from sk_optuna.nested._from_output import nested_cv_results
from sk_optuna.nested._results import NestedCVResults

__all__ = ["NestedCVResults", "nested_cross_validate", "nested_cv_results"]
