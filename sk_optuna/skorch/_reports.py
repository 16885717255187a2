"""Report each epoch of a net to the search, which may end the training there.

The report comes from `notify`, after all callbacks of an epoch, when the history is complete. skorch has no hook at
that moment, and a callback of ours would show among the user's. Training ends as with skorch's own early stopping, with
`on_train_end`. On Ctrl-C, skorch keeps the net as it is; within a search, Ctrl-C ends the search, while a callback that
raises KeyboardInterrupt ends only its net's training (`worker._interrupts` tells them apart). Not taken: one `fit_loop`
an epoch, which would make datasets and loaders anew each time.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet

from sk_optuna._compat._skorch import criterion_names, module_names
from sk_optuna.epochs import ParksMonitor
from sk_optuna.skorch._callbacks import explain_missing
from sk_optuna.skorch._labels import shown_as_labels
from sk_optuna.skorch._overrides import check_weighed, tell_of_lost
from sk_optuna.skorch._random_streams import ASIDE, TRAINING
from sk_optuna.worker import Interrupts, current_fold, delivered, watched

STREAMS = {"on_train_begin": TRAINING, "on_epoch_begin": TRAINING, "on_epoch_end": ASIDE, "on_train_end": ASIDE}


class _TrainingEndsError(Exception):
    """Ends the training after the epoch that the monitor stopped."""


class ReportsEpochs(ParksMonitor, NeuralNet):
    """Mixin: the epoch protocol, and Ctrl-C within a search."""

    # Ctrl-C during the fit that runs.
    _interrupts: Interrupts | None = None

    def get_checkpoint(self) -> dict[str, Any]:
        """Return a copy, on the same device, of the weights and buffers of all modules and criteria."""
        return {name: _copied(module.state_dict()) for name, module in self._trained_parts()}

    def set_checkpoint(self, state: dict[str, Any]) -> None:
        """Set weights and buffers to those of `get_checkpoint`; history and optimizer stay as they are.

        Parameters
        ----------
        state : dict
            From `get_checkpoint` of this net.
        """
        for name, module in self._trained_parts():
            if name in state:
                module.load_state_dict(state[name])

    def _trained_parts(self) -> Iterator[tuple[str, torch.nn.Module]]:
        for name in [*module_names(self), *criterion_names(self)]:
            part = getattr(self, name + "_", None)
            if isinstance(part, torch.nn.Module):
                yield name, part

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        """Run the epochs of one fit; see `skorch.NeuralNet.fit_loop`."""
        watching = watched() if current_fold() is not None else nullcontext(Interrupts())
        try:
            with watching as self._interrupts, self._interrupts.carried():
                return super().fit_loop(X, y, epochs, **fit_params)
        except _TrainingEndsError:
            return self
        finally:
            self.__dict__.pop("_interrupts", None)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        """Train without making the module anew; see `skorch.NeuralNet.partial_fit`."""
        try:
            with delivered():
                return super().partial_fit(X, y, classes, **fit_params)
        except _TrainingEndsError:  # a subclass overrides fit_loop
            self.notify("on_train_end", X=X, y=y)
            return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the net's and the callbacks' method of that name; see `skorch.NeuralNet.notify`."""
        classes = self._hidden_classes() if method_name in ("on_batch_end", "on_epoch_end") else None
        stream = STREAMS.get(method_name)
        if classes is None and stream is None:
            super().notify(method_name, **cb_kwargs)
            return
        ends = method_name == "on_epoch_end"
        try:
            with (
                self._drawing(stream) if stream else nullcontext(),
                nullcontext() if classes is None else shown_as_labels(self.callbacks_, classes),
            ):
                super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            by_user = self._interrupts is not None and self._interrupts.by_user
            # a callback stops the training after this epoch
            if ends and not by_user:
                self._report_epoch()
            raise
        except KeyError as error:
            if ends:
                explain_missing(self, error)
            raise
        if ends:
            self._look_at_overrides()
            if self._report_epoch():
                raise _TrainingEndsError

    def _look_at_overrides(self) -> None:
        """After the first epoch of a fit, name the features that overrides have cost."""
        if self._fitting_ is not None and not self._fitting_.told:
            self._fitting_.told = True
            check_weighed(self)
            tell_of_lost(self)

    def _report_epoch(self) -> bool:
        return self._monitor is not None and bool(self._monitor.report(train_loss=self._train_loss(), score=None))

    def _train_loss(self) -> float | None:
        """Return the mean loss of the epoch that ends, from the history."""
        epoch = self.history[-1]
        if "train_loss" in epoch:
            return float(epoch["train_loss"])
        batches = [batch for batch in epoch["batches"] if "train_loss" in batch]
        if not batches:
            return None
        sizes = [batch["train_batch_size"] for batch in batches]
        return float(np.average([batch["train_loss"] for batch in batches], weights=sizes))


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.detach().clone() if isinstance(value, torch.Tensor) else value for name, value in state.items()}
