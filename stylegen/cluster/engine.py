"""Ray: it is started or joined, its machines are shared out among workers, and items go to whichever worker is free.

Ray starts workers again that die; whose fault a death was is counted here, by the one item that the worker had.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import math
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

from stylegen.cluster import stores
from stylegen.cluster.job import Job
from stylegen.cluster.settings import ClusterSettings
from stylegen.cluster.worker import Item, Made, Worker
from stylegen.utils import interrupts
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO, parse_memory

DEATHS = 3  # of workers on one input, before it is set aside
OPENINGS = 10  # in a row that may fail, before the run ends


@contextlib.contextmanager
def connected(cluster: str) -> Iterator[Any]:
    """Starts or joins Ray for the block, and yields the module.

    Raises:
        UserError: Ray is not installed, there is no cluster at the address, or Ray does not start in its time.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    os.environ.setdefault('RAY_worker_niceness', '0')  # with Ray's 15 the workers starve beside other programs
    os.environ.setdefault('RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO', '0')
    try:
        import ray
    except ImportError:
        raise UserError('--cluster needs Ray: pip install "stylegen[cluster]"') from None
    if ray.is_initialized():  # by who called us, who also ends it
        yield ray
        return
    quiet: dict[str, Any] = {'log_to_driver': False, 'logging_level': 'ERROR'}
    try:
        with kept_sigterm():
            if cluster == 'local':
                has_dashboard = importlib.util.find_spec('aiohttp_cors') is not None  # of ray[default]
                ray.init('local', num_cpus=_cores(), include_dashboard=has_dashboard, **quiet)
            else:
                ray.init(cluster, **quiet)
    except (ConnectionError, ValueError) as error:
        text = ' '.join(str(error).split())[:200]
        raise UserError(f'there is no cluster of Ray at {cluster} ({text}); `ray start --head` makes one') from None
    except Exception as error:  # Ray has no type for it
        if 'timed out during startup' not in str(error):
            raise
        ray.shutdown()
        more = 'try again, or run `ray start --head` before and give --cluster=auto'
        raise UserError(f'Ray did not start within 30 seconds, as on a busy machine; {more}') from None
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def kept_sigterm() -> Iterator[None]:
    """Puts the handler of SIGTERM back at the end of the block: `ray.init` sets one that ends the process at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def plan(settings: ClusterSettings, resources: dict[str, float]) -> tuple[int, int]:
    """How many workers there are, and the threads of each.

    Args:
        settings: What was asked for.
        resources: What Ray has: 'CPU' and 'GPU'.

    Raises:
        UserError: GPUs are asked for that are not there.

    Example:
        plan(ClusterSettings(cluster='local', gpus_per_worker=0.25), {'CPU': 16, 'GPU': 1})  # (4, 4)
    """
    cores, gpus, share = resources.get('CPU', 1.0), resources.get('GPU', 0.0), settings.gpus_per_worker
    most = cores
    if share:
        most = gpus * math.floor(1 / share + 1e-9) if share < 1 else gpus // share
        if most < 1 or (settings.workers or 1) > most:
            raise UserError(f'--gpus_per_worker={share:g}: the cluster has {gpus:g} GPUs; give fewer or none')
    workers = settings.workers or max(1, int(most))
    return workers, max(1, int(cores // workers))


class Workers:
    """The workers of one run.

    Args:
        ray: The module.
        job: How pictures are made.
        settings: How many workers.
    """

    def __init__(self, ray: Any, job: Job, settings: ClusterSettings):
        self.ray = ray
        resources = ray.cluster_resources()
        self.count, self.threads = plan(settings, resources)
        cores = min(self.threads, resources.get('CPU', 1.0) / self.count)  # more workers than cores: parts of one
        options = {'num_cpus': cores, 'num_gpus': settings.gpus_per_worker, 'max_restarts': -1, 'max_task_retries': 0}
        made = ray.remote(Worker).options(**options)
        # the same everywhere, since it decides the tiles of large pictures
        memory = int(min(1.0, self.threads / (os.cpu_count() or 1)) * parse_memory(AUTO))
        self.actors = [made.remote(job, self.threads, memory, os.getcwd()) for _ in range(self.count)]
        self.batch = job.batch
        self.busy: dict[Any, tuple[Any, list[Item]]] = {}
        self.idle: list[Any] = []
        self.failed_openings = 0

    def close(self) -> None:
        """Ends the workers."""
        for actor in self.actors:
            self.ray.kill(actor)

    def make(self, items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
        """Makes the results of items. It takes an item only when a worker is free for it.

        Yields:
            Each item, in the order in which they are done, and what became of it.

        Raises:
            UserError: The job cannot be opened.
            OSError: Nothing can be written any more.
        """
        left, again, deaths = iter(items), deque[Item](), Counter[str]()
        for actor in self.actors:
            self._open(actor)
        while self.busy:
            interrupts.check()
            ready, _ = self.ray.wait(list(self.busy), num_returns=1, timeout=0.5)
            for reference in ready:
                actor, given = self.busy.pop(reference)
                for item, made in zip(given, self._outcomes(reference, actor, given), strict=True):
                    deaths[item.output] += made.retry and len(given) == 1  # else nobody knows whose fault it was
                    if made.retry and deaths[item.output] < DEATHS:
                        again.append(item)
                    else:
                        tries = deaths.pop(item.output, 0)
                        yield item, Made(failed=f'{made.failed} ({tries} times)') if made.retry else made
            while self.idle and (some := [again.popleft()] if again else list(itertools.islice(left, self.batch))):
                self._give(self.idle.pop(), some)

    def _open(self, actor: Any) -> None:
        self.busy[actor.open.options(name='open').remote()] = actor, []

    def _give(self, actor: Any, items: list[Item]) -> None:
        """Gives items to a free worker."""
        given = [(item, stores.read(item.input) if stores.driver_only(item.input) else None) for item in items]
        more = f' and {len(items) - 1} more' if len(items) > 1 else ''
        name = stores.name_of(items[0].input).encode('utf-8', 'replace').decode()  # Ray takes valid text only
        task = actor.work.options(name=f'picture {name}{more}')
        self.busy[task.remote(given)] = actor, items

    def _outcomes(self, reference: Any, actor: Any, items: list[Item]) -> list[Made]:
        """What became of the items of a task. The worker is free afterwards, or is being started again."""
        try:
            result = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError:
            raise
        except self.ray.exceptions.RayError as error:  # the worker, or its machine, is gone
            self._open(actor)
            if not items:
                self.failed_openings += 1
            if self.failed_openings > OPENINGS + self.count:
                raise UserError('the workers die when they open the network; give fewer --workers') from None
            return [Made(failed=f'its worker died ({type(error).__name__})', retry=True) for _ in items]
        self.failed_openings = 0
        if not items and result:
            raise UserError(result)
        if failed := next((made.failed for made in result if made.fatal), '') if items else '':
            raise OSError(failed)
        self.idle.append(actor)
        return result if items else []
