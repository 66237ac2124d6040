"""Finds the classifier at the end of a network, to apply it to the last map. Importing this imports Keras."""

from dataclasses import dataclass
from typing import Any

from stylegen.networks.catalog import CLASSES
from stylegen.networks.graph import tensors_of
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
    """The layers from the last map of a network to its logits, and their counterparts for maps.

    Attributes:
        operations: The pooling or Flatten first, the Dense that gives the logits last.
        window: Rows and columns of the map that the first Dense reads: (1, 1) after a pooling, otherwise the whole
            flattened map.
    """

    operations: tuple[keras.Operation, ...]
    window: tuple[int, int]

    @property
    def logits(self) -> keras.layers.Dense:
        """The layer that gives the logits; its public name is 'classes'."""
        return self.operations[-1]

    def named(self, names: dict[int, str]) -> dict[int, str]:
        """Returns `names` with the logits called 'classes'. Another layer of that name gets the logits' old name."""
        freed = names[id(self.logits)]
        others = {key: freed if name == CLASSES else name for key, name in names.items()}
        return {**others, id(self.logits): CLASSES}

    def on_maps(self, operation: keras.Operation, config: dict[str, Any]) -> keras.layers.Layer:
        """Returns the counterpart of an operation for maps, not built. Its weights have the same shapes.

        The pooling is left out. The mean over all positions of the output equals the output for the pooled map, exactly
        if all layers between are linear; for layer normalisation see `PooledNormalization`.
        """
        if isinstance(operation, _RESHAPING):
            return keras.layers.Identity(name=config['name'], dtype=config['dtype'])
        if isinstance(operation, keras.layers.Dense):
            first = next(other for other in self.operations if isinstance(other, keras.layers.Dense))
            config['window'] = self.window if operation is first else (1, 1)
            config['kernel_initializer'] = 'zeros'  # drawing VGG's random numbers would take seconds
            if operation is self.logits:
                config['activation'] = 'linear'
            return MapDense.from_config(config)
        if 'axis' in config:
            config['axis'] = -1
        if isinstance(operation, keras.layers.LayerNormalization) and self.window == (1, 1):
            return PooledNormalization.from_config(config)
        return type(operation).from_config(config)


def find_head(model: keras.Model) -> Head | None:
    """Finds the classifier of a model: a map, then a pooling or Flatten, then Dense layers up to the first output.

    Dropout, normalisation and activations may be between them. What follows the last Dense is not part of the head.

    Returns:
        The classifier, or None if the model has none.
    """
    inner = [operation for operation in model.operations if not isinstance(operation, keras.layers.InputLayer)]
    makers = {id(tensors_of(operation)[1]): operation for operation in inner}
    chain: list[keras.Operation] = []
    tensor = model.outputs[0]
    while isinstance(operation := makers.get(id(tensor)), _KINDS):
        chain.insert(0, operation)
        tensor = tensors_of(operation)[0][0]
        if isinstance(operation, keras.layers.GlobalAveragePooling2D):
            break
    while chain and not _turns_map_into_vector(chain[0]):
        chain.pop(0)
    while chain and not isinstance(chain[-1], keras.layers.Dense):
        chain.pop()
    if not chain:
        return None
    if isinstance(chain[0], keras.layers.GlobalAveragePooling2D):
        return Head(tuple(chain), (1, 1))
    before = chain[1 : chain.index(next(o for o in chain if isinstance(o, keras.layers.Dense)))]
    if not all(isinstance(operation, keras.layers.Dropout | keras.layers.Identity) for operation in before):
        return None  # these layers have a weight for every position
    return Head(tuple(chain), tensors_of(chain[0])[0][0].shape[1:3])


def _turns_map_into_vector(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.GlobalAveragePooling2D):
        return True
    return isinstance(operation, keras.layers.Flatten) and len(tensors_of(operation)[0][0].shape) == 4
