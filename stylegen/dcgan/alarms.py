"""When to raise an alarm about a training run, from a number that is looked at now and then."""

from dataclasses import dataclass, field


@dataclass
class Alarm:
    """Rings once when a number has been below a bound for some looks in a row, and again after it has recovered.

    Args:
        low: The bound.
        patience: How many looks in a row.
        grace: Steps from the beginning of the run in which nothing is counted.

    Attributes:
        fine: The step of the last look at which all was well; 0 before there was one.
    """

    low: float
    patience: int
    grace: int = 0
    fine: int = field(default=0, init=False)
    count: int = field(default=0, init=False)

    def __call__(self, step: int, value: float) -> bool:
        """Looks, and answers whether to ring."""
        if not value < self.low:
            self.count, self.fine = 0, step
        elif step > self.grace:
            self.count += 1
        return self.count == self.patience

    def quiet(self) -> None:
        """Begins anew, as after the run has gone back."""
        self.count = 0
