"""In which order the pictures of a set come: a permutation for each epoch, known from the seed alone."""

import functools

import numpy as np

_SAMPLING_EPOCH = 2**64 - 1  # an epoch that no training reaches, for pictures that are taken aside


class Order:
    """The endless sequence of epochs of a set; any place in it can be asked for, in any order.

    Args:
        count: Pictures in an epoch.
        seed: Any whole number.
        fresh: Every epoch brings pictures of its own, `count` further on, as a set that is drawn can.
    """

    def __init__(self, count: int, seed: int, fresh: bool = False):
        self.count, self.seed, self.fresh = count, seed, fresh

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Which pictures are at these places of the sequence, counted from 0: int64, of the same shape."""
        epochs, places = np.divmod(np.asarray(positions, np.int64), self.count)
        indices = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = permutation(self.count, self.seed, int(epoch))[places[here]]
        return indices + epochs * self.count if self.fresh else indices


def sampling_order(count: int, seed: int) -> np.ndarray:
    """A permutation that no training epoch uses, for sampling pictures outside training."""
    return permutation(count, seed, _SAMPLING_EPOCH)


@functools.lru_cache(maxsize=4)
def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """int64 (count,): the order of one epoch, from the raw words of Philox (Salmon et al. 2011) keyed by both numbers.

    NumPy keeps the words of its bit generators through its versions, but not what `Generator.permutation` makes of
    them; hence the sorting.
    """
    words = np.random.Philox(key=(epoch % 2**64) << 64 | seed % 2**64).random_raw(count)
    order = np.argsort(words, kind='stable')
    order.flags.writeable = False
    return order
