"""The choice of a policy, in numbers and in a sentence."""

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Choice:
    """The candidate that a policy chose, and how it compares with the best one; `str` says it in a sentence.

    Attributes
    ----------
    index : int
        Row of the chosen candidate in `cv_results_`.
    best_index : int
        Row of the candidate with the best mean score, the first of several.
    n_near : int
        Number of candidates, the best one included, among which the policy chose.
    loss : float
        Mean score of the best candidate minus that of the chosen one, at least 0.
    standard_error : float or None
        The corrected standard error of that difference; None where the policy needs none.
    metric : str
        The metric; ``"score"`` where there is one.
    kind : str
        The rule of the choice in a word or three: ``"simplest"``, ``"fastest to fit"``, ``"fastest to score"``.
    limit : str
        The limit of the loss in words, such as ``"one SE"``.

    Examples
    --------
    >>> from sk_optuna.refit import Choice
    >>> print(Choice(3, 8, 7, 0.0041, 0.006, "score", "simplest", "one SE"))
    simplest of 7 within one SE, 0.0041 below the best
    """

    index: int
    best_index: int
    n_near: int
    loss: float
    standard_error: float | None
    metric: str
    kind: str
    limit: str

    def __str__(self) -> str:
        if self.n_near == 1:
            return f"the best; no other is within {self.limit}"
        how_far = f"{self.loss:.2g} below the best" if self.loss > 0 else "as good as the best"
        if self.index == self.best_index:
            how_far = "and the best itself"
        return f"{self.kind} of {self.n_near} within {self.limit}, {how_far}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of row {self.index}: {self}>"
