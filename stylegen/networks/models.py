"""Builds the networks of the catalog and loads their weights. Importing this does not import TensorFlow."""

from pathlib import Path
from typing import TYPE_CHECKING

from stylegen.networks.catalog import IMAGENET_CLASSES, Network
from stylegen.networks.embedded import load_network
from stylegen.networks.mini import build_mini, mini_classes
from stylegen.networks.pretrained import WeightsSource
from stylegen.networks.small_vgg import build_small_vgg
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    import keras


def build_model(row: Network, classifier: bool = False) -> 'keras.Model':
    """Builds a network of the catalog with random weights. Without its classifier it takes any size."""
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import keras_defaults

    if row.name == 'small_vgg':
        return build_small_vgg()
    if row.name == 'mini':
        return build_mini(len(mini_classes()) if classifier else None)
    if not row.factory:
        from stylegen.networks.alexnet import build_alexnet
        from stylegen.networks.googlenet import build_googlenet

        build = {'googlenet': build_googlenet, 'alexnet': build_alexnet}[row.name]
        return build(IMAGENET_CLASSES if classifier else None)
    shape = None if classifier else (None, None, 3)
    factory = getattr(keras.applications, row.factory)
    with keras_defaults():
        model = factory(weights=None, include_top=classifier, input_shape=shape, classifier_activation=None)
        return _as_published(model) if row.factory.startswith('EfficientNet') else model


def _as_published(model: 'keras.Model') -> 'keras.Model':
    """Adds the second normalisation that keras.applications builds for EfficientNet's own weights.

    It divides by the root of the deviation. keras.applications leaves it out with weights=None, but the published
    weights were trained with it.
    """
    from stylegen.networks.mini import IMAGENET_STD
    from stylegen.utils.backend import keras

    def call(layer, *args, **kwargs):
        result = layer(*args, **kwargs)
        if not isinstance(layer, keras.layers.Normalization):
            return result
        return keras.layers.Rescaling([1 / deviation**0.5 for deviation in IMAGENET_STD])(result)

    return keras.models.clone_model(model, call_function=call)


def load_weights_of(model: 'keras.Model', row: Network, source: WeightsSource) -> None:
    """Loads a weights file into a model of the catalog.

    Raises:
        UserError: The file is damaged or of another network.
    """
    from stylegen.networks.weightfile import is_keras_file, load_weights

    if source.path.suffix == '.npz' and not row.files:
        load_network(model, source.path, row.name)
    elif not row.factory and row.files and not is_keras_file(source.path):
        from stylegen.networks.caffemodel import load_caffemodel

        load_caffemodel(model, source.path, row.name)
    else:
        load_weights(model, source.path, row.name)


def load_saved_model(path: Path) -> 'keras.Model':
    """Loads a `.keras` file as a functional model.

    Raises:
        UserError: Keras cannot load it, or its input is not one RGB image.
    """
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import keras_defaults

    try:
        with keras_defaults():
            model = keras.models.load_model(path, compile=False)
    except Exception as error:  # errors of zipfile, h5py, json or Keras
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'{path}: not a model that Keras can load: {reason}') from error
    inputs = getattr(model, 'inputs', None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise UserError(f'{path}: a feature network takes one image (height, width, 3); this model does not')
    return keras.Model(inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model
