"""The line of the user's code on the way to an error, told from the files of the traceback alone."""

import json
import traceback

import pytest
from sklearn.svm import SVC

import sk_optuna
from sk_optuna.evaluation import CodeLine, RaisedError, raised_errors
from sk_optuna.results._user_code import last_line_of_user_code

SKLEARN = "/venv/lib/python3.11/site-packages/sklearn/model_selection/_validation.py"
OURS = sk_optuna.__file__.replace("__init__", "epochs/_following")
MINE, MINE_TOO = "/home/me/train.py", "/home/me/sk_optuna/losses.py"
BOOSTER = "/venv/lib/python3.11/site-packages/xgboost/core.py"


def last_line(*errors):
    """Return the line for errors whose frames are in these files, the first in line 1, the next in line 2, ..."""
    raised = [
        RaisedError(
            "E", "m", [CodeLine(file, number, "fit", f"call({number})") for number, file in enumerate(files, start=1)]
        )
        for files in errors
    ]
    return last_line_of_user_code(raised)


def test_it_is_the_deepest_of_the_users_own():
    assert last_line([SKLEARN, OURS, MINE, MINE_TOO, BOOSTER, SKLEARN]) == f"{MINE_TOO}:4: call(4)"


@pytest.mark.parametrize(
    "other",
    [
        SKLEARN,
        OURS,
        BOOSTER,
        "/usr/lib/python3/dist-packages/scipy/linalg/_basic.py",
        "/usr/lib/python3.12/json/decoder.py",
        json.__file__,
        r"C:\Users\me\venv\Lib\site-packages\numpy\linalg\_linalg.py",
        "sklearn/tree/_tree.pyx",
        "<frozen importlib._bootstrap>",
        "<__array_function__ internals>",
    ],
)
def test_it_is_neither_in_a_package_nor_pythons_nor_compiled(other):
    assert last_line([SKLEARN, MINE, other]) == f"{MINE}:2: call(2)"


@pytest.mark.parametrize("mine", ["<stdin>", "<string>", "/tmp/ipykernel_7/12.py", r"C:\Users\me\train.py", "train.py"])
def test_code_of_notebooks_and_prompts_is_the_users(mine):
    assert last_line([SKLEARN, mine, SKLEARN]) == f"{mine}:2: call(2)"


def test_without_own_code_it_is_that_of_the_package_whose_estimator_failed():
    assert last_line([SKLEARN, OURS, BOOSTER, json.__file__]) == f"{BOOSTER}:3: call(3)"
    assert last_line([SKLEARN, OURS, SKLEARN]) == ""
    assert last_line([]) == last_line() == ""


def test_the_last_error_that_has_such_a_line_counts():
    assert last_line([SKLEARN, MINE], [SKLEARN, MINE_TOO]) == f"{MINE_TOO}:2: call(2)"
    assert last_line([SKLEARN, MINE], [SKLEARN, BOOSTER]) == f"{MINE}:2: call(2)"


def test_a_line_without_its_text_has_its_function():
    for function, shown in [("fit", "fit"), ("", "<module>")]:
        error = RaisedError("E", "m", [CodeLine("<dynamic-code>", 3, function, "")])
        assert last_line_of_user_code([error]) == f"<dynamic-code>:3 in {shown}"


def test_of_a_real_error_within_scikit_learn_it_is_the_call():
    try:
        SVC(C=-1).fit([[0], [1]], [0, 1])
    except ValueError:
        errors = raised_errors(traceback.format_exc())
    assert last_line_of_user_code(errors).startswith(f"{__file__}:")
    assert last_line_of_user_code(errors).endswith(": SVC(C=-1).fit([[0], [1]], [0, 1])")
