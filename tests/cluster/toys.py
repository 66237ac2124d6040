"""Jobs without a network, for tests of what is around it: they copy files, and die where they are told to."""

import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from stylegen.utils.errors import UserError


@dataclass(frozen=True)
class Copy:
    seconds: float = 0.0
    settings: dict = field(default_factory=lambda: {'program': 'copy'})

    def suffix(self, name):
        return '.png'

    def open(self, share):
        def make(file, name, output):
            time.sleep(self.seconds)
            if 'poison' in name:
                os.kill(os.getpid(), signal.SIGKILL)
            if 'once' in name and not Path('died').exists():
                Path('died').touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if 'bad' in name:
                raise UserError('it is no picture')
            shutil.copyfile(file, output)

        return make
