"""The model class that `feature_extractor` returns. Importing this imports Keras."""

from functools import cached_property
from typing import Any

from stylegen.networks.graph import LayerInfo, bytes_per_pixel, smallest_side, tensors_of
from stylegen.networks.pretrained import WeightsSource
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError


class FeatureExtractor(keras.Model):
    """Maps float32 RGB images (n, height, width, 3) in [0, 1] to {layer: float32 activation, ..., 'input': the images}.

    It is frozen: nothing is trainable, and dropout and batch normalisation never run in training mode.
    `networks.feature_extractor` creates it.
    """

    def __init__(
        self,
        inputs: keras.KerasTensor,
        outputs: dict[str, keras.KerasTensor],
        *,
        network: str,
        infos: list[LayerInfo],
        source: WeightsSource,
    ):
        super().__init__(inputs=inputs, outputs=outputs, name='feature_extractor')
        self.trainable = False
        self._facts = network, tuple(infos), source
        self._min_size = smallest_side(self)
        self._bytes_per_pixel = bytes_per_pixel(self)

    @property
    def network(self) -> str:
        """The name of the network, or the path of the `.keras` file."""
        return self._facts[0]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the requested layers, in order.

        (`layers` is Keras's own: all layers of the graph.)
        """
        return tuple(info.name for info in self._facts[1])

    @property
    def taps(self) -> tuple[str, ...]:
        """The former name of `layer_names`."""
        return self.layer_names

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the image per position of the map, by layer."""
        return {info.name: info.stride for info in self._facts[1]}

    @property
    def channels(self) -> dict[str, int]:
        """Channels of the map, by layer."""
        return {info.name: info.channels for info in self._facts[1]}

    @property
    def source(self) -> WeightsSource:
        """The weights file: path, sha256, origin.

        (`weights` is Keras's own: the variables.)
        """
        return self._facts[2]

    @property
    def min_size(self) -> int:
        """The smallest side of an image, in pixels."""
        return self._min_size

    @property
    def bytes_per_pixel(self) -> float:
        """The estimated memory of a gradient, in bytes per pixel of the image."""
        return self._bytes_per_pixel

    def native(self, image: tf.Tensor) -> dict[Any, tf.Tensor]:
        """Returns the features in the network's own precision: a network in bfloat16 gives bfloat16.

        For every layer of `heads` it also returns the parts of the layer: ('stem', layer), the map (n, height', width',
        deep); ('head', layer), the matrix (deep, channels); ('bias', layer), (channels,).
        """
        maps, stems = self._native(image, training=False)
        features: dict[Any, tf.Tensor] = {**maps, 'input': image}
        for layer, head in self.heads.items():
            features['stem', layer] = stems[layer]
            features['head', layer], features['bias', layer] = head.kernel[0, 0], tf.convert_to_tensor(head.bias)
        return features

    @cached_property
    def _native(self) -> keras.Model:
        maps = {layer: tensor for layer, (_, tensor) in self._layer_tensors().items()}
        return keras.Model(self.inputs[0], [maps, {layer: head.input for layer, head in self.heads.items()}])

    @cached_property
    def heads(self) -> dict[str, keras.layers.Conv2D]:
        """The requested layers that are a linear 1 x 1 convolution of another map, with that convolution.

        The moments of such a layer follow from those of the other map, which saves the convolution and its gradient. A
        map with so many channels that its own moments cost more is left out.
        """
        heads = {}
        for layer, (_, tensor) in self._layer_tensors().items():
            head = self._producers[id(tensor)][1]
            if isinstance(head, keras.layers.Conv2D) and _mixes_channels(head):
                deep, wide = head.kernel.shape[2:]
                if deep**2 <= 2 * wide**2:
                    heads[layer] = head
        return heads

    @cached_property
    def _producers(self) -> dict[int, tuple[int, keras.Operation]]:
        """The operations by the id of their output tensor, each with its place in the network."""
        return {id(tensors_of(operation)[1]): (number, operation) for number, operation in enumerate(self.operations)}

    def _layer_tensors(self) -> dict[str, tuple[int, keras.KerasTensor]]:
        """Returns, by layer, its place in the network and its tensor before the final cast to float32."""
        tensors = {}
        for layer in self.layer_names:
            number, operation = self._producers[id(self.output[layer])]
            cast = isinstance(operation, keras.layers.Identity)
            tensors[layer] = number, operation.input if cast else operation.output
        return tensors

    @cached_property
    def segments(self) -> tuple[tuple[str, keras.Model], ...] | None:
        """The network as a chain of models: (layer, model from the previous layer or the image to it), in order.

        They run in the network's own precision. None if the network is no chain, because a connection bypasses a
        requested layer.
        """
        tensors = self._layer_tensors()
        order = sorted(tensors, key=lambda layer: tensors[layer][0])
        ends = [tensors[layer][1] for layer in order]
        segments = list(zip(order, [self.inputs[0], *ends[:-1]], ends, strict=True))
        producers = {tensor: operation for tensor, (_, operation) in self._producers.items()}
        if not all(_depends_only_on(begin, end, producers) for _, begin, end in segments):
            return None
        return tuple((layer, keras.Model(begin, end)) for layer, begin, end in segments)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> dict[str, tf.Tensor]:
        """Returns the features, whatever `training` is.

        Raises:
            UserError: The image is smaller than `min_size`, if its size is known.
        """
        height, width = inputs.shape[1:3]
        if min(height or self.min_size, width or self.min_size) < self.min_size:
            raise UserError(
                f'{self.network} with these layers takes images of at least {self.min_size} pixels a side; '
                f'this one is {width}x{height}'
            )
        return super().call(inputs, training=False)


def _mixes_channels(layer: keras.layers.Conv2D) -> bool:
    """Returns whether a convolution only multiplies each position by a matrix and adds a bias."""
    plain = layer.kernel_size == layer.strides == (1, 1) and layer.groups == 1 and layer.use_bias
    return plain and layer.activation is keras.activations.linear


def _depends_only_on(begin: keras.KerasTensor, end: keras.KerasTensor, producers: dict[int, keras.Operation]) -> bool:
    """Returns whether a tensor depends on `begin` alone. Some versions of Keras do not check this when a model is cut.

    Args:
        begin, end: The two tensors.
        producers: By the id of a tensor, the operation that produces it.
    """
    waiting = [end]
    while waiting:
        tensor = waiting.pop()
        if tensor is begin:
            continue
        producer = producers[id(tensor)]
        if isinstance(producer, keras.layers.InputLayer):
            return False
        waiting += tensors_of(producer)[0]
    return True
