"""The constraints of a run: computed for each complete trial before it is told, and told to the sampler.

They follow from the results of the folds, so that a trial of a store has them, too. If they cannot be computed, the
trial is told and kept all the same, and then the search ends: what was found by then must not be lost.
"""

from sk_optuna._compat._optuna import note_constraints
from sk_optuna.evaluation import TrialRecord
from sk_optuna.exceptions import ConstraintError
from sk_optuna.results import Rules, row_of
from sk_optuna.study import Proposal


class Feasibility:
    """Knows which trials keep the constraints.

    Parameters
    ----------
    rules : Rules
        The search's arguments.

    Attributes
    ----------
    error : ConstraintError or None
        The first error.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._n: int | None = None
        self.error: ConstraintError | None = None

    def judge(self, proposal: Proposal, record: TrialRecord, state: str) -> None:
        """Compute the constraints of a trial, and note them on it for the sampler.

        Of one that is not complete nothing is known: it breaks none to the sampler, which knows its end by its state.
        """
        constraints = self._rules.constraints
        if constraints is None:
            return
        if state == "COMPLETE":
            record.constraints = self._values(record)
        noted = record.constraints or [0.0] * (self._n or 0)
        if noted:
            note_constraints(proposal.trial, noted)

    def _values(self, record: TrialRecord) -> tuple[float, ...]:
        """Return the constraints of a trial; if they cannot be computed, remember the error and take one for broken."""
        assert self._rules.constraints is not None
        try:
            values = self._rules.constraints.values(row_of(record, self._rules))
            if self._n is not None and len(values) != self._n:
                raise ConstraintError(
                    "The callable for constraints must return as many numbers for each candidate, but returned "
                    f"{self._n} at first, and {len(values)} for the row with params={record.params!r}."
                )
        except ConstraintError as error:
            self.error = self.error or error
            return (1.0,) * (self._n or 1)
        self._n = len(values)
        return values

    def check(self) -> None:
        """Raise the error, if there is one.

        Raises
        ------
        ConstraintError
            Where the constraints of a trial could not be computed.
        """
        if self.error is not None:
            raise self.error
