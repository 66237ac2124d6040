"""Several devices or machines that train one model together, through `tf.distribute`.

Each holds all variables and takes its share of every batch; one process, the chief, decides and writes.
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
from stylegen.utils.differences import differing
from stylegen.utils.errors import UserError
from stylegen.utils.files import plain
from stylegen.utils.interrupts import deadly

if TYPE_CHECKING:
    import tensorflow as tf

    from stylegen.datasets.imageset import ImageSet

EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
MOST_AGAIN = 10  # times that a process begins again by itself after it has lost another one
_TIMES = 'STYLEGEN_BEGAN_AGAIN'  # that it has; in the environment, since it begins again as a new program
# what gRPC and TensorFlow's coordination say of a process that cannot be reached
_CONNECTION = re.compile(
    r'socket closed|connection (reset|refused|timed out|closed)|broken pipe|failed to connect|endpoint|rst_stream|'
    r'stream removed|goaway|heartbeat|unreachable|incarnation|keepalive',
    re.IGNORECASE,
)
JOBS = ('chief', 'worker')  # of a cluster; the chief, where there is none the first worker, is the one that writes


class WorkerLost(ConnectionError):
    """Another process of the cluster has gone, or cannot be reached any more."""


@dataclass(frozen=True)
class Devices:
    """What trains together.

    Args:
        strategy: Of TensorFlow; None: one device, without any.
        index: Which of the processes this is.
        workers: How many processes there are.
    """

    strategy: 'tf.distribute.Strategy | None' = None
    index: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """How many devices share a batch."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def chief(self) -> bool:
        """Whether this process decides and writes."""
        return self.index == 0

    def scope(self) -> contextlib.AbstractContextManager:
        """Within it variables are made for all devices."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int, jit: str, steps_per_execution: int) -> None:
        """Refuses what cannot be done together.

        Raises:
            UserError: The batch cannot be shared out equally; XLA was asked for, or several steps of a call, which
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
        """The batches of so many steps, for Keras's `fit`: each device gets its share; see `ImageSet.batches`."""

        def of(shard: tuple[int, int]) -> 'tf.data.Dataset':
            return images.batches(batch_size, seed=seed, first_step=first_step, shard=shard, parts=parts).take(steps)

        if self.strategy is None or self.replicas == 1:
            return of((0, 1))
        from stylegen.utils.backend import tf

        def here(context: 'tf.distribute.InputContext') -> 'tf.data.Dataset':
            count = self.replicas // context.num_input_pipelines  # the devices of a process take turns at its batches
            shards = [of((context.input_pipeline_id * count + turn, self.replicas)) for turn in range(count)]
            return tf.data.Dataset.choose_from_datasets(shards, tf.data.Dataset.range(count).repeat(steps))

        return self.strategy.distribute_datasets_from_function(here)

    def follow(self, variables: Iterable[Any]) -> None:
        """Gives Keras variables the values that they have on the chief. To be called by all processes."""
        if self.workers > 1:
            variables = list(variables)
            values = self._of_chief([variable.value for variable in variables])
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def broadcast(self, value: Any) -> Any:
        """What the chief says, as JSON has it. To be called by all processes."""
        if self.workers == 1:
            return value
        text = json.dumps(value).encode() if self.chief else b''
        (length,) = self._of_chief([np.array([len(text)])])
        padded = np.frombuffer(text.ljust(int(length[0])), np.uint8)
        (letters,) = self._of_chief([padded.astype(np.int64)])
        return json.loads(bytes(letters.numpy().astype(np.uint8)))

    def agree(self, settings: Mapping[str, Any]) -> None:
        """Makes sure that all processes were told the same. To be called by all.

        Raises:
            UserError: The chief has other settings than this process; they are named.
        """
        settings = plain(settings)
        if told := differing(self.broadcast(settings), settings, 'there', 'here'):
            raise UserError(f'the chief was told another {told}; start all workers with the same flags and data')

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """For work that needs all processes.

        Raises:
            WorkerLost: One of them has gone.
        """
        if self.workers == 1:
            yield
            return
        from stylegen.utils.backend import tf

        try:
            yield
        except tf.errors.OpError as error:
            if not _is_loss(error):
                raise
            raise WorkerLost(f'another worker is gone ({_reason(error)})') from error

    def _of_chief(self, values: list) -> list['tf.Tensor']:
        """Tensors as the chief has them; all processes have some of the same types and shapes."""
        from stylegen.utils.backend import tf

        totals = self._spread(*map(tf.convert_to_tensor, values))
        strategy = self.strategy or tf.distribute.get_strategy()
        return [strategy.experimental_local_results(total)[0] for total in totals]

    @cached_property
    def _spread(self) -> Callable[..., list]:
        from stylegen.utils.backend import tf

        def part(*values):
            replicas = tf.distribute.get_replica_context()
            first = tf.equal(replicas.replica_id_in_sync_group, 0)
            kept = (tf.where(first, value, tf.zeros_like(value)) for value in values)
            return [replicas.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in kept]  # of several types

        run = (self.strategy or tf.distribute.get_strategy()).run
        return tf.function(lambda *values: run(part, args=values), autograph=False, reduce_retracing=True)


