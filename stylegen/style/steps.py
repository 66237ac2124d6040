"""What a transfer tells its callback, and where an interrupted one goes on. Records only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StyleStep:
    """What a callback is told after some steps of a stage.

    Attributes:
        stage, stages: The size worked at, from 0, of how many.
        step, steps: Steps done of this size's.
        losses: Weighted losses by term, before the last step.
        raw: The same without their weights: relative distances, 0 where the style or the content is met.
        image: The picture at this size with its frame, float32 (h, w, 3).
        result: Gives the picture as it would be if the run ended here, at full size, colours and masks done.
        state: What the optimiser remembers, and the lowest loss and when it was, arrays: with stage, step and image all
            that `Start` needs.
        work, all_work: Pixels times steps, for progress.
    """

    stage: int
    stages: int
    step: int
    steps: int
    losses: Mapping[str, float]
    raw: Mapping[str, float]
    image: np.ndarray
    result: Callable[[], np.ndarray]
    state: Sequence[np.ndarray]
    work: float
    all_work: float


@dataclass(frozen=True)
class Start:
    """Where an interrupted run goes on: fields of the last `StyleStep` that was kept."""

    stage: int
    step: int
    image: np.ndarray
    state: Sequence[np.ndarray]
