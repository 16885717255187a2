"""What a worker receives of a fold."""

import pickle

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from sk_optuna.evaluation import FoldEvaluator

DATA = np.arange(6000.0).reshape(100, 60)


@pytest.mark.parametrize(
    "X",
    [DATA, np.asfortranarray(DATA), DATA[:, ::2], DATA[::2], DATA[::-1]],
    ids=["C", "F", "columns", "rows", "reversed"],
)
def test_data_are_pickled_apart_however_they_lie_in_memory(X):
    evaluator = FoldEvaluator(
        DummyRegressor(), X, X[:, 0], [(np.arange(5), np.arange(5))], None, {}, {}, np.nan, False, 0, None
    )
    apart = []
    stream = pickle.dumps(evaluator, protocol=5, buffer_callback=apart.append)
    assert len(stream) < X.nbytes / 5
    copy = pickle.loads(stream, buffers=apart)
    np.testing.assert_array_equal(copy.X, X)
    assert copy.X.flags.f_contiguous == (X.flags.f_contiguous and not X.flags.c_contiguous)
