"""Two values have one fingerprint if, and only if, a trace of them would read the same."""

import functools
from dataclasses import dataclass, field

import numpy as np
import pytest

from stylegen.losses import dream_loss
from stylegen.optimize import updates
from stylegen.utils.backend import tf
from stylegen.utils.fingerprints import fingerprint

LEVEL = 1.0


def loss_of(target):
    return lambda features: tf.reduce_mean(features['input'] - target)


class Loss:
    def __init__(self, target):
        self.target = target

    def __call__(self, features):
        return features['input'] - self.target

    def method(self, features):
        return self(features)


@dataclass
class Record:
    target: object
    found: list = field(default_factory=list, init=False)


def at_level(features):
    return helper(features)


def helper(features):
    return features['input'] - LEVEL


MAKERS = [
    lambda target: target,
    lambda target: {'target': [target, 'b'], 'c': {1, 2}},
    loss_of,
    Loss,
    lambda target: Loss(target).method,
    Record,
    lambda target: functools.partial(np.subtract, target),
    lambda target: lambda features, by=target: features - by,
]


@pytest.mark.parametrize('make', MAKERS)
def test_equal_contents_are_equal_and_others_are_not(make):
    for one, other in [(1.0, 2.0), (np.ones(4), np.arange(4.0)), (np.ones(4), np.ones((2, 2))), ('a', 'b')]:
        assert fingerprint(make(one)) == fingerprint(make(np.copy(one) if isinstance(one, np.ndarray) else one))
        assert hash(fingerprint(make(one))) == hash(fingerprint(make(one)))
        assert fingerprint(make(one)) != fingerprint(make(other))


@pytest.mark.parametrize('make', MAKERS)
def test_an_array_that_is_changed_in_place_is_another(make):
    target = np.zeros((3, 4), np.float32)
    made = make(target)
    before = fingerprint(made)
    target[1, 2] = 1
    assert fingerprint(made) != before
    target[1, 2] = 0
    assert fingerprint(made) == before


def test_a_global_of_a_helper_counts(monkeypatch):
    before = fingerprint(at_level)
    assert fingerprint(at_level) == before
    monkeypatch.setitem(globals(), 'LEVEL', 2.0)
    assert fingerprint(at_level) != before


@pytest.mark.parametrize(('rule', 'numbers', 'others'), [
    (updates.adam, (0.01,), (0.02,)), (updates.adam, (0.01,), (0.01, 0.8)), (updates.lbfgs, (3,), (4,)),
    (updates.normalized_step, (0.1,), (0.1, 'std')), (updates.gradient_descent, (0.1,), (0.1, 0.9)),
])  # fmt: skip
def test_a_rule_counts_by_its_numbers(rule, numbers, others):
    best = lambda *of: updates.keep_best(rule(*of))
    for made in (rule, best):
        assert fingerprint(made(*numbers)) == fingerprint(made(*numbers)) != fingerprint(made(*others))
    assert fingerprint(rule(*numbers)) != fingerprint(best(*numbers))


def test_losses_count_by_their_arguments():
    assert fingerprint(dream_loss('b')) == fingerprint(dream_loss('b'))
    for other in (dream_loss('a'), dream_loss('b', 'mean'), dream_loss('b', channels=(1,)), dream_loss('b', region=0)):
        assert fingerprint(other) != fingerprint(dream_loss('b'))


def test_variables_count_as_themselves_whatever_they_hold():
    variable = tf.Variable(1.0)
    before = fingerprint(loss_of(variable))
    variable.assign(2.0)
    assert fingerprint(loss_of(variable)) == before != fingerprint(loss_of(tf.Variable(2.0)))


def test_what_is_worked_out_meanwhile_does_not_count_and_circles_end():
    record = Record([1, 2])
    before = fingerprint(record)
    record.found.append(3)
    assert fingerprint(record) == before
    record.target.append(record)
    assert fingerprint(record) == fingerprint(record) != before
