"""The progress of a nested cross-validation: outer folds, rows, time."""

import pytest

from sk_optuna.progress import NestedProgress
from sk_optuna.progress._nested import NestedStatus, RowStatus


class Face:
    def __init__(self):
        self.statuses, self.lines, self.titles, self.last = [], [], [], None

    def begin(self, title):
        self.titles.append(title)

    def show(self, status):
        self.statuses.append(status)

    def line(self, text):
        self.lines.append(text)

    def end(self, status):
        self.last = status


@pytest.fixture
def progress():
    face = Face()
    made = NestedProgress(
        face, rows=["svm", "dummy"], n_folds=3, metric="accuracy", every_fold=True, clock=lambda: made.now
    )
    made.now = 0.0
    return made


def test_status_counts_outer_folds_and_has_a_mean_for_each_row(progress):
    with progress:
        progress.report("svm", 0, 0.75, 10.0)
        progress.report("svm", 2, 0.25, 10.0)
        progress.report("dummy", 0, float("nan"), 0.0, "ValueError: no")
        progress.now = 10.0
    face = progress.face
    assert face.titles == ["3 outer folds for each of 2 rows, totalling 6"]
    assert face.lines == [
        "[1/6] svm, outer fold 0: accuracy 0.75, 10s",
        "[2/6] svm, outer fold 2: accuracy 0.25, 10s",
        "[3/6] dummy, outer fold 0: failed: ValueError: no, 0.0s",
    ]
    assert face.last.share == 0.5
    assert face.last.pieces == ["3/6 outer folds, 1 failed", "10s", "mean accuracy: svm 0.5"]
    assert face.last.rows == [
        ("Outer folds", "3/6, 1 failed"),
        ("svm", "mean accuracy 0.5, 2 of 3 outer folds"),
        ("dummy", "no score yet, 1 of 3 outer folds"),
        ("Time", "10s"),
    ]


def test_interrupt_is_in_the_last_status(progress):
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert progress.face.last.pieces == ["0/6 outer folds", "0.0s, interrupted", "no score yet"]


def test_time_left_reckons_rows_apart():
    """Two workers: 40 seconds of work took 20. Ten more of the search and one of the dummy are to come."""
    rows = (RowStatus("svm", (0.5,) * 4, 38.0), RowStatus("dummy", (0.1, 0.1), 2.0))
    status = NestedStatus(rows, 5, "accuracy", seconds=20.0)
    assert status.left == pytest.approx((9.5 * 1 + 1.0 * 3) / 2)


def test_time_left_is_unknown_until_each_row_has_a_fold():
    rows = (RowStatus("svm"), RowStatus("dummy", (0.1,), 0.1))
    assert NestedStatus(rows, 5, "accuracy", seconds=20.0).left is None


def test_news_are_outer_folds_that_all_rows_have_finished():
    rows = (RowStatus("svm", (0.5,)), RowStatus("dummy", (0.1, 0.2)))
    assert NestedStatus(rows, 5, "accuracy").news == 1


def test_time_goes_on_between_outer_folds(progress):
    with progress:
        progress.now = 7.0
        progress.tick()
        assert progress.face.statuses[-1].seconds == 7.0
