"""Each private name of other libraries that the package relies on: how, and why.

`scripts/compat` runs this file on every minor version that is supported. A row is written as the package uses the name,
so that a row which fails names the change to look for: a parameter that has gone, an attribute of another type.
"""

import ast
import importlib
import inspect
import logging
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import joblib
import numpy as np
import optuna
import pytest
from numpy.random import RandomState
from packaging.specifiers import SpecifierSet
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import GridSearchCV

import sk_optuna
from sk_optuna._compat._numpy import ARRAY_MEMORY_ERROR
from sk_optuna._compat._optuna import caching, make_unwarned

COMPAT = Path(sk_optuna.__file__).parent / "_compat"


class Row(NamedTuple):
    """A private name: `check` asserts how it is used, in the versions `when` of a package; None is all."""

    name: str
    check: Callable[[], None]
    why: str
    when: tuple[str, str] | None


def called(name, parameters, why, *, when=None):
    """A function or class: `parameters` are the names of those that it is called with, by keyword after the star."""
    in_order, _, by_name = parameters.partition("*")
    in_order, by_name = in_order.replace(",", " ").split(), by_name.replace(",", " ").split()

    def check():
        signature = inspect.signature(found(name))
        assert list(signature.parameters)[: len(in_order)] == in_order
        signature.bind(*in_order, **dict.fromkeys(by_name))

    return Row(name, check, why, when)


def held(name, kind, owner, why, *, path=None, when=None):
    """An attribute: `owner` makes an object that has it, at `path` if it is not the object's own; `kind` is its type.

    `kind` may also be a function that is true of the attribute.
    """
    read = attrgetter(path or name.rpartition(".")[2])

    def check():
        with ExitStack() as stack:
            made = owner()
            if isinstance(made, joblib.Parallel):
                stack.enter_context(made)
            assert isinstance(read(made), kind) if isinstance(kind, type) else kind(read(made))

    return Row(name, check, why, when)


def instance(name, owner, why):
    """A class that `owner` makes an instance of."""

    def check():
        assert isinstance(owner(), found(name))

    return Row(name, check, why, None)


def logger(name, why):
    """A logger, which is called as its module is."""

    def check():
        assert found(name).__name__ in logging.Logger.manager.loggerDict

    return Row(name, check, why, None)


