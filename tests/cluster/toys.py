"""Jobs without a network, for tests of what is around it: they copy files, and die where they are told to."""

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stylegen.cluster.job import Job
from stylegen.utils.errors import UserError


@dataclass(frozen=True)
class Copy(Job):
    seconds: float = 0.0
    batch: int = 1
    settings = {'program': 'copy'}  # noqa: RUF012

    def open(self, memory):
        def make(task):
            name = task.name
            time.sleep(self.seconds)
            if 'poison' in name:
                os.kill(os.getpid(), signal.SIGKILL)
            if 'once' in name and not Path('died').exists():
                Path('died').touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if 'bad' in name:
                raise UserError('it is no picture')
            shutil.copyfile(task.file, task.output)

        return make


@dataclass(frozen=True)
class Memory(Job):
    """Writes the memory that a worker is given, and what else it was given at once."""

    batch: int = 3
    settings = {'program': 'memory'}  # noqa: RUF012

    def open(self, memory):
        return lambda task: task.output.write_text(f'{memory} {" ".join(map(os.path.basename, task.together))}')
