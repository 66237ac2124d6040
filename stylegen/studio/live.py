"""Long jobs that are watched while they run, and that stop when they are asked to."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

PREVIEW_SECONDS = 1.0  # at least, from one preview to the next
Report = Callable[[float, float, Callable[[], np.ndarray]], None]


class Stopped(Exception):
    """A visitor stopped the job. `picture` is the best so far."""

    def __init__(self, picture: np.ndarray):
        super().__init__('stopped')
        self.picture = picture


@dataclass(frozen=True)
class Preview:
    """A picture on its way.

    Attributes:
        picture: float32 (H, W, 3) in [0, 1].
        share: How much of the work is done, 0 to 1.
        seconds_left: As the speed so far lets expect.
    """

    picture: np.ndarray
    share: float
    seconds_left: float


@dataclass(frozen=True)
class Finished:
    """The picture of a job, and whether it was stopped before its end."""

    picture: np.ndarray
    stopped: bool


def follow(job: Callable[[Report], np.ndarray], stop: threading.Event) -> Iterator[Preview | Finished]:
    """Runs a job in a thread. Yields previews, and at the end a `Finished`.

    A generator that is closed before its end, as when a visitor goes away, stops the job too.

    Args:
        job: Takes a function that it calls now and then with the work done, all work, and a function that gives the
            picture as it would be if the job ended now. Returns the picture.
        stop: Once it is set, the job ends at its next call of that function.

    Raises:
        Exception: What the job raised.
    """
    reports: queue.Queue = queue.Queue()
    first: tuple[float, float] | None = None  # time and share of the first report: what was before is no work
    shown = 0.0

    def report(done: float, total: float, picture: Callable[[], np.ndarray]) -> None:
        nonlocal first, shown
        if stop.is_set():
            raise Stopped(picture())
        now, share = time.monotonic(), done / total
        if first is None:
            first = now, share
        elif now - shown >= PREVIEW_SECONDS and share < 1:
            speed = (share - first[1]) / max(now - first[0], 1e-9)
            reports.put(Preview(picture(), share, (1 - share) / max(speed, 1e-9)))
            shown = time.monotonic()

    def run() -> None:
        try:
            reports.put(Finished(job(report), stopped=False))
        except Stopped as stopped:
            reports.put(Finished(stopped.picture, stopped=True))
        except BaseException as error:
            reports.put(error)

    thread = threading.Thread(target=run, name='stylegen job', daemon=True)
    thread.start()
    try:
        while True:
            found = reports.get()
            with contextlib.suppress(queue.Empty):  # an old preview gives way to a new one
                while isinstance(found, Preview):
                    found = reports.get_nowait()
            if isinstance(found, BaseException):
                raise found
            yield found
            if isinstance(found, Finished):
                return
    finally:
        stop.set()
        thread.join()