def found(name):
    """Import the object with a dotted name."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        return attrgetter(".".join(parts[n:]))(module) if n < len(parts) else module
    raise ImportError(name)


# --- owners ---------------------------------------------------------------------------------------------


def search():
    return GridSearchCV(LogisticRegression(), {"C": [1, 2]})


def printer():
    return importlib.import_module("sklearn.utils._pprint")._EstimatorPrettyPrinter()


def several_metrics():
    return check_scoring(LogisticRegression(), ["accuracy", "f1"])


def histogram_booster(**params):
    return HistGradientBoostingClassifier(**{"max_iter": 2, **params}).fit(np.eye(40), np.arange(40) % 2)


def booster_in_its_fit():
    """A booster that has noted whether it was in its fit when its rule for stopping early asked for a score."""
    seen = []
    rule = {"early_stopping": True, "validation_fraction": None}
    booster = histogram_booster(**rule, scoring=lambda booster, *_: seen.append(booster._in_fit) or len(seen))
    assert not hasattr(booster, "_in_fit")
    booster.in_fit_ = seen
    return booster


def callback_context():
    return search()._init_callback_context(max_subtasks=2)


def estimator_with_callbacks():
    from sklearn.callback import ScoringMonitor

    return search().set_callbacks(ScoringMonitor(scoring="accuracy"))


def loky():
    return joblib.Parallel(n_jobs=2, backend="loky")


def multiprocessing():
    return joblib.Parallel(n_jobs=2, backend="multiprocessing")


def study():
    made = optuna.create_study()
    made._thread_local.in_optimize_loop = True
    return made


def stopped_study():
    made = study()
    made.stop()
    return made


def trial():
    return study().ask()


def tpe():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True)


def nsgaii():
    return optuna.samplers.NSGAIISampler(seed=0)


def patient_pruner():
    return make_unwarned(optuna.pruners.PatientPruner, wrapped_pruner=optuna.pruners.MedianPruner(), patience=1)


def named_study(key):
    study = optuna.create_study()
    study._storage.set_study_system_attr(study._study_id, key, ["mean_test_score"])
    return study.metric_names == ["mean_test_score"]


BOOSTED = (np.arange(80.0).reshape(40, 2), np.arange(40) % 2)


def lightgbm_model():
    return importlib.import_module("lightgbm").LGBMClassifier(n_estimators=2, verbose=-1).fit(*BOOSTED)


def xgboost_model():
    return importlib.import_module("xgboost").XGBClassifier(n_estimators=2).fit(*BOOSTED)


def catboost_model():
    """A fitted estimator, and its state."""
    kind = importlib.import_module("catboost").CatBoostClassifier
    fitted = kind(n_estimators=2, verbose=0, allow_writing_files=False).fit(*BOOSTED)
    state = {"_loss_value_change": None, **fitted.__getstate__()}
    return SimpleNamespace(fitted=fitted, state=SimpleNamespace(**state))


def net():
    import skorch
    import torch

    return skorch.NeuralNet(torch.nn.Linear, torch.nn.MSELoss, module__in_features=1, module__out_features=1)


def initialized_net():
    return net().initialize()


def trimmed_net():
    made = initialized_net()
    made.trim_for_prediction()
    return made


def compiled_module():
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own
        return torch.compile(torch.nn.Linear(1, 1))


def cpu_operators():
    import torch

    return torch.ops.mkldnn


def the_torch():
    return importlib.import_module("torch")


def module():
    return the_torch().nn.Linear(1, 1)


def optimizer():
    return the_torch().optim.SGD(module().parameters())


def stepped_optimizer():
    made = optimizer()
    the_torch().optim.lr_scheduler.StepLR(made, 1)
    made.step()
    return made


def error_of_memory():
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, dtype=np.int8)
    return caught


# --- the names, a row each ------------------------------------------------------------------------------

SEARCH = "sklearn.model_selection._search"
VALIDATION = "sklearn.model_selection._validation"
SCORER = "sklearn.metrics._scorer"
TPE = "optuna.samplers.TPESampler"
SINCE_CALLBACKS = ("scikit-learn", ">=1.9")

# fmt: off
ROWS = [
    # scikit-learn: the search
    called(f"{SEARCH}.BaseSearchCV",
           "estimator *, scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score",
           "OptunaSearchCV inherits what surrounds the loop; scikit-learn has no public name for it."),
    called(f"{SEARCH}.BaseSearchCV._format_results", "self, candidate_params, n_splits, out, more_results",
           "The table has scikit-learn's columns, types and ranks in every version."),
    called(f"{SEARCH}.BaseSearchCV._select_best_index", "refit, refit_metric, results",
           "The best candidate is chosen as in GridSearchCV."),
    called(f"{SEARCH}.BaseSearchCV._check_refit_for_multimetric", "self, scores",
           "A wrong refit gets scikit-learn's error, to which the nearest metrics are added."),
    called(f"{SEARCH}.BaseSearchCV._get_scorers", "self",
           "Scorers are made as in GridSearchCV; the nearest scorers are added to its error."),
    called(f"{SEARCH}.BaseSearchCV._get_routed_params_for_fit", "self, params",
           "Arguments of fit go to estimator, scorer and splitter as in GridSearchCV, with routing and without."),
    called(f"{SEARCH}.BaseSearchCV._init_callback_context", "self *, max_subtasks",
           "A search calls the callbacks that are set on it.", when=SINCE_CALLBACKS),
    called(f"{SEARCH}._search_estimator_has", "attr",
           "Methods that are OptunaSearchCV's own are there if the estimator has them."),
    # scikit-learn: one fold
    called(f"{VALIDATION}._fit_and_score",
           "estimator, X, y *, scorer, train, test, verbose, parameters, fit_params, score_params, return_train_score, "
           "return_n_test_samples, return_times, split_progress, candidate_progress, error_score",
           "A fold is fitted, timed and scored, and its errors are dealt with, as in GridSearchCV."),
    called(f"{VALIDATION}._fit_and_score",
           "estimator, X, y *, scorer, train, test, verbose, parameters, fit_params, score_params, "
           "caller, callback_ctx",
           "A fold calls the callbacks of the search.", when=SINCE_CALLBACKS),
    called(f"{VALIDATION}._insert_error_scores", "results, error_score",
           "A failed fold has error_score for each metric that a scorer of the user's names in other folds."),
    called(f"{VALIDATION}._warn_or_raise_about_fit_failures", "results, error_score",
           "The warning about failed fits is scikit-learn's."),
    called("sklearn.utils._safe_indexing", "X, indices",
           "Rows of the training part are held out by their places, whatever holds the rows."),
    called("sklearn.utils.metaestimators._safe_split", "estimator, X, y, indices, train_indices",
           "Rows of precomputed kernels, data frames and lists are taken as scikit-learn takes them."),
    called("sklearn.utils.validation._check_method_params", "X *, params, indices",
           "Arguments with a value per row are split with the rows."),
    called("sklearn.utils.validation._num_samples", "x",
           "Rows are counted of whatever scikit-learn counts rows of."),
    # scikit-learn: scorers
    called(f"{SCORER}._MultimetricScorer", "*, scorers, raise_exc",
           "_fit_and_score knows a scorer of several metrics by its class; the watching one inherits from it."),
    held(f"{SCORER}._MultimetricScorer._scorers", dict, several_metrics,
         "Epochs are judged by one metric of several, and all are asked whether they only predict."),
    held(f"{SCORER}._MultimetricScorer._raise_exc", bool, several_metrics,
         "The watching scorer raises where the watched one does."),
    instance(f"{SCORER}._BaseScorer", lambda: get_scorer("accuracy"),
             "Such a scorer only predicts for the test rows, so their transforms can be shared."),
    instance(f"{SCORER}._PassthroughScorer", lambda: check_scoring(LogisticRegression()),
             "Such a scorer only calls the estimator's score, so transforms of the test rows can be shared."),
    # scikit-learn: parameters
    called("sklearn.base._fit_context", "*, prefer_skip_nested_validation",
           "Parameters are checked when fit begins, unless the user has switched that off."),
    called("sklearn.base.BaseEstimator._validate_params", "self",
           "The nearest scorers are added to scikit-learn's error."),
    held("sklearn.base.BaseEstimator._parameter_constraints", dict, search,
         "Parameters that GridSearchCV has, too, are checked as there."),
    held("sklearn.base.BaseEstimator._repr_html_", callable, search,
         "A property, whose method returns the diagram, to which a table is added; none where texts are displayed."),
    called("sklearn.base.BaseEstimator._repr_mimebundle_", "self",
           "What a notebook displays: the diagram under text/html, to which a table is added."),
    called("sklearn.base.BaseEstimator._get_param_names", "",
           "A constructor that takes further names tells its own from these."),
    called("sklearn.utils._param_validation.Interval", "type, left, right *, closed",
           "Numbers out of range get scikit-learn's error."),
    instance("sklearn.utils._param_validation.RealNotInt", lambda: 0.5, "The type of intervals without whole numbers."),
    called("sklearn.utils._param_validation.StrOptions", "options",
           "Unknown words get scikit-learn's error."),
    # scikit-learn: printing
    held("sklearn.utils._pprint._EstimatorPrettyPrinter", callable, printer,
         "A search is broken into lines as other estimators are.", path="__class__"),
    held("sklearn.utils._pprint._EstimatorPrettyPrinter._dispatch",
         lambda dispatch: callable(dispatch[BaseEstimator.__repr__]), printer,
         "The printer knows by this, for each __repr__, how to break an object that is too long for a line."),
    called("sklearn.utils._pprint._EstimatorPrettyPrinter._pprint_estimator",
           "self, object, stream, indent, allowance, context, level",
           "An estimator is broken by this; a search is, once its distributions are words."),
    held("sklearn.utils._pprint._EstimatorPrettyPrinter._width", lambda width: width == 80, printer,
         "A search that fits into a line is left in one."),
    # scikit-learn: the rest
    called("sklearn.utils.parallel._FuncWrapper", "function",
           "Its call exchanges the process's warning filters; it is replaced while folds run in threads."),
    held("sklearn.ensemble.RandomForestClassifier._validate_y_class_weight", callable, RandomForestClassifier,
         "A forest that grows by epochs would advise against its warm start at each of them."),
    held("sklearn.ensemble.HistGradientBoostingClassifier._predictors", list, histogram_booster,
         "a list, to which each iteration adds one; a prefix of it predicts as of that iteration"),
    held("sklearn.ensemble.HistGradientBoostingClassifier._in_fit", lambda seen: seen == [True] * 3,
         booster_in_its_fit, "rows are taken for binned ones where it is true", path="in_fit_"),
    held("sklearn.ensemble.HistGradientBoostingClassifier._scorer", type(None), histogram_booster,
         "None without a rule for stopping early"),
    held("sklearn.callback.CallbackSupportMixin._skl_callbacks", list, estimator_with_callbacks,
         "An estimator with callbacks cannot be fitted by epochs, and a search says so.", when=SINCE_CALLBACKS),
    held("sklearn.callback.CallbackContext._children_map", dict, callback_context,
         "A fold is sent its own hooks only, not the whole tree.", when=SINCE_CALLBACKS),
    # joblib
    called("joblib._memmapping_reducer._get_temp_dir", "pool_folder_name",
           "Shared files lie where joblib puts its memory maps, as JOBLIB_TEMP_FOLDER says."),
    called("joblib._utils.eval_expr", "expr",
           "pre_dispatch may be an expression, as in GridSearchCV."),
    held("joblib.Parallel._backend", joblib.parallel.ParallelBackendBase, loky,
         "Folds are submitted one by one, to the backend that joblib would use."),
    held("joblib.Parallel._backend_kwargs", lambda arguments: "max_nbytes" in arguments, loky,
         "Arrays are shared from the size on at which joblib maps them.", when=("joblib", ">=1.5")),
    held("joblib.Parallel._backend_args", lambda arguments: "max_nbytes" in arguments, loky,
         "The same, of older versions.", when=("joblib", "<1.5")),
    held("joblib.Parallel._id", str, loky,
         "Memory maps of a search lie in the folder that is removed when it ends."),
    held("joblib.parallel.LokyBackend._workers", lambda workers: callable(workers.submit), loky,
         "Calls can be called off, and workers be ended, on loky's executor only.", path="_backend._workers"),
    held("joblib.parallel.LokyBackend._workers._temp_folder_manager",
         lambda manager: callable(manager.set_current_context), loky,
         "Memory maps of a search lie in the folder that is removed when it ends.",
         path="_backend._workers._temp_folder_manager"),
    held("joblib.parallel.LokyBackend._workers._work_ids", lambda ids: callable(ids.get_nowait), loky,
         "Calls still queued are taken back before workers are killed; loky's thread would stumble over them.",
         path="_backend._workers._work_ids"),
    held("joblib.parallel.LokyBackend._workers._pending_work_items", dict, loky,
         "The same, where loky keeps the calls themselves.", path="_backend._workers._pending_work_items"),
    held("joblib.parallel.MultiprocessingBackend._pool", lambda pool: {process.pid for process in pool._pool},
         multiprocessing, "A process of the pool that died is seen by its id; the pool says nothing.",
         path="_backend._pool"),
    held("joblib.parallel.MultiprocessingBackend._pool._worker_handler", lambda thread: thread.is_alive(),
         multiprocessing, "The thread that replaces dead workers is ended before they are killed.",
         path="_backend._pool._worker_handler"),
    held("joblib.parallel.MultiprocessingBackend._pool._worker_handler._state", lambda state: state == "RUN",
         multiprocessing, "The same: it ends by this.", path="_backend._pool._worker_handler._state"),
    held("joblib.parallel.MultiprocessingBackend._pool._change_notifier", lambda queue: callable(queue.put),
         multiprocessing, "The same: it wakes up by this.", path="_backend._pool._change_notifier"),
    held("joblib.parallel.MultiprocessingBackend._pool._inqueue", lambda queue: callable(queue.get),
         multiprocessing, "See below.", path="_backend._pool._inqueue"),
    held("joblib.parallel.MultiprocessingBackend._pool._inqueue._rlock", lambda lock: callable(lock.acquire),
         multiprocessing, "A killed worker may have held it, and the pool would wait for it when it ends.",
         path="_backend._pool._inqueue._rlock"),
    held("joblib.parallel.MultiprocessingBackend._pool._outqueue", lambda queue: callable(queue.put),
         multiprocessing, "See below.", path="_backend._pool._outqueue"),
    held("joblib.parallel.MultiprocessingBackend._pool._outqueue._wlock",
         lambda lock: lock is None or callable(lock.acquire),
         multiprocessing, "The same, of a worker that was killed while it wrote its result.",
         path="_backend._pool._outqueue._wlock"),
    # Optuna: studies and trials
    held("optuna.Study._storage", optuna.storages.BaseStorage, study,
         "A pruned trial is told with a value of its own, and views of a study need what it reads from."),
    held("optuna.Study._study_id", int, study,
         "The values of a trial in memory have the names of their metrics, which set_metric_names would warn about."),
    held("optuna.Study._thread_local", lambda local: local.cached_all_trials is None and local.in_optimize_loop, study,
         "The study's list of trials is dropped where a trial was told past it; stop() asks whether a loop runs."),
    held("optuna.Study._stop_flag", lambda flag: flag is True, stopped_study,
         "A callback ends the search by study.stop(), as in optimize."),
    held("optuna.Trial._trial_id", int, trial,
         "The storage knows trials by this number."),
    called("optuna.Trial._suggest", "self, name, distribution",
           "A parameter is drawn from the very distribution that the space holds."),
    called("optuna.distributions.FloatDistribution._contains", "self, param_value_in_internal_repr",
           "Prescribed values out of range are left to the sampler."),
    called("optuna.distributions.CategoricalDistribution._contains", "self, param_value_in_internal_repr",
           "The same, of choices."),
    # Optuna: samplers, pruners, loggers
    held(f"{TPE}._multivariate", lambda value: value is True, tpe,
         "It is set without the warning about experimental arguments; so are the next five."),
    held(f"{TPE}._group", lambda value: value is True, tpe, "See above."),
    held(f"{TPE}._constant_liar", lambda value: value is True, tpe, "See above."),
    held(f"{TPE}._warn_independent_sampling", bool, tpe, "See above."),
    held(f"{TPE}._parzen_estimator_parameters", lambda value: value.multivariate and value._replace, tpe, "See above."),
    held(f"{TPE}._group_decomposed_search_space",
         lambda value: isinstance(value, found("optuna.search_space.group_decomposed._GroupDecomposedSearchSpace")),
         tpe, "See above."),
    called("optuna.search_space.group_decomposed._GroupDecomposedSearchSpace", "include_pruned",
           "A TPESampler that is grouped has one."),
    held(f"{TPE}._n_startup_trials", int, tpe,
         "A search with no more candidates has learnt nothing; the same of CmaEsSampler, and of our own."),
    held("optuna.samplers.NSGAIISampler._population_size", int, optuna.samplers.NSGAIISampler,
         "The first population is random."),
    held(f"{TPE}._rng", lambda lazy: isinstance(lazy.rng, RandomState), tpe,
         "A sampler that is kept over trials is seeded anew for each."),
    held(f"{TPE}._random_sampler", optuna.samplers.RandomSampler, tpe,
         "The same, of the sampler that draws TPE's first trials."),
    held(f"{TPE}._constraints_func", lambda value: value is None, tpe,
         "Before Optuna 5, constraints count for a sampler that has a function for them; it would warn about that."),
    held("optuna.samplers.NSGAIISampler._elite_population_selection_strategy",
         lambda part: part._constraints_func is None, nsgaii,
         "Each part of NSGA-II has such a function of its own."),
    held("optuna.samplers.NSGAIISampler._child_generation_strategy",
         lambda part: part._constraints_func is None, nsgaii,
         "See above."),
    held("optuna.samplers.NSGAIISampler._after_trial_strategy",
         lambda part: part._constraints_func is None, nsgaii,
         "See above."),
    held("optuna.pruners.PatientPruner._wrapped_pruner", optuna.pruners.MedianPruner, patient_pruner,
         "A pruner is checked for being one that folds or epochs can ask, also within a patient one."),
    logger("optuna.samplers._qmc",
           "Its line about conditional spaces does not apply: rows are drawn branch by branch."),
    logger("optuna.storages._in_memory", "The study of a search is none that the user has created."),
    logger("optuna.storages._rdb.storage", "The same, in a database."),
    held("optuna.study.study._SYSTEM_ATTR_METRIC_NAMES", named_study,
         lambda: importlib.import_module("optuna.study.study"),
         "The value of a trial in a storage has its metric's name, which set_metric_names would warn about."),
    instance("optuna.storages._CachedStorage", lambda: caching(optuna.storages.RDBStorage("sqlite://")),
             "RDBStorage reads all trials in order to count them."),
    # skorch
    held("skorch.NeuralNet._modules", lambda names: names == ["module"], initialized_net,
         "Weights of all modules are copied, also of those that a subclass adds."),
    held("skorch.NeuralNet._criteria", lambda names: names == ["criterion"], initialized_net,
         "The same, of criteria, which may have weights."),
    held("skorch.NeuralNet._optimizers", lambda names: names == ["optimizer"], initialized_net,
         "A step in fp16 scales the gradients of each."),
    held("skorch.NeuralNet._params_to_validate", set, net,
         "The error for an argument that is none names the nearest."),
    held("skorch.NeuralNet._trimmed_for_prediction", lambda value: value is True, trimmed_net,
         "It is the one private attribute that skorch has to find in a pickle or clone."),
    called("skorch.NeuralNet._uniquely_named_callbacks", "self",
           "Callbacks are looked at before fit under the names that their parameters are set by."),
    called("skorch.NeuralNet._zero_grad_optimizer", "self",
           "A step in fp16 begins as skorch's."),
    called("skorch.NeuralNet._get_param_names", "self",
           "skorch takes attributes of a net for parameters; ours are none."),
    called("skorch.NeuralNet._get_predict_nonlinearity", "self",
           "predict_proba reads numbers in a type that numpy knows."),
    called("skorch.NeuralNet._set_training", "self, training",
           "Modules that train already are not told again at each step."),
    called("skorch.NeuralNet._validate_params", "self",
           "The nearest arguments are added to skorch's error."),
    # boosters
    held("lightgbm.LGBMModel._Booster", lambda booster: type(booster).__name__ == "Booster", lightgbm_model,
         "A booster that is being trained predicts through its estimator, whose fit has not ended."),
    held("lightgbm.LGBMModel._n_features", int, lightgbm_model,
         "The same."),
    held("xgboost.XGBModel._Booster", lambda booster: booster.num_boosted_rounds() == 2, xgboost_model,
         "The same; and it is exchanged for its first rounds."),
    held("catboost.CatBoost.__model", bytes, catboost_model,
         "An estimator takes the model that another one trained.", path="state.__model"),
    held("catboost.CatBoost._prediction_values_change", list, catboost_model,
         "With it go its feature importances.", path="state._prediction_values_change"),
    held("catboost.CatBoost._loss_value_change", lambda value: value is None, catboost_model,
         "Those of another kind, if it has them.", path="state._loss_value_change"),
    held("catboost.CatBoost._n_features_in", lambda n: n == 2, catboost_model,
         "The model does not contain the number of features.", path="fitted._n_features_in"),
    held("catboost.CatBoost._init_params", lambda params: params["verbose"] == 0, catboost_model,
         "A fitted estimator lets no parameter be set, and its number of threads is that of the fold only.",
         path="fitted._init_params"),
    # torch and numpy
    held("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda has: isinstance(has(), bool), cpu_operators,
         "A CPU without bfloat16 emulates it, many times slower; no public function tells."),
    held("torch.nn.Module._orig_mod", lambda module: type(module).__name__ == "Linear", compiled_module,
         "A compiled criterion is told by the one inside."),
    held("torch._fused_adam_", callable, the_torch,
         "A step of Adam in one pass over the numbers; torch.optim calls it with one learning rate for all nets."),
    held("torch._fused_adamw_", callable, the_torch,
         "The same, of AdamW."),
    held("torch._foreach_add_", callable, the_torch,
         "Counts of steps are many small tensors, and one call for each costs more than the step."),
    held("torch._foreach_copy_", callable, the_torch,
         "Weights of nets that train together are copied into one tensor and back, before and after each epoch."),
    held("torch._C._functorch", lambda part: hasattr(part, "_is_vmap_fallback_enabled"), lambda: the_torch()._C,
         "vmap does an operation without a batched form model by model, with a warning, which needs a filter."),
    held("torch._C._functorch._is_vmap_fallback_enabled", lambda part: part() is True,
         lambda: the_torch()._C._functorch,
         "See above."),
    held("torch._C._functorch._set_vmap_fallback_enabled", callable, lambda: the_torch()._C._functorch,
         "See above."),
    held("torch.Tensor._version", int, lambda: the_torch().zeros(1),
         "A weight of classes that a callback changes in place makes another loss."),
    called("torch._guards.tracing", "context",
           "make_fx notes the shape of each tensor by a fake mode; to make one for each takes half of its time."),
    called("torch._guards.TracingContext", "fake_mode",
           "See above."),
    called("torch._subclasses.fake_tensor.FakeTensorMode", "* allow_fallback_kernels",
           "See above."),
    held("torch.nn.Module._forward_hooks", dict, module,
         "A net whose module calls a user's functions is not trained together with others."),
    held("torch.nn.Module._forward_pre_hooks", dict, module,
         "The same."),
    held("torch.nn.Module._backward_hooks", dict, module,
         "The same."),
    held("torch.nn.Module._backward_pre_hooks", dict, module,
         "The same."),
    held("torch.nn.Module._is_full_backward_hook", lambda value: value is None, module,
         "It is no setting of the user's by which modules differ."),
    held("torch.optim.Optimizer._optimizer_step_pre_hooks", dict, optimizer,
         "A net whose optimizer calls a user's functions is not trained together with others."),
    held("torch.optim.Optimizer._optimizer_step_post_hooks", dict, optimizer,
         "The same."),
    held("torch.optim.Optimizer._opt_called", lambda value: value is True, stepped_optimizer,
         "A schedule warns if its optimizer has made no step, and those of nets that train together make none."),
    held("torch.ops.aten._unsafe_view", callable, lambda: the_torch().ops.aten,
         "Operations that change nothing are left out of a step that is written down."),
    held("torch.ops.aten._schema", lambda schema: "self" in [each.name for each in schema.arguments],
         lambda: the_torch().ops.aten.relu.default,
         "An operation that draws random numbers is known by its tags, and attention by the dropout it is given."),
    held("numpy.exceptions._ArrayMemoryError", lambda name: name == ARRAY_MEMORY_ERROR, error_of_memory,
         "A fold that ran out of memory is known by its traceback.", path="type.__qualname__"),
]
# fmt: on


# --- the claims -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_private_name_is_as_it_is_used(row):
    pytest.importorskip(row.name.partition(".")[0])
    if row.when is not None and version(row.when[0]) not in SpecifierSet(row.when[1]):
        with pytest.raises((AttributeError, ImportError, TypeError)):
            row.check()
        return
    row.check()


def test_each_private_name_has_a_row_and_each_row_its_use():
    imported, asked = set(), names_overridden()
    for path in COMPAT.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported |= {name for name in names_imported(tree) if has_private(name)}
        asked |= set(names_asked(tree))
    names = {row.name for row in ROWS}
    assert imported <= names
    assert {name for name in asked if "." in name} <= names
    last = {name.rpartition(".")[2]: name for name in names}
    assert {name for name in asked if "." not in name} <= set(last)
    assert {name for name in names - imported - asked if name.rpartition(".")[2] not in asked} == set()


def names_imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.module.startswith("sk_optuna"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def names_asked(tree):
    """Private attributes of all objects but `self`, of which those that the file defines are its own; and strings."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and has_private(node.attr)]
    own |= {node.attr for node in nodes if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"}
    for node in nodes:
        if ast.unparse(node.value) != "self" or node.attr not in own:
            yield node.attr
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_name = all(part.isidentifier() for part in node.value.split("."))
            if is_name and has_private(node.value):
                yield node.value


def has_private(name):
    public = name == "_replace"  # of named tuples
    return not public and any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def names_overridden():
    """The names of the table in test_architecture.py."""
    tree = ast.parse(Path(__file__).with_name("test_architecture.py").read_text(encoding="utf-8"))
    (table,) = (each.value for each in tree.body if ast.unparse(each).startswith("OVERRIDDEN = "))
    return {name for _, name in ast.literal_eval(table)}