def _alone() -> Devices:
    """One device."""
    return Devices()


@cache  # collective operations of two strategies of one process would be taken for each other
def _mirrored() -> Devices:
    """All GPUs of this machine; without any, the CPUs that TensorFlow was told to make of one.

    Raises:
        UserError: There is one device only.
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


def _joined() -> Devices:
    """The cluster that TF_CONFIG tells of; waits until all its processes are there.

    Raises:
        UserError: It tells of none, or the cluster cannot be joined.
    """
    index, workers = read_cluster()
    from stylegen.utils.backend import prepare_devices, silent_stderr, tf

    prepare_devices()
    try:
        with silent_stderr(), deadly():  # but TensorFlow takes SIGTERM for itself, until it has joined
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f'the cluster of TF_CONFIG cannot be joined: {_reason(error)}') from None
    return Devices(strategy, index, workers)


DISTRIBUTIONS: dict[str, Callable[[], Devices]] = {'none': _alone, 'mirrored': _mirrored, 'multi_worker': _joined}


def read_cluster(text: str | None = None) -> tuple[int, int]:
    """Which process of how many this is, by a text such as TF_CONFIG has; None: by TF_CONFIG.

    Raises:
        UserError: It is no JSON, or tells of no cluster of two processes or more that this one is in.
    """
    text = os.environ.get('TF_CONFIG', '') if text is None else text
    try:
        config = json.loads(text or '{}')
        addresses = {job: list(config['cluster'][job]) for job in JOBS if job in config['cluster']}
        job, index = config['task']['type'], int(config['task']['index'])
        places = [(job, place) for job in JOBS for place in range(len(addresses.get(job, ())))]
        if len(places) > 1 and set(addresses) == set(config['cluster']):
            return places.index((job, index)), len(places)
    except (ValueError, LookupError, TypeError):  # no JSON, a part is missing, or this process is
        pass
    told = 'is not set' if not text else f'is {text[:300]!r}'
    raise UserError(
        f'--distribute=multi_worker needs TF_CONFIG with the addresses of two workers or more, and which of them this '
        f"is, such as '{EXAMPLE}'; it {told}"
    )


def begin_again(lost: WorkerLost, tell: Callable[[str], None]) -> None:
    """The same command in the place of this process: TensorFlow joins a cluster once only.

    Args:
        lost: Why.
        tell: Is told of it in a line.

    Raises:
        WorkerLost: It has begun again `MOST_AGAIN` times already; with what to do.
    """
    times = int(os.environ.get(_TIMES, '0'))
    if times >= MOST_AGAIN:
        raise WorkerLost(
            f'{lost}, and this one has begun again {MOST_AGAIN} times already; see that all workers run and reach each '
            'other, then start the same command on each: it goes on from the last checkpoint'
        ) from lost
    tell(f'{lost}; this one begins again, and waits until all are there')
    streams.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {_TIMES: str(times + 1)})


def _is_loss(error: 'tf.errors.OpError') -> bool:
    """Whether an error of TensorFlow tells of a process that has gone, and not of a fault here.

    InternalError is both: gRPC's word for a connection that broke, and that of cuDNN and BLAS for whatever failed.
    """
    from stylegen.utils.backend import tf

    if isinstance(error, tf.errors.InternalError):
        return _CONNECTION.search(str(error)) is not None
    errors = tf.errors
    return isinstance(
        error, errors.UnavailableError | errors.AbortedError | errors.CancelledError | errors.DeadlineExceededError
    )


def _reason(error: Exception) -> str:
    """What an error says, in one line: of TensorFlow's many words those about the cause."""
    text = ' '.join(str(error).split())
    return (text.partition('aborted by: ')[2] or text)[:160]
