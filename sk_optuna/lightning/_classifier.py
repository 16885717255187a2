"""Classify with a LightningModule: labels become numbers, outputs become probabilities."""

from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import LightningModule
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning._base import LightningEstimator
from sk_optuna.lightning._batches import as_tensor


class LightningClassifier(ClassifierMixin, LightningEstimator):
    """Classify with a LightningModule.

    Parameters
    ----------
    module : type
        A class derived from :class:`lightning.pytorch.LightningModule`. Its `training_step` receives a batch as the
        pair ``(X, y)``, with X of shape (batch, n_features, ...) and y the numbers of the classes, int64 of shape
        (batch,). Its `forward` receives X and returns the outputs, see `output`. Its `configure_optimizers` is the
        Trainer's as ever.

    max_epochs : int, default=10
        Passes over the rows.

    batch_size : int, default=128
        Rows in a batch of training; predictions are made for four times as many at once. A single row left at the end
        joins the last batch.

    output : {"logits", "probabilities", "log_probabilities"}, default="logits"
        The kind of numbers that `forward` returns, of shape (batch, n_classes). For two classes the shape may be
        (batch, 1) or (batch,), with the numbers of the second class. A module that ends in a softmax returns
        ``"probabilities"``; taken for logits, they would make `predict_proba` too flat.

    accelerator : str, default="auto"
        The Trainer's accelerator, for training and predictions: ``"cpu"``, ``"gpu"``, ``"mps"``. After unpickling it is
        chosen again; on a machine without it, the CPU predicts.

    dtype : {"float32", "int64"} or None, default="float32"
        The dtype that X is converted to: ``"int64"`` for tokens' numbers that go to an Embedding, None to keep X's own.

    random_state : int, RandomState instance or None, default=None
        Seed of initialisation, order of the rows, dropout, and all other random numbers of the module. None takes a new
        seed at each fit; in an :class:`~sk_optuna.OptunaSearchCV`, one that follows from the search's `random_state`.

    **kwargs
        ``module__x`` is handed to the class as its argument ``x``, and ``trainer__x`` to
        :class:`lightning.pytorch.Trainer`. All of them can be searched. ``module__n_features``, ``module__n_classes``
        and ``module__n_outputs`` may be ``"auto"``, for the number that the data tell; where the class requires one of
        them and it is not given, it is filled in as well.

    Attributes
    ----------
    module_ : LightningModule
        The trained module, without its Trainer.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_epochs_ : int
        Epochs trained.
    train_losses_ : ndarray of shape (`n_epochs_`,)
        Mean loss of each epoch on the training rows.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X has names.

    Raises
    ------
    InvalidArgumentError
        From `fit`, before the first epoch: if `module` is not a class of that kind, misses an argument or takes no such
        argument, if the Trainer refuses one, if a callback or scheduler waits for a validation loop, or if the module's
        outputs do not fit y. After an epoch, if the weights are no longer finite.

    See Also
    --------
    LightningRegressor : The same for numbers.

    Notes
    -----
    The Trainer is quiet here: no progress bar, logger, summary or checkpoint files, unless asked for with
    ``trainer__enable_progress_bar=True`` and the like. No validation loop is run and `validation_step` is not called:
    in a search the fold's test rows are the validation set, and the search scores them. So nothing logs a
    ``"val_loss"``, and an EarlyStopping, a ModelCheckpoint or a ReduceLROnPlateau that monitors it is refused: let it
    monitor a value that `training_step` logs, or search with ``report="epoch"`` and a pruner, or ``checkpoint="best"``.

    One device is used. Nets that train in threads of one process take turns, since torch's random generators belong to
    the process; to train side by side, use process workers. On the CPU, the number of torch threads changes the last
    bits of sums, which BatchNorm and Adam amplify. In the folds of an OptunaSearchCV torch has one thread, or joblib's
    `inner_max_num_threads`, so that scores are the same at any `n_jobs`; elsewhere set the number yourself.

    A search with ``report="epoch"`` follows the net epoch by epoch.

    This class is not for a module that needs a DataModule, or rows that are no arrays:
    :class:`~sk_optuna.FunctionEstimator` wraps a function that uses the Trainer in any way.

    Examples
    --------
    >>> import torch
    >>> from lightning.pytorch import LightningModule
    >>> from sklearn.datasets import load_iris
    >>> from sk_optuna.lightning import LightningClassifier
    >>> class Softmax(LightningModule):
    ...     def __init__(self, n_features, n_classes, lr=0.1):
    ...         super().__init__()
    ...         self.lr = lr
    ...         self.layer = torch.nn.Linear(n_features, n_classes)
    ...     def forward(self, X):
    ...         return self.layer(X)
    ...     def training_step(self, batch, batch_idx):
    ...         X, y = batch
    ...         return torch.nn.functional.cross_entropy(self(X), y)
    ...     def configure_optimizers(self):
    ...         return torch.optim.Adam(self.parameters(), lr=self.lr)
    >>> X, y = load_iris(return_X_y=True)
    >>> net = LightningClassifier(Softmax, max_epochs=20, batch_size=16, module__lr=0.05, random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    _size_names = ("n_features", "n_classes", "n_outputs")

    def __init__(
        self,
        module: type[LightningModule],
        *,
        max_epochs: int = 10,
        batch_size: int = 128,
        output: Literal["logits", "probabilities", "log_probabilities"] = "logits",
        accelerator: str = "auto",
        dtype: Literal["float32", "int64"] | None = "float32",
        random_state: int | np.random.RandomState | None = None,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.output = output
        self.accelerator = accelerator
        self.dtype = dtype
        self.random_state = random_state
        self._init(kwargs)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels as in `fit`.
        """
        numbers = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray[Any, Any] = self.classes_[numbers]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray[Any, Any]:
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, classes in the order of ``classes_``.
        """
        outputs = self._forward(X)
        if outputs.ndim == 1 or outputs.shape[1] < len(self.classes_):
            second = self._probabilities(outputs.reshape(-1), torch.sigmoid)
            by_class = torch.stack([1 - second, second], dim=1)
        else:
            by_class = self._probabilities(outputs, lambda logits: logits.softmax(dim=1))
        probabilities: np.ndarray[Any, Any] = by_class.numpy()
        return probabilities

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _probabilities(self, outputs: torch.Tensor, of_logits: Any) -> torch.Tensor:
        outputs = outputs.double()
        if self.output == "logits":
            outputs = of_logits(outputs)
        return outputs.exp() if self.output == "log_probabilities" else outputs

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.output not in ("logits", "probabilities", "log_probabilities"):
            raise InvalidArgumentError(
                f"output must be 'logits', 'probabilities' or 'log_probabilities', got {self.output!r}."
            )

    def _check_targets(self, y: Any) -> None:
        check_array(y, ensure_2d=False, dtype=None, input_name="y")
        column_or_1d(y)
        check_classification_targets(y)

    def _as_tensors(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, int]]:
        X, y = self._validated(X, y)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        n_classes = len(self.classes_)
        sizes = {"n_features": X.shape[1], "n_classes": n_classes, "n_outputs": n_classes}
        return as_tensor(X), as_tensor(numbers.astype(np.int64)), sizes

    def _shaped(self, targets: torch.Tensor, outputs: torch.Tensor | None) -> torch.Tensor:
        """Return the targets unchanged, after a check of the module's outputs."""
        if outputs is None:
            return targets
        n_rows, n_classes = len(outputs), len(self.classes_)
        allowed = [(n_rows, n_classes)] + ([(n_rows, 1), (n_rows,)] if n_classes <= 2 else [])
        if tuple(outputs.shape) not in allowed:
            raise InvalidArgumentError(
                f"{type(self.module_).__name__}.forward returns shape {tuple(outputs.shape)} for {n_rows} rows, but y "
                f"has {n_classes} classes: it must be {' or '.join(map(str, allowed))}. Build the last layer with an "
                "argument n_classes, which is filled in."
            )
        if self.output == "probabilities" and not bool(((outputs >= 0) & (outputs <= 1)).all()):
            raise InvalidArgumentError(
                f"{type(self.module_).__name__}.forward returns values outside [0, 1], which are no probabilities. "
                "Say output='logits', or 'log_probabilities'."
            )
        return targets
