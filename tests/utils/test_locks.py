"""Two processes do not work in one folder."""

import os
import subprocess
import sys

import pytest

from stylegen.utils.errors import UserError
from stylegen.utils.locks import LOCK, folder_lock
from tests.conftest import ROOT

HOLD = """
import sys, time
from stylegen.utils.locks import folder_lock
with folder_lock(sys.argv[1]):
    print('in', flush=True)
    time.sleep(60)
"""


def test_another_process_is_kept_out_until_the_first_has_gone_however_it_goes(tmp_path):
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    start = [sys.executable, '-c', HOLD, str(tmp_path)]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout.readline() == 'in\n'
        with pytest.raises(UserError, match=rf'another process \({other.pid}\) is at work'), folder_lock(tmp_path):
            pytest.fail('two at once')
        other.kill()
        other.wait()
    with folder_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_into_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot write into'), folder_lock(tmp_path / 'file' / 'folder'):
        pytest.fail('no folder')


def test_the_folder_is_made_and_only_the_last_process_is_named(tmp_path):
    folder = tmp_path / 'new' / 'run'
    for _ in range(2):
        with folder_lock(folder):
            assert (folder / LOCK).read_text() == f'{os.getpid()}\n'
        (folder / LOCK).write_text('123456789012\n')  # of an earlier one, longer than ours
