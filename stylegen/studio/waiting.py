"""What a visitor is told who finds the line for the machine full."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from stylegen.studio.panel import duration


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


def tell_when_full(queue: Any) -> None:
    """Lets Gradio's queue say how long the line is. Gradio's own page hides the reason where the queue is full."""
    push = queue.push

    async def told(*arguments: Any, **keywords: Any) -> Any:
        success, found, state = await push(*arguments, **keywords)
        if not success and state == 'queue_full':
            found, state = _message(queue), 'error'  # whose text is shown
        return success, found, state

    queue.push = told


def _message(queue: Any) -> str:
    took = {function: times.avg_time for function, times in queue.process_time_per_fn.items() if times.count}
    lines = list(queue.event_queue_per_concurrency_id.values())
    events = [event for line in lines for event in line.queue]
    now = time.time()
    running = [
        max(0.0, start + took[function] - now)
        for line in lines
        for function, starts in line.start_times_per_fn.items()
        for start in starts
        if function in took
    ]
    return full_message(len(events), [took.get(event.fn) for event in events], min(running, default=None))
