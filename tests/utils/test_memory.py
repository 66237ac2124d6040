"""Memory: what is free, and how people write it."""

import pytest

from stylegen.utils import backend, memory
from stylegen.utils.errors import UserError
from stylegen.utils.memory import (
    available_memory,
    format_memory,
    free_memory,
    memory_advice,
    parse_memory,
    resolve_memory,
)


@pytest.mark.parametrize('text, size', [('4GB', 4 << 30), ('500m', 500 << 20), ('1.5 GiB', 3 << 29), ('1024', 1024)])
def test_memory_is_read_as_people_write_it(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize('text', ['', 'lots', '-1GB', '4XB', '0', '0GB'])
def test_other_texts_are_refused(text):
    with pytest.raises(UserError, match='4GB'):
        parse_memory(text)


def test_auto_is_a_share_of_what_is_free_and_is_settled_to_a_number(monkeypatch):
    for free in (7 << 30, 13 << 30):
        monkeypatch.setattr(memory, 'available_memory', lambda free=free: free)
        assert parse_memory('auto') == 4 << 30 and resolve_memory('auto') == '4096MB'
    assert parse_memory(resolve_memory('auto')) == 4 << 30 and resolve_memory('5GB') == '5GB'


def test_memory_is_written_as_people_read_it():
    assert [format_memory(n) for n in (12, 3000, 5 << 20, 3 << 29)] == ['12 B', '2.93 KB', '5 MB', '1.5 GB']
    assert [format_memory(n << 20) for n in (999, 1000, 1023, 10**6)] == ['999 MB', '0.977 GB', '0.999 GB', '977 GB']
    assert format_memory(999.6 * 2**20) == '0.976 GB' and format_memory(1 << 40) == '1 TB'


def group(folder, **files):
    """What a control group tells: one of the rows of GROUPS, with these files in a folder of its own."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(f'{text}\n')
    return folder, 'limit', 'use', 'spare'


def test_a_container_s_limit_counts_less_what_is_used_and_cannot_be_freed(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, '_main_memory', lambda: 9 << 30)
    stat = f'anon 5\nspare {1 << 30}'
    two = group(tmp_path / 'two', **{'limit': 4 << 30, 'use': 3 << 30, 'memory.stat': stat})
    open_ = group(tmp_path / 'open', **{'limit': 'max', 'use': 3 << 30, 'memory.stat': stat})
    full = group(tmp_path / 'full', **{'limit': 4 << 30, 'use': 5 << 30, 'memory.stat': 'anon 5'})
    none = (tmp_path / 'none', 'limit', 'use', 'spare')
    for groups, left in (([two, none], 2 << 30), ([open_, none], 9 << 30), ([none, full], 0)):
        monkeypatch.setattr(memory, 'GROUPS', groups)
        assert available_memory() == left
    assert memory_advice(1) == ['         only 0 B is free: give less in --max_memory']


SMI = """#!/bin/sh
[ "$*" = "--query-gpu=memory.free --format=csv,noheader,nounits --id=GPU-1" ] && echo "$FREE"
"""


@pytest.mark.parametrize(
    ('told', 'seen', 'free'), [('2048', True, 2 << 30), ('0', True, 0), ('[N/A]', True, 9 << 30), ('2', False, 9 << 30)]
)
def test_where_there_is_a_gpu_its_free_memory_counts(told, seen, free, tmp_path, monkeypatch):
    (tmp_path / 'nvidia-smi').write_text(SMI)
    (tmp_path / 'nvidia-smi').chmod(0o755)
    for name, value in (('PATH', str(tmp_path)), ('CUDA_VISIBLE_DEVICES', 'GPU-1,GPU-0'), ('FREE', told)):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(memory, 'available_memory', lambda: 9 << 30)
    monkeypatch.setattr(backend, 'has_gpu', lambda: seen)
    backend._free_gpu_memory.cache_clear()
    try:
        assert free_memory() == free
        monkeypatch.setenv('PATH', '')
        assert free_memory() == 9 << 30
    finally:
        backend._free_gpu_memory.cache_clear()


def test_units_are_powers_of_1024():
    texts = {'1': 1, '1K': 1024, '1kb': 1024, '1M': 1024**2, '1GB': 1024**3, '1.5 GiB': 3 * 2**29, '2T': 2 * 1024**4}
    assert {text: parse_memory(text) for text in texts} == texts
