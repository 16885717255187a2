"""Bad input to `fit`: refused before a model is trained, in a sentence that helps a newcomer."""

import math
from functools import partial

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sk_optuna.exceptions
import sk_optuna.pruners
from sk_optuna import OptunaSearchCV

X, Y = make_classification(n_samples=30, n_features=4, random_state=0)
GRID = {"C": [1, 2]}
N_FITS = 0


class CountingSVC(SVC):
    def fit(self, X, y, sample_weight=None):
        global N_FITS
        N_FITS += 1
        return super().fit(X, y, sample_weight)


class WithoutFit(BaseEstimator):
    def __init__(self, C=1):
        self.C = C


class WithoutScore(WithoutFit):
    def fit(self, X, y=None):
        global N_FITS
        N_FITS += 1
        return self


def pipeline():
    return Pipeline([("scale", StandardScaler()), ("svc", CountingSVC())])


def refused(id, says, error=(ValueError, TypeError), *, X=X, y=Y, estimator=None, **arguments):
    """One case: arguments, the type that a caller would catch, and the sentence that helps."""
    return pytest.param(estimator or CountingSVC(), X, y, arguments, error, says, id=id)


def space(id, written, says, **more):
    return refused(id, says, ValueError, param_distributions=written, **more)


def argument(id, says, error=(ValueError, TypeError), **more):
    return refused(id, says, error, param_distributions=GRID, **more)


def returns_a_number(trial):
    return 3


def returns_nothing(trial):
    trial.suggest_float("C", 0.1, 1)


def returns_numbered_keys(trial):
    return {1: trial.suggest_float("C", 0.1, 1)}


def returns_unknown_names(trial):
    return {"gama": trial.suggest_float("gama", 0.1, 1)}


def suggests_c(trial):
    return {"C": trial.suggest_float("C", 0.1, 1)}


def takes_no_trial():
    return GRID


NOT_A_LIST = r"'C'.*needs? to be a list.*got .*{}.*list.*scipy\.stats"
NO_VALUES = r"scipy distribution '{}' for parameter 'C'.*no values.*\({}\).*low <= high must hold"
ARRAYS = r"scipy distribution '{}' for parameter 'C'.*of one number.*arguments are arrays.*\(2,\).*Give each parameter"
FORMS = r"{} must be a dict, a list of dicts, or a callable .*but got {}.*Write, for example, \{{'C'"
CALLABLE = r"callable param_distributions must return a dict .*{}.* returned {}.*End it with, for example, return"
INT_FROM_ONE = r"'{}' parameter.*int in the range \[1, inf\).*Got {}"
SECONDS = r"'timeout' parameter.*range \(0\.0, inf\) or None.*Got {}"
CV = r"'cv' parameter.*(int in the range \[2, inf\)|'split'|iterable).*Got {}"
INITIAL = (
    r"'initial_params' parameter must be None, 'default', a fitted search, or a list of dicts.*but got {}.*"
    r"for example, \[\{{'C'"
)
PRE_DISPATCH = r"'pre_dispatch' parameter must be 'all', a number.*expression of n_jobs.*'2\*n_jobs'.*but got {}"

