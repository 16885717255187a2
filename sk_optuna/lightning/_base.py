"""Put a LightningModule behind `fit` and `predict`; a Trainer does the training.

The parameter is the module's class, not an instance: an estimator is cloned for every fold, and a clone of an instance
would begin with the weights that an earlier fit left. The Trainer lives as long as a fit: it refers to data, loops and
devices, none of which a pickle could or should hold.
"""

import copy
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_optuna._compat._sklearn import Interval, fit_context, parameter_names
from sk_optuna.epochs import ParksMonitor
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning._batches import ShuffledBatches, as_tensor, forward
from sk_optuna.lightning._monitors import check_callbacks
from sk_optuna.lightning._names import (
    MODULE,
    TRAINER,
    check_handed_on,
    check_module,
    check_open_name,
    is_handed_on,
    module_arguments,
)
from sk_optuna.lightning._seeding import OwnRandomness
from sk_optuna.lightning._trainer import as_callbacks, build_trainer, make_trainer, switches_kept
from sk_optuna.lightning._training import ReportEpochs, quiet, train
from sk_optuna.worker import seed_of

_DTYPES = ("float32", "int64", None)
# Training batches in one batch of predictions, which need no gradients and so a fraction of the memory.
_BATCHES_AT_ONCE = 4


class LightningEstimator(ParksMonitor, BaseEstimator):
    """Base of LightningClassifier and LightningRegressor, whose targets differ."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }
    _size_names: ClassVar[tuple[str, ...]]
    module_: LightningModule

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with those arguments of the module and the Trainer that were given.

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
        return {**params, **{name: value for name, value in vars(self).items() if is_handed_on(name)}}

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params
            Values by name; ``module__x`` and ``trainer__x`` for every argument ``x`` that the module or the Trainer
            takes.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        InvalidArgumentError
            If there is no parameter of that name; nothing is set then.
        """
        own = {name: value for name, value in params.items() if not is_handed_on(name)}
        handed_on = {name: value for name, value in params.items() if is_handed_on(name)}
        known = parameter_names(self)
        for name in own:
            if name not in known:
                check_open_name(name, self)
        module = own.get("module", self.module)
        if isinstance(module, type) and issubclass(module, LightningModule):
            check_handed_on(handed_on, module)
        super().set_params(**own)
        self.__dict__.update(handed_on)
        return self

    def check_fit(self, X: Any = None, y: Any = None) -> None:
        """Refuse parameters and data that `fit` would refuse; a search calls this before its first fit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features, ...), default=None
            Rows; without them only the parameters are checked.
        y : array-like of shape (n_samples,) or, for a regressor, also (n_samples, n_outputs), default=None
            Targets.

        Raises
        ------
        InvalidArgumentError
            If the module, an argument of it or of the Trainer, another parameter, or the data cannot be used.
        """
        try:
            self._check_parameters()
            if X is not None:
                self._check_data(X, y)
        except InvalidArgumentError:
            raise
        except (TypeError, ValueError) as error:  # from scikit-learn
            raise InvalidArgumentError(str(error)) from error

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Train a new module.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features, ...)
            Rows.
        y : array-like of shape (n_samples,) or, for a regressor, also (n_samples, n_outputs)
            Targets.

        Returns
        -------
        estimator
            Itself.
        """
        self._check_arguments()
        rows, targets, sizes = self._as_tensors(X, y)
        seed = seed_of(self.random_state)
        randomness = OwnRandomness(seed)
        reports = ReportEpochs(self._monitor, randomness)
        with quiet():
            trainer = make_trainer(self._trainer_arguments(), reports)
            self._device = trainer.strategy.root_device
            with randomness.on(self._device):
                self.module_ = self._make_module(sizes)
                targets = self._shaped(targets, self._outputs_for(rows[:2]))
                generator = torch.Generator().manual_seed(seed)
                train(trainer, self.module_, ShuffledBatches(rows, targets, self.batch_size, generator), reports)
        self.n_epochs_ = len(reports.train_losses)
        self.train_losses_ = np.array(reports.train_losses)
        return self

    def get_checkpoint(self) -> Any:
        """Return a copy of the module's weights and buffers."""
        return copy.deepcopy(self.module_.state_dict())

    def set_checkpoint(self, state: Any) -> None:
        """Go back to weights and buffers.

        Parameters
        ----------
        state : object
            From `get_checkpoint`.
        """
        self.module_.load_state_dict(state)

    def _init(self, handed_on: Mapping[str, Any]) -> None:
        """Store the arguments of the module and the Trainer."""
        for name, value in handed_on.items():
            check_open_name(name, self)
            setattr(self, name, value)

    def _handed_on(self, prefix: str = "") -> dict[str, Any]:
        """Return the arguments to hand on whose names begin with `prefix`, by the names without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in vars(self).items()
            if is_handed_on(name) and name.startswith(prefix)
        }

    @fit_context(prefer_skip_nested_validation=True)
    def _check_parameters(self) -> None:
        """Refuse parameters with which no fit could begin; a Trainer is built, since it checks its own arguments."""
        self._check_arguments()
        module_arguments(self.module, self._handed_on(MODULE), dict.fromkeys(self._size_names, 1))
        with switches_kept(), quiet():
            make_trainer(self._trainer_arguments())

    def _check_arguments(self) -> None:
        check_module(self.module)
        check_handed_on(self._handed_on(), self.module)
        self._check_dtype()
        arguments = self._handed_on(TRAINER)
        check_callbacks(
            as_callbacks(arguments.get("callbacks")),
            self.module,
            checkpoints=bool(arguments.get("enable_checkpointing", False)),
        )

    def _check_data(self, X: Any, y: Any) -> None:
        """Refuse rows and targets that no network can take; a Pipeline may still scale them before this one."""
        if y is None:
            raise InvalidArgumentError(f"y is None, but {type(self).__name__} requires y to be passed.")
        try:
            check_array(X, allow_nd=True, ensure_min_samples=2, estimator=self, input_name="X")
        except ValueError as error:
            if "contains NaN" not in str(error):
                raise
            raise InvalidArgumentError(
                f"X contains NaN, which {type(self).__name__} cannot take. Fill in what is missing first, with a "
                "SimpleImputer in a Pipeline before it, or leave those rows out."
            ) from error
        self._check_targets(y)

    def _trainer_arguments(self) -> dict[str, Any]:
        return {"accelerator": self.accelerator, "max_epochs": self.max_epochs, **self._handed_on(TRAINER)}

    def _make_module(self, sizes: Mapping[str, int]) -> LightningModule:
        module: LightningModule = self.module(**module_arguments(self.module, self._handed_on(MODULE), sizes))
        return module

    def _outputs_for(self, rows: torch.Tensor) -> torch.Tensor | None:
        """Return the outputs of the untrained module for a few rows; None if only the Trainer completes the module."""
        if type(self.module_).configure_model is not LightningModule.configure_model:
            return None
        return forward(self.module_, rows, len(rows))

    def _forward(self, X: Any) -> torch.Tensor:
        """Return the module's outputs for rows."""
        check_is_fitted(self, "module_")
        self._check_dtype()
        X = validate_data(self, X, reset=False, dtype=self.dtype, allow_nd=True)
        self.module_.to(self._predict_device())
        return forward(self.module_, as_tensor(X), self.batch_size * _BATCHES_AT_ONCE)

    def _predict_device(self) -> torch.device:
        """Return the device for predictions; it is chosen again after unpickling, perhaps on another machine."""
        if vars(self).get("_device") is None:
            try:
                with quiet():
                    self._device = build_trainer(self._trainer_arguments()).strategy.root_device
            except (MisconfigurationException, ImportError):  # this machine lacks the accelerator
                self._device = torch.device("cpu")
        return self._device

    def _check_dtype(self) -> None:
        if self.dtype not in _DTYPES:
            raise InvalidArgumentError(f"dtype must be 'float32', 'int64' or None, got {self.dtype!r}.")

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without this machine's devices; weights lie on the CPU."""
        state = super().__getstate__()
        state.pop("_device", None)
        if "module_" in state and any(weights.device.type != "cpu" for weights in state["module_"].parameters()):
            state["module_"] = copy.deepcopy(state["module_"]).cpu()
        return state

    def _as_tensors(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, int]]:
        """Return rows and targets as tensors, and the sizes in `_size_names`, which "auto" stands for."""
        raise NotImplementedError

    def _check_targets(self, y: Any) -> None:
        raise NotImplementedError

    def _shaped(self, targets: torch.Tensor, outputs: torch.Tensor | None) -> torch.Tensor:
        raise NotImplementedError

    def _validated(self, X: Any, y: Any, **checks: Any) -> tuple[Any, Any]:
        self._check_dtype()
        X, y = validate_data(self, X, y, dtype=self.dtype, allow_nd=True, ensure_min_samples=2, **checks)
        return X, y
