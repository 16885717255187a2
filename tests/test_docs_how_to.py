"""The pages that say how to do something, and the questions, run from top to bottom and print what they show."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.linear_model import Ridge
from sklearn.svm import SVC

from sk_optuna import OptunaSearchCV
from sk_optuna.exceptions import NoScoreError

DOCS = Path(__file__).parent.parent / "docs"

# A page, packages without which it is skipped, and words of blocks that are skipped alone without another package.
PAGES = [
    ("compare.md", ["pandas"], {"sk_optuna.displays": "matplotlib"}),
    ("faq.md", [], {}),
    ("from_optuna_integration.md", [], {}),
    ("from_scikit_learn.md", [], {}),
    pytest.param("from_scikit_optimize.md", [], {"skopt": "skopt"}, marks=pytest.mark.filterwarnings("ignore")),
    ("networks.md", ["torch", "skorch"], {}),
    # Optuna's pictures warn that they are experimental.
    pytest.param("pictures.md", ["matplotlib", "pandas"], {}, marks=pytest.mark.filterwarnings("ignore")),
    ("save_and_ship.md", [], {}),
    ("time_memory_failures.md", [], {}),
]
# What a block prints, numbers aside, is what the page shows behind it; but for these, in which chance has more to say.
VARY = {"compare.md", "networks.md"}


@pytest.fixture(autouse=True)
def optunas_verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


def blocks_of(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", text, re.DOTALL | re.MULTILINE)
    assert blocks
    return blocks


def without_numbers(text):
    return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d*)?(e[+-]?\d+)?", "#", text)).strip()


@pytest.mark.parametrize(("page", "packages", "parts"), PAGES)
def test_a_page_runs_and_prints_what_it_shows(page, packages, parts, tmp_path, monkeypatch, capsys):
    for package in packages:
        pytest.importorskip(package)
    if find_spec("matplotlib"):
        import matplotlib.pyplot as plt

        plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    given = {"__name__": "__main__"}
    for code, shown in blocks_of(page):
        if any(word in code and find_spec(package) is None for word, package in parts.items()):
            continue
        exec(code, given)
        printed = capsys.readouterr().out
        if shown and page not in VARY:
            assert without_numbers(printed) == without_numbers(shown), code
    if find_spec("matplotlib"):
        plt.close("all")


# Sentences of the page on failures that no block shows.
@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 4)), np.arange(60) % 2


class FailsAbove(SVC):
    def fit(self, X, y, sample_weight=None):
        if self.C > 1:
            raise ValueError("C is too large")
        return super().fit(X, y)


def test_where_every_fit_fails_there_is_no_table_but_errors_and_a_study(data):
    search = OptunaSearchCV(FailsAbove(), {"C": [2, 3]}, cv=3)
    with pytest.raises(ValueError, match="All the 6 fits failed") as caught:
        search.fit(*data)
    assert not isinstance(caught.value, NoScoreError)
    assert len(search.errors_["message"]) == 6
    assert len(search.study_.trials) == 2
    assert not hasattr(search, "cv_results_")


@pytest.mark.filterwarnings("ignore")
def test_a_scorer_that_always_raises_leaves_the_table_and_a_no_score_error(data):
    def raises(estimator, X, y):
        raise RuntimeError("no score")

    search = OptunaSearchCV(Ridge(), {"alpha": [1, 2]}, cv=3, scoring=raises)
    with pytest.raises(NoScoreError, match="the scorer raised RuntimeError"):
        search.fit(*data)
    assert len(search.cv_results_["params"]) == 2
    assert set(search.errors_["phase"]) == {"score"}
    assert not hasattr(search, "best_params_")


@pytest.mark.filterwarnings("ignore")
def test_other_peoples_plain_tuples_are_lists_and_nobody_is_warned(data, recwarn):
    search = OptunaSearchCV(SVC(), {"C": (0.01, 100.0)}, cv=3).fit(*data)
    assert search.cv_results_["params"] == [{"C": 0.01}, {"C": 100.0}]
    assert not recwarn.list
