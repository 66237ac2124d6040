"""What the nine commands share: their flags, and the names that a notebook takes from the package."""

import subprocess
import sys

import stylegen.dcgan
from stylegen.dcgan.__main__ import COMMANDS


def test_the_flags_of_every_command_are_told_without_tensorflow():
    code = (
        'import importlib, sys\n'
        'import stylegen.dcgan\n'
        f'for name in {[module for module, _ in COMMANDS.values()]}:\n'
        "    importlib.import_module(f'stylegen.dcgan.{name}').define_flags().help('x')\n"
        "    assert 'tensorflow' not in sys.modules, name\n"
    )
    child = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr


def test_the_public_names_are_functions():
    assert all(callable(getattr(stylegen.dcgan, name)) for name in stylegen.dcgan.__all__)
