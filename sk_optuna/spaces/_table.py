"""A space written as a dict, or a list of dicts: named domains in one branch or in several.

The branches form one study, not one study each: a categorical parameter chooses the branch, and the sampler learns from
every trial. A parameter with the same distribution in several branches has one name in the study, so that the sampler
learns about it from all of them.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, product
from typing import Any

from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution

from sk_optuna._compat._optuna import suggest
from sk_optuna._distributions import ListDistribution, Steps
from sk_optuna._nearest import hint, nearest
from sk_optuna.exceptions import InvalidSpaceError
from sk_optuna.spaces._choices import identity
from sk_optuna.spaces._domains import Domain

Row = dict[str, Any]
"""One combination as the study stores it: the branch, where there are several, and a value per parameter."""


class TableSpace:
    """Domains by parameter name, in one or several branches.

    Attributes
    ----------
    size : int or None
        Number of combinations, duplicates counted; None if a domain is continuous.
    n_distinct : int or None
        The same without the duplicates of each list; a combination that two branches share still counts twice.
    is_grid : bool
        True if every domain is a list of choices, as in GridSearchCV.
    distributions : dict of str to optuna distribution
        The distributions of all values that a row may hold, by the study's names.
    ordered_lists : dict of str to CategoricalDistribution
        Those of them that are lists of numbers in order.
    """

    def __init__(self, branches: list[dict[str, Domain]]) -> None:
        self.branches = [dict(sorted(branch.items())) for branch in branches]
        self._study_names = _name_for_study(self.branches)
        self._branch_name = _free_name("branch", self._study_names)
        self.distributions: dict[str, BaseDistribution] = {}
        if len(branches) > 1:
            self.distributions[self._branch_name] = ListDistribution(range(len(branches)))
        for branch, names in zip(self.branches, self._study_names, strict=True):
            self.distributions.update({names[name]: domain.distribution for name, domain in branch.items()})
        self.ordered_lists = _ordered_lists(self.branches, self._study_names)
        self.is_grid = all(domain.is_list for branch in self.branches for domain in branch.values())
        self.size = _count(self.branches, _length)
        self.n_distinct = _count(self.branches, _n_distinct)

    @property
    def is_conditional(self) -> bool:
        """True if a parameter, the branch, decides which parameters a row has."""
        return len(self.branches) > 1

    def walk(self, pick: Callable[[str, BaseDistribution], Any]) -> Row:
        """Return the row that `pick` chooses, called with each name and distribution in turn, the branch first."""
        row: Row = {}
        branch = 0
        if self.is_conditional:
            branch = pick(self._branch_name, self.distributions[self._branch_name])
            row[self._branch_name] = branch
        for name, domain in self.branches[branch].items():
            study_name = self._study_names[branch][name]
            row[study_name] = pick(study_name, domain.distribution)
        return row

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Ask `trial` for a row and return the estimator's parameters."""
        return self.decode(self.walk(lambda name, distribution: suggest(trial, name, distribution)))

    def decode(self, row: Row) -> dict[str, Any]:
        """Return the estimator's parameters, sorted by name as ParameterGrid sorts them."""
        branch, names = self._branch_of(row)
        return {name: domain.decode(row[names[name]]) for name, domain in branch.items()}

    def key(self, row: Row) -> frozenset[tuple[str, Any]]:
        """Return a key that two rows share if and only if they mean the same parameters, in any branch."""
        return frozenset((name, identity(value)) for name, value in self.decode(row).items())

    def row(self, index: int) -> Row:
        """Return the combination that `rows` gives at this place."""
        number = bisect_right(self._ends, index)
        if number == len(self.branches):
            raise IndexError(f"the table has {self.size} rows")
        columns = [domain.column() or () for domain in self.branches[number].values()]
        place = index - (self._ends[number - 1] if number else 0)
        start = {self._branch_name: number} if self.is_conditional else {}
        return start | dict(zip(self._study_names[number].values(), _values_at(place, columns), strict=True))

    @cached_property
    def _ends(self) -> list[int]:
        """How many combinations there are up to the end of each branch."""
        return list(accumulate(_count([branch], _length) or 0 for branch in self.branches))

    def rows(self) -> Iterator[Row]:
        """Iterate over all combinations of a countable space in ParameterGrid's order, duplicates kept."""
        return self._rows(lambda domain: domain.column() or ())

    def distinct_rows(self) -> Iterator[Row]:
        """Iterate over the same combinations without the duplicates of each list."""
        return self._rows(lambda domain: dict.fromkeys(domain.column() or ()))

    def _rows(self, column: Callable[[Domain], Iterable[Any]]) -> Iterator[Row]:
        for number, (branch, names) in enumerate(zip(self.branches, self._study_names, strict=True)):
            start = {self._branch_name: number} if self.is_conditional else {}
            columns = [column(domain) for domain in branch.values()]
            for values in product(*columns):
                yield start | dict(zip(names.values(), values, strict=True))

    def fix(self, params: Mapping[str, Any]) -> Row:
        """Return the part of a row that means `params`, in the first branch that contains them.

        Raises
        ------
        InvalidSpaceError
            If no branch contains all of `params`.
        """
        reasons = []
        for number in range(len(self.branches)):
            try:
                return self._fix_in_branch(number, params)
            except ValueError as error:
                reasons.append(str(error))
        raise InvalidSpaceError("; ".join(dict.fromkeys(reasons)))

    def fix_known(self, params: Mapping[str, Any]) -> Row:
        """Return the part of a row for those of `params` that one branch contains, the branch with most of them."""
        best: Row = {}
        for number, branch in enumerate(self.branches):
            known: dict[str, Any] = {}
            for name in branch.keys() & params.keys():
                try:
                    branch[name].encode(params[name])
                except ValueError:
                    continue
                known[name] = params[name]
            row = self._fix_in_branch(number, known)
            if known and len(row) > len(best):
                best = row
        return best

    def _fix_in_branch(self, number: int, params: Mapping[str, Any]) -> Row:
        branch, names = self.branches[number], self._study_names[number]
        row: Row = {self._branch_name: number} if self.is_conditional else {}
        for name, value in params.items():
            if name not in branch:
                near = hint(name, nearest(name, branch)).rstrip(".")
                raise ValueError(f"the space has no parameter {name!r}, only {list(branch)}{'.' if near else ''}{near}")
            try:
                row[names[name]] = branch[name].encode(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return row

    def _branch_of(self, row: Row) -> tuple[dict[str, Domain], dict[str, str]]:
        number = row[self._branch_name] if self.is_conditional else 0
        return self.branches[number], self._study_names[number]


def _values_at(index: int, columns: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the combination that ``product(*columns)`` gives at this place."""
    values = []
    for column in reversed(columns):
        index, place = divmod(index, len(column))
        values.append(column[place])
    return values[::-1]


def _count(branches: list[dict[str, Domain]], length: Callable[[Domain], int | None]) -> int | None:
    """Return the number of combinations, without walking them; None if a domain cannot be counted."""
    total = 0
    for branch in branches:
        lengths = [length(domain) for domain in branch.values()]
        if None in lengths:
            return None
        total += math.prod(n for n in lengths if n is not None)
    return total


def _length(domain: Domain) -> int | None:
    column = domain.column()
    # len() of a range ends at sys.maxsize
    if isinstance(column, range):
        return (column.stop - column.start - 1) // column.step + 1
    if isinstance(column, Steps):
        return column.n
    return None if column is None else len(column)


def _n_distinct(domain: Domain) -> int | None:
    distribution = domain.distribution
    return len(distribution.choices) if isinstance(distribution, CategoricalDistribution) else _length(domain)


def _name_for_study(branches: list[dict[str, Domain]]) -> list[dict[str, str]]:
    """Name each branch's parameters so that one name has one distribution in the whole study."""
    names: list[dict[str, str]] = []
    aliases: dict[str, dict[BaseDistribution, str]] = {}
    for number, branch in enumerate(branches):
        names.append({})
        for name, domain in branch.items():
            wish = domain.study_name(name)
            known = aliases.setdefault(wish, {})
            names[number][name] = known.setdefault(domain.distribution, f"{wish}@{number}" if known else wish)
    return names


def _ordered_lists(branches: list[dict[str, Domain]], names: list[dict[str, str]]) -> dict[str, Any]:
    """Return the ordered lists by the study's names, without those that another branch says have no order."""
    named = [(names[i][name], domain) for i, branch in enumerate(branches) for name, domain in branch.items()]
    unordered = {name for name, domain in named if not domain.is_ordered}
    return {name: domain.distribution for name, domain in named if name not in unordered}


def _free_name(wish: str, taken: list[dict[str, str]]) -> str:
    """Return `wish`, with underscores added until no parameter has the name."""
    while any(wish in names.values() for names in taken):
        wish += "_"
    return wish
