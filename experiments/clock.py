"""A learning rate by the clock, for trainings that have so many minutes."""

import time

from stylegen.utils.backend import keras


class Clock(keras.callbacks.Callback):
    """Sets the learning rate to `peak` times `share(gone)`, and stops the training when its time is over.

    Args:
        peak: the highest learning rate.
        minutes: the time, in sum over all starts. The model keeps the seconds so far in its weight `seconds`.
        share: the share of the peak, by the share of the time that has gone.
        warmup: steps of each start over which the rate rises from 0.
    """

    def __init__(self, peak, minutes, share, warmup):
        super().__init__()
        self.peak, self.minutes, self.share, self.warmup = peak, minutes, share, warmup

    def on_train_begin(self, logs=None):
        self.steps, self.last = 0, time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        now = time.monotonic()
        self.model.seconds.assign_add(now - self.last)
        self.last, self.steps = now, self.steps + 1
        gone = min(1.0, float(self.model.seconds) / 60 / self.minutes)
        self.model.optimizer.learning_rate.assign(self.peak * self.share(gone) * min(1.0, self.steps / self.warmup))
        if gone == 1.0:
            self.model.stop_training = True
