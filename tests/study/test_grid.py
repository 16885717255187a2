"""The order of a whole grid: each trial's row is a function of its number."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from sk_optuna.spaces import space_from_user
from sk_optuna.study._grid import GridOrder

examples = settings(max_examples=60, deadline=None, derandomize=True, database=None)


class Model(BaseEstimator):
    def __init__(self, a=1, b="x", c=0.5, d=None):
        self.a = a
        self.b = b
        self.c = c
        self.d = d

    def fit(self, X, y=None):
        return self


plain = st.sampled_from([None, True, 1, 1.0, 2, "x", (1,), "y"])
lists = st.lists(plain, min_size=1, max_size=3)
branches = st.dictionaries(st.sampled_from("abcd"), lists, max_size=3)
grids = branches | st.lists(branches, min_size=1, max_size=3)


@examples
@given(grid=grids)
def test_a_row_by_its_number_is_the_row_that_walking_the_table_gives(grid):
    table = space_from_user(grid, None, Model())
    rows = list(table.rows())
    assert [table.row(i) for i in range(len(rows))] == rows
    assert [list(table.row(i)) for i in range(len(rows))] == [list(row) for row in rows]


@examples
@given(grid=grids, data=st.data())
def test_rows_wanted_first_come_first_and_the_others_keep_their_order(grid, data):
    table = space_from_user(grid, None, Model())
    rows = list(table.rows())
    wanted = data.draw(st.lists(st.sampled_from(rows), max_size=4))
    first = [{name: row[name] for name in row if data.draw(st.booleans())} for row in wanted]
    left, expected = list(enumerate(rows)), []
    for fixed in first:
        found = next((entry for entry in left if fixed.items() <= entry[1].items()), None)
        if found is not None:
            left.remove(found)
            expected.append(found[1])
    expected += [row for _, row in left]
    order = GridOrder(table, first)
    numbers = data.draw(st.permutations(range(len(rows))))
    assert {number: order.row(number) for number in numbers} == dict(enumerate(expected))
