"""Suggest a space for an estimator, whole or composite.

The parts of a composite one are found in its `get_params(deep=True)`, under the prefixes of their parameters. So any
meta-estimator will do, and none has to be known. Not taken: to walk through `steps`, `transformers`, `estimators` and
`regressor`, each in a way of its own.
"""

from collections.abc import Iterator
from typing import Any

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.spaces._ready_spaces import ALIASES, READY, UNLISTED, Space


def suggest_space(estimator: Any) -> Space:
    """Return a space to start from, for the estimators that are tuned most.

    It is a plain dict: print it, change it, and pass it on as `param_distributions`. Each call returns a new one.

    Parameters
    ----------
    estimator : estimator object
        One of these, or of a subclass: SVC, SVR, LinearSVC, LinearSVR; LogisticRegression, Ridge, RidgeClassifier,
        Lasso, ElasticNet, SGDClassifier, SGDRegressor; KNeighborsClassifier, KNeighborsRegressor; RandomForest,
        ExtraTrees, GradientBoosting, HistGradientBoosting and MLP, each as classifier and regressor; the estimators of
        LightGBM, XGBoost and CatBoost; skorch's nets, those of `sk_optuna.skorch` included.

        Or an estimator that contains some: a Pipeline, a ColumnTransformer, a TransformedTargetRegressor or another
        meta-estimator. The space is then the union of their spaces, with prefixes. Parts without one, such as a
        StandardScaler or a PCA, are left as they are.

    Returns
    -------
    dict of str to FloatDistribution, IntDistribution, range or list
        From parameter names to the values that each may take.

    Raises
    ------
    InvalidArgumentError
        If `estimator` is no estimator, or if there is a space neither for it nor for any part of it.

    See Also
    --------
    OptunaSearchCV : The search that takes it.

    Notes
    -----
    The space follows the choices that `estimator` comes with: for ``SVC(kernel="poly")`` it has a degree, for
    ``SVC(kernel="linear")`` no gamma. Kernel, penalty, solver, loss and booster are not searched; add them if you like.

    What to change:

    - Ranges for linear models, support vector machines and networks are for features of unit scale: put a
      StandardScaler first. C and epsilon of SVR, and alpha of Lasso and ElasticNet, depend on the unit of y; where y is
      far from unit scale, wrap the regressor: ``TransformedTargetRegressor(SVR(), transformer=StandardScaler())``.
    - The rounds of boosting are in the space, since they belong to the learning rate. Where rounds are stopped early,
      take them out (``del space["max_iter"]``) and set a large number.
    - Of a network the space knows what all have: ``lr``, ``batch_size``, ``optimizer__weight_decay``. Add those of your
      module, for example ``space["module__n_hidden"] = [16, 64, 256]``.
    - ``n_neighbors`` goes to 50: with fewer rows to train on, lower it.

    When not to use it: where you know the data. The ranges are wide enough for many data sets, so too wide for each.
    And where there are few rows: on some hundreds, SVC, neighbours, logistic regression, Ridge and forests gained
    nothing over their defaults (``benchmarks/ready_spaces.py``).

    The space contains the estimator's defaults where they are points of such a range; 0 on a log scale is none, nor
    are "scale" and "sqrt", which are functions of X. With ``initial_params="default"`` the search tries them first. The
    code has the source of each range beside it.

    References
    ----------
    .. [1] Bengio (2012), Practical recommendations for gradient-based training of deep architectures, arXiv:1206.5533.
    .. [2] Bischl et al. (2023), Hyperparameter optimization: foundations, algorithms, best practices and open
       challenges, WIREs Data Mining and Knowledge Discovery 13(2), arXiv:2107.05847.
    .. [3] Eggensperger et al. (2021), HPOBench, NeurIPS Datasets and Benchmarks, arXiv:2109.06716.
    .. [4] Erickson et al. (2025), TabArena, arXiv:2506.16791.
    .. [5] Fan et al. (2008), LIBLINEAR: a library for large linear classification, JMLR 9.
    .. [6] Feurer et al. (2015), Efficient and robust automated machine learning, NIPS 28; Feurer et al. (2022),
       Auto-sklearn 2.0, JMLR 23, arXiv:2007.04074.
    .. [7] Friedman (2001), Greedy function approximation, Annals of Statistics 29(5); Friedman (2002), Stochastic
       gradient boosting, Computational Statistics & Data Analysis 38(4).
    .. [8] Friedman, Hastie & Tibshirani (2010), Regularization paths for generalized linear models via coordinate
       descent, Journal of Statistical Software 33(1).
    .. [9] Gorishniy et al. (2021), Revisiting deep learning models for tabular data, NeurIPS 34, arXiv:2106.11959.
    .. [10] Grinsztajn, Oyallon & Varoquaux (2022), Why do tree-based models still outperform deep learning on tabular
       data?, NeurIPS 35, arXiv:2207.08815.
    .. [11] Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, 2nd edition, Springer.
    .. [12] Hollmann et al. (2023), TabPFN, ICLR, arXiv:2207.01848.
    .. [13] Hsu, Chang & Lin (2003), A practical guide to support vector classification, National Taiwan University.
    .. [14] Kühn et al. (2018), Automatic exploration of machine learning experiments on OpenML, arXiv:1806.10961.
    .. [15] Popov, Morozov & Babenko (2020), Neural oblivious decision ensembles, ICLR, arXiv:1909.06312.
    .. [16] Probst & Boulesteix (2018), To tune or not to tune the number of trees in random forest, JMLR 18.
    .. [17] Probst, Boulesteix & Bischl (2019), Tunability: importance of hyperparameters of machine learning
       algorithms, JMLR 20, arXiv:1802.09596.
    .. [18] Zou & Hastie (2005), Regularization and variable selection via the elastic net, JRSS B 67(2).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from sk_optuna import suggest_space
    >>> for name, values in suggest_space(make_pipeline(StandardScaler(), SVC())).items():
    ...     print(name, values)
    svc__C FloatDistribution(high=1000.0, log=True, low=0.01, step=None)
    svc__gamma FloatDistribution(high=10.0, log=True, low=0.0001, step=None)
    """
    _check(estimator)
    space: Space = {}
    without: list[str] = []
    settled: list[str] = []
    for prefix, part in _parts(estimator):
        if any(prefix.startswith(whole) for whole in settled):
            continue
        key = _key(part)
        if key is None:
            without.append(type(part).__name__)
            continue
        settled.append(prefix)
        own = _own_space(part, key)
        if not own:
            without.append(type(part).__name__)
        space.update({prefix + name: values for name, values in own.items()})
    if not space:
        raise InvalidArgumentError(_explain(without))
    return space


