"""Settings of the whole process come back, also after an error and from under several threads."""

import os
import socket
import sys
import threading

import numpy as np
import pytest

from stylegen.datasets.opening import open_images
from stylegen.dcgan.training import train
from stylegen.runs import cli
from stylegen.utils import backend
from stylegen.utils.backend import keras, tf
from stylegen.utils.process_settings import ProcessSetting
from tests.dcgan.sets import TINY, small_set


def test_the_last_block_puts_back_what_the_first_one_found():
    box = ['before']
    setting = ProcessSetting(lambda: box[0], lambda value: box.__setitem__(0, value))
    inside, leave = threading.Event(), threading.Event()

    def other():
        with setting.at('other'):
            inside.set()
            assert leave.wait(10)

    thread = threading.Thread(target=other)
    with pytest.raises(ZeroDivisionError), setting.at('changed'):
        thread.start()
        assert inside.wait(10) and box == ['changed']
        raise ZeroDivisionError
    assert box == ['changed'], 'the other thread is still at it'
    leave.set()
    thread.join()
    assert box == ['before']


def test_fetching_a_set_changes_nothing_in_the_end(monkeypatch):
    pictures = np.zeros((4, 32, 32, 3), np.uint8)
    seen = []

    def load():
        seen.append((socket.getdefaulttimeout(), keras.config.image_data_format()))
        print('downloading')
        if len(seen) > 1:
            raise OSError('no such host')
        return (pictures, np.zeros(4)), (pictures, np.zeros(4))

    monkeypatch.setenv('STYLEGEN_OFFLINE', '')
    monkeypatch.setattr(keras.datasets.cifar10, 'load_data', load)
    before = socket.getdefaulttimeout(), keras.config.image_data_format(), sys.stdout
    assert open_images('cifar10', 8).count == 4
    with pytest.raises(ValueError, match='no such host'):
        open_images('cifar10', 8)
    assert seen == [(10.0, 'channels_last')] * 2
    assert (socket.getdefaulttimeout(), keras.config.image_data_format(), sys.stdout) == before


def test_two_threads_that_silence_stderr_leave_it_as_it_was(capfd):
    inside = threading.Event()

    def other():
        with backend.silent_stderr():
            os.write(2, b'held back too')
        inside.set()

    thread = threading.Thread(target=other)
    with backend.silent_stderr():
        thread.start()
        assert not inside.wait(0.1), 'it waits for its turn'
        os.write(2, b'held back')
    thread.join()
    with pytest.raises(ZeroDivisionError), backend.silent_stderr():
        os.write(2, b'why it failed, ')
        raise ZeroDivisionError
    os.write(2, b'shown')
    assert capfd.readouterr().err == 'why it failed, shown'


def test_debug_lasts_as_long_as_the_command(monkeypatch):
    monkeypatch.delenv('STYLEGEN_DEBUG', raising=False)
    seen = []

    def define():
        flags = cli.Flags('Does nothing.')
        flags.messages()
        return flags

    assert (
        cli.run('program', define, lambda flags: seen.append(os.environ['STYLEGEN_DEBUG']), ['program', '--debug']) == 0
    )
    assert seen == ['1'] and 'STYLEGEN_DEBUG' not in os.environ


def test_determinism_lasts_as_long_as_the_training(tmp_path):
    from tensorflow.python.framework import config

    before, seen = config.is_op_determinism_enabled(), []
    quiet = {'steps': 1, 'sample_every': 9, 'samples': 4, 'collapse_every': 0, 'evaluate_every': 0, 'log_every': 1}
    look = lambda report: seen.append(config.is_op_determinism_enabled())
    for deterministic in (True, False):
        train(
            small_set(tmp_path / 'data'), workdir=tmp_path / str(deterministic), deterministic=deterministic,
            callback=look, **quiet, **TINY,
        )  # fmt: skip
        assert config.is_op_determinism_enabled() is before
    assert seen == [True, before]
    assert tf.config.list_physical_devices('CPU')