SPACES = [
    # --- empty ---
    space("empty list of dicts", [], r"param_distributions.*at least one candidate.*empty list.*Use \[\{\}\]"),
    space("empty tuple of dicts", (), r"param_distributions.*at least one candidate.*empty tuple.*Use \[\{\}\]"),
    space("no values in a list", {"C": []}, r"parameter 'C'.*non-empty.*got: \[\]"),
    space("no values in a tuple", {"C": ()}, r"parameter 'C'.*non-empty.*got: \(\)"),
    space("no values in an array", {"C": np.array([])}, r"parameter 'C'.*non-empty.*got: array\(\[\]"),
    space("no values in a range", {"C": range(0)}, r"parameter 'C'.*non-empty.*got: range\(0, 0\)"),
    space("no values in one branch", [{"C": [1]}, {"gamma": []}], r"parameter 'gamma'.*non-empty.*got: \[\]"),
    refused("empty param_grid", r"param_grid.*at least one candidate.*empty list.*Use \[\{\}\]", param_grid=[]),
    # --- both or neither ---
    refused("no space", r"[Ee]xactly one of param_distributions and param_grid.*got neither.*Pass the search space"),
    argument("two spaces", r"[Ee]xactly one of param_distributions and param_grid.*got both", param_grid=GRID),
    # --- names ---
    space("misspelt name", {"gama": [1]}, r"'gama'.*CountingSVC.*Nearest to 'gama': 'gamma'"),
    space("name like no other", {"zzz": [1]}, r"'zzz'.*CountingSVC.*Valid parameters are: \['C', "),
    space("misspelt name in a branch", [GRID, {"kernal": ["rbf"]}], r"Nearest to 'kernal': 'kernel'"),
    space("step forgotten", GRID, r"'C' for estimator Pipeline.*to 'C': 'svc__C'", estimator=pipeline()),
    space("misspelt step", {"svm__C": [1]}, r"'svm'.*Pipeline.*to 'svm__C': 'svc__C'", estimator=pipeline()),
    space("misspelt nested name", {"svc__gama": [1]}, r"'gama'.*to 'svc__gama': 'svc__gamma'", estimator=pipeline()),
    space("step without a pipeline", {"svc__C": [1]}, r"'svc' for estimator CountingSVC.*Valid parameters are"),
    space("name below a number", {"C__x": [1]}, r"'C__x'.*CountingSVC|CountingSVC.*'C__x'"),
    space(
        "number as name",
        {1: [1]},
        r"keys of param_distributions.*parameter names \(str\).*got 1 of type int.*get_params",
    ),
    space(
        "tuple as name", [{("C",): [1]}], r"keys of param_distributions.*\(str\).*\('C',\) of type tuple.*get_params"
    ),
    # --- wrong type of the whole ---
    space("number as space", 3, FORMS.format("param_distributions", "3 of type int")),
    space("zero as space", 0, FORMS.format("param_distributions", "0 of type int")),
    space("str as space", "C", FORMS.format("param_distributions", "'C' of type str")),
    space("set as space", {"C"}, FORMS.format("param_distributions", r"\{'C'\} of type set")),
    space("class as space", dict, FORMS.format("param_distributions", "<class 'dict'>")),
    space("distribution as space", FloatDistribution(0, 1), FORMS.format("param_distributions", "FloatDistribution")),
    refused("number as param_grid", FORMS.format("param_grid", "3 of type int"), ValueError, param_grid=3),
    space(
        "list of names", ["C"], r"param_distributions.*list of dicts.*contains 'C' of type str.*each branch as a dict"
    ),
    space("list with None", [GRID, None], r"param_distributions.*list of dicts.*None of type NoneType.*as a dict"),
    # --- wrong type of one parameter ---
    space("number, no list", {"C": 0.1}, NOT_A_LIST.format(r"0\.1")),
    space("str, no list", {"kernel": "rbf"}, r"'kernel'.*needs to be a list.*'rbf'.*wrapped in a list.*scipy"),
    space("None, no list", {"C": None}, NOT_A_LIST.format("None")),
    space("set, no list", {"C": {1, 2}}, NOT_A_LIST.format("set")),
    space("generator, no list", {"C": (c for c in (1, 2))}, NOT_A_LIST.format("generator")),
    space("dict, no list", {"C": {"a": 1}}, NOT_A_LIST.format("dict")),
    space("function, no list", {"C": suggests_c}, NOT_A_LIST.format("suggests_c")),
    space("2-D array", {"C": np.ones((2, 2))}, r"'C'.*one-dimensional.*\(2, 2\)"),
    space("0-D array", {"C": np.array(1.0)}, r"'C'.*(list|one-dimensional).*array\(1\.\)"),
    # --- distributions without values ---
    space("negative width", {"C": stats.uniform(0, -1)}, NO_VALUES.format("uniform", "0, -1") + ".*loc and width"),
    space("log of 0", {"C": stats.loguniform(0, 1)}, NO_VALUES.format("loguniform", "0, 1") + ".*low > 0"),
    space("log, low > high", {"C": stats.loguniform(10, 1)}, NO_VALUES.format("loguniform", "10, 1")),
    space("randint, low > high", {"C": stats.randint(5, 2)}, NO_VALUES.format("randint", "5, 2") + ".*exclusive"),
    space("randint, low == high", {"C": stats.randint(5, 5)}, NO_VALUES.format("randint", "5, 5") + ".*exclusive"),
    space("negative scale", {"C": stats.norm(0, -1)}, r"scipy distribution 'norm' for parameter 'C'.*\(0, -1\)"),
    space("NaN bound", {"C": stats.uniform(math.nan, 1)}, NO_VALUES.format("uniform", "nan, 1")),
    space("infinite width", {"C": stats.uniform(0, math.inf)}, r"'uniform' for parameter 'C'.*inf"),
    space("uniform of arrays", {"C": stats.uniform([0, 1], [1, 2])}, ARRAYS.format("uniform")),
    space("norm of arrays", {"C": stats.norm([0, 1], 1)}, ARRAYS.format("norm")),
    space("randint of arrays", {"C": stats.randint(0, np.array([2, 3]))}, ARRAYS.format("randint")),
    space("distribution without its arguments", {"C": stats.loguniform}, r"'?loguniform'?.*'C'|'C'.*loguniform"),
    # --- callables ---
    space("callable returns a number", returns_a_number, CALLABLE.format("returns_a_number", "3 of type int")),
    space("callable returns nothing", returns_nothing, CALLABLE.format("returns_nothing", "None")),
    space("callable returns numbered keys", returns_numbered_keys, CALLABLE.format("numbered_keys", r"\{1: ")),
    space("callable returns unknown names", returns_unknown_names, r"CountingSVC.*Nearest to 'gama': 'gamma'"),
    refused("callable takes no trial", "takes_no_trial", TypeError, param_distributions=takes_no_trial),
]

