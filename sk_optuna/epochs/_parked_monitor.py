"""The epoch protocol for estimators whose own `fit` trains: `fit` has scikit-learn's signature, without a monitor.

So `fit_epochs` leaves the monitor on the estimator for the time of one `fit`. Not taken: a parameter of `fit`, which
scikit-learn's metadata routing would list; a second training method, which subclasses would have to override too.
"""

from typing import Any, Self

from sk_optuna.epochs._protocol import EpochMonitor


class ParksMonitor:
    """Mixin, before the class that has `fit` and `__getstate__`: `fit_epochs`, and the monitor in `_monitor`."""

    _monitor: EpochMonitor | None = None

    def fit_epochs(self, X: Any, y: Any, monitor: EpochMonitor, **fit_params: Any) -> Self:
        """Fit as `fit` does, and report each epoch; a search calls this.

        Parameters
        ----------
        X, y : array-like, or another kind of data that `fit` takes
            The training data.
        monitor : EpochMonitor
            Its ``report(train_loss=..., score=None)`` is called at the end of each epoch, when the estimator predicts
            as of that epoch. If it returns True, training ends there, normally.
        **fit_params
            As in `fit`.

        Returns
        -------
        estimator
            Itself, as of the last epoch.
        """
        self._monitor = monitor
        try:
            self.fit(X, y, **fit_params)  # type: ignore[attr-defined]
        finally:
            del self._monitor
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the monitor: a callback may pickle the estimator while it trains."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        state.pop("_monitor", None)
        return state
