"""Predict numbers with a LightningModule: y takes the shape of the module's outputs, predictions the shape of y."""

from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import LightningModule
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.lightning._base import LightningEstimator
from sk_optuna.lightning._batches import as_tensor


class LightningRegressor(RegressorMixin, LightningEstimator):
    """Predict numbers with a LightningModule.

    Parameters
    ----------
    module : type
        A class derived from :class:`lightning.pytorch.LightningModule`. Its `training_step` receives a batch as the
        pair ``(X, y)``, with X of shape (batch, n_features, ...) and y, float32, of the shape that its `forward`
        returns for X: (batch, n_outputs) or, for one output, also (batch,). So the loss never compares a column with a
        row.

    max_epochs : int, default=10
        Passes over the rows.

    batch_size : int, default=128
        Rows in a batch of training; predictions are made for four times as many at once. A single row left at the end
        joins the last batch.

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
        :class:`lightning.pytorch.Trainer`. All of them can be searched. ``module__n_features`` and
        ``module__n_outputs`` may be ``"auto"``, for the number that the data tell; where the class requires one of them
        and it is not given, it is filled in as well.

    Attributes
    ----------
    module_ : LightningModule
        The trained module, without its Trainer.
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
    LightningClassifier : The same for labels; its notes hold here too.
    sklearn.compose.TransformedTargetRegressor : Scales y, which a net wants near 0 and 1; epochs are followed in it.

    Examples
    --------
    >>> import torch
    >>> from lightning.pytorch import LightningModule
    >>> from sklearn.datasets import make_regression
    >>> from sk_optuna.lightning import LightningRegressor
    >>> class Linear(LightningModule):
    ...     def __init__(self, n_features, n_outputs, lr=1.0):
    ...         super().__init__()
    ...         self.lr = lr
    ...         self.layer = torch.nn.Linear(n_features, n_outputs)
    ...     def forward(self, X):
    ...         return self.layer(X)
    ...     def training_step(self, batch, batch_idx):
    ...         X, y = batch
    ...         return torch.nn.functional.mse_loss(self(X), y)
    ...     def configure_optimizers(self):
    ...         return torch.optim.Adam(self.parameters(), lr=self.lr)
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> net = LightningRegressor(Linear, max_epochs=50, batch_size=20, random_state=0)
    >>> net.fit(X, y).score(X, y) > 0.9
    True
    """

    _size_names = ("n_features", "n_outputs")

    def __init__(
        self,
        module: type[LightningModule],
        *,
        max_epochs: int = 10,
        batch_size: int = 128,
        accelerator: str = "auto",
        dtype: Literal["float32", "int64"] | None = "float32",
        random_state: int | np.random.RandomState | None = None,
        **kwargs: Any,
    ) -> None:
        self.module = module
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.accelerator = accelerator
        self.dtype = dtype
        self.random_state = random_state
        self._init(kwargs)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Predict numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions with as many dimensions as y had in `fit`.
        """
        outputs: np.ndarray[Any, Any] = self._forward(X).double().numpy()
        return outputs.reshape(len(outputs), *self._target_shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    def _check_targets(self, y: Any) -> None:
        check_array(y, ensure_2d=False, input_name="y")

    def _as_tensors(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, int]]:
        X, y = self._validated(X, y, multi_output=True, y_numeric=True)
        if y.ndim > 2:
            raise InvalidArgumentError(f"y must be of shape (n_samples,) or (n_samples, n_outputs), got {y.shape}.")
        self._target_shape = y.shape[1:]
        targets = y.reshape(len(y), -1).astype(np.float32)
        return as_tensor(X), as_tensor(targets), {"n_features": X.shape[1], "n_outputs": targets.shape[1]}

    def _shaped(self, targets: torch.Tensor, outputs: torch.Tensor | None) -> torch.Tensor:
        """Return the targets in the shape of the module's outputs."""
        if outputs is None:
            return targets
        n_rows, n_outputs = len(outputs), targets.shape[1]
        allowed = [(n_rows, n_outputs)] + ([(n_rows,)] if n_outputs == 1 else [])
        if tuple(outputs.shape) not in allowed:
            raise InvalidArgumentError(
                f"{type(self.module_).__name__}.forward returns shape {tuple(outputs.shape)} for {n_rows} rows, but y "
                f"has {n_outputs} outputs: it must be {' or '.join(map(str, allowed))}. Build the last layer with an "
                "argument n_outputs, which is filled in."
            )
        return targets.reshape(-1, *outputs.shape[1:])
