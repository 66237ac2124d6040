"""Mistakes about several devices are told in a line, before any work is done."""

import json
import os
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from stylegen.training.distribution import (
    DISTRIBUTIONS,
    EXAMPLE,
    MAX_RESTARTS,
    Devices,
    WorkerLost,
    read_cluster,
    restart_process,
)
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from tests.conftest import run


def cluster(index, task='worker', **jobs):
    return json.dumps({'cluster': jobs, 'task': {'type': task, 'index': index}})


def test_the_chief_comes_first_then_the_workers_in_order():
    assert read_cluster(EXAMPLE) == (0, 2)
    assert read_cluster(cluster(2, worker=['a:1', 'b:1', 'c:1'])) == (2, 3)
    assert read_cluster(cluster(0, worker=['a:1'], chief=['b:1'])) == (1, 2)
    assert read_cluster(cluster(0, 'chief', worker=['a:1'], chief=['b:1'])) == (0, 2)


@pytest.mark.parametrize(
    'text',
    [
        '', '{', '[]', '{"cluster": {}}', cluster(2, worker=['a:1', 'b:1']), cluster(-1, worker=['a:1', 'b:1']),
        cluster(0, worker=['a:1']), cluster(0, 'ps', worker=['a:1', 'b:1'], ps=['c:1']),
        cluster(0, worker=['a:1', 'b:1'], ps=['c:1']), cluster('first', worker=['a:1', 'b:1']),
    ],
)  # fmt: skip
def test_a_cluster_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(UserError, match=r'multi_worker needs TF_CONFIG .*"index": 0\}\}') as caught:
        read_cluster(text)
    told = str(caught.value)
    assert '\n' not in told and told.endswith(f'it is {text!r}' if text else 'it is not set')


def test_on_the_command_line_that_is_one_line_before_anything_is_read(monkeypatch, capsys):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    assert run('train', '--distribute=multi_worker', '--data=nowhere', program='dcgan') == 2
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and 'needs TF_CONFIG' in said


def test_one_device_alone_is_not_mirrored():
    with pytest.raises(UserError, match='needs two devices or more, and TensorFlow sees CPU:0 only; leave it out'):
        DISTRIBUTIONS['mirrored']()


def test_what_cannot_be_done_together_is_refused():
    pair = Devices(SimpleNamespace(num_replicas_in_sync=2))
    pair.check(8, 'auto', 1)
    with pytest.raises(UserError, match='a batch of 9 cannot be shared out among 2 devices; give a --batch_size'):
        pair.check(9, 'auto', 1)
    with pytest.raises(UserError, match='leave out --jit=on'):
        pair.check(8, 'on', 1)
    with pytest.raises(UserError, match='leave out --steps_per_execution'):
        pair.check(8, 'auto', 2)
    Devices().check(9, 'on', 2)


def test_a_worker_that_was_told_something_else_than_the_chief_is_refused():
    @dataclass(frozen=True)
    class Heard(Devices):
        def broadcast(self, value):
            return {'seed': 0, 'training': {'r1': 0.5}}

    Heard().check_same_settings({'seed': 0, 'training': {'r1': 0.5}})
    with pytest.raises(UserError, match=r'the chief has another r1 \(0\.5 there, 0\.1 here\); start all'):
        Heard().check_same_settings({'seed': 0, 'training': {'r1': 0.1}})


class Pair(Devices):
    """Two processes, as far as this one can tell."""

    def __init__(self):
        super().__init__(workers=2)


LOST = {
    'UnavailableError': 'Collective ops is aborted by: Socket closed\nAdditional GRPC error information',
    'DeadlineExceededError': 'Deadline Exceeded',
    'AbortedError': '/job:worker/replica:0/task:1 unexpectedly tried to connect with a different incarnation',
    'InternalError': 'Collective ops is aborted by: Connection reset by peer',
}
OURS = {
    'InternalError': 'cuDNN launch failure : input shape ([8,3,16,16])',
    'ResourceExhaustedError': 'OOM when allocating tensor with shape [64,512]',
    'InvalidArgumentError': 'Socket closed',
}


@pytest.mark.parametrize(('kind', 'text'), LOST.items())
def test_a_connection_that_broke_is_a_lost_worker(kind, text):
    with pytest.raises(WorkerLost, match='another worker is gone'), Pair().report_lost_workers():
        raise getattr(tf.errors, kind)(None, None, text)


@pytest.mark.parametrize(('kind', 'text'), OURS.items())
def test_a_fault_of_this_process_is_none(kind, text):
    with pytest.raises(getattr(tf.errors, kind)), Pair().report_lost_workers():
        raise getattr(tf.errors, kind)(None, None, text)


def test_a_process_begins_again_so_often_and_then_says_what_to_do(monkeypatch):
    begun, said = [], []

    def execve(program, arguments, environment):
        begun.append(arguments)
        monkeypatch.setattr(os, 'environ', environment)  # of the program that takes its place

    monkeypatch.setattr(os, 'execve', execve)
    monkeypatch.setattr(os, 'environ', dict(os.environ))
    lost = WorkerLost('another worker is gone (Socket closed)')
    for _ in range(MAX_RESTARTS):
        restart_process(lost, said.append)
    with pytest.raises(
        WorkerLost, match=f'begun again {MAX_RESTARTS} times already; check that all workers run .* on each'
    ):
        restart_process(lost, said.append)
    assert len(begun) == len(said) == MAX_RESTARTS
    assert said[0] == 'another worker is gone (Socket closed); this one begins again, and waits until all are there'
    assert begun[0][0] == sys.executable