SEARCH = [
    *(argument(f"n_trials={v!r}", INT_FROM_ONE.format("n_trials", v), n_trials=v) for v in (0, -1, 2.5)),
    argument("n_trials='a'", INT_FROM_ONE.format("n_trials", "'a'"), n_trials="a"),
    *(argument(f"timeout={v!r}", SECONDS.format(v), timeout=v) for v in (0, -1, math.nan)),
    argument("timeout='a'", SECONDS.format("'a'"), timeout="a"),
    *(
        argument(
            f"max_concurrent_trials={v!r}",
            INT_FROM_ONE.format("max_concurrent_trials", repr(v)),
            max_concurrent_trials=v,
        )
        for v in (0, -1, 1.5, None, "four")
    ),
    *(
        argument(
            f"speculate={v!r}", rf"'speculate' parameter.*'bool'.*or a str among {{'auto'}}.*Got {v!r}", speculate=v
        )
        for v in ("yes", None, 2)
    ),
    argument(
        "unknown sampler",
        r"'sampler' parameter.*'auto', 'cmaes', 'gp', 'grid', .*'tpe'.*but got 'tpee'",
        sampler="tpee",
    ),
    argument(
        "sampler of wrong type", r"'sampler' parameter.*'tpe'.*callable from a seed.*got 3 of type int", sampler=3
    ),
    argument(
        "factory without a sampler",
        r"callable 'sampler' must return an optuna sampler.*<lambda>\(\d+\) returned None.*for example, lambda seed",
        sampler=lambda seed: None,
        n_trials=1,
    ),
    argument("factory without a seed", r"sampler.*seed", sampler=lambda: optuna.samplers.RandomSampler(), n_trials=1),
    refused(
        "sampler='grid' on a distribution",
        r"sampler='grid' needs a space made of lists only.*contains a distribution.*Use another sampler",
        ValueError,
        param_distributions={"C": stats.loguniform(1, 2)},
        sampler="grid",
    ),
    refused(
        "sampler='grid' on a callable",
        r"sampler='grid' needs a space made of lists only.*callable.*Use another sampler",
        ValueError,
        param_distributions=suggests_c,
        sampler="grid",
    ),
    argument(
        "pruner: an unknown name",
        r"'pruner' parameter must be None, one of 'halving', .*'race', .*, or an optuna pruner, but got 'rase'",
        pruner="rase",
    ),
    argument(
        "pruner: a class",
        r"'pruner' parameter.*but got <class .*MedianPruner.*Call the class: MedianPruner\(",
        pruner=optuna.pruners.MedianPruner,
    ),
    argument(
        "pruner: our class",
        r"'pruner' parameter.*but got <class .*PairedRacePruner.*Call the class: PairedRacePruner\(",
        pruner=sk_optuna.pruners.PairedRacePruner,
    ),
    *(
        argument(
            f"pruner: {id}", rf"'pruner' parameter must be None, one of .*'race'.* but got .*of type {kind}", pruner=v
        )
        for id, v, kind in [
            ("bool", True, "bool"),
            ("number", 3, "int"),
            ("capital letter", "Race", "str"),
            ("list", ["race"], "list"),
            ("factory", partial(sk_optuna.pruners.PairedRacePruner, z=2), "partial"),
            ("sampler", optuna.samplers.RandomSampler(), "RandomSampler"),
        ]
    ),
    *(
        argument(
            f"study_callbacks: {id}",
            rf"'study_callbacks' parameter.*list of callables.*but got {came}",
            study_callbacks=v,
        )
        for id, v, came in [("function", print, "<built-in"), ("number", [3], r"\[3\]"), ("str", "abc", "'abc'")]
    ),
    *(
        argument(f"random_state={v!r}", rf"'random_state' parameter.*int in the range \[0, .*Got {v!r}", random_state=v)
        for v in ("a", -1, 1.5)
    ),
]

