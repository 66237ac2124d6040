"""An alarm about a training run, from a number that is checked from time to time."""

from dataclasses import dataclass, field


@dataclass
class Alarm:
    """Rings once when a number was below a bound at several checks in a row; it can ring again after a recovery.

    Args:
        low: The bound; a number below it counts.
        patience: The number of checks in a row.
        grace: Checks up to this step do not count.

    Attributes:
        last_good_step: The step of the last check that was not below the bound; 0 before the first one.
    """

    low: float
    patience: int
    grace: int = 0
    last_good_step: int = field(default=0, init=False)
    count: int = field(default=0, init=False)

    def __call__(self, step: int, value: float) -> bool:
        """Checks a value and returns whether the alarm rings."""
        if not value < self.low:
            self.count, self.last_good_step = 0, step
        elif step > self.grace:
            self.count += 1
        return self.count == self.patience

    def reset(self) -> None:
        """Sets the count to 0, for a run that went back to a checkpoint."""
        self.count = 0
