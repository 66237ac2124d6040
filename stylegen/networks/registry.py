"""Frozen feature networks by name: pixels in [0, 1] to named activations. Importing this does not import TensorFlow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stylegen.networks.catalog import CLASSES, FALLBACK, IMAGENET_CLASSES, NETWORKS, Network, network_row
from stylegen.networks.embedded import load_network
from stylegen.networks.mini import build_mini, mini_classes
from stylegen.networks.pretrained import AUTO, WeightsSource, describe, find_weights, instead_of, offline_mode
from stylegen.networks.small_vgg import build_small_vgg
from stylegen.utils.choices import POOLINGS
from stylegen.utils.errors import Missing, NoWeights, UserError, unknown

if TYPE_CHECKING:
    import keras

    from stylegen.networks.classifier import Head
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.networks.graph import LayerInfo

PADDINGS = ('same', 'reflect')
TAPS = ('after', 'before')
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16', AUTO)


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

    The layer 'classes' is the network's classifier put on its last map: the logits of every position, before the
    softmax. Behind an average pooling the Dense is a 1x1 convolution, and the mean over positions is the network's
    logits, at any size. VGG's first Dense reads 7x7 positions: it is a 'valid' convolution, so that a picture of 224
    pixels has one position, the network's logits; the maps of smaller pictures are put in the middle of zeros.

    Args:
        network: a name in `NETWORKS`, or the path of a `.keras` file: a model that takes RGB in [0, 1], with whatever
            preprocessing it needs inside.
        layers: names from `layer_table(network)`. The default is for mini, small_vgg, vgg16
            and vgg19.
        weights: a file, see `pretrained.find_weights`; None looks for one. 'classes' needs one with the classifier.
        pooling: 'max'; 'average' and 'l2' replace every max pooling and keep its magnitude, see `layers`.
        padding: 'same'; 'reflect' mirrors the map around convolutions of stride 1 that are padded with zeros, against
            artefacts at the border. Convolutions of other strides keep their zeros, and so do those that a network
            pads in a layer of its own or in a nested model.
        tap: 'after'; 'before' gives what went into the activation of a layer, be it fused or a layer of its own,
            under the same name. Layers without an activation (pooling, sums, ...) give what they always give.
        precision: 'float32', or what the network's layers compute in; weights, preprocessing and what is returned
            are float32 always. 'auto' is mixed_bfloat16 where that is fast, see `backend.fast_precision`; what is
            computed then depends on the machine in the third digit, not in the seventh.

    Raises:
        Missing: an unknown layer, which is told before anything is downloaded; no weights.
        UserError: an unknown network or option; an option that would change nothing in this network;
            weights of another network.
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

    from stylegen.networks import graph
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.networks.rebuild import rebuild
    from stylegen.utils.backend import fast_precision

    precision = fast_precision() if precision == AUTO else precision
    classifier = CLASSES in layers
    opened = _open(row, classifier)
    for name in layers:  # before anything is downloaded
        if name not in opened.infos:
            if name == CLASSES:
                raise _no_classes(network)
            raise unknown(f'layer of {network}', name, opened.infos, Missing)
    source = find_weights(network, weights, classifier=classifier)
    if row.name in NETWORKS:
        _load(opened.model, row, source)
    if pooling != 'max' and not graph.has_max_pooling(opened.model):
        raise UserError(f'{network} has no max pooling to replace by {pooling}; leave pooling=max')
    image, outputs = rebuild(
        opened.model,
        layers,
        opened.names,
        preprocessing=row.preprocessing,
        pooling=pooling,
        padding=padding,
        tap=tap,
        precision=precision,
        head=opened.head if classifier else None,
    )
    outputs['input'] = image
    infos = [opened.infos[name] for name in layers]
    return FeatureExtractor(image, outputs, network=network, infos=infos, source=source)


def open_network(
    requested: str,
    first_choice: str,
    layers: Callable[[str], Sequence[str]],
    *,
    weights: str | Path | None = None,
    precision: str = 'float32',
    tap: str = 'after',
    pooling: str = 'max',
    embedded: Sequence[str] = (FALLBACK,),
) -> 'tuple[FeatureExtractor, str]':
    """The extractor of a network that is named or 'auto', and one line for the user that says what was taken.

    'auto' is the first choice, where that has the layers (which is looked at before anything is downloaded) and its
    weights are in the cache or can be fetched; else the first of the embedded networks that has the layers.

    Args:
        requested: a network, which is taken or fails; or 'auto'.
        first_choice: what 'auto' would rather have. A weights file given with 'auto' is taken to be of this network.
        layers: gives the layers to tap in a network; it may raise `Missing`.
        weights, precision, tap, pooling: as for `feature_extractor`.
        embedded: the networks to take for want of the first choice, the best first.

    Raises:
        UserError: as `feature_extractor`. Where no network has what is asked for, what the first choice lacks.
    """

    def opened(name: str) -> 'FeatureExtractor':
        network_row(name)  # a name that does not exist is told before its layers are asked for
        wanted = tuple(layers(name))
        if offline_mode() and name == first_choice and requested == AUTO:  # no weights: it need not be built
            find_weights(name, weights, classifier=CLASSES in wanted)
        return feature_extractor(name, wanted, weights=weights, precision=precision, tap=tap, pooling=pooling)

    name = first_choice if requested == AUTO else requested
    try:
        extractor = opened(name)
        return extractor, describe(name, extractor.source)
    except Missing as error:
        if requested != AUTO or weights is not None:
            raise
        lacking = error
    for number, name in enumerate(embedded, 1):
        try:
            extractor = opened(name)
            break
        except Missing as error:
            if number == len(embedded):
                raise error if isinstance(lacking, NoWeights) else lacking from None
    if any(file.name in str(lacking) for file in network_row(first_choice).files):  # and not the names of its classes
        return extractor, instead_of(first_choice, name, classifier=CLASSES in extractor.taps)
    told = str(lacking) if isinstance(lacking, NoWeights) else str(lacking).partition(';')[0]
    return extractor, f'{describe(name, extractor.source)}; {told}'


def layer_table(network: str) -> 'list[LayerInfo]':
    """The layers of a network that can be asked for, from input to output. Needs no weights.

    The last is 'classes', where there is a classifier, see `feature_extractor`. Left out is what holds no features of
    its own: padding, rescaling, dropout, outputs that are not maps.

    Raises:
        UserError: an unknown network, or a `.keras` file that cannot be used.
    """
    return list(_open(network_row(network)).infos.values())


def class_count(network: str) -> int:
    """How many classes a network tells apart.

    Raises:
        UserError: an unknown network, or a `.keras` file without a classifier.
    """
    row = network_row(network)
    if row.name == 'mini':
        return len(mini_classes())
    if row.name in NETWORKS and row.classifier:
        return IMAGENET_CLASSES
    counts = {info.name: info.channels for info in layer_table(network)}
    if CLASSES not in counts:
        raise _no_classes(network)
    return counts[CLASSES]


class _Opened(NamedTuple):
    """A network before it is rebuilt: its layers' names by id, its classifier, and the layers that can be asked for."""

    model: 'keras.Model'
    names: dict[int, str]
    head: 'Head | None'
    infos: 'dict[str, LayerInfo]'


