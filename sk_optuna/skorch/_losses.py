"""Weigh the rows in the loss of a batch, and check that outputs, criterion and y fit, on the first batch.

skorch makes the criterion. To have the losses of single rows, its `reduction` is set to "none" for one call. Not taken:
a second criterion, which would have parameters of its own and bypass the methods that users override.
"""

from typing import Any

from skorch import NeuralNet
from skorch.dataset import get_len
from skorch.utils import to_tensor
from torch import Tensor, nn

from sk_optuna._compat._torch import uncompiled
from sk_optuna.exceptions import InvalidArgumentError
from sk_optuna.skorch._first_batch import check_loss, describe, is_misfit, misfit
from sk_optuna.skorch._overrides import check_weighed, overridden
from sk_optuna.skorch._weights import own_of_mean, own_weights, weighted_mean


class WeighsRows(NeuralNet):
    """Mixin: `get_loss` applies weights, and checks the first batch of each fit."""

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of a batch; see `skorch.NeuralNet.get_loss`."""
        fitting = self._fitting_
        if fitting is None or (fitting.looked_at and not fitting.has_weights):
            return super().get_loss(self._aligned(y_pred, y_true), y_true, *args, **kwargs)
        y_true = to_tensor(y_true, device=self.device)
        y_pred = self._aligned(y_pred, y_true)
        if fitting.looked_at:
            return self._loss(y_pred, y_true, *args, **kwargs)
        fitting.looked_at = True
        criterion = uncompiled(self.criterion_)
        self._check_first_batch(criterion, y_pred, y_true)
        try:
            loss = self._loss(y_pred, y_true, *args, **kwargs)
        except Exception as error:
            if is_misfit(error):
                raise misfit(criterion, y_pred, y_true, error) from error
            raise
        # an override may reduce several losses to one
        if not overridden(self, "get_loss"):
            check_loss(criterion, loss)
        return loss

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the module's output for a batch; see `skorch.NeuralNet.infer`."""
        fitting = self._fitting_
        if fitting is None or fitting.looked_at:
            return super().infer(x, **fit_params)
        fitting.ran.add("infer")
        try:
            return super().infer(x, **fit_params)
        except Exception as error:
            if is_misfit(error):
                error.add_note(f"The module failed at the first batch ({describe(x)}). {self._about_features()}")
            raise

    def _about_features(self) -> str:
        """Return a hint about n_features for an error at the first batch."""
        return "Does the module take such rows?"

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run one epoch of training or validation; see `skorch.NeuralNet.run_single_epoch`."""
        fitting = self._fitting_
        if training and fitting is not None and fitting.must_weigh and not fitting.weighed:
            step_fn = self._looking_for_weights(step_fn)
        super().run_single_epoch(iterator, training=training, prefix=prefix, step_fn=step_fn, **fit_params)

    def _looking_for_weights(self, step_fn: Any) -> Any:
        def step(batch: Any, **fit_params: Any) -> Any:
            made = step_fn(batch, **fit_params)
            check_weighed(self)
            return made

        return step

    def _aligned(self, y_pred: Any, y_true: Any) -> Any:
        """Return the module's output in the shape of y."""
        return y_pred

    def _check_first_batch(self, criterion: Any, y_pred: Any, y_true: Any) -> None:
        """Raise InvalidArgumentError where output, criterion and y do not belong together."""

    def _loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._fitting_.weighs_batch:
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        self._fitting_.weighed = True
        criterion = uncompiled(self.criterion_)
        if weighs_classes(criterion) and isinstance(y_pred, Tensor) and y_true.ndim == 1:
            table = self._fitting_.weights_by_class(y_pred)
            if table is not None and y_pred.shape[1:] == table.shape:
                criterion.weight = table
                try:
                    return super().get_loss(y_pred, y_true, *args, **kwargs)
                finally:
                    criterion.weight = None
        reduction = getattr(criterion, "reduction", None)
        if reduction not in ("mean", "sum"):
            raise InvalidArgumentError(
                "class_weight and sample_weight need the losses of single rows, but criterion="
                f"{type(criterion).__name__} has reduction={reduction!r}. "
                "Use a loss of torch.nn with reduction='mean', or leave the weights out."
            )
        criterion.reduction = "none"
        try:
            losses = super().get_loss(y_pred, y_true, *args, **kwargs)
        finally:
            criterion.reduction = reduction
        if not isinstance(losses, Tensor) or losses.ndim == 0 or len(losses) != get_len(y_true):
            raise InvalidArgumentError(
                "class_weight and sample_weight need the losses of single rows, but criterion="
                f"{type(criterion).__name__} gave none under reduction='none'. Leave the weights out, or give it one."
            )
        weights = self._fitting_.weights_of(y_true, losses)
        if reduction == "sum":
            return weighted_mean(losses, weights, divide=False)
        own = own_weights(criterion, y_true)
        if type(criterion).__module__.partition(".")[0] != "torch":
            mean = super().get_loss(y_pred, y_true, *args, **kwargs)
            own = own_of_mean(mean.detach(), losses.detach(), own, name=type(criterion).__name__)
        return weighted_mean(losses, weights, own=own)


def weighs_classes(criterion: Any) -> bool:
    """Return whether torch's own class weights give the same loss; they need fewer small operations."""
    return (
        type(criterion) in (nn.CrossEntropyLoss, nn.NLLLoss)
        and criterion.weight is None
        and criterion.reduction == "mean"
        and not getattr(criterion, "label_smoothing", 0)
    )