INITIAL_PARAMS = [
    argument("initial_params: dict", INITIAL.format(r"\{'C': 1\}"), initial_params={"C": 1}),
    argument("initial_params: number", INITIAL.format("3"), initial_params=3),
    argument("initial_params: list of numbers", INITIAL.format(r"\[3\]"), initial_params=[3]),
    argument("initial_params: unknown str", INITIAL.format("'defaults'"), initial_params="defaults"),
    argument(
        "initial_params: not in the list",
        r"initial_params\[1\] = \{'C': 5\} must lie in the search space, but C: 5 is none of the 2.*Change the value",
        initial_params=[{"C": 1}, {"C": 5}],
    ),
    argument(
        "initial_params: unknown name",
        r"initial_params\[0\].*must lie in the search space.*no parameter 'gama', only \['C'\].*leave .* out",
        initial_params=[{"gama": 5}],
    ),
    *(
        refused(
            f"initial_params: {id}",
            rf"initial_params\[0\].*must lie in the search space, but C: {came}.*Change the value, widen the space",
            ValueError,
            param_distributions={"C": domain},
            initial_params=[{"C": value}],
        )
        for id, domain, value, came in [
            ("above a range", FloatDistribution(0, 1), 5, "5 is not in FloatDistribution"),
            ("NaN in a range", stats.uniform(0, 1), math.nan, "nan is not in FloatDistribution"),
            ("NaN in a stepped range", FloatDistribution(0, 1, step=0.1), math.nan, "nan is not in FloatDistribution"),
            ("infinite in a stepped range", FloatDistribution(0, 1, step=0.1), math.inf, "inf is not in Float"),
            ("between two steps", FloatDistribution(0, 1, step=0.5), 0.3, r"0\.3 is not in FloatDistribution"),
            ("between two integers", IntDistribution(1, 5), 2.5, r"2\.5 is not in IntDistribution"),
            ("str in a range", IntDistribution(1, 5), "x", "'x' is not a number"),
            ("outside a support", stats.expon(), -5, "-5 is no value between"),
            ("between two integers of poisson", stats.poisson(3), 2.5, r"2\.5 "),
            ("not a choice", CategoricalDistribution(["a", "b"]), "c", "'c' is none of the 2"),
            ("another array", [np.arange(3)], np.arange(4), r"array\(\[0, 1, 2, 3\]\) is none of the 1"),
            (
                "list beside lists of arrays",
                [[np.arange(3)]],
                [np.arange(2)],
                r"\[array\(\[0, 1\]\)\] is none of the 1",
            ),
        ]
    ),
    refused(
        "initial_params: names of two branches",
        r"initial_params\[0\].*must lie in the search space.*no parameter 'gamma', only \['C'\].*no parameter 'C'",
        ValueError,
        param_distributions=[{"C": [1]}, {"gamma": [1]}],
        initial_params=[{"C": 1, "gamma": 1}],
    ),
    refused(
        "initial_params: outside what a callable suggests",
        r"initial_params sets 'C' to 5.*not in the space that the callable suggests.*Give a value from the space",
        ValueError,
        param_distributions=suggests_c,
        initial_params=[{"C": 5}],
    ),
    refused(
        "initial_params: nothing that a callable suggests",
        r"initial_params.*'gama'",
        ValueError,
        param_distributions=suggests_c,
        initial_params=[{"gama": 5}],
    ),
]