def _check(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise InvalidArgumentError(
            f"The 'estimator' parameter must be an estimator, but got the class {estimator.__name__}. Make one, for "
            f"example suggest_space({estimator.__name__}())."
        )
    if not hasattr(estimator, "get_params"):
        raise InvalidArgumentError(
            f"The 'estimator' parameter must be an estimator with get_params, but got {estimator!r} of type "
            f"{type(estimator).__name__}. Pass, for example, SVC()."
        )


def _parts(estimator: Any) -> Iterator[tuple[str, Any]]:
    """Return the estimator and all estimators within, each with the prefix of its parameters, the outer ones first."""
    yield "", estimator
    within = estimator.get_params(deep=True)
    for name in sorted(within, key=lambda name: name.count("__")):
        if hasattr(within[name], "get_params") and not isinstance(within[name], type):
            yield f"{name}__", within[name]


def _key(estimator: Any) -> tuple[str, str] | None:
    """Return the nearest class of the estimator, itself or a base class, that the table has."""
    for kind in type(estimator).__mro__:
        key = kind.__module__.partition(".")[0], kind.__name__
        if key in READY:
            return key
    return None


def _own_space(estimator: Any, key: tuple[str, str]) -> Space:
    """Return the estimator's space under the names that it has, aliases included; empty if there is none."""
    of_params, package = READY[key], key[0]
    if of_params is None:
        return {}
    params = estimator.get_params(deep=False)
    aliases = ALIASES.get(package, {})
    space: Space = {}
    # a subclass with a constructor of its own may have fewer parameters, and what it fixes in its attributes
    for name, values in of_params(vars(estimator) | params).items():
        set_as = next((alias for alias in aliases.get(name, ()) if alias in params), name)
        if set_as in params or package in UNLISTED:
            space[set_as] = values
    return space


def _explain(without: list[str]) -> str:
    """Return the error about an estimator without a space; its class is the first name, its parts' are the others."""
    parts = f" of {', '.join(dict.fromkeys(without[1:]))}" if len(without) > 1 else ""
    known = ", ".join(name for (_, name), of_params in READY.items() if of_params is not None)
    return (
        f"The 'estimator' parameter must be, or contain, an estimator with a ready space, but got "
        f"{without[0]}{parts}. There are spaces for {known}, and their subclasses. Write this one "
        "as a dict, for example {'C': [0.1, 1, 10]}; estimator.get_params() lists the names."
    )
