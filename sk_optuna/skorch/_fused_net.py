"""Have a net of a search train its epochs together with the nets of other folds.

Only the training of an epoch is another. The net brings its epoch to the meeting that its thread is a member of, waits,
and finds itself trained by one epoch; before and after it is an ordinary net in an ordinary `fit_loop`. Whatever cannot
be trained so is trained by the net itself, with the reason noted.
"""

from collections.abc import Iterable
from typing import Any

from skorch import NeuralNet
from torch.nn.parameter import is_lazy

from sk_optuna.skorch._fused_draws import CannotFuseError
from sk_optuna.skorch._fused_likeness import facts_of, why_apart
from sk_optuna.skorch._fused_parts import Part
from sk_optuna.skorch._fused_rounds import train_together
from sk_optuna.worker import Terms, current_place, holds_generators


class TrainsTogether(NeuralNet):
    """Mixin: within a meeting, the epochs of training are made together with those of other nets."""

    def run_single_epoch(
        self, iterator: Iterable[Any] | None, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run one epoch of training or validation; see `skorch.NeuralNet.run_single_epoch`."""
        place = current_place()
        if not training or place is None or iterator is None or holds_generators():
            super().run_single_epoch(iterator, training=training, prefix=prefix, step_fn=step_fn, **fit_params)
            return
        place.check()
        part = self._part_of_round(iterator, step_fn, fit_params, place.terms)
        reason = part if isinstance(part, str) else place.bring(part, train_together)
        if isinstance(reason, list) and isinstance(part, Part):
            if not self._fitting_.noted:
                self._fitting_.noted = True
                place.note(self._kind_for_notes(), None, part.n_fit)
            part.finish(reason)
            return
        if isinstance(part, Part):
            part.undo()
        place.note(self._kind_for_notes(), str(reason))
        super().run_single_epoch(iterator, training=training, prefix=prefix, step_fn=step_fn, **fit_params)

    def _kind_for_notes(self) -> str:
        """Return a name of nets like this one."""
        n_params = sum(0 if is_lazy(param) else param.numel() for param in self.module_.parameters())
        batch_size = getattr(self, "iterator_train__batch_size", self.batch_size)
        module, optimizer = type(self.module_).__name__, type(self.optimizer_).__name__
        return f"{module} of {n_params} parameters, {optimizer}, batch {batch_size}"

    def _part_of_round(self, iterator: Any, step_fn: Any, fit_params: dict[str, Any], terms: Terms) -> Part | str:
        """Return the epoch as a part of a round, or the reason why there is none."""
        fitting = self._fitting_
        if fitting is None or isinstance(fitting.together, str):
            return "it trains outside of fit" if fitting is None else str(fitting.together)
        if fitting.facts != (facts := facts_of(self)):
            fitting.facts = facts
            fitting.together = why_apart(self, iterator, step_fn, fit_params)
            if fitting.together is not None:
                return str(fitting.together)
        part = None
        try:
            part = Part(self, iterator, terms)
            if fitting.together is None:
                fitting.together = part.look()
            part.run_schedule()
        except CannotFuseError as error:
            if part is not None:
                part.undo()
            fitting.together = str(error)
            return str(error)
        return part