VALIDATION = [
    *(
        argument(f"n_jobs={v!r}", rf"'n_jobs' parameter.*range \[1, inf\).*\(-inf, -1\] or None.*Got {v!r}", n_jobs=v)
        for v in (0, 1.5, "a")
    ),
    *(
        argument(f"pre_dispatch={v!r}", PRE_DISPATCH.format(came), pre_dispatch=v)
        for v, came in [
            ("foo", "'foo'"),
            (0, "0"),
            ("0*n_jobs", r"'0\*n_jobs'"),
            ("n_jobs/", "'n_jobs/'"),
            ("import os", "'import os'"),
        ]
    ),
    argument("pre_dispatch=None", r"'pre_dispatch' parameter.*'int'.*'str'.*Got None", pre_dispatch=None),
    argument("error_score='foo'", r"'error_score' parameter.*'raise'.*float.*Got 'foo'", error_score="foo"),
    *(argument(f"verbose={v!r}", rf"'verbose' parameter.*range \[0, inf\).*Got {v!r}", verbose=v) for v in ("a", -1)),
    argument("return_train_score='a'", r"'return_train_score' parameter.*'bool'.*Got 'a'", return_train_score="a"),
    argument("unknown scoring", r"'scoring' parameter.*str among.*'accuracy'.*Got 'acuracy'", scoring="acuracy"),
    argument("scoring=3", r"'scoring' parameter.*str among.*callable.*Got 3", scoring=3),
    argument("scoring=[3]", r"list/tuple elements must be unique strings.*Got \[3\]", scoring=[3], refit=False),
    argument("scoring=[]", r"list/tuple elements must be unique strings.*[Ee]mpty list", scoring=[], refit=False),
    argument("unknown scoring in a dict", r"'nope'", scoring={"a": "nope"}, refit="a"),
    argument(
        "refit not among the metrics",
        r"refit must be set to a scorer key.*'recall' was passed",
        scoring=["accuracy", "f1"],
        refit="recall",
    ),
    argument(
        "refit=True with several metrics",
        r"refit must be set to a scorer key.*set to False.*True was passed",
        scoring=["accuracy", "f1"],
    ),
    argument("refit=3", r"'refit' parameter.*'bool'.*'str' or a callable.*Got 3", refit=3),
    *(argument(f"cv={v!r}", CV.format(repr(v)), cv=v) for v in (1, 0, -1, 2.5, "a")),
    argument("cv without splits", r"cv=\[\] gave no splits.*pass a list of splits or a splitter", cv=[]),
    argument("cv used up", r"gave no splits; a generator can be used once.*pass a list", cv=iter([])),
    argument(
        "cv above the number of samples", r"n_splits=100 greater than the number of samples: n_samples=30", cv=100
    ),
    argument("cv of numbers", r"\bcv\b", cv=[1, 2]),
    argument("cv of triples", r"\bcv\b", cv=[([0, 1], [2], [3])]),
    argument("cv of names", r"\bcv\b", cv=[(["a"], ["b"])]),
    argument("cv beyond the data", r"\bcv\b.*\b100\b", cv=[(np.arange(29), [29]), (np.arange(29), [100])]),
    argument("cv as a class", r"\bcv\b.*KFold", cv=KFold),
    argument("X longer than y", r"inconsistent numbers of samples: \[30, 20\]", y=Y[:20]),
    argument("no X", r"array-like, got <class 'NoneType'>", TypeError, X=None),
    argument(
        "estimator without fit", r"'estimator' parameter.*implementing 'fit'.*Got WithoutFit", estimator=WithoutFit()
    ),
    argument(
        "estimator without score",
        r"no scoring is specified.*should have a 'score' method",
        TypeError,
        estimator=WithoutScore(),
    ),
    argument(
        "estimator as a class",
        r"provide an instance of scikit-learn estimator instead of a class",
        TypeError,
        estimator=CountingSVC,
    ),
    argument("estimator as a str", r"'estimator' parameter.*implementing 'fit'.*Got 'svc'", estimator="svc"),
]


