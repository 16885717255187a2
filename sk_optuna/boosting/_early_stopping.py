"""A booster that holds out rows of its training data, and stops when it gets no better on them.

LightGBM, XGBoost and CatBoost stop early by an evaluation set that is an argument of `fit`. Whoever searches, or has a
Pipeline around the booster, would have to make it for each fold, and transform it as the Pipeline does: handed through
as ``m__eval_set`` it goes past the scaler, and nobody says so. Here the rows are taken where the booster is fitted, as
skorch's ValidSplit and scikit-learn's own boosting take them.

Not taken: a parameter of the search. The booster would then stop early in searches only, and would be another model
when it is fitted alone.
"""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sk_optuna._compat._sklearn import check_method_params, num_samples, safe_indexing
from sk_optuna.epochs import (
    EpochMonitor,
    HeldOut,
    RoundsParameter,
    UnscoredMonitor,
    how_to_follow,
    library_of,
    reason_not_to_follow,
    rounds_parameter,
)
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.worker import seed_of


def _booster_has(name: str) -> Callable[[Any], bool]:
    def has(wrapper: Any) -> bool:
        getattr(getattr(wrapper, "estimator_", wrapper.estimator), name)
        return True

    return has


class EarlyStoppingBooster(MetaEstimatorMixin, BaseEstimator):
    """A booster of LightGBM, XGBoost or CatBoost that stops early on rows of its training data.

    A fraction of the rows that `fit` is given is held out. The booster is trained on the others, until its own metric
    on the rows that are held out has not become better for `n_iter_no_change` rounds, and it keeps the rounds up to the
    best. So its number of rounds need not be searched: give the booster a large one.

    It is a classifier if the booster is one, else a regressor, and its parameters are searched as ``estimator__...``.
    It works inside Pipelines and searches, where it is followed by rounds with ``report="epoch"``.

    Do not use it with few rows, of which those that are held out would be missed more than the right number of rounds
    is worth; nor for boosters of scikit-learn, which have `validation_fraction` and `n_iter_no_change` themselves. Rows
    of one group, or neighbours in time, are to be on one side: use ``shuffle=False`` for rows in the order of time.

    Parameters
    ----------
    estimator : estimator
        The booster: an LGBMClassifier, an XGBRegressor, a CatBoostClassifier and so on. It is cloned.

    validation_fraction : float, default=0.1
        Fraction of the rows that is held out, between 0 and 1.

    n_iter_no_change : int, default=20
        Rounds without a better metric after which training ends.

    shuffle : bool, default=True
        Whether rows are held out at random, of each class as many as its share. Otherwise the last rows are.

    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows.

    Attributes
    ----------
    estimator_ : estimator
        The fitted booster.

    n_iter_ : int
        Number of rounds that it keeps.

    classes_ : ndarray of shape (n_classes,)
        The classes, of a classifier.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, where the booster has them.

    See Also
    --------
    sk_optuna.OptunaSearchCV : With ``checkpoint="best"`` it finds the number of rounds on the test rows of the folds,
        and refits with that many rounds on all rows.

    Notes
    -----
    Which metric counts, and whether its last or its first name does, is for the library to say: set the booster's
    `metric` or `eval_metric`.

    References
    ----------
    L. Prechelt, "Early Stopping - But When?", in Neural Networks: Tricks of the Trade, 1998.
    https://doi.org/10.1007/3-540-49430-8_3

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sk_optuna.boosting import EarlyStoppingBooster
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> from xgboost import XGBClassifier
    >>> booster = EarlyStoppingBooster(XGBClassifier(n_estimators=2000), random_state=0)
    >>> booster.fit(X, y).n_iter_ < 2000
    True
    """

    def __init__(
        self,
        estimator: Any,
        *,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        shuffle: bool = True,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the booster on a part of the rows, until it gets no better on the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, as the booster takes it.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, of those that are held out, too.
        **fit_params : dict
            Further arguments of the booster's `fit`. Those with an entry for each row are split with the rows.

        Returns
        -------
        self : EarlyStoppingBooster
            The fitted estimator.

        Raises
        ------
        sk_optuna.exceptions.InvalidArgumentError
            Where a parameter cannot be used, or the estimator is no booster that can be stopped.
        """
        return self._fit(X, y, UnscoredMonitor(), sample_weight, fit_params)

    def fit_epochs(self, X: Any, y: Any, monitor: EpochMonitor, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit as `fit` does, and report rounds; a search with ``report="epoch"`` calls this.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        monitor : EpochMonitor
            It is reported to after each period of rounds.
        **fit_params : dict
            As in `fit`.

        Returns
        -------
        self : EarlyStoppingBooster
            The fitted estimator.
        """
        if isinstance(monitor, UnscoredMonitor) and monitor.n_epochs is None:
            # Nobody scores, so that the booster need not follow the test rows.
            monitor = UnscoredMonitor()
        return self._fit(X, y, monitor, sample_weight, fit_params)

    def rounds_parameter(self) -> RoundsParameter | None:
        """Return the parameter that counts the booster's rounds; a search asks for it."""
        rounds = rounds_parameter(self.estimator)
        if rounds is None:
            return None
        return RoundsParameter(tuple(f"estimator__{name}" for name in rounds.names), rounds.value)

    def check_fit(self, X: Any = None, y: Any = None) -> None:
        """Refuse parameters with which `fit` could not begin; a search asks before its first fit.

        Parameters
        ----------
        X, y : array-like, default=None
            Not used.

        Raises
        ------
        sk_optuna.exceptions.InvalidArgumentError
            Where a parameter cannot be used.
        """
        fraction, patience = self.validation_fraction, self.n_iter_no_change
        if not isinstance(fraction, Real) or isinstance(fraction, Integral) or not 0 < fraction < 1:
            raise InvalidArgumentError(
                f"validation_fraction must be a float between 0 and 1, both excluded, but got {fraction!r}. "
                "Give the fraction of the rows to hold out, for example 0.1."
            )
        if not isinstance(patience, Integral) or isinstance(patience, bool) or patience < 1:
            raise InvalidArgumentError(
                f"n_iter_no_change must be an int of at least 1, but got {patience!r}. Give the number of rounds "
                "without a better metric after which training ends, for example 20."
            )
        self._check_booster()

    def _check_booster(self) -> None:
        library, name = library_of(self.estimator), type(self.estimator).__name__
        if library is None:
            raise InvalidArgumentError(
                "EarlyStoppingBooster needs a booster of LightGBM, XGBoost or CatBoost, through its scikit-learn "
                f"class, but got {name}. Boosting of scikit-learn's own has the parameters validation_fraction and "
                "n_iter_no_change itself."
            )
        if (reason := reason_not_to_follow(self.estimator)) is not None:
            raise InvalidArgumentError(f"EarlyStoppingBooster cannot stop {name}: {reason}. Use another booster.")
        if (booster := library.follower.changes_rounds(self.estimator)) is not None:
            raise InvalidArgumentError(
                f"EarlyStoppingBooster cannot stop {name} with {booster}: its later rounds change those before, so "
                "that it could not go back to the best. Use another kind of boosting."
            )
        if (own := library.follower.patience(self.estimator)) is not None:
            raise InvalidArgumentError(
                f"{name} with {own[0]}={own[1]} would stop early by itself. Leave that to EarlyStoppingBooster: use "
                f"n_iter_no_change={own[1]} there, and leave {own[0]} out."
            )

    def _fit(self, X: Any, y: Any, monitor: EpochMonitor, sample_weight: Any, fit_params: dict[str, Any]) -> Self:
        self.check_fit()
        if y is None:
            raise InvalidArgumentError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Give the target."
            )
        X, y, sample_weight = indexable(X, y, sample_weight)
        if is_classifier(self):
            check_classification_targets(y)
        library, follow = library_of(self.estimator), how_to_follow(self.estimator)
        assert library is not None
        assert follow is not None
        self.estimator_ = clone(self.estimator)
        train, held_out = self._split(y, num_samples(X))
        given = fit_params if sample_weight is None else {**fit_params, "sample_weight": sample_weight}
        y_train = safe_indexing(y, train)
        rows = HeldOut(*(None if each is None else safe_indexing(each, held_out) for each in (X, y, sample_weight)))
        arguments = library.follower.stop_early(
            self.estimator_,
            y_train,
            rows,
            int(self.n_iter_no_change),
            check_method_params(X, params=given, indices=train),
        )
        follow(self.estimator_, safe_indexing(X, train), y_train, monitor, **arguments)
        return self

    def _split(self, y: Any, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the rows to train on, and of those that are held out."""
        if n_rows < 2:
            raise InvalidArgumentError(
                f"{type(self).__name__} needs rows to train on and rows to hold out, but got n_samples = {n_rows}. "
                "Give at least two."
            )
        places, fraction = np.arange(n_rows), float(self.validation_fraction)
        if not self.shuffle:
            train, held_out = train_test_split(places, test_size=fraction, shuffle=False)
            return train, held_out
        kept, stratify, seed = places[:0], None, seed_of(self.random_state)
        if is_classifier(self) and np.ndim(y) == 1:
            _, first, counts = np.unique(np.asarray(y), return_index=True, return_counts=True)
            if np.min(counts) * min(fraction, 1 - fraction) >= 1:
                stratify = y
            else:
                # of each class one row to train on
                kept = first
        others = np.setdiff1d(places, kept)
        train, held_out = train_test_split(others, test_size=fraction, stratify=stratify, random_state=seed)
        return np.concatenate([kept, train]), held_out

    @property
    def n_iter_(self) -> int:
        """Number of rounds that the booster keeps."""
        check_is_fitted(self)
        library = library_of(self.estimator_)
        assert library is not None
        return library.follower.n_rounds_kept(self.estimator_)

    @available_if(_booster_has("predict"))
    def predict(self, X: Any) -> Any:
        """Predict classes or values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            The booster's predictions.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(_booster_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities of classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The booster's probabilities.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(_booster_has("score"))
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the booster's own score: accuracy, or R2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            True classes or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            The score.
        """
        check_is_fitted(self)
        # CatBoost's takes no weights.
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(self.estimator_.score(X, y, **weights))

    @property
    def classes_(self) -> Any:
        """The classes, of a classifier."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return int(self.estimator_.n_features_in_)

    @property
    def feature_names_in_(self) -> Any:
        """Names of features."""
        return self.estimator_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)
