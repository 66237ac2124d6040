"""Frozen feature networks by name: pixels in [0, 1] to named activations. Importing this does not import TensorFlow."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stylegen.networks.catalog import CLASSES, FALLBACK, IMAGENET_CLASSES, NETWORKS, Network, network_row
from stylegen.networks.mini import mini_classes
from stylegen.networks.models import build_model, load_saved_model, load_weights_of
from stylegen.networks.pretrained import AUTO, WeightsSource, describe, fallback_line, find_weights, offline_mode
from stylegen.utils.choices import POOLINGS
from stylegen.utils.errors import MissingFromNetwork, NoWeights, UserError, unknown

if TYPE_CHECKING:
    import keras

    from stylegen.networks.classifier import Head
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.networks.graph import LayerInfo

PADDINGS = ('same', 'reflect')
TAPS = ('after', 'before')  # of a former keyword
KEPT = 3  # extractors that are cached, see `_kept`
_EXTRACTORS: 'OrderedDict[tuple[Any, ...], FeatureExtractor]' = OrderedDict()
_LOCK = threading.Lock()
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16', AUTO)


def feature_extractor(
    network: str = 'mini',
    layers: Sequence[str] = ('block1_conv1', 'block2_conv1', 'block3_conv1', 'block4_conv1', 'block5_conv1'),
    *,
    weights: str | Path | None = None,
    pooling: str = 'max',
    padding: str = 'same',
    pre_activation: bool = False,
    precision: str = 'float32',
    tap: str | None = None,
) -> 'FeatureExtractor':
    """Returns a frozen model that maps images to the activations of named layers, cut at the deepest of them.

    It takes float32 RGB (n, height, width, 3) in [0, 1], any height and width from `.min_size`, and returns {layer:
    float32 (n, height', width', channels), ..., 'input': the images}. It includes the preprocessing.

    The layer 'classes' applies the network's classifier to every position of its last map and gives the logits, without
    softmax. After an average pooling the Dense layer becomes a 1x1 convolution: the mean over positions is the
    network's logits, at any size. VGG's first Dense layer reads 7x7 positions and becomes a 'valid' convolution: a
    picture of 224 pixels has one position, the network's logits; the maps of smaller pictures are padded with zeros.

    Args:
        network: A name in `NETWORKS`, or the path of a `.keras` file: a model that takes RGB in [0, 1] and includes its
            preprocessing.
        layers: Names from `layer_table(network)`. The default is for mini, small_vgg, vgg16 and vgg19.
        weights: A file, see `pretrained.find_weights`; None finds one. 'classes' needs a file with the classifier.
        pooling: 'max'; 'average' and 'l2' replace every max pooling and keep its magnitude, see `layers`.
        padding: 'same'; 'reflect' mirrors the map around zero-padded convolutions of stride 1, against artefacts at the
            border. Convolutions of other strides keep their zeros, and so do those that a network pads in a separate
            layer or in a nested model.
        pre_activation: Give the input of a layer's activation, fused or separate, under the layer's name. Layers
            without an activation (pooling, sums, ...) give their usual output.
        precision: 'float32', or the precision that the layers compute in. Weights, preprocessing and the output are
            always float32. 'auto' is mixed_bfloat16 where that is fast, see `backend.fast_precision`; results then
            differ between machines in the third digit, not in the seventh.
        tap: The former name of `pre_activation`: 'before' or 'after'.

    Raises:
        MissingFromNetwork: A layer is unknown (reported before any download), or there are no weights.
        UserError: The network or an option is unknown, an option changes nothing in this network, or the weights are of
            another network.

    Example:
        extractor = feature_extractor('vgg19', ['block1_conv1', 'block4_conv2'])
        features = extractor(load_image('photo.jpg')[None])
        features['block4_conv2'].shape
    """
    _check_choices(
        ('pooling', pooling, POOLINGS),
        ('padding', padding, PADDINGS),
        ('tap', tap or 'after', TAPS),
        ('precision', precision, PRECISIONS),
    )
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
    _check_layers(network, layers, opened.infos)  # before any download
    source = find_weights(network, weights, classifier=classifier)
    if row.name in NETWORKS:
        load_weights_of(opened.model, row, source)
    if pooling != 'max' and not graph.has_max_pooling(opened.model):
        raise UserError(f'{network} has no max pooling to replace by {pooling}; leave pooling=max')
    image, outputs = rebuild(
        opened.model,
        layers,
        opened.names,
        preprocessing=row.preprocessing,
        pooling=pooling,
        padding=padding,
        pre_activation=pre_activation or tap == 'before',
        precision=precision,
        head=opened.head if classifier else None,
    )
    outputs['input'] = image
    infos = [opened.infos[name] for name in layers]
    return FeatureExtractor(image, outputs, network=network, infos=infos, source=source)


def _check_choices(*options: tuple[str, str, Sequence[str]]) -> None:
    """Refuses the first of (name, value, choices) whose value is not among the choices."""
    for name, value, choices in options:
        if value not in choices:
            raise unknown(name, value, choices)


def _check_layers(network: str, layers: Sequence[str], infos: 'Mapping[str, LayerInfo]') -> None:
    """Refuses a layer that the network does not have."""
    for name in layers:
        if name not in infos and name == CLASSES:
            raise _no_classes(network)
        if name not in infos:
            raise unknown(f'layer of {network}', name, infos, MissingFromNetwork)


def open_network(
    requested: str,
    first_choice: str,
    layers: Callable[[str], Sequence[str]],
    *,
    weights: str | Path | None = None,
    precision: str = 'float32',
    pre_activation: bool = False,
    pooling: str = 'max',
    embedded: Sequence[str] = (FALLBACK,),
) -> 'tuple[FeatureExtractor, str]':
    """Returns the extractor of a named network or of 'auto', and a line for the user that says which was taken.

    'auto' is the first choice if it has the layers (checked before any download) and its weights are in the cache or
    can be downloaded; otherwise it is the first embedded network that has the layers.

    Args:
        requested: A network, which is taken or raises an error; or 'auto'.
        first_choice: The preferred network of 'auto'. A weights file that is given with 'auto' belongs to this network.
        layers: Returns the layers to request from a network; it may raise `MissingFromNetwork`.
        weights, precision, pre_activation, pooling: As for `feature_extractor`.
        embedded: The networks to take without the first choice, best first.

    Returns:
        The extractor and the line.

    Raises:
        UserError: As for `feature_extractor`. If no network has the layers, the error says what the first choice lacks.

    Example:
        extractor, line = open_network('auto', 'vgg19', lambda name: ['block4_conv2'])
    """

    def opened(name: str) -> 'FeatureExtractor':
        network_row(name)  # refuses an unknown name first
        wanted = tuple(layers(name))
        if offline_mode() and name == first_choice and requested == AUTO:  # without weights it need not be built
            find_weights(name, weights, classifier=CLASSES in wanted)
        return _kept(name, wanted, weights=weights, precision=precision, pre_activation=pre_activation, pooling=pooling)

    name = first_choice if requested == AUTO else requested
    try:
        extractor = opened(name)
        return extractor, describe(name, extractor.source)
    except MissingFromNetwork as error:
        if requested != AUTO or weights is not None:
            raise
        lacking = error
    for number, name in enumerate(embedded, 1):
        try:
            extractor = opened(name)
            break
        except MissingFromNetwork as error:
            if number == len(embedded):
                raise error if isinstance(lacking, NoWeights) else lacking from None
    if any(
        file.name in str(lacking) for file in network_row(first_choice).files
    ):  # its weights are missing, not its class names
        return extractor, fallback_line(first_choice, name, classifier=CLASSES in extractor.layer_names)
    reason = str(lacking) if isinstance(lacking, NoWeights) else str(lacking).partition(';')[0]
    return extractor, f'{describe(name, extractor.source)}; {reason}'


def _kept(network: str, layers: tuple[str, ...], *, weights: str | Path | None, **options: Any) -> 'FeatureExtractor':
    """Returns an extractor from the cache, if it is one of the last and its weights file is still the same.

    Extractors are frozen, so that all may share one. To open one takes from half a second to several.
    """
    key = (network, layers, str(weights), *options.values())
    with _LOCK:
        kept = _EXTRACTORS.pop(key, None)
    if kept is None or _file(kept.source) != _file(find_weights(network, weights, classifier=CLASSES in layers)):
        kept = feature_extractor(network, layers, weights=weights, **options)
    with _LOCK:
        _EXTRACTORS[key] = kept
        while len(_EXTRACTORS) > KEPT:
            _EXTRACTORS.popitem(last=False)
    return kept


def _file(source: WeightsSource) -> tuple[Path, str]:
    """Returns what tells one weights file from another; its origin is 'download' at first and 'cache' later."""
    return source.path, source.sha256


def layer_table(network: str) -> 'list[LayerInfo]':
    """Returns the layers of a network that can be requested, from input to output. It needs no weights.

    The last is 'classes' if there is a classifier, see `feature_extractor`. Layers without features of their own are
    left out: padding, rescaling, dropout, outputs that are not maps.

    Raises:
        UserError: The network is unknown, or the `.keras` file cannot be used.

    Example:
        [layer.name for layer in layer_table('mini')]
    """
    return list(_open(network_row(network)).infos.values())


def class_count(network: str) -> int:
    """Returns the number of classes of a network.

    Raises:
        UserError: The network is unknown, or a `.keras` file has no classifier.

    Example:
        class_count('vgg16')  # 1000
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
    """A network before it is rebuilt.

    Attributes:
        model: The Keras model.
        names: The names of its operations, by id.
        head: Its classifier, or None.
        infos: The layers that can be requested, by name.
    """

    model: 'keras.Model'
    names: dict[int, str]
    head: 'Head | None'
    infos: 'dict[str, LayerInfo]'


def _open(row: Network, classifier: bool = False) -> _Opened:
    """Opens a network. A network of the catalog has random weights, and lacks its classifier unless it is requested.

    Its classifier is listed among the layers in any case.
    """
    from stylegen.networks import graph
    from stylegen.networks.classifier import find_head
    from stylegen.utils.backend import prepare_devices

    prepare_devices()
    if row.name in NETWORKS:
        model = build_model(row, classifier)
        names = graph.stable_names(model)
    else:
        model = load_saved_model(find_weights(row.name).path)
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
    return MissingFromNetwork(
        f'{network} has no layer classes, because it does not end in GlobalAveragePooling2D (or Flatten) and Dense'
    )
