"""The model class that feature extraction returns. Importing this imports Keras."""

from functools import cached_property
from typing import Any

from stylegen.networks.graph import LayerInfo, bytes_per_pixel, ends, smallest_side
from stylegen.networks.pretrained import WeightsSource
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import UserError


class FeatureExtractor(keras.Model):
    """Images, float32 RGB (n, height, width, 3) in [0, 1], to {layer: float32 activation, ..., 'input': the images}.

    Frozen: nothing is trainable, and dropout and batch normalisation are never in training mode. Made by
    `networks.feature_extractor`.
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
        """Name of the network, or path of the `.keras` file."""
        return self._facts[0]

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the layers, in the order asked for; `layers` is Keras's own, all layers of the graph."""
        return tuple(info.name for info in self._facts[1])

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the image for one step on the map, by tap."""
        return {info.name: info.stride for info in self._facts[1]}

    @property
    def channels(self) -> dict[str, int]:
        """Depth of the map, by tap."""
        return {info.name: info.channels for info in self._facts[1]}

    @property
    def source(self) -> WeightsSource:
        """The weights file: path, sha256, origin; `weights` is Keras's own, the variables."""
        return self._facts[2]

    @property
    def min_size(self) -> int:
        """Smallest side of an image, in pixels."""
        return self._min_size

    @property
    def bytes_per_pixel(self) -> float:
        """Memory that a gradient takes for each pixel of the image, an estimate."""
        return self._bytes_per_pixel

    def native(self, image: tf.Tensor) -> dict[Any, tf.Tensor]:
        """The same features in the network's own precision: those of a network in bfloat16 are bfloat16.

        Beside them, for every tap of `heads`, what it is made of: ('stem', tap), the map (n, height', width', deep),
        and ('head', tap) (deep, channels) and ('bias', tap) (channels,), the matrix and what is added.
        """
        taps, stems = self._native(image, training=False)
        found: dict[Any, tf.Tensor] = {**taps, **{('stem', tap): stem for tap, stem in stems.items()}, 'input': image}
        for tap, head in self.heads.items():
            found['head', tap], found['bias', tap] = head.kernel[0, 0], tf.convert_to_tensor(head.bias)
        return found

    @cached_property
    def _native(self) -> keras.Model:
        taps = {tap: end for tap, (_, end) in self._ends_of_taps().items()}
        return keras.Model(self.inputs[0], [taps, {tap: head.input for tap, head in self.heads.items()}])

    @cached_property
    def heads(self) -> dict[str, keras.layers.Conv2D]:
        """The taps that are a linear convolution 1 x 1 of another map, and that convolution.

        Moments of such a tap follow from those of the map, which spares the convolution and its way back. Left out is a
        map with so many channels that its own moments cost more than that.
        """
        found = {}
        for tap, (_, end) in self._ends_of_taps().items():
            head = self._makers[id(end)][1]
            if isinstance(head, keras.layers.Conv2D) and _mixes_channels(head):
                deep, wide = head.kernel.shape[2:]
                if deep**2 <= 2 * wide**2:
                    found[tap] = head
        return found

    @cached_property
    def _makers(self) -> dict[int, tuple[int, keras.Operation]]:
        """By id of a tensor of the network, the place of the operation that it comes from, and this."""
        return {id(ends(operation)[1]): (number, operation) for number, operation in enumerate(self.operations)}

    def _ends_of_taps(self) -> dict[str, tuple[int, keras.KerasTensor]]:
        """By tap its place in the network, and its tensor before it is cast to float32 on the way out."""
        found = {}
        for tap in self.taps:
            number, operation = self._makers[id(self.output[tap])]
            cast = isinstance(operation, keras.layers.Identity)
            found[tap] = number, operation.input if cast else operation.output
        return found

    @cached_property
    def links(self) -> tuple[tuple[str, keras.Model], ...] | None:
        """The network as a chain: (tap, model from the tap before it, or the image, to it), from the image on.

        In the network's own precision: a tap of a network in bfloat16 is bfloat16 here. None where it is no chain, for
        something passes a tap by.
        """
        found = self._ends_of_taps()
        order = sorted(found, key=lambda tap: found[tap][0])
        ends_of = [found[tap][1] for tap in order]
        links = list(zip(order, [self.inputs[0], *ends_of[:-1]], ends_of, strict=True))
        makers = {tensor: operation for tensor, (_, operation) in self._makers.items()}
        if not all(_made_of(begin, end, makers) for _, begin, end in links):
            return None
        return tuple((tap, keras.Model(begin, end)) for tap, begin, end in links)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> dict[str, tf.Tensor]:
        """The features, whatever `training` is.

        Raises:
            UserError: the image is smaller than `min_size`, where its size is known.
        """
        height, width = inputs.shape[1:3]
        if min(height or self.min_size, width or self.min_size) < self.min_size:
            raise UserError(
                f'{self.network} with these layers takes images of at least {self.min_size} pixels a side; '
                f'this one is {width}x{height}'
            )
        return super().call(inputs, training=False)


def _mixes_channels(layer: keras.layers.Conv2D) -> bool:
    """Whether a convolution is a matrix at every position, and nothing else."""
    plain = layer.kernel_size == layer.strides == (1, 1) and layer.groups == 1 and layer.use_bias
    return plain and layer.activation is keras.activations.linear


def _made_of(begin: keras.KerasTensor, end: keras.KerasTensor, makers: dict[int, keras.Operation]) -> bool:
    """Whether a tensor is made of another one alone; not every version of Keras looks when a model is cut out.

    Args:
        begin, end: The two.
        makers: By id of a tensor, the operation that it comes from.
    """
    waiting = [end]
    while waiting:
        tensor = waiting.pop()
        if tensor is begin:
            continue
        maker = makers[id(tensor)]
        if isinstance(maker, keras.layers.InputLayer):
            return False
        waiting += ends(maker)[0]
    return True
