"""What a visitor is told who finds the line for the machine full."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from stylegen.studio.panel import duration

MACHINE_LINE = 'machine'  # the name of the one line for all work


def full_message(waiting: int, seconds: Sequence[float | None], left: float | None) -> str:
    """One line that says how many jobs wait, and how long they take.

    Args:
        waiting: Jobs in the line.
        seconds: What each of them took so far on average; None where no such job was done yet.
        left: Of the job that the machine works on, in seconds; None: not known.
    """
    jobs = '1 job waits' if waiting == 1 else f'{waiting} jobs wait'
    known = [one for one in (*seconds, left) if one is not None]
    if not known:
        return f'The line is full: {jobs} for the machine. Try again in a minute.'
    mean = sum(known) / len(known)
    total = sum(mean if one is None else one for one in (*seconds, left))
    soon = mean if left is None else left
    return f'The line is full: {jobs}, about {duration(max(1, total))} of work. Try again in {duration(max(1, soon))}.'


def bound_line(queue: Any, most: int) -> None:
    """Lets so many jobs wait for the machine in Gradio's queue, and says to others how long the line is.

    Gradio's own bound would count what needs no machine too, such as an undo, and its page hides the reason.

    Args:
        queue: Of a `gradio.Blocks`.
        most: Jobs in the line; those of which the machine works on one do not count.
    """
    push = queue.push

    async def bounded(body: Any, *arguments: Any, **keywords: Any) -> Any:
        needs = queue.blocks.fns[body.fn_index].concurrency_id == MACHINE_LINE
        line = queue.event_queue_per_concurrency_id.get(MACHINE_LINE)
        if needs and line is not None and len(line.queue) >= most:
            return False, _message(queue), 'error'  # whose text is shown
        return await push(body, *arguments, **keywords)

    queue.push = bounded


def _message(queue: Any) -> str:
    took = {function: times.avg_time for function, times in queue.process_time_per_fn.items() if times.count}
    line = queue.event_queue_per_concurrency_id[MACHINE_LINE]
    now = time.time()
    running = [
        max(0.0, start + took[function] - now)
        for function, starts in line.start_times_per_fn.items()
        for start in starts
        if function in took
    ]
    return full_message(len(line.queue), [took.get(event.fn) for event in line.queue], min(running, default=None))
