"""Trains one model on several devices or machines, through `tf.distribute`.

Each device holds all variables and takes its share of every batch. One process, the chief, decides and writes.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.utils import streams
from stylegen.utils.differences import differences_in_words
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json
from stylegen.utils.interrupts import ending_the_process

if TYPE_CHECKING:
    import tensorflow as tf

    from stylegen.datasets.imageset import ImageSet

EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
MAX_RESTARTS = 10  # of a process by itself, after it has lost another one
_RESTARTS = 'STYLEGEN_BEGAN_AGAIN'  # the number of restarts, in the environment, because a restart is a new program
# messages of gRPC and TensorFlow about a process that cannot be reached
_CONNECTION = re.compile(
    r'socket closed|connection (reset|refused|timed out|closed)|broken pipe|failed to connect|endpoint|rst_stream|'
    r'stream removed|goaway|heartbeat|unreachable|incarnation|keepalive',
    re.IGNORECASE,
)
JOBS = ('chief', 'worker')  # of a cluster; the chief writes, or the first worker if there is no chief


class WorkerLost(ConnectionError):
    """Another process of the cluster has ended or cannot be reached."""


@dataclass(frozen=True)
class Devices:
    """The devices that train together.

    Args:
        strategy: Of TensorFlow; None: one device, without a strategy.
        index: The index of this process.
        workers: The number of processes.
    """

    strategy: 'tf.distribute.Strategy | None' = None
    index: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """The number of devices that share a batch."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def chief(self) -> bool:
        """Whether this process decides and writes."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager:
        """Within this context variables are created on all devices."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int, jit: str, steps_per_execution: int) -> None:
        """Refuses settings that several devices do not support.

        Raises:
            UserError: The batch cannot be divided equally; or XLA or several steps a call are requested, which
                TensorFlow 2.21 cannot compile for several devices.
        """
        if batch_size % self.replicas:
            raise UserError(
                f'a batch of {batch_size} cannot be shared out among {self.replicas} devices; '
                'give a --batch_size that is a multiple of their number'
            )
        if self.replicas > 1 and jit == 'on':
            raise UserError('XLA compiles for one device; leave out --jit=on, or --distribute')
        if self.replicas > 1 and steps_per_execution > 1:
            raise UserError('several devices take one step at a time; leave out --steps_per_execution')

    def batches(
        self, images: 'ImageSet', batch_size: int, *, steps: int, parts: int, seed: int, first_step: int
    ) -> 'tf.data.Dataset | tf.distribute.DistributedDataset':
        """Returns the batches of `steps` steps for Keras's `fit`, each device's share. See `ImageSet.batches`."""

        def of(shard: tuple[int, int]) -> 'tf.data.Dataset':
            return images.batches(batch_size, seed=seed, first_step=first_step, shard=shard, parts=parts).take(steps)

        if self.strategy is None or self.replicas == 1:
            return of((0, 1))
        from stylegen.utils.backend import tf

        def here(context: 'tf.distribute.InputContext') -> 'tf.data.Dataset':
            count = self.replicas // context.num_input_pipelines  # the devices of a process take turns
            shards = [of((context.input_pipeline_id * count + turn, self.replicas)) for turn in range(count)]
            return tf.data.Dataset.choose_from_datasets(shards, tf.data.Dataset.range(count).repeat(steps))

        return self.strategy.distribute_datasets_from_function(here)

    def copy_from_chief(self, variables: Iterable[Any]) -> None:
        """Copies the chief's values of Keras variables to this process. All processes must call it."""
        if self.workers > 1:
            variables = list(variables)
            values = self._values_of_chief([variable.value for variable in variables])
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def broadcast(self, value: Any) -> Any:
        """Returns the chief's value, through JSON. All processes must call it."""
        if self.workers == 1:
            return value
        text = json.dumps(value).encode() if self.chief else b''
        (length,) = self._values_of_chief([np.array([len(text)])])
        padded = np.frombuffer(text.ljust(int(length[0])), np.uint8)
        (letters,) = self._values_of_chief([padded.astype(np.int64)])
        return json.loads(bytes(letters.numpy().astype(np.uint8)))

    def check_same_settings(self, settings: Mapping[str, Any]) -> None:
        """Checks that all processes have the same settings. All processes must call it.

        Raises:
            UserError: The chief has other settings than this process. The error names them.
        """
        settings = as_json(settings)
        if differences := differences_in_words(self.broadcast(settings), settings, 'there', 'here'):
            raise UserError(f'the chief has another {differences}; start all workers with the same flags and data')

    @contextlib.contextmanager
    def report_lost_workers(self) -> Iterator[None]:
        """Within this context an error of a lost process becomes `WorkerLost`. For work that needs all processes.

        Raises:
            WorkerLost: A process has ended.
        """
        if self.workers == 1:
            yield
            return
        from stylegen.utils.backend import tf

        try:
            yield
        except tf.errors.OpError as error:
            if not _means_lost_worker(error):
                raise
            raise WorkerLost(f'another worker is gone ({_reason(error)})') from error

    def _values_of_chief(self, values: list) -> list['tf.Tensor']:
        """Returns the chief's tensors. All processes pass tensors of the same types and shapes."""
        from stylegen.utils.backend import tf

        totals = self._broadcast(*map(tf.convert_to_tensor, values))
        strategy = self.strategy or tf.distribute.get_strategy()
        return [strategy.experimental_local_results(total)[0] for total in totals]

    @cached_property
    def _broadcast(self) -> Callable[..., list]:
        from stylegen.utils.backend import tf

        def part(*values):
            replicas = tf.distribute.get_replica_context()
            first = tf.equal(replicas.replica_id_in_sync_group, 0)
            kept = (tf.where(first, value, tf.zeros_like(value)) for value in values)
            return [
                replicas.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in kept
            ]  # one by one, because their types differ

        run = (self.strategy or tf.distribute.get_strategy()).run
        return tf.function(lambda *values: run(part, args=values), autograph=False, reduce_retracing=True)


