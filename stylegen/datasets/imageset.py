"""A set of pictures of one size, and its training batches."""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.datasets.order import Order, sampling_order
from stylegen.datasets.readers import Reader
from stylegen.datasets.shutdown import tracked_call
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

NAMED = 5  # pictures that could not be read and are named


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one size. `stylegen.datasets.open_images` creates it.

    Attributes:
        count: The number of pictures; for 'shapes', of an epoch, whose successors have other pictures.
        size: (height, width).
        channels: 1 or 3.
        classes: The names of the labels; () without labels.
        labels: int32 (count,), or None.
        split: The part: 'train', 'val', 'test' or 'all'.
        manifest: A description of the set as JSON. Its `sha256` covers names, contents and labels; it does not depend
            on where the files are or when they were written.
        skipped: (name, reason) of each picture that could not be read.
        first_only: Names of animations and multi-page files, of which only the first picture is used.
        in_memory: Whether the pixels are in memory; otherwise they are read or drawn for each batch.
    """

    count: int
    size: tuple[int, int]
    channels: int
    classes: tuple[str, ...]
    labels: np.ndarray | None
    split: str
    manifest: dict[str, Any]
    skipped: tuple[tuple[str, str], ...]
    in_memory: bool
    _read: Reader = field(repr=False)
    _fresh: bool = field(default=False, repr=False)
    first_only: tuple[str, ...] = ()

    def skipped_lines(self, more: str = '') -> list[str]:
        """Returns a line for each of the first pictures that could not be read, and one for the others.

        Args:
            more: What the last line ends with, such as where to see them all.
        """
        lines = [f'left out: {name}, {reason}' for name, reason in self.skipped[:NAMED]]
        left = len(self.skipped) - NAMED
        return [*lines, f'left out: {left} more{more}'] if left > 0 else lines

    def batches(
        self, batch_size: int, *, seed: int, first_step: int = 0, shard: tuple[int, int] = (0, 1), parts: int = 1
    ) -> 'tf.data.Dataset':
        """Returns endless batches. Step s has the places from s * batch_size on in the concatenated epochs.

        Each epoch is another permutation. A batch may continue into the next epoch.

        Args:
            batch_size: Pictures of a step, of all workers together.
            seed: The seed of the order.
            first_step: The step to start with; the result is as if the earlier steps had been skipped.
            shard: (index, count) of a worker. It gets that share of each batch, batch_size / count pictures.
            parts: The parts of a batch that are taken one after the other; a worker gets its share of each.

        Returns:
            A dataset of (uint8 (n, height, width, channels), int32 (n,)). Labels are zeros if there are none. It must
            not be sharded again.

        Raises:
            UserError: The batch size is below 1, or no multiple of the number of shares.

        Example:
            photos = open_images('photos', (64, 64))
            for pixels, labels in photos.batches(8, seed=0).take(100):
                ...
        """
        index, workers = shard
        if batch_size < 1 or not 0 <= index < workers or batch_size % (workers * parts):
            raise UserError(
                f'a batch of {batch_size} cannot be shared out among {workers} workers (this is number {index}); '
                'give a --batch_size that is a multiple of their number'
            )
        from stylegen.utils.backend import prepare_devices, tf

        prepare_devices()
        share = batch_size // workers
        order = Order(self.count, seed, self._fresh)
        places = np.arange(batch_size).reshape(parts, workers, -1)[:, index].ravel()

        def load(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            with tracked_call() as used:
                if not used:
                    return np.zeros((share, *self.size, self.channels), np.uint8), np.zeros(share, np.int32)
                return self._at(order, int(step) * batch_size + places)

        def batch(step):
            pixels, labels = tf.numpy_function(load, [step], [tf.uint8, tf.int32], stateful=False)
            return tf.ensure_shape(pixels, (share, *self.size, self.channels)), tf.ensure_shape(labels, (share,))

        dataset = tf.data.Dataset.counter(first_step, dtype=tf.int64)
        options = tf.data.Options()
        options.deterministic = True
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.map(batch, num_parallel_calls=2).prefetch(4).with_options(options)

    def take(self, n: int, seed: int = 0) -> np.ndarray:
        """Returns `n` different random pictures, uint8 (n, height, width, channels).

        Raises:
            UserError: The set has fewer pictures.
        """
        if not 1 <= n <= self.count:
            raise UserError(f'{n} pictures were asked for, but there are {self.count}; ask for 1 to {self.count}')
        indices = sampling_order(self.count, seed)
        pixels, lost = self._read(indices[:n])
        spare = iter(indices[n:])
        for row in lost:
            for index in spare:
                other, failed = self._read(np.array([index]))
                if not failed:
                    pixels[row] = other[0]
                    break
            else:
                raise UserError(f'fewer than {n} pictures of {self.manifest["source"]} can still be read; ask for less')
        return pixels

    def pictures(self, indices: np.ndarray) -> np.ndarray:
        """Returns the pictures with these indices, uint8 (len(indices), height, width, channels).

        Raises:
            UserError: One of them can no longer be read.
        """
        pixels, lost = self._read(np.asarray(indices, np.int64))
        if len(lost):
            raise UserError(f'{len(lost)} pictures of {self.manifest["source"]} can no longer be read')
        return pixels

    def without(self, count: int, seed: int = 0) -> 'tuple[ImageSet, ImageSet]':
        """Splits the set: returns the pictures that stay, and `count` random ones that are kept out.

        Args:
            count: 1 or more, and less than the set has.
            seed: The seed of the choice.

        Raises:
            UserError: The set has too few pictures, or is drawn without end.
        """
        if self._fresh:
            raise UserError(f'{self.manifest["source"]} is drawn without end; none of its pictures can be kept out')
        if not 1 <= count < self.count:
            raise UserError(f'{count} pictures cannot be kept out of {self.count}; give 1 to {self.count - 1}')
        rest = np.setdiff1d(np.arange(self.count), sampling_order(self.count, seed)[:count])
        return self._part(rest, {'held_out': count}), self.some(count, seed)

    def some(self, count: int, seed: int = 0) -> 'ImageSet':
        """Returns a set of `count` random pictures of this one; with the same seed those that `without` keeps out."""
        return self._part(np.sort(sampling_order(self.count, seed)[:count]), {'some': count})

    def _part(self, indices: np.ndarray, facts: dict[str, int]) -> 'ImageSet':
        """Returns the set of the pictures with these indices, int64 (n,); the facts go into its manifest."""
        digest = hashlib.sha256(f'{self.manifest["sha256"]} {facts}'.encode()).hexdigest()
        return dataclasses.replace(
            self,
            count=len(indices),
            labels=None if self.labels is None else self.labels[indices],
            manifest=self.manifest | facts | {'count': len(indices), 'sha256': digest},
            _read=lambda wanted: self._read(indices[wanted]),
            _fresh=False,
        )

    def _at(self, order: Order, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns pixels and labels of these places. The next readable picture replaces an unreadable one."""
        indices = order.at(positions)
        pixels, lost = self._read(indices)
        for row in lost:
            indices[row], pixels[row] = self._next(order, int(positions[row]))
        labels = np.zeros(len(indices), np.int32) if self.labels is None else self.labels[indices % self.count]
        return pixels, labels

    def _next(self, order: Order, position: int) -> tuple[int, np.ndarray]:
        for place in range(position + 1, position + 2 * self.count):  # these include every picture
            index = order.at(np.array([place]))
            pixels, lost = self._read(index)
            if not lost:
                return int(index[0]), pixels[0]
        raise UserError(f'no picture of {self.manifest["source"]} can be read any more; is its disk still there?')
