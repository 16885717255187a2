"""A search prints its progress, and nothing in its workers."""

import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


_SILENT_PROGRAM = """
    import joblib
    from scipy.stats import loguniform
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sk_optuna import OptunaSearchCV

    X, y = load_iris(return_X_y=True)
    space = [{"C": loguniform(1e-2, 1)}, {"C": [1, 2], "class_weight": ["balanced", None]}]
    for backend, n_jobs in ("loky", 1), ("loky", 2), ("multiprocessing", 2), ("threading", 2):
        with joblib.parallel_config(backend=backend):
            search = OptunaSearchCV(
                LogisticRegression(max_iter=1000), space, n_trials=12, cv=2, n_jobs=n_jobs, random_state=0
            )
            search.fit(X, y)
            assert search.n_trials_ == 12
"""


def test_a_search_prints_nothing_in_workers_either(faults):
    with faults.start(_SILENT_PROGRAM) as process:
        try:
            out, err = process.communicate(timeout=250)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert (out, err) == ("", "")


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 1), ("threading", 2)])
def test_verbose_2_prints_one_line_per_trial(backend, n_jobs, capfd, faults):
    with faults.on(backend):
        faults.search(n_jobs, verbose=2).fit(faults.DATA)
    out, err = capfd.readouterr()
    *lines, last = out.splitlines()
    assert err == ""
    assert last.startswith("6/6 trials; best 4.")
    assert lines[0] == "Fitting 2 folds for each of 6 candidates, totalling 12 fits"
    assert [line.split("]")[0] for line in lines[1:]] == [f"[{n}/6" for n in range(1, 7)]
    assert all(f"best {n}" in line for n, line in zip(["-0.", "0.", "1.", "2.", "3.", "4."], lines[1:], strict=True))


_VERBOSE_PROGRAM = """
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sk_optuna import OptunaSearchCV

    X, y = load_iris(return_X_y=True)
    for backend in "loky", "multiprocessing":
        with joblib.parallel_config(backend=backend):
            OptunaSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 2, 3]}, cv=2, n_jobs=2, verbose=10).fit(X, y)
"""


def test_no_line_comes_from_a_worker_at_any_verbose(faults):
    """scikit-learn's "[CV 1/2] END" is printed where a fold runs, in no order; here each candidate has a line."""
    with faults.start(_VERBOSE_PROGRAM) as process:
        try:
            out, err = process.communicate(timeout=250)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    starts = ["Fitting 2 folds", "[1/3] trial 0:", "[2/3] trial 1:", "[3/3] trial 2:", "3/3 trials; best"]
    lines = out.splitlines()
    assert len(lines) == 2 * len(starts)
    assert all(line.startswith(start) for line, start in zip(lines, 2 * starts, strict=True))


def test_verbose_3_prints_the_lines_of_folds_that_run_in_this_process(capfd, faults):
    faults.search(1, verbose=3).fit(faults.DATA)
    out, err = capfd.readouterr()
    assert err == ""
    assert out.count("[CV ") == 12
    assert out.count("END") == 12
