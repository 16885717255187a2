"""An estimator whose `fit` trains finds its monitor on itself for the time of one `fit_epochs`."""

import pickle

import pytest
from sklearn.base import BaseEstimator, clone

from sk_optuna.epochs._parked_monitor import ParksMonitor


class Monitor:
    valid_data = None

    def report(self, *, train_loss=None, score=None):
        return True


class Net(ParksMonitor, BaseEstimator):
    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y, sample_weight=None):
        self.seen_ = self._monitor
        self.sample_weight_ = sample_weight
        self.state_ = self.__getstate__()
        if self.error is not None:
            raise self.error
        return self


def test_fit_sees_the_monitor_and_what_else_it_is_given():
    monitor, net = Monitor(), Net()
    assert net.fit_epochs([[0]], [0], monitor, sample_weight=[2]) is net
    assert net.seen_ is monitor
    assert net.sample_weight_ == [2]


def test_a_plain_fit_sees_none():
    net = Net()
    net.fit_epochs([[0]], [0], Monitor())
    assert net.fit([[0]], [0]).seen_ is None


def test_a_fit_that_fails_leaves_no_monitor_behind():
    net = Net(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        net.fit_epochs([[0]], [0], Monitor())
    assert "_monitor" not in vars(net)


def test_what_is_pickled_during_the_training_has_no_monitor():
    net = Net().fit_epochs([[0]], [0], Monitor())
    assert "_monitor" not in net.state_
    assert pickle.loads(pickle.dumps(Net(error=None)))._monitor is None
    assert clone(net)._monitor is None
