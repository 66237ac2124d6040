"""Importing leaves the devices alone, and a GPU's memory grows unless the user has settled it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylegen.utils import backend
from stylegen.utils.backend import tf

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the processes are forked')
def test_importing_every_module_makes_nothing_and_the_devices_are_prepared_before_the_first_operation():
    code = subprocess.run(
        [sys.executable, ROOT / 'tests/fresh.py'],
        env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert code.returncode == 0, code.stderr[-2000:]
    made, *works = code.stdout.splitlines()
    assert made == 'made nothing True'
    assert works == [f'{name} 0' for name in ('optimized', 'generated', 'extracted', 'listed', 'batched')]


@pytest.mark.parametrize(('gpus', 'env', 'logical', 'growing', 'expected'), [
    ([], None, {}, {}, []),
    (['a', 'b'], None, {}, {}, ['a', 'b']),
    (['a', 'b'], 'false', {}, {}, []),
    (['a', 'b'], 'true', {}, {}, []),
    (['a', 'b'], None, {'b': ['4 GB']}, {}, []),
    (['a', 'b'], None, {}, {'b': False}, []),
    (['a', 'b'], None, {}, {'a': True, 'b': True}, []),
])  # fmt: skip
def test_memory_grows_unless_the_user_has_settled_it(gpus, env, logical, growing, expected, monkeypatch):
    grown = []
    if env:
        monkeypatch.setenv('TF_FORCE_GPU_ALLOW_GROWTH', env)
    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: gpus)
    monkeypatch.setattr(tf.config, 'get_logical_device_configuration', logical.get)
    monkeypatch.setattr(tf.config.experimental, 'get_memory_growth', growing.get)
    monkeypatch.setattr(tf.config.experimental, 'set_memory_growth', lambda gpu, on: on and grown.append(gpu))
    backend._prepare_once.cache_clear()
    for _ in range(2):
        assert backend.has_gpu() == bool(gpus)
    assert grown == expected


def test_it_may_be_too_late(monkeypatch):
    def late(gpu, on):
        raise RuntimeError('Physical devices cannot be modified after being initialized')

    monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: ['a'])
    monkeypatch.setattr(tf.config, 'get_logical_device_configuration', {}.get)
    monkeypatch.setattr(tf.config.experimental, 'get_memory_growth', {}.get)
    monkeypatch.setattr(tf.config.experimental, 'set_memory_growth', late)
    backend._prepare_once.cache_clear()
    assert backend.has_gpu()
