"""Find, before the first fit, the mistakes that would end every fit at its beginning.

A search asks each net once, before its folds. The checks are those of `fit`; where signatures tell enough, no module is
made. Rows with NaN are shown to a module, which belongs to a clone with random numbers of its own. Not taken: a fit of
no epochs, which makes modules, sends them to the device and opens the files of callbacks.
"""

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone
from skorch import NeuralNet
from skorch.utils import is_dataset, params_for

from sk_optuna.skorch._checks import check_nothing_missing, check_parameters, check_takes, names_to_check
from sk_optuna.skorch._fitting import Fitting
from sk_optuna.skorch._inputs import cast, check_finite, first_bad_rows
from sk_optuna.skorch._overrides import overridden
from sk_optuna.skorch._random_streams import ASIDE

_PARTS = ("module", "criterion", "optimizer")


class ChecksBeforehand(NeuralNet):
    """Mixin: `check_fit`."""

    def check_fit(self, X: Any = None, y: Any = None) -> None:
        """Raise InvalidArgumentError where `fit` could not begin.

        Parameters
        ----------
        X, y : array-like, or another kind of data that `fit` takes, default=None
            The data; None to check the parameters only.

        Raises
        ------
        InvalidArgumentError
            For a parameter that cannot be used, an argument of a part that is unknown or missing, or data that `fit`
            would refuse, such as NaN which the module passes on.
        """
        check_parameters(self)
        with suppress(Warning):  # where one is an error, fit raises it
            self._check_arguments()
        self._check_parts()
        if X is not None:
            with suppress(Warning):
                self._check_data_beforehand(X, y)

    def _check_arguments(self) -> None:
        makers = [f"initialize_{prefix}" for prefix in _PARTS]
        # an override may register parts of other names
        if overridden(self, "initialize", *makers):
            return
        twin = self._twin()
        twin.__dict__["prefixes_"] = [*self.prefixes_, *_PARTS]
        twin._validate_params()

    def _twin(self) -> Any:
        """Return a net that shares the parameters; attributes set on it leave this net alone."""
        twin: Any = object.__new__(type(self))
        twin.__dict__.update(vars(self))
        return twin

    def _check_parts(self) -> None:
        for prefix in _PARTS:
            factory = getattr(self, prefix)
            given = params_for(prefix, vars(self))
            check_takes(prefix, factory, names_to_check(self, prefix, list(given)))
            known = not overridden(self, f"initialize_{prefix}", "initialized_instance", "get_params_for", "initialize")
            if prefix != "optimizer" and known:
                check_nothing_missing(prefix, factory, given)

    def _check_data_beforehand(self, X: Any, y: Any) -> None:
        twin = self._twin()
        rows = twin._take_in_rows(X, y, anew=True)
        if y is not None or is_dataset(X):
            targets = twin._take_in_y(rows, y, anew=True, classes=None)
            twin._weights_of_classes(rows, targets, None)
        known = {name: value for name, value in vars(twin).items() if name not in vars(self)}
        if (y is not None or is_dataset(X)) and not overridden(self, "initialize", "initialize_module"):
            twin._fitting_ = Fitting(rows, None, None)
            # raises where "auto" stands for a size that the data do not tell
            twin.get_params_for("module")
        is_array = isinstance(rows, np.ndarray) or sparse.issparse(rows)
        bad = first_bad_rows(rows) if is_array and self._converts() else None
        if bad is not None:
            check_finite(bad, lambda rows: self._output_of_another(rows, known))

    def _output_of_another(self, rows: Any, known: dict[str, Any]) -> Any:
        """Return the output for some rows of a module like the net's; None where it fails, as fit will too."""
        net = clone(self)
        vars(net).update(known, random_state=0, callbacks="disable", compile=False, verbose=0)
        try:
            net.initialize()
            with net._drawing(ASIDE):
                return net.evaluation_step([torch.as_tensor(cast(rows, net._parts())), None])
        except Exception:
            # then fit fails too, and error_score decides
            return None
