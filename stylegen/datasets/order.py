"""The order of the pictures of a set: a permutation for each epoch, which depends only on the seed."""

import functools

import numpy as np

_SAMPLING_EPOCH = 2**64 - 1  # an epoch that no training reaches, for `sampling_order`


class Order:
    """The endless sequence of epochs of a set. Any place in it can be read, in any order.

    Args:
        count: Pictures in an epoch.
        seed: Any whole number.
        fresh: Every epoch has new pictures, `count` numbers further, as a drawn set can have.
    """

    def __init__(self, count: int, seed: int, fresh: bool = False):
        self.count, self.seed, self.fresh = count, seed, fresh

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Returns the pictures at these places of the sequence, counted from 0: int64, of the same shape."""
        epochs, places = np.divmod(np.asarray(positions, np.int64), self.count)
        indices = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = permutation(self.count, self.seed, int(epoch))[places[here]]
        return indices + epochs * self.count if self.fresh else indices


def sampling_order(count: int, seed: int) -> np.ndarray:
    """Returns a permutation that no training epoch uses, to sample pictures outside training."""
    return permutation(count, seed, _SAMPLING_EPOCH)


@functools.lru_cache(maxsize=4)
def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of an epoch, int64 (count,), from raw words of Philox (Salmon et al. 2011).

    Seed and epoch are its key. NumPy keeps the raw words of its bit generators between versions, but not the result of
    `Generator.permutation`; so the words are sorted.
    """
    words = np.random.Philox(key=(epoch % 2**64) << 64 | seed % 2**64).random_raw(count)
    order = np.argsort(words, kind='stable')
    order.flags.writeable = False
    return order
