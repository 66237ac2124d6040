"""Frozen feature networks by name: pixels in [0, 1] to named activations. Importing this does not import TensorFlow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylegen.catalog import NETWORKS, Network, network_row
from stylegen.errors import UserError, unknown
from stylegen.mini import MINI_BLOCKS, build_mini, load_mini, mini_classes, mini_classifier, save_mini
from stylegen.pretrained import AUTO, WeightsSource, choose_network, describe, find_weights

if TYPE_CHECKING:
    import keras

    from stylegen.extractor import FeatureExtractor
    from stylegen.graph import LayerInfo

__all__ = [
    'MINI_BLOCKS',
    'NETWORKS',
    'PADDINGS',
    'POOLINGS',
    'PRECISIONS',
    'TAPS',
    'FeatureExtractor',
    'LayerInfo',
    'Network',
    'WeightsSource',
    'choose_network',
    'feature_extractor',
    'find_weights',
    'layer_table',
    'mini_classes',
    'mini_classifier',
    'open_network',
    'save_mini',
]

POOLINGS = ('max', 'average', 'l2')
PADDINGS = ('same', 'reflect')
TAPS = ('after', 'before')
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16')
_LATER = {'FeatureExtractor': 'stylegen.extractor', 'LayerInfo': 'stylegen.graph'}


def feature_extractor(
    network: str = 'mini',
    layers: Sequence[str] = ('block1_conv1', 'block2_conv1', 'block3_conv1', 'block4_conv1', 'block5_conv1'),
    *,
    weights: str | Path | None = None,
    pooling: str = 'max',
    padding: str = 'same',
    tap: str = 'after',
    precision: str = 'float32',
) -> 'FeatureExtractor':
    """A frozen model from images to the activations of named layers, cut at the deepest of them.

    It takes float32 RGB (n, height, width, 3) in [0, 1], any height and width from `.min_size`, and returns
    {layer: float32 (n, height', width', channels), ..., 'input': the images}. Preprocessing is inside.

    Args:
        network: a name in `NETWORKS`, or the path of a `.keras` file: a model that takes RGB in [0, 1], with whatever
            preprocessing it needs inside.
        layers: names from `layer_table(network)`. The default is for mini, vgg16 and vgg19.
        weights: a file, see `pretrained.find_weights`; None looks for one.
        pooling: 'max'; 'average' and 'l2' replace every max pooling and keep its magnitude, see `layers`.
        padding: 'same'; 'reflect' mirrors the map around convolutions of stride 1 that are padded with zeros, against
            artefacts at the border. Convolutions of other strides keep their zeros, and so do those that a network
            pads in a layer of its own or in a nested model.
        tap: 'after'; 'before' gives what went into the activation of a layer, be it fused or a layer of its own,
            under the same name. Layers without an activation (pooling, sums, ...) give what they always give.
        precision: 'float32', or what the network's layers compute in; weights, preprocessing and what is returned
            are float32 always.

    Raises:
        UserError: an unknown network, layer or option; an option that would change nothing in this network; no
            weights, or weights of another network.
    """
    for what, value, choices in (
        ('pooling', pooling, POOLINGS),
        ('padding', padding, PADDINGS),
        ('tap', tap, TAPS),
        ('precision', precision, PRECISIONS),
    ):
        if value not in choices:
            raise unknown(what, value, choices)
    layers = tuple(dict.fromkeys([layers] if isinstance(layers, str) else layers))
    if not layers:
        raise UserError('no layers asked for; --layers=list names them')
    row = network_row(network)

    from stylegen import graph
    from stylegen.extractor import FeatureExtractor

    if row.name in NETWORKS:  # names are checked before anything is downloaded
        model = _build(row)
        names = graph.stable_names(model)
        infos = _asked(model, names, layers, row)
        source = find_weights(network, weights)
        _load(model, row, source)
    else:
        source = find_weights(network, weights)
        model = _saved_model(source.path)
        names = _given_names(model)
        infos = _asked(model, names, layers, row)
    if pooling != 'max' and not graph.has_max_pooling(model):
        raise UserError(f'{network} has no max pooling to replace by {pooling}; leave pooling=max')
    image, outputs = graph.rebuild(
        model,
        layers,
        names,
        preprocessing=row.preprocessing,
        pooling=pooling,
        padding=padding,
        tap=tap,
        precision=precision,
    )
    outputs['input'] = image
    return FeatureExtractor(image, outputs, network=network, infos=infos, source=source)


def open_network(
    requested: str,
    first_choice: str,
    layers: Callable[[str], Sequence[str]],
    *,
    weights: str | Path | None = None,
    precision: str = 'float32',
) -> 'tuple[FeatureExtractor, str]':
    """The extractor of a network that is named or 'auto', and one line for the user that says what was taken.

    Args:
        requested: a network, or 'auto', see `choose_network`.
        first_choice: what 'auto' would rather have.
        layers: gives the layers to tap in the network settled on. Those of a network named explicitly are checked
            before anything is downloaded.
        weights, precision: as for `feature_extractor`.
    """
    name, note = choose_network(requested, first_choice, weights) if requested == AUTO else (requested, '')
    network_row(name)  # a name that does not exist is told before its layers are asked for
    extractor = feature_extractor(name, tuple(layers(name)), weights=weights, precision=precision)
    return extractor, note or describe(name, extractor.source)


def layer_table(network: str) -> 'list[LayerInfo]':
    """The layers of a network that can be asked for, from input to output. Needs no weights.

    Left out is what holds no features of its own: padding, rescaling, dropout, outputs that are not maps.

    Raises:
        UserError: an unknown network, or a `.keras` file that cannot be used.
    """
    from stylegen import graph

    row = network_row(network)
    if row.name in NETWORKS:
        model = _build(row)
        names = graph.stable_names(model)
    else:
        model = _saved_model(find_weights(network).path)
        names = _given_names(model)
    return list(graph.layer_infos(model, names).values())


def __getattr__(name: str):
    """`FeatureExtractor` and `LayerInfo`, whose modules import Keras, when they are asked for."""
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def _build(row: Network) -> 'keras.Model':
    """The network without its classifier, for any size, with random weights."""
    from stylegen.backend import keras

    if not row.factory:
        return build_mini()
    model = getattr(keras.applications, row.factory)(weights=None, include_top=False, input_shape=(None, None, 3))
    return _as_published(model) if row.factory.startswith('EfficientNet') else model


def _as_published(model: 'keras.Model') -> 'keras.Model':
    """EfficientNet as keras.applications builds it for its own weights: another division by the root of the deviation.

    It is left out when a model is built with weights=None, but the published weights were trained with it.
    """
    from stylegen.backend import keras
    from stylegen.mini import IMAGENET_STD

    def call(layer, *args, **kwargs):
        result = layer(*args, **kwargs)
        if not isinstance(layer, keras.layers.Normalization):
            return result
        return keras.layers.Rescaling([1 / deviation**0.5 for deviation in IMAGENET_STD])(result)

    return keras.models.clone_model(model, call_function=call)


def _load(model: 'keras.Model', row: Network, source: WeightsSource) -> None:
    if source.path.suffix == '.npz' and row.name == 'mini':
        load_mini(model, source.path)
    else:
        from stylegen.weightfile import load_weights

        load_weights(model, source.path, row.name)


def _saved_model(path: Path) -> 'keras.Model':
    from stylegen.backend import keras

    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json, unknown layers: whatever Keras meets in a file that is not one
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'{path}: not a model that Keras can load: {reason}') from error
    inputs = getattr(model, 'inputs', None) or ()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise UserError(f'{path}: a feature network takes one image (height, width, 3); this model does not')
    return keras.Model(inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model


def _given_names(model: 'keras.Model') -> dict[int, str]:
    """The names that a saved model has, as they are."""
    return {id(operation): operation.name for operation in model.operations}


def _asked(model: 'keras.Model', names: dict[int, str], layers: tuple[str, ...], row: Network) -> 'list[LayerInfo]':
    from stylegen import graph

    infos = graph.layer_infos(model, names)
    for name in layers:
        if name not in infos:
            raise unknown(f'layer of {row.name}', name, infos)
    return [infos[name] for name in layers]