def _open(row: Network, classifier: bool = False) -> _Opened:
    """A network of the table has random weights; its classifier is always listed, but there only when asked for."""
    from stylegen.networks import graph
    from stylegen.networks.classifier import find_head
    from stylegen.utils.backend import prepare_devices

    prepare_devices()
    if row.name in NETWORKS:
        model = _build(row, classifier)
        names = graph.stable_names(model)
    else:
        model = _saved_model(find_weights(row.name).path)
        names = {id(operation): operation.name for operation in model.operations}
    infos = graph.layer_infos(model, names)
    head = find_head(model) if CLASSES not in infos else None
    if head:
        names = head.named(names)
        infos = graph.layer_infos(model, names, head.logits)
    elif row.name in NETWORKS and row.classifier:
        infos[CLASSES] = graph.LayerInfo(CLASSES, list(infos.values())[-1].stride, class_count(row.name))
    return _Opened(model, names, head, infos)


def _no_classes(network: str) -> UserError:
    return Missing(
        f'{network} has no layer classes: for that a model ends in GlobalAveragePooling2D (or Flatten) and Dense'
    )


def _build(row: Network, classifier: bool = False) -> 'keras.Model':
    """The network with random weights: without its classifier for any size, with it for its own."""
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
    """EfficientNet as keras.applications builds it for its own weights: another division by the root of the deviation.

    It is left out when a model is built with weights=None, but the published weights were trained with it.
    """
    from stylegen.networks.mini import IMAGENET_STD
    from stylegen.utils.backend import keras

    def call(layer, *args, **kwargs):
        result = layer(*args, **kwargs)
        if not isinstance(layer, keras.layers.Normalization):
            return result
        return keras.layers.Rescaling([1 / deviation**0.5 for deviation in IMAGENET_STD])(result)

    return keras.models.clone_model(model, call_function=call)


def _load(model: 'keras.Model', row: Network, source: WeightsSource) -> None:
    from stylegen.networks.weightfile import is_keras_file, load_weights

    if source.path.suffix == '.npz' and not row.files:
        load_network(model, source.path, row.name)
    elif not row.factory and row.files and not is_keras_file(source.path):
        from stylegen.networks.caffemodel import load_caffemodel

        load_caffemodel(model, source.path, row.name)
    else:
        load_weights(model, source.path, row.name)


def _saved_model(path: Path) -> 'keras.Model':
    from stylegen.utils.backend import keras
    from stylegen.utils.keras_defaults import keras_defaults

    try:
        with keras_defaults():
            model = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py, json, unknown layers: whatever Keras meets in a file that is not one
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'{path}: not a model that Keras can load: {reason}') from error
    inputs = getattr(model, 'inputs', None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise UserError(f'{path}: a feature network takes one image (height, width, 3); this model does not')
    return keras.Model(inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model
