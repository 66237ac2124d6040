"""What Keras's `fit` lacks for long runs: work at every so many steps, a log that a resumed run goes on with, events.

The model counts its steps in the variable `steps`. None of this knows what is trained.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.training.logs import EVENTS, LOG, read_log
from stylegen.utils import interrupts
from stylegen.utils.backend import keras, tf
from stylegen.utils.files import replacing

Logs = Mapping[str, Any] | None  # what Keras tells of a batch or an epoch
LOOK_EVERY = 25  # steps: how long a value that is not finite may go unseen

# what tf.summary.scalar marks its values with; itself it works only where TensorBoard is installed
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name='scalars'),
    data_class=1,  # DATA_CLASS_SCALAR
)


@dataclass(frozen=True)
class Report:
    """What a callback is told: steps done of all, means of the metrics since the last report, and the speed."""

    step: int
    steps: int
    values: Mapping[str, float]
    images_per_second: float


@dataclass(frozen=True)
class Periodic:
    """Work that is done when a multiple of so many steps has been reached or passed.

    Args:
        every: Steps from one time to the next; 0: never.
        work: Is told the step.
        at_end: It is done at the end of the run too.
    """

    every: int
    work: Callable[[int], None]
    at_end: bool = False

    def due(self, before: int, step: int, end: bool) -> bool:
        """Whether it is to be done at a step, after the one that was reached before."""
        return bool(self.every) and (step // self.every > before // self.every or (end and self.at_end))


class Schedule(keras.callbacks.Callback):
    """Works that are due at certain steps, and a look at the model's health before any of them.

    Steps are counted here: to ask the device for a number is to wait until it has done all that it was given. So the
    look, too, comes only now and then; a model that something is wrong with must keep for itself what it was.

    Args:
        works: In the order in which they are done.
        look: Is told the step. Where it stops the fit, no work is done.
        last: The step that ends the run.
        every: Steps from one look to the next, where no work is due.
    """

    def __init__(self, works: Sequence[Periodic], look: Callable[[int], None], last: int, every: int = LOOK_EVERY):
        super().__init__()
        self.works, self.look, self.last = works, Periodic(every, look, at_end=True), last
        self.begin = self.before = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Notes where the run begins."""
        self.begin = self.before = int(self.model.steps.numpy())

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Counts; `batch` is the last of a call, and the last call may hold fewer than others."""
        self.reached(self.begin + min(batch + 1, self.params['steps']))

    def reached(self, step: int) -> None:
        """Does what is due at a step."""
        before, self.before = self.before, step
        end = step == self.last
        due = [each.work for each in self.works if each.due(before, step, end)]
        if due or self.look.due(before, step, end):
            due.insert(0, self.look.work)
        for work in due:
            if not self.model.stop_training:
                work(step)


class Callbacks(keras.callbacks.CallbackList):
    """Callbacks of a `fit` that are not told the values of a step: Keras would ask the device for them each time."""

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, steps: int):
        super().__init__(list(callbacks), add_history=True, model=model, steps=steps, epochs=1, verbose=0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Passes on the number of the batch."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch)


class Interrupts(keras.callbacks.Callback):
    """Raises KeyboardInterrupt between steps where Ctrl-C was lost on its way."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Looks."""
        interrupts.check()


class Log:
    """A table of metrics, a row for each report; of a resumed run no row comes twice.

    Args:
        workdir: Folder of the run.
        columns: Names of the metrics.
        step: Where the run goes on: later rows are removed.
        tensorboard: Whether to write the same for TensorBoard, into `tensorboard`.
        name: Of the file.
    """

    def __init__(
        self,
        workdir: str | os.PathLike,
        columns: Iterable[str],
        step: int = 0,
        tensorboard: bool = False,
        name: str = LOG,
    ):
        self.path = Path(workdir) / name
        self.columns = ('step', *columns)
        self.writer = tf.summary.create_file_writer(str(Path(workdir) / 'tensorboard')) if tensorboard else None
        self.back_to(step)

    def rows(self) -> list[dict[str, str]]:
        """The rows so far."""
        return read_log(self.path)

    def back_to(self, step: int) -> None:
        """Removes the rows of later steps."""
        kept = [row for row in self.rows() if int(row['step']) <= step]
        with replacing(self.path) as beside, open(beside, 'w', newline='') as file:
            table = csv.DictWriter(file, self.columns, extrasaction='ignore')
            table.writeheader()
            table.writerows(kept)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a row."""
        with open(self.path, 'a', newline='') as file:
            csv.DictWriter(file, self.columns, restval='').writerow(
                {'step': step, **{name: f'{value:.6g}' for name, value in values.items()}}
            )
        if self.writer:
            with self.writer.as_default(step):
                for name, value in values.items():
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=_SCALAR)
            self.writer.flush()


class Events:
    """What happened, in `events.jsonl`: one JSON object in a line, with the step, the kind and the time."""

    def __init__(self, workdir: str | os.PathLike):
        self.path = Path(workdir) / EVENTS

    def add(self, kind: str, step: int, **details: Any) -> None:
        """Adds a line, and sees it onto the disk; half a line that a killed process left stays a line of its own."""
        line = {'step': step, 'event': kind, 'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), **details}
        with open(self.path, 'ab+') as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            whole = file.read() in (b'', b'\n')
            file.write((b'' if whole else b'\n') + json.dumps(line).encode() + b'\n')
            file.flush()
            os.fsync(file.fileno())


class NullLog:
    """Stands in for a `Log` or `Events` that another process writes."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    def back_to(self, step: int) -> None:
        """Nothing."""


class Speed:
    """Images a second since the last look.

    Args:
        batch_size: Images of a step.
        clock: Seconds.
    """

    def __init__(self, batch_size: int, clock: Callable[[], float] = time.monotonic):
        self.batch_size, self.clock = batch_size, clock
        self.step, self.time = 0, clock()

    def start(self, step: int) -> None:
        """Measures from here."""
        self.step, self.time = step, self.clock()

    def __call__(self, step: int) -> float:
        """Images a second since `start` or the last call."""
        now = self.clock()
        rate = (step - self.step) * self.batch_size / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate
