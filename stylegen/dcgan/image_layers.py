"""Convolutions between maps and images: the layers of both networks that have an image on one side.

TensorFlow's transposed convolution is made for many channels. To an image of 3 it takes as long as one to 64 channels.
Each pixel of an image that is twice as large depends on 2 x 2 maps (4 x 4 kernel) or 3 x 3 (5 x 5 kernel). So the four
pixels of a block are the channels of a common convolution, and are put in their places afterwards (Shi et al. 2016, "Is
the deconvolution layer the same as a convolutional layer?"). The kernels and, but for rounding, the values are those of
Keras's layers.
"""

from typing import Any

from stylegen.utils.backend import has_gpu, keras, tf

KERNELS, STRIDE = (4, 5), 2
FEW_CHANNELS = 4  # with more, TensorFlow's transposed convolution is the faster one


def can_use_blocks(channels: int, kernel: int, strides: int) -> bool:
    """Returns whether the layers of this module take the place of Keras's: on a CPU, for an image of few channels."""
    return channels <= FEW_CHANNELS and kernel in KERNELS and strides == STRIDE and not has_gpu()


def _by_blocks(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the transposed convolution of stride 2, without a gradient.

    With the padding that TensorFlow calls 'same', pixel 2i - 1 + k gets map i times row k of the kernel.

    Args:
        maps: (N, H, W, C).
        kernel: (4, 4, channels, C) or (5, 5, channels, C).

    Returns:
        (N, 2H, 2W, channels).
    """
    side, _, channels, width = kernel.shape
    odd, taps = side % 2, (side + 1) // 2
    kernel = tf.pad(kernel, [[odd, 0], [odd, 0], [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [taps, STRIDE, taps, STRIDE, channels, width])  # row 2t + j: map t, place j
    kernel = tf.transpose(tf.reverse(kernel, [0, 2]), [0, 2, 5, 1, 3, 4])
    kernel = tf.reshape(kernel, [taps, taps, width, STRIDE * STRIDE * channels])
    blocks = tf.nn.conv2d(maps, kernel, 1, [[0, 0], [1, 1], [1, 1], [0, 0]])
    images = tf.nn.depth_to_space(blocks, STRIDE)
    return images if odd else images[:, 1:-1, 1:-1]  # the blocks of an even kernel begin a pixel before the image


def _kernel_gradient(images: tf.Tensor, maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    strides = [1, STRIDE, STRIDE, 1]
    return tf.raw_ops.Conv2DBackpropFilter(
        input=images, filter_sizes=kernel.shape, out_backprop=maps, strides=strides, padding='SAME'
    )


@tf.custom_gradient
def image_from_maps(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the transposed convolution of stride 2 and padding 'same'; all its derivatives are defined.

    Args:
        maps: (N, H, W, C).
        kernel: (4, 4, channels, C) or (5, 5, channels, C).

    Returns:
        (N, 2H, 2W, channels).
    """

    def gradients(upstream):
        return maps_from_image(upstream, kernel), _kernel_gradient(upstream, maps, kernel)

    return _by_blocks(maps, kernel), gradients


@tf.custom_gradient
def maps_from_image(images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the convolution of stride 2 and padding 'same'; the gradient of the image is by `image_from_maps`.

    Args:
        images: (N, H, W, channels), with even H and W.
        kernel: (4, 4, channels, C) or (5, 5, channels, C).

    Returns:
        (N, H / 2, W / 2, C).
    """

    def gradients(upstream):
        return image_from_maps(upstream, kernel), _kernel_gradient(images, upstream, kernel)

    return tf.nn.conv2d(images, kernel, STRIDE, 'SAME'), gradients


@keras.saving.register_keras_serializable('stylegen')
class MapsToImage(keras.layers.Conv2DTranspose):
    """The last layer of a generator: a transposed convolution of stride 2, faster in training.

    Outside training it is Keras's own, so that a generator draws the same bits everywhere.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps (N, H, W, C) to (N, 2H, 2W, channels)."""
        if not training:
            return super().call(inputs)
        images = image_from_maps(inputs, tf.convert_to_tensor(self.kernel))
        return images if self.bias is None else images + tf.convert_to_tensor(self.bias)


@keras.saving.register_keras_serializable('stylegen')
class ImageToMaps(keras.layers.Conv2D):
    """The first layer of a discriminator: a convolution of stride 2 with a faster gradient for the image."""

    def convolution_op(self, inputs: tf.Tensor, kernel: Any) -> tf.Tensor:
        """Returns the convolution of (N, H, W, channels), (N, H / 2, W / 2, C)."""
        if any(side % STRIDE for side in inputs.shape[1:3]):
            return super().convolution_op(inputs, kernel)
        return maps_from_image(inputs, tf.convert_to_tensor(kernel))
