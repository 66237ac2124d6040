"""Ctrl-C while a program is still importing its modules."""

import os
import re
import signal
import subprocess
import sys

import pytest

from stylegen.utils import starting
from tests.conftest import ROOT

PROGRAMS = sorted(path.parent.name for path in (ROOT / 'stylegen').glob('*/__main__.py'))
INTERRUPTED = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name in ('numpy', 'absl'):
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""
SCRIPT = 'import sys\nfrom stylegen.{}.__main__ import main\nsys.exit(main())'  # as pip writes it


def interrupted(folder, *command, handler='signal.default_int_handler'):
    """What a process says that gets Ctrl-C when it begins to import NumPy or absl, and its exit code."""
    (folder / 'sitecustomize.py').write_text(f'{INTERRUPTED}signal.signal(signal.SIGINT, {handler})')
    env = os.environ | {'PYTHONPATH': f'{folder}{os.pathsep}{ROOT}'}
    done = subprocess.run([sys.executable, *command], env=env, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize('program', PROGRAMS)
def test_ctrl_c_during_the_imports_ends_in_one_line(program, tmp_path):
    assert interrupted(tmp_path, '-m', f'stylegen.{program}') == (130, f'stylegen-{program}: stopped\n')


def test_ctrl_c_during_the_imports_of_a_script_ends_in_one_line(tmp_path, program='style'):
    script = tmp_path / f'stylegen-{program}'
    script.write_text(SCRIPT.format(program))
    assert interrupted(tmp_path, script) == (130, f'stylegen-{program}: stopped\n')


def test_a_program_of_another_person_keeps_its_own_ctrl_c(tmp_path):
    code, said = interrupted(tmp_path, '-c', 'import stylegen.style.__main__')
    assert code == -signal.SIGINT and said.endswith('KeyboardInterrupt\n')


def test_a_job_in_the_background_ignores_it_as_before(tmp_path):
    assert interrupted(tmp_path, '-m', 'stylegen', '--version', handler='signal.SIG_IGN') == (0, '')


def test_the_command_line_raises_it_again(monkeypatch):
    monkeypatch.setattr(sys, 'orig_argv', ['python', '-m', 'stylegen.style'])
    monkeypatch.setattr(sys, 'argv', ['-m'])
    monkeypatch.setattr(os, '_exit', lambda code: pytest.fail('ended'))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    starting.end_at_interrupts()
    assert signal.getsignal(signal.SIGINT).program == 'stylegen-style'
    starting.raise_at_interrupts()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_it_knows_the_programs_that_are_installed():
    scripts = re.findall(r'^ +(stylegen\S*) = ', (ROOT / 'setup.cfg').read_text(), re.M)
    assert scripts == [name for name in scripts if starting.program_of([], f'/usr/bin/{name}') == name] and scripts
    modules = [starting.program_of(['python', '-u', '-m', f'stylegen.{name}', 'x'], '-m') for name in PROGRAMS]
    assert modules == [f'stylegen-{name}' for name in PROGRAMS]
    for typed in (['-mstylegen.style'], ['-Im', 'stylegen.style'], ['-W', 'ignore', '-umstylegen.style', '-m']):
        assert starting.program_of(['python', *typed], '-m') == 'stylegen-style'
    others = [['python', '-m'], '-m'], [['python', '-m', 'stylegen.notebook'], '-m'], [['python', 'a.py'], 'a.py']
    for command, script in (*others, ([], ''), ([], 'stylegen-style.py'), (['python', 'x', '-m', 'stylegen'], 'x')):
        assert starting.program_of(command, script) is None
