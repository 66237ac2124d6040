"""The record that a callback is told, and the record that an interrupted transfer goes on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StyleStep:
    """How far a transfer is.

    Attributes:
        stage, stages: The number of this size, from 0, and how many sizes there are.
        step, steps: The steps that were done at this size, and all steps of this size.
        losses: Weighted losses by term, before the last step.
        raw: The same without their weights: relative distances, 0 where the style or the content is met.
        image: The picture at this size with its margin, float32 (h, w, 3).
        result: Gives the result as it would be if the run ended here: at full size, with colours and masks.
        state: Arrays: the optimiser's state, the lowest loss and its step. `Start` takes them.
        work, all_work: Pixels times steps that were done, and all of them.
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
    """Where an interrupted run goes on: fields of the last `StyleStep` that was kept.

    Example:
        start = Start(step.stage, step.step, step.image.copy(), [array.copy() for array in step.state])
        transfer(photo, painting, start=start)
    """

    stage: int
    step: int
    image: np.ndarray
    state: Sequence[np.ndarray]
