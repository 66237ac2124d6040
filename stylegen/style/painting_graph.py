"""The pass of the one-pass network as one compiled function."""

import functools
import threading
from collections.abc import Callable, Mapping

import numpy as np

from stylegen.style.norms import NetworkShape, SmoothedStatistics
from stylegen.style.transform_network import give_weights, transform_network
from stylegen.utils.backend import tf


def painting_graph(shape: NetworkShape, precision: str) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Builds a network for pictures of any size.

    Args:
        shape, precision: See `transform_network`.

    Returns:
        A function (arrays, photo, norms, before, share) -> (picture, statistics): its weights by name; float32 (1, H,
        W, 3) in [0, 1]; its norms (1, N); the statistics of the frame before, (N,), and their share in those of this
        one. Weights that are the same object as at the last call are not copied again.
    """
    network, sizes = transform_network(shape, precision), shape.sizes

    def paint(photo, norms, before, share):
        parts = tf.split(before, [2 * size for size in sizes.values()])
        smooth = SmoothedStatistics(dict(zip(sizes, parts, strict=True)), share)
        for name in sizes:
            layer = network.get_layer(f'{name}_norm')
            layer.smooth, layer.positions = functools.partial(smooth, name), shape.positions(name)
        picture = network([photo, norms])
        found = [one for name in sizes for one in smooth.found[name]]
        return picture, tf.concat(found, 0)[None]

    norms = network.inputs[1].shape[1]
    shapes = [[1, None, None, 3], [1, norms], [norms], []]
    compiled = tf.function(paint, input_signature=[*map(tf.TensorSpec, shapes)], autograph=False)
    given: list[Mapping[str, np.ndarray] | None] = [None]
    lock = threading.Lock()  # the weights must stay until the picture is painted

    def paint_with(arrays, *inputs):
        with lock:
            if arrays is not given[0]:
                give_weights(network, arrays)
                given[0] = arrays
            return compiled(*inputs)

    return paint_with