@pytest.mark.parametrize(
    ("estimator", "X", "y", "arguments", "error", "says"), [*SPACES, *SEARCH, *INITIAL_PARAMS, *VALIDATION]
)
def test_bad_input_is_refused_in_words_before_a_model_is_trained(estimator, X, y, arguments, error, says):
    global N_FITS
    N_FITS = 0
    search = OptunaSearchCV(estimator, **{"cv": 2, "n_trials": 3, "error_score": "raise", **arguments})
    with pytest.raises(error, match=f"(?s){says}"):
        search.fit(X, y)
    assert N_FITS == 0
    assert not hasattr(search, "cv_results_")


def test_the_constructor_takes_bad_input_without_a_word():
    search = OptunaSearchCV("svc", 3, param_grid=4, n_trials="a", timeout=-1, sampler=5, cv="a", n_jobs=0)
    assert search.get_params()["n_trials"] == "a"


def test_sampler_class_is_refused_with_the_call_that_seeds_it():
    """`sampler=TPESampler` is an easy slip, and the first positional argument of TPESampler is not the seed."""
    search = OptunaSearchCV(SVC(), {"C": stats.uniform(1, 9)}, sampler=optuna.samplers.TPESampler)
    with pytest.raises(ValueError, match=r"class TPESampler\. Write lambda seed: TPESampler\(seed=seed\)"):
        search.fit(X, Y)


def test_missing_extra_of_a_sampler_names_the_command(monkeypatch):
    global N_FITS
    N_FITS = 0
    monkeypatch.setattr("sk_optuna._optional.find_spec", lambda name: None)
    search = OptunaSearchCV(CountingSVC(), {"C": stats.loguniform(1, 2)}, sampler="cmaes", cv=2)
    with pytest.raises(
        ImportError, match=r"sampler='cmaes' needs the package 'cmaes'.*pip install 'sk-optuna\[cmaes\]'"
    ) as info:
        search.fit(X, Y)
    assert isinstance(info.value, sk_optuna.exceptions.MissingExtraError)
    assert N_FITS == 0


def test_missing_pandas_names_the_command(monkeypatch):
    search = OptunaSearchCV(SVC(), GRID, cv=2).fit(X, Y)
    monkeypatch.setattr("sk_optuna._optional.find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"trials_dataframe needs the package 'pandas'.*pip install 'sk-optuna\[pandas\]'"
    ) as info:
        search.trials_dataframe()
    assert isinstance(info.value, sk_optuna.exceptions.MissingExtraError)


@pytest.mark.parametrize(
    "call",
    [
        partial(OptunaSearchCV(SVC(), {"C": 1}).fit, X, Y),
        partial(OptunaSearchCV(SVC(), GRID, sampler="tpee").fit, X, Y),
        partial(OptunaSearchCV(SVC(), GRID, initial_params=[{"C": 9}]).fit, X, Y),
    ],
)
def test_own_errors_are_caught_as_value_error_type_error_and_sk_optuna_error(call):
    with pytest.raises(ValueError, match=r"\w") as info:
        call()
    assert isinstance(info.value, TypeError)
    assert isinstance(info.value, sk_optuna.exceptions.SkOptunaError)


def test_failed_check_leaves_nothing_of_an_earlier_fit():
    search = OptunaSearchCV(SVC(), GRID, cv=2).fit(X, Y)
    search.set_params(param_distributions={"gama": [1]})
    with pytest.raises(ValueError, match="gama"):
        search.fit(X, Y)
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "cv_results_")


def test_sampler_factory_is_refused_before_a_whole_grid_too():
    """A whole grid needs no sampler until the study is handed over, when all models are trained."""
    global N_FITS
    N_FITS = 0
    search = OptunaSearchCV(CountingSVC(), {"C": [1, 2]}, sampler=lambda seed: None, cv=2)
    with pytest.raises(TypeError, match=r"must return an optuna sampler for a seed, but .* returned None"):
        search.fit(X, Y)
    assert N_FITS == 0
