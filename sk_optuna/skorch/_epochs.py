"""A net's epochs, told to whoever follows them, and ended by whoever may end them.

The report comes after all callbacks of an epoch, when the history is complete, from `notify`: skorch has no hook there,
and a callback added to the user's would be seen among them. Training ends as it does for skorch's own early stopping,
with `on_train_end`. skorch takes Ctrl-C for a wish to keep the net as it is; within a search it is a wish to end the
search, and the handler of SIGINT is watched to tell it from a callback that raises KeyboardInterrupt to stop early. Not
taken: one `fit_loop` an epoch, which would make datasets and loaders anew each time.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import numpy as np
import torch
from skorch import NeuralNet

from sk_optuna._compat._skorch import criterion_names, module_names
from sk_optuna.skorch._callbacks import explain_missing
from sk_optuna.skorch._labels import shown_as_labels
from sk_optuna.skorch._overrides import check_weighed, tell_of_lost
from sk_optuna.skorch._randomness import ASIDE, TRAINING
from sk_optuna.worker import current_fold

_STREAMS = {"on_train_begin": TRAINING, "on_epoch_begin": TRAINING, "on_epoch_end": ASIDE, "on_train_end": ASIDE}


class _TrainingEndsError(Exception):
    """The monitor said that training ends after this epoch."""


class _InterruptedError(BaseException):
    """Ctrl-C on its way past skorch, which would swallow a KeyboardInterrupt."""


class ReportsEpochs(NeuralNet):
    """Mixin: the epoch protocol, and Ctrl-C within a search."""

    monitor_: Any = None
    _interrupted = False

    def fit_epochs(self, X: Any, y: Any, monitor: Any, **fit_params: Any) -> Self:
        """Fit as `fit` does, and report each epoch.

        Parameters
        ----------
        X, y : array-like, or what else `fit` takes
            The training data.
        monitor : object
            Its ``report(train_loss=..., score=None)`` is called at the end of each epoch, after all callbacks, when the
            net predicts as of that epoch. If it returns True, training ends there, normally.
        **fit_params : dict
            As in `fit`.

        Returns
        -------
        self
            The net, as of the last epoch.
        """
        self.monitor_ = monitor
        try:
            return self.fit(X, y, **fit_params)  # type: ignore[no-any-return]
        finally:
            del self.monitor_

    def get_checkpoint(self) -> dict[str, Any]:
        """Return a copy of the weights and buffers of all modules and criteria, where they lie."""
        return {name: _copied(module.state_dict()) for name, module in self._trained_parts()}

    def set_checkpoint(self, state: dict[str, Any]) -> None:
        """Set weights and buffers to those of `get_checkpoint`; history and optimizer stay as they are.

        Parameters
        ----------
        state : dict
            What `get_checkpoint` of this net returned.
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
        try:
            with self._watching_interrupts():
                return super().fit_loop(X, y, epochs, **fit_params)
        except _TrainingEndsError:
            return self
        except KeyboardInterrupt:
            if self._interrupted:
                raise _InterruptedError from None
            raise

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        """Train without making the module anew; see `skorch.NeuralNet.partial_fit`."""
        try:
            return super().partial_fit(X, y, classes, **fit_params)
        except _TrainingEndsError:  # past the fit_loop of a subclass
            self.notify("on_train_end", X=X, y=y)
            return self
        except _InterruptedError:
            raise KeyboardInterrupt from None
        finally:
            self.__dict__.pop("_interrupted", None)

    @contextmanager
    def _watching_interrupts(self) -> Iterator[None]:
        """Within a search, remember whether a KeyboardInterrupt comes from the user."""
        handler = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if current_fold() is None or not is_main or not callable(handler):
            yield
            return

        def interrupt(signum: int, frame: Any) -> None:
            self._interrupted = True
            handler(signum, frame)

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the net's and the callbacks' method of that name; see `skorch.NeuralNet.notify`."""
        classes = self.hidden_classes() if method_name in ("on_batch_end", "on_epoch_end") else None
        stream = _STREAMS.get(method_name)
        if classes is None and stream is None:
            super().notify(method_name, **cb_kwargs)
            return
        ends = method_name == "on_epoch_end"
        try:
            with (
                self.drawing(stream) if stream else nullcontext(),
                nullcontext() if classes is None else shown_as_labels(self.callbacks_, classes),
            ):
                super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            if ends and not self._interrupted:  # a callback stops early, after this epoch
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
        """After the first epoch of a fit, say what it goes without."""
        if self.fitting_ is not None and not self.fitting_.told:
            self.fitting_.told = True
            check_weighed(self)
            tell_of_lost(self)

    def _report_epoch(self) -> bool:
        return self.monitor_ is not None and bool(self.monitor_.report(train_loss=self._train_loss(), score=None))

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
