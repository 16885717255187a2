"""An identity has a name; a history says what differs from another one, and can be pickled."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_optuna.exceptions import ResumeMismatchError
from sk_optuna.storage import History, StoredTrial, changed_versions, check_same, versions_of
from sk_optuna.storage._history import name_of

IDENTITY = {"estimator": "sklearn.svm._classes.SVC(C=1.0)", "cv": "5", "X": "array of shape (3, 2), float64, 00"}


def history(**changes):
    return History({**IDENTITY, **changes}, {"scikit-learn": "1.8"}, 7)


def test_the_name_has_the_estimator_s_and_follows_from_the_identity():
    assert name_of(IDENTITY).startswith("SVC-")
    assert len(name_of(IDENTITY)) == len("SVC-") + 16
    assert name_of(IDENTITY) == name_of(dict(reversed(IDENTITY.items())))


@given(st.sampled_from(sorted(IDENTITY)), st.text(max_size=5))
def test_each_part_of_the_identity_is_in_the_name(part, text):
    assert (name_of({**IDENTITY, part: IDENTITY[part] + text}) == name_of(IDENTITY)) == (not text)


def test_a_pickle_has_compressed_splits_and_all_else():
    one = history()
    one.splits = [(np.arange(100_000), np.arange(100_000, 125_000))]
    one.trials.append(StoredTrial({"C": 1.0}, "COMPLETE", 0.5, {}))
    pickled = pickle.dumps(one)
    assert len(pickled) < 10_000
    other = pickle.loads(pickled)
    np.testing.assert_array_equal(other.splits[0][0], one.splits[0][0])
    assert (other.identity, other.trials, other.random_state) == (one.identity, one.trials, 7)
    assert pickle.loads(pickle.dumps(history())).splits is None


@given(
    st.dictionaries(st.sampled_from("abcd"), st.text(max_size=3)),
    st.dictionaries(st.sampled_from("abcd"), st.text(max_size=3)),
)
def test_each_difference_and_nothing_else_is_in_the_error(old, new):
    differing = [name for name in "abcd" if old.get(name) != new.get(name)]
    if not differing:
        check_same(old, new, "It", "Go on.")
        return
    with pytest.raises(ResumeMismatchError) as caught:
        check_same(old, new, "It", "Go on.")
    lines = str(caught.value).splitlines()
    named = [line.strip().partition(":")[0] for line in str(caught.value).split("\n") if line.startswith("  ")]
    assert sorted(named) == differing
    assert lines[0].startswith("It belongs to another search")
    assert str(caught.value).endswith("Go on.")


def test_of_long_descriptions_the_part_that_differs_is_shown():
    one = "a" * 5000 + "RIGHT" + "b" * 5000
    other = "a" * 5000 + "WRONG" + "b" * 5000
    with pytest.raises(
        ResumeMismatchError, match=r"space: \.\.\.a+RIGHTb+\.\.\. then, \.\.\.a+WRONGb+\.\.\. now"
    ) as caught:
        check_same({"space": one}, {"space": other}, "It", "")
    assert len(str(caught.value)) < 700


def test_versions_are_those_of_the_packages_of_all_steps():
    found = versions_of(make_pipeline(StandardScaler(), RandomForestClassifier()))
    assert set(found) == {"scikit-learn", "optuna", "numpy"}

    class Own(RandomForestClassifier):
        __module__ = "pandas.own"

    import pandas as pd

    assert versions_of(make_pipeline(Own()))["pandas"] == pd.__version__


def test_versions_on_which_no_score_depends_may_change():
    old = {"scikit-learn": "1", "optuna": "1", "numpy": "1", "gone": "1"}
    new = {"scikit-learn": "2", "optuna": "2", "numpy": "2", "come": "1"}
    assert changed_versions(old, new) == ["scikit-learn 1 then, 2 now"]
