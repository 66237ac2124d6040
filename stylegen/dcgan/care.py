"""How a training run is watched, and what is kept of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """How a run is watched, and what is kept of it; the fields are arguments of `train`."""

    log_every: int
    sample_every: int
    checkpoint_every: int
    collapse_every: int
    on_collapse: str
    evaluate_every: int
    pictures: int
    keep: int
    samples: int
    tensorboard: bool
