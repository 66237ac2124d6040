"""The classifier at the end of a network, to be put on its last map. Importing this imports Keras."""

from dataclasses import dataclass
from typing import Any

from stylegen.networks.catalog import CLASSES
from stylegen.networks.graph import ends
from stylegen.networks.layers import MapDense, PooledNormalization
from stylegen.utils.backend import keras

_RESHAPING = (keras.layers.GlobalAveragePooling2D, keras.layers.Flatten, keras.layers.Reshape)
_KINDS = (
    *_RESHAPING,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


@dataclass(frozen=True, eq=False)
class Head:
    """The layers from the last map of a network to its logits, and how each is put on maps.

    Attributes:
        operations: the pooling or Flatten first, the Dense that gives the logits last.
        window: rows and columns of the map that the first Dense reads: (1, 1) after a pooling, the whole map that was
            flattened otherwise.
    """

    operations: tuple[keras.Operation, ...]
    window: tuple[int, int]

    @property
    def logits(self) -> keras.layers.Dense:
        """The layer that is called 'classes'."""
        return self.operations[-1]

    def named(self, names: dict[int, str]) -> dict[int, str]:
        """`names` with the logits called 'classes'; what was called so takes the name that they had."""
        freed = names[id(self.logits)]
        others = {key: freed if name == CLASSES else name for key, name in names.items()}
        return {**others, id(self.logits): CLASSES}

    def on_maps(self, operation: keras.Operation, config: dict[str, Any]) -> keras.layers.Layer:
        """The counterpart of one of the operations, not built; its weights have the same shapes.

        With a pooling that is left out, the mean over all positions of what comes last is what the pooled map gave,
        exactly as long as all layers between are linear; layer normalisation is, see `PooledNormalization`.
        """
        if isinstance(operation, _RESHAPING):
            return keras.layers.Identity(name=config['name'], dtype=config['dtype'])
        if isinstance(operation, keras.layers.Dense):
            first = next(other for other in self.operations if isinstance(other, keras.layers.Dense))
            config['window'] = self.window if operation is first else (1, 1)
            config['kernel_initializer'] = 'zeros'  # VGG's random numbers take seconds
            if operation is self.logits:
                config['activation'] = 'linear'
            return MapDense.from_config(config)
        if 'axis' in config:
            config['axis'] = -1
        if isinstance(operation, keras.layers.LayerNormalization) and self.window == (1, 1):
            return PooledNormalization.from_config(config)
        return type(operation).from_config(config)


def find_head(model: keras.Model) -> Head | None:
    """The classifier of a model whose first output comes from a map by a pooling or Flatten and then Dense layers.

    Dropout, normalisation and activations may be among them; what follows the last Dense is no part of the head.
    """
    inner = [operation for operation in model.operations if not isinstance(operation, keras.layers.InputLayer)]
    makers = {id(ends(operation)[1]): operation for operation in inner}
    chain: list[keras.Operation] = []
    tensor = model.outputs[0]
    while isinstance(operation := makers.get(id(tensor)), _KINDS):
        chain.insert(0, operation)
        tensor = ends(operation)[0][0]
        if isinstance(operation, keras.layers.GlobalAveragePooling2D):
            break
    while chain and not _leaves_a_map(chain[0]):
        chain.pop(0)
    while chain and not isinstance(chain[-1], keras.layers.Dense):
        chain.pop()
    if not chain:
        return None
    if isinstance(chain[0], keras.layers.GlobalAveragePooling2D):
        return Head(tuple(chain), (1, 1))
    before = chain[1 : chain.index(next(o for o in chain if isinstance(o, keras.layers.Dense)))]
    if not all(isinstance(operation, keras.layers.Dropout | keras.layers.Identity) for operation in before):
        return None  # they have a weight for every position of the flattened map
    return Head(tuple(chain), ends(chain[0])[0][0].shape[1:3])


def _leaves_a_map(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.GlobalAveragePooling2D):
        return True
    return isinstance(operation, keras.layers.Flatten) and len(ends(operation)[0][0].shape) == 4