def _single_device() -> Devices:
    """Returns one device."""
    return Devices()


@cache  # collective operations of two strategies would be mixed up
def _mirrored() -> Devices:
    """Returns all GPUs of this machine; without a GPU, the logical CPUs that TensorFlow was configured with.

    Raises:
        UserError: There is only one device.
    """
    from stylegen.utils.backend import has_gpu, silent_stderr, tf

    devices = tf.config.list_logical_devices('GPU' if has_gpu() else 'CPU')
    if len(devices) < 2:
        raise UserError(
            f'--distribute=mirrored needs two devices or more, and TensorFlow sees {devices[0].name.partition(":")[2]} '
            'only; leave it out'
        )
    with silent_stderr():
        return Devices(tf.distribute.MirroredStrategy([device.name for device in devices]))


def _multi_worker() -> Devices:
    """Joins the cluster of TF_CONFIG, and waits until all its processes are there.

    Raises:
        UserError: TF_CONFIG has no cluster, or the cluster cannot be joined.
    """
    index, workers = read_cluster()
    from stylegen.utils.backend import prepare_devices, silent_stderr, tf

    prepare_devices()
    try:
        with silent_stderr(), ending_the_process():  # TensorFlow handles SIGTERM itself until it has joined
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f'the cluster of TF_CONFIG cannot be joined: {_reason(error)}') from None
    return Devices(strategy, index, workers)


DISTRIBUTIONS: dict[str, Callable[[], Devices]] = {
    'none': _single_device,
    'mirrored': _mirrored,
    'multi_worker': _multi_worker,
}


def read_cluster(text: str | None = None) -> tuple[int, int]:
    """Returns the index of this process and the number of processes, from a text like TF_CONFIG; None reads TF_CONFIG.

    Raises:
        UserError: The text is no JSON, or has no cluster of two or more processes with this one.
    """
    text = os.environ.get('TF_CONFIG', '') if text is None else text
    try:
        config = json.loads(text or '{}')
        addresses = {job: list(config['cluster'][job]) for job in JOBS if job in config['cluster']}
        job, index = config['task']['type'], int(config['task']['index'])
        places = [(job, place) for job in JOBS for place in range(len(addresses.get(job, ())))]
        if len(places) > 1 and set(addresses) == set(config['cluster']):
            return places.index((job, index)), len(places)
    except (ValueError, LookupError, TypeError):  # no JSON, or a part or this process is missing
        pass
    problem = 'is not set' if not text else f'is {text[:300]!r}'
    raise UserError(
        f'--distribute=multi_worker needs TF_CONFIG with the addresses of two workers or more, and which of them this '
        f"is, such as '{EXAMPLE}'; it {problem}"
    )


def restart_process(lost: WorkerLost, tell: Callable[[str], None]) -> None:
    """Restarts this process with the same command, because TensorFlow can join a cluster only once.

    Args:
        lost: The reason.
        tell: Called with a line about it.

    Raises:
        WorkerLost: The process has restarted `MAX_RESTARTS` times already. The error says what to do.
    """
    restarts = int(os.environ.get(_RESTARTS, '0'))
    if restarts >= MAX_RESTARTS:
        raise WorkerLost(
            f'{lost}, and this one has begun again {MAX_RESTARTS} times already; check that all workers run and reach '
            'each other, then start the same command on each: it goes on from the last checkpoint'
        ) from lost
    tell(f'{lost}; this one begins again, and waits until all are there')
    streams.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {_RESTARTS: str(restarts + 1)})


def _means_lost_worker(error: 'tf.errors.OpError') -> bool:
    """Returns whether an error of TensorFlow means that another process has ended.

    InternalError is ambiguous: gRPC raises it for a broken connection, and cuDNN and BLAS for any failure.
    """
    from stylegen.utils.backend import tf

    if isinstance(error, tf.errors.InternalError):
        return _CONNECTION.search(str(error)) is not None
    errors = tf.errors
    return isinstance(
        error, errors.UnavailableError | errors.AbortedError | errors.CancelledError | errors.DeadlineExceededError
    )


def _reason(error: Exception) -> str:
    """Returns an error in one line; of TensorFlow's long messages only the cause."""
    text = ' '.join(str(error).split())
    return (text.partition('aborted by: ')[2] or text)[:160]
