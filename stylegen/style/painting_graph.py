"""The pass of the one-pass network as one compiled function."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from stylegen.style.norms import NetworkShape, SmoothedStatistics
from stylegen.style.transform_network import give_weights, transform_network
from stylegen.utils.backend import tf


def painting_graph(arrays: Mapping[str, np.ndarray], shape: NetworkShape) -> Any:
    """Builds a network with its weights, for pictures of any size.

    Args:
        arrays: Its weights by name.
        shape: See `transform_network`.

    Returns:
        A function (photo, norms, before, share) -> (picture, statistics): float32 (1, H, W, 3) in [0, 1]; its norms
        (1, N); the statistics of the frame before, (N,), and their share in those of this one.
    """
    network, sizes = transform_network(shape), shape.sizes
    give_weights(network, arrays)

    def paint(photo, norms, before, share):
        parts = tf.split(before, [2 * size for size in sizes.values()])
        smooth = SmoothedStatistics(dict(zip(sizes, parts, strict=True)), share)
        for name in sizes:
            network.get_layer(f'{name}_norm').smooth = functools.partial(smooth, name)
        picture = network([photo, norms])
        found = [tf.reshape(one, [-1]) for name in sizes for one in smooth.found[name]]
        return picture, tf.concat(found, 0)[None]

    norms = network.inputs[1].shape[1]
    shapes = [[1, None, None, 3], [1, norms], [norms], []]
    return tf.function(paint, input_signature=[*map(tf.TensorSpec, shapes)], autograph=False)
