"""What Keras's `fit` lacks for long runs: periodic work, a log that a resumed run continues, and events.

The model counts its steps in the variable `steps`. Nothing here depends on what is trained.
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
from stylegen.utils.files import atomic_write

Logs = Mapping[str, Any] | None  # Keras's values of a batch or an epoch
CHECK_EVERY = 25  # steps from one check for values that are not finite to the next

# the metadata of tf.summary.scalar, which itself works only if TensorBoard is installed
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name='scalars'),
    data_class=1,  # DATA_CLASS_SCALAR
)


@dataclass(frozen=True)
class Report:
    """The arguments of a callback.

    Attributes:
        step: Steps done.
        steps: Steps of the whole run.
        values: Means of the metrics since the last report.
        images_per_second: The speed.
    """

    step: int
    steps: int
    values: Mapping[str, float]
    images_per_second: float


@dataclass(frozen=True)
class Periodic:
    """Work that is done each time a multiple of `every` steps is reached or passed.

    Args:
        every: Steps from one time to the next; 0: never.
        work: Called with the step.
        at_end: Also does the work at the end of the run.
    """

    every: int
    work: Callable[[int], None]
    at_end: bool = False

    def due(self, before: int, step: int, end: bool) -> bool:
        """Returns whether the work is due at `step`, if `before` was the previous step reached."""
        return bool(self.every) and (step // self.every > before // self.every or (end and self.at_end))


class Schedule(keras.callbacks.Callback):
    """Does work that is due at certain steps, and checks the model before any of it.

    This class counts the steps itself, because reading a number from the device waits until the device has finished all
    its work. For the same reason the check runs only from time to time; a model must keep its last good state itself.

    Args:
        works: In the order in which they are done.
        check: Looks whether the model is well; called with the step. If it stops the fit, no work is done.
        last: The last step of the run.
        every: Steps from one check to the next if no work is due.
    """

    def __init__(self, works: Sequence[Periodic], check: Callable[[int], None], last: int, every: int = CHECK_EVERY):
        super().__init__()
        self.works, self.check, self.last = works, Periodic(every, check, at_end=True), last
        self.begin = self.before = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Records the step at which the run begins."""
        self.begin = self.before = int(self.model.steps.numpy())

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Counts the steps. `batch` is the last of a call; the last call may have fewer steps."""
        self.reached(self.begin + min(batch + 1, self.params['steps']))

    def reached(self, step: int) -> None:
        """Does what is due at a step."""
        before, self.before = self.before, step
        end = step == self.last
        due = [each.work for each in self.works if each.due(before, step, end)]
        if due or self.check.due(before, step, end):
            due.insert(0, self.check.work)
        for work in due:
            if not self.model.stop_training:
                work(step)


class Callbacks(keras.callbacks.CallbackList):
    """Callbacks of a `fit` that get no values of a step. Keras would read them from the device each time."""

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, steps: int):
        super().__init__(list(callbacks), add_history=True, model=model, steps=steps, epochs=1, verbose=0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Passes on the index of the batch."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch)


class Interrupts(keras.callbacks.Callback):
    """Raises KeyboardInterrupt between steps if Ctrl-C was lost, see `stylegen.utils.interrupts`."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Raises a pending KeyboardInterrupt."""
        interrupts.check()


class Log:
    """A table of metrics with a row for each report. A resumed run repeats no row.

    Args:
        workdir: Folder of the run.
        columns: Names of the metrics.
        step: The step from which the run continues; later rows are removed.
        tensorboard: Also writes the metrics for TensorBoard, to `tensorboard`.
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
        self.remove_after(step)

    def rows(self) -> list[dict[str, str]]:
        """Returns the rows so far."""
        return read_log(self.path)

    def remove_after(self, step: int) -> None:
        """Removes the rows of later steps."""
        kept = [row for row in self.rows() if int(row['step']) <= step]
        with atomic_write(self.path) as beside, open(beside, 'w', newline='') as file:
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
    """Events of a run in `events.jsonl`: a JSON object a line, with the step, the kind and the time."""

    def __init__(self, workdir: str | os.PathLike):
        self.path = Path(workdir) / EVENTS

    def add(self, kind: str, step: int, **details: Any) -> None:
        """Adds a line and syncs it to the disk. Half a line that a killed process left stays on its own line."""
        line = {'step': step, 'event': kind, 'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), **details}
        with open(self.path, 'ab+') as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            whole = file.read() in (b'', b'\n')
            file.write((b'' if whole else b'\n') + json.dumps(line).encode() + b'\n')
            file.flush()
            os.fsync(file.fileno())


class NullLog:
    """Replaces a `Log` or `Events` in a process that does not write."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing."""

    def remove_after(self, step: int) -> None:
        """Does nothing."""


class Speed:
    """Measures images per second since the last call.

    Args:
        batch_size: Images of a step.
        clock: Returns the time in seconds.
    """

    def __init__(self, batch_size: int, clock: Callable[[], float] = time.monotonic):
        self.batch_size, self.clock = batch_size, clock
        self.step, self.time = 0, clock()

    def start(self, step: int) -> None:
        """Starts to measure at this step."""
        self.step, self.time = step, self.clock()

    def __call__(self, step: int) -> float:
        """Returns images per second since `start` or the last call."""
        now = self.clock()
        rate = (step - self.step) * self.batch_size / max(now - self.time, 1e-9)
        self.step, self.time = step, now
        return rate
