"""Make an estimator of a plain training function, so that a search can tune a script that trains by itself.

scikit-learn has FunctionTransformer for a function that transforms, and nothing for one that trains. Here the names
given beside the functions become parameters in scikit-learn's sense, which a search can set. The function calls
`report` after each epoch. Not taken: a generator that yields its epochs. A script's `main` can call a function from
within any loop, and a script that runs in another process has nothing to yield.
"""

import math
import numbers
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sk_optuna._compat._sklearn import parameter_names
from sk_optuna._function_estimator._calls import (
    WANTED,
    Params,
    Report,
    digest,
    is_number,
    listed,
    number,
)
from sk_optuna._function_estimator._checks import check_functions, check_returned, check_settings, check_targets
from sk_optuna._nearest import hint, nearest
from sk_optuna.epochs import ParksMonitor
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import seed_of


def _given(name: str) -> Callable[["FunctionEstimator"], bool]:
    """Return the condition under which a method exists: its function was given."""

    def check(estimator: "FunctionEstimator") -> bool:
        if getattr(estimator, name) is None:
            raise AttributeError(f"this FunctionEstimator was made without {name}=...")
        return True

    return check


class FunctionEstimator(ParksMonitor, BaseEstimator):
    """Make an estimator of a function that trains a model, so that its parameters can be searched.

    It is meant for training that is not written as an estimator: a loop of one's own, or a script that runs in another
    process. The function keeps its loop. A search sets the parameters, passes the rows of a fold, and receives a report
    of each epoch.

    Parameters
    ----------
    train_func : callable
        ``train_func(params, train_data, valid_data, report)``, which trains and returns a model of any kind: an object,
        a file's name. If the estimator has no other function, a number that it returns is no model but the score on
        `valid_data`, greater is better. It receives

        - `params`, a dict with a value for each of the estimator's own parameters;
        - `train_data`, the pair ``(X, y)`` that `fit` was given. Nothing is converted, so rows may be of any kind that
          the function reads: arrays, data frames, lists, names of image files;
        - `valid_data`, in a fold of an :class:`OptunaSearchCV` the pair ``(X, y)`` of the fold's test rows, and None
          elsewhere: in the refit, in scikit-learn's own searches, where `fit` is called by hand. The function must cope
          with both. **These rows are for scores, not for training.** A function that learns from them, or chooses the
          epoch, the learning rate's next step or a threshold by them, makes the scores of the search too good;
        - ``report(score=None, *, train_loss=None, model=None)``, to be called at the end of each epoch. It returns True
          if the search wants no further epoch; the function then returns as it would at the end. An epoch is scored by
          the function itself (`score`, greater is better), or by the search, with its `scoring`, if the function passes
          the current `model`. Where `valid_data` is None neither is needed; outside a search a report has no effect and
          returns False. Without reports the search cannot prune between epochs; all else works.

    predict_func, predict_proba_func : callable, default=None
        ``predict_func(model, X)`` and ``predict_proba_func(model, X)``, which return the results of `predict` and
        `predict_proba`: for a classifier labels, and probabilities in the order of ``classes_``. Without the function
        the estimator lacks the method.

    score_func : callable, default=None
        ``score_func(model, X, y)``, which returns the result of `score`, greater is better. By default a classifier
        with `predict_func` is scored by its accuracy and a regressor by its R2. With neither function the score is the
        number that `train_func` returned or, if it returned a model, reported last; this score exists for the rows of
        `valid_data` only.

    estimator_type : {"classifier", "regressor"} or None, default=None
        The estimator's type for scikit-learn: a classifier gets stratified folds, and metrics such as
        ``scoring="roc_auc"`` need the type.

    **params
        The parameters of the function and their values, which `set_params` and a search's space know by these names:
        ``FunctionEstimator(train, lr=0.1, batch_size=16)``. One called `random_state` always reaches the function as an
        int: for None, an integer is drawn for each fit, in an OptunaSearchCV from the search's own `random_state`.

    Attributes
    ----------
    model_ : object
        The model that `train_func` returned; None if it returned a score.

    classes_ : ndarray of shape (n_classes,)
        The labels, if `estimator_type` is ``"classifier"``.

    Raises
    ------
    InvalidArgumentError
        From `fit`, if `train_func` cannot be called with four arguments, asks for a parameter that does not exist,
        returns None, or is a generator or async function, whose call runs nothing; from `score`, if there is no score
        for these rows.

    See Also
    --------
    sklearn.preprocessing.FunctionTransformer : Makes a transformer of a function.

    Notes
    -----
    A function that only returns a number cannot be scored on rows other than its `valid_data`: neither by GridSearchCV,
    which passes none, nor for `return_train_score`, nor by the ``score`` of a refitted search. Give `predict_func` or
    `score_func` where you can. If the training can be written as an estimator, write it as one: scikit-learn's checks
    then apply to it.

    The functions are pickled with the estimator. Process workers take lambdas and functions of a notebook too.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from sk_optuna import FunctionEstimator
    >>> def train(params, train_data, valid_data, report):
    ...     X, y = train_data
    ...     weights = np.zeros(X.shape[1])
    ...     for _ in range(params["n_epochs"]):
    ...         weights -= params["lr"] * X.T @ (X @ weights + y.mean() - y)
    ...         if report(model=(weights, y.mean())):
    ...             break
    ...     return weights, y.mean()
    >>> def predict(model, X):
    ...     weights, mean = model
    ...     return X @ weights + mean
    >>> X, y = load_diabetes(return_X_y=True)
    >>> estimator = FunctionEstimator(train, predict_func=predict, estimator_type="regressor", lr=0.1, n_epochs=50)
    >>> print(cross_val_score(estimator.set_params(lr=0.3), X, y).mean().round(1))
    0.5
    """

    model_: Any
    _score: float | None
    _scored_rows: str | None

    def __init__(
        self,
        train_func: Callable[..., Any],
        *,
        predict_func: Callable[[Any, Any], Any] | None = None,
        predict_proba_func: Callable[[Any, Any], Any] | None = None,
        score_func: Callable[[Any, Any, Any], float] | None = None,
        estimator_type: Literal["classifier", "regressor"] | None = None,
        **params: Any,
    ) -> None:
        self.train_func = train_func
        self.predict_func = predict_func
        self.predict_proba_func = predict_proba_func
        self.score_func = score_func
        self.estimator_type = estimator_type
        for name, value in params.items():
            _check_name(name)
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, including the function's own.

        Parameters
        ----------
        deep : bool, default=True
            If True, the parameters of values that are estimators are included.

        Returns
        -------
        dict
            Values by name.
        """
        params: dict[str, Any] = super().get_params(deep)
        for name in self._own_names():
            value = params[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params.update({f"{name}__{inner}": each for inner, each in value.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; those of the function must have been named when the estimator was made.

        Parameters
        ----------
        **params
            Values by name.

        Returns
        -------
        FunctionEstimator
            Itself.

        Raises
        ------
        InvalidArgumentError
            If there is no parameter of that name; nothing is set then.
        """
        known = self.get_params(deep=False)
        for name in params:
            if name.partition("__")[0] not in known:
                raise InvalidArgumentError(
                    f"FunctionEstimator has no parameter {name!r}; it has {listed(known, name)} The parameters of "
                    f"train_func are those named where it is made: FunctionEstimator(train_func, {name}=...)."
                )
        super().set_params(**params)
        return self

    def check_fit(self, X: Any = None, y: Any = None) -> None:
        """Refuse parameters and data that `fit` would refuse; a search calls this before its first fit.

        Parameters
        ----------
        X : sequence of length n_samples, default=None
            Rows; without them only the parameters are checked.
        y : sequence of length n_samples, default=None
            Targets.

        Raises
        ------
        InvalidArgumentError
            If a function, another parameter or the targets cannot be used.
        """
        self._check_parameters()
        if X is not None:
            check_targets(self.estimator_type, y)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Call `train_func`.

        Parameters
        ----------
        X : sequence of length n_samples
            Rows of any kind, passed on unchanged.
        y : sequence of length n_samples, default=None
            Targets.

        Returns
        -------
        FunctionEstimator
            Itself.
        """
        self._check_parameters()
        check_consistent_length(X, y)
        check_targets(self.estimator_type, y)
        self._forget()
        if self.estimator_type == "classifier":
            self.classes_ = np.unique(np.asarray(y))
        monitor = self._monitor
        valid_data = None if monitor is None else monitor.valid_data
        report = Report(monitor, self._enter_epoch, has_rows=valid_data is not None)
        returned = check_returned("train_func", self.train_func(self._drawn_params(), (X, y), valid_data, report))
        self._keep(returned, report.last_score, valid_data)
        return self

    @available_if(_given("predict_func"))
    def predict(self, X: Any) -> Any:
        """Predict rows by `predict_func`.

        Parameters
        ----------
        X : sequence of length n_samples
            Rows.

        Returns
        -------
        array-like of length n_samples
            Predictions.
        """
        check_is_fitted(self, "model_")
        return check_returned("predict_func", self.predict_func(self.model_, X))  # type: ignore[misc]

    @available_if(_given("predict_proba_func"))
    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities by `predict_proba_func`.

        Parameters
        ----------
        X : sequence of length n_samples
            Rows.

        Returns
        -------
        array-like of shape (n_samples, n_classes)
            Probabilities, classes in the order of ``classes_``.
        """
        check_is_fitted(self, "model_")
        return check_returned("predict_proba_func", self.predict_proba_func(self.model_, X))  # type: ignore[misc]

    def score(self, X: Any, y: Any = None) -> float:
        """Return a score, greater is better: that of `score_func`, of the predictions, or of `train_func` itself.

        Parameters
        ----------
        X : sequence of length n_samples
            Rows.
        y : sequence of length n_samples, default=None
            Targets.

        Returns
        -------
        float
            The score.

        Raises
        ------
        InvalidArgumentError
            If there is no score for these rows, or it is not a number.
        """
        check_is_fitted(self, "model_")
        if self.score_func is not None:
            score = check_returned("score_func", self.score_func(self.model_, X, y))
            return number("score_func's result", score)
        if self.predict_func is not None:
            return self._score_of_predictions(X, y)
        return self._score_of_training(X, y)

    def get_checkpoint(self) -> Any:
        """Return a copy of the model last reported, with its score."""
        return deepcopy(vars(self).get("model_")), self._score

    def set_checkpoint(self, state: Any) -> None:
        """Go back to a model and its score.

        Parameters
        ----------
        state : object
            From `get_checkpoint`.

        Raises
        ------
        InvalidArgumentError
            If `train_func` returned a model but did not report the model of the wanted epoch.
        """
        model, score = state
        if model is None and self.model_ is not None:
            raise InvalidArgumentError(
                "To go back to the best epoch, the search needs the model of each epoch, but train_func reported "
                "scores only. Call report(score, model=model), or search with checkpoint='last'."
            )
        self.model_, self._score = model, score

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = self.estimator_type
        tags.classifier_tags = ClassifierTags() if self.estimator_type == "classifier" else None
        tags.regressor_tags = RegressorTags() if self.estimator_type == "regressor" else None
        tags.target_tags.required = self.estimator_type is not None
        tags.input_tags.string = tags.input_tags.allow_nan = tags.input_tags.sparse = True
        tags.no_validation = True
        return tags

    def _own_names(self) -> list[str]:
        """Return the names of the function's parameters."""
        named = parameter_names(self)
        return [name for name in vars(self) if name not in named and _is_free(name)]

    def _drawn_params(self) -> Params:
        """Return the function's parameters, with an integer drawn for `random_state`."""
        params = Params((name, getattr(self, name)) for name in self._own_names())
        if "random_state" in params and not isinstance(params["random_state"], numbers.Integral):
            params["random_state"] = seed_of(params["random_state"])
        return params

    def _check_parameters(self) -> None:
        """Refuse functions and settings with which no fit could begin."""
        check_functions(self.get_params(deep=False))
        check_settings(self.estimator_type, vars(self).get("random_state"))

    def _forget(self) -> None:
        """Delete the results of an earlier fit."""
        for name in {"model_", "classes_"} & set(vars(self)):
            delattr(self, name)
        self._score = None
        self._scored_rows = None

    def _enter_epoch(self, model: Any, score: float | None) -> None:
        """Set the reported model and score, which the monitor reads from this estimator."""
        if model is not None:
            self.model_ = model
        self._score = score

    def _keep(self, returned: Any, reported: float | None, valid_data: tuple[Any, Any] | None) -> None:
        """Keep the model, or the score and a digest of its rows."""
        if returned is None:
            raise InvalidArgumentError(
                f"train_func returned None; {WANTED} must return a model, or a number: its score on valid_data."
            )
        scores_itself = not (self.predict_func or self.predict_proba_func or self.score_func)
        is_score = scores_itself and is_number(returned)
        self.model_ = None if is_score else returned
        self._score = number("train_func's result", returned) if is_score else reported
        if scores_itself and valid_data is not None and self._score is not None:
            self._scored_rows = digest(valid_data)

    def _score_of_predictions(self, X: Any, y: Any) -> float:
        if self.estimator_type is None:
            raise InvalidArgumentError(
                "There is no telling how to score these predictions. Give the FunctionEstimator a score_func, or say "
                "estimator_type='classifier' (accuracy) or 'regressor' (R2)."
            )
        metric = accuracy_score if self.estimator_type == "classifier" else r2_score
        return float(metric(y, self.predict(X)))

    def _score_of_training(self, X: Any, y: Any) -> float:
        """Return the score that the function gave itself, if it was for these rows."""
        if self._scored_rows is None or self._score is None:
            raise InvalidArgumentError(
                "This FunctionEstimator has neither predict_func nor score_func, and train_func has not scored itself: "
                "it has valid_data only in a fold of an OptunaSearchCV, where it must return a number or report scores."
            )
        if digest((X, y)) != self._scored_rows:
            raise InvalidArgumentError(
                "train_func scored itself on its valid_data, and these are other rows. "
                "Give the FunctionEstimator predict_func or score_func to score any rows."
            )
        if math.isnan(self._score):
            raise InvalidArgumentError("train_func's own score on its valid_data is NaN; it must be a number.")
        return self._score


def _is_free(name: str) -> bool:
    """Return whether a name can be a parameter of the function: neither ours nor a fitted attribute's."""
    return not (name.startswith("_") or name.endswith("_") or "__" in name or hasattr(FunctionEstimator, name))


def _check_name(name: str) -> None:
    if _is_free(name):
        return
    rule = "Its name must not be one that the estimator has itself, begin or end with '_', or contain '__'."
    near = hint(name, nearest(name, ["train_func", "predict_func", "predict_proba_func", "score_func"], at_most=1))
    raise InvalidArgumentError(f"{name!r} cannot be a parameter of train_func. {rule}{near}")
