"""Neural style transfer by optimisation: a picture that keeps one picture's content and takes others' style.

Gatys, Ecker, Bethge (2016), "Image style transfer using convolutional neural networks". TensorFlow is imported when a
transfer begins, so that `--help` need not wait for it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import networks
from stylegen.images.conversion import PictureLike, StylesLike
from stylegen.runs.layer_weights import WeightsLike, as_weights
from stylegen.style.presets import CONTENT_LAYERS, CONTENT_SCALE, STYLE_LAYERS, VARIATION
from stylegen.style.published import PUBLISHED
from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.signatures import defaults_of

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

FIRST_CHOICE = 'vgg19'  # of the networks, where its weights can be had
EMBEDDED = 'small_vgg', 'mini'  # of those that ship, the best first; the second has layers that the first lacks
OF_A_PICTURE = ('content', 'style', 'mask', 'seed', 'start', 'callback')  # arguments of `transfer`


def open_stylizer(**settings: Any) -> tuple[Stylizer, str]:
    """A stylizer for many pictures, compiled once, and one line that says which network it looks through.

    Args:
        settings: The arguments of `transfer` with their defaults, but those that belong to one picture (content, style,
            mask, seed, start, callback). What is given wins over the settings of `like`. Of `regions` only the number
            is given here, and of `init` a name; masks, styles and a picture to begin with go with each picture.

    Raises:
        UserError: A setting that cannot be, with what can.
        TypeError: An argument that there is not.
    """
    if spare := set(settings) - set(_defaults()):
        raise TypeError(f'open_stylizer() has no argument {", ".join(sorted(spare))}')
    like = settings.get('like')
    usual = _defaults() | published_settings(like)
    settings = usual | settings
    for name in ('loss', 'variation_form'):  # the published weights are in the unit of these
        if like and settings[name] != usual[name]:
            raise UserError(f'--like={like} has its own {name}, {usual[name]}; leave out --{name}')
    network, weights, precision, pooling = (settings.pop(n) for n in ('network', 'weights', 'precision', 'pooling'))
    chosen = {name: as_weights(settings.pop(name), name) for name in ('style_layers', 'content_layers')}
    if isinstance(network, str):
        extractor, note = networks.open_network(
            network,
            FIRST_CHOICE,
            lambda name: _deep(*_layers(name, **chosen)),
            weights=weights,
            precision=precision,
            pooling=pooling,
            embedded=EMBEDDED,
        )
    else:
        extractor, note = network, network.network
    style_layers, content_layers = _layers(extractor.network, **chosen)
    if missing := [name for name in _deep(style_layers, content_layers) if name not in extractor.taps]:
        raise unknown('layer of the extractor', missing[0], extractor.taps)
    scale = settings.pop('content_scale')
    if scale is None:
        scale = CONTENT_SCALE.get(extractor.network, CONTENT_SCALE['mini'])
    if settings['variation'] is None:
        settings['variation'] = VARIATION.get(extractor.network, VARIATION['mini'])
    settings |= {'style_layers': style_layers, 'content_layers': content_layers, 'content_scale': scale}
    return Stylizer(extractor, **settings), note


def published_settings(like: str | None) -> dict[str, Any]:
    """The settings of a published program, as arguments of `transfer`; none for None.

    Raises:
        UserError: There is no such program.
    """
    if like is None:
        return {}
    if like not in PUBLISHED:
        raise unknown('like', like, PUBLISHED)
    return dict(PUBLISHED[like].settings)


def _layers(
    network: str, style_layers: Mapping[str, float] | None, content_layers: Mapping[str, float] | None
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The layers of style and of content, weighted, of a network."""
    for chosen, table in ((style_layers, STYLE_LAYERS), (content_layers, CONTENT_LAYERS)):
        if chosen is None and network not in table:
            raise UserError(
                f'there are no layers chosen for {network}: name them with --style_layers and --content_layers, or '
                f'take one of {", ".join(table)}'
            )
    return (
        STYLE_LAYERS[network] if style_layers is None else style_layers,
        CONTENT_LAYERS[network] if content_layers is None else content_layers,
    )


def _deep(*parts: Mapping[str, float]) -> list[str]:
    """The layers of a network among those named; 'input', the pixels, is none."""
    return [layer for layer in dict.fromkeys(layer for part in parts for layer in part) if layer != 'input']


@functools.cache
def _defaults() -> dict[str, Any]:
    """The arguments of `transfer` that do not belong to one picture, and their defaults."""
    usual = {name: value for name, value in defaults_of(transfer).items() if name not in OF_A_PICTURE}
    return usual | {'regions': 0}


def transfer(
    content: PictureLike,
    style: StylesLike,
    *,
    network: str | FeatureExtractor = 'auto',
    weights: str | None = None,
    style_layers: WeightsLike = None,
    content_layers: WeightsLike = None,
    pooling: str = 'max',
    like: str | None = None,
    loss: str = 'wasserstein',
    strength: float = 0.5,
    content_weight: float | None = None,
    style_weight: float | None = None,
    content_scale: float | None = None,
    variation: float | None = None,
    variation_form: str = 'square',
    optimizer: str = 'adam',
    learning_rate: float = 0.03,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
    average: float = 0.97,
    history: int = 10,
    trials: int = 5,
    iterations: int | Sequence[int] = (120, 100, 80, 60, 40, 30),
    patience: int | None = None,
    scale: float = 2**0.5,
    coarsest: int = 96,
    init: str | PictureLike = 'content',
    style_scale: float = 1.3,
    style_size: int | None = None,
    color: str = 'style',
    color_time: str = 'after',
    color_map: str = 'symmetric',
    regions: Sequence[tuple[PictureLike, StylesLike]] = (),
    mask: PictureLike | None = None,
    margin: int = 8,
    seed: int = 0,
    max_memory: str | float = 'auto',
    jit: str = 'auto',
    precision: str = 'auto',
    start: Start | None = None,
    callback: Callable[[StyleStep], None] | None = None,
) -> np.ndarray:
    """Paints the content of one picture in the style of others.

    Args:
        content: A path, a PIL picture, an array or a tensor; of bytes or of floats in [0, 1], see
            `stylegen.images.conversion`.
        style: A picture too, of any size and shape, or several as [picture, ...] or [(picture, share), ...]: their
            statistics are mixed in these shares, as if they hung side by side.
        network: 'auto', a name of `stylegen.networks.NETWORKS`, a .keras file, or a `FeatureExtractor`, which is then
            taken as it is.
        weights: File of weights for the network; otherwise they are looked for, see `stylegen.networks.pretrained`.
        style_layers, content_layers: Weights by layer, of which 'input' is the picture itself, its colours. A list of
            names gives each the weight 1. None: the network's own choice.
        pooling: 'max', 'average' or 'l2', of the network.
        like: The settings and the formula of a published program, a key of `stylegen.style.published.PUBLISHED`; what
            is not as by default wins over them, but its loss and form of variation are fixed.
        loss: Distance of the styles, see `stylegen.losses.statistics`: 'wasserstein', 'gram', 'covariance' or
            'gram+histogram'.
        strength: 0 to 1, the balance of content and style: it looks the same for all pictures, sizes and networks,
            because both are relative, the style's to how far the content is from it.
        content_weight, style_weight: Weights of the relative losses instead; one left out is 1.
        content_scale: How much of the content's loss weighs as much as all of the style's at a strength of 0.5. None:
            the network's own.
        variation: Weight of total variation, which smooths. None: the network's own.
        variation_form: 'square', 'absolute' or 'power', see `stylegen.losses.features.VARIATIONS`.
        optimizer: 'adam', 'lbfgs' or 'descent'.
        learning_rate: Of Adam or plain descent, in pixel units [0, 1].
        beta_1, beta_2, epsilon, epsilon_hat: Of Adam, see `stylegen.optimize.adam`.
        average: Decay of the average of Adam's iterates, which is the result; 0: the last one is. Of the other
            optimisers the iterate of the lowest loss is.
        history: Steps that L-BFGS remembers, fewer where memory is short.
        trials: How often L-BFGS may halve a step that does not lower the loss; 0: it takes every step as it is.
        iterations: Steps at each size from the smallest: a number for all, or a list whose last goes on.
        patience: Go on to the next size when the loss has not fallen by 1 % for so many steps.
        scale: Ratio of one size to the next.
        coarsest: Least longest side of the smallest size, in pixels.
        init: What to begin with: 'content', 'noise', 'style' (noise in the style's colours), 'mean' (the mean colour of
            photographs with next to no noise), or a picture; the path of a file is one.
        style_scale: Longest side of the style beside the content's: the larger, the larger its strokes. A style is
            never enlarged.
        style_size: The same in pixels, at the last size; wins over `style_scale`.
        color: Whose colours: 'style'; 'luminance', every pixel keeps the content's chroma; 'linear' or 'histogram', the
            content's as a whole.
        color_time: Whether the content's colours are given 'before', to the style, or 'after', to the result.
        color_map: Which linear map: 'symmetric', 'cholesky' or 'pca' (Gatys et al. 2017, section 5).
        regions: Masks, as `mask`, each with styles of its own, as `style`, or none ([]): [(mask, style), ...].
            `style` is for the rest.
        mask: A grey picture, floats (H, W) in [0, 1] or booleans: how much of the result shows; where it is 0 the
            content stays, bit for bit.
        margin: Pixels painted beyond each border and cut off in the end, for a network sees zeros there.
        seed: Of noise. The same seed gives the same picture on the same machine.
        max_memory: Bytes, a text such as '4GB', or 'auto', a share of what is free, to stay within: a larger picture is
            worked on window by window, with the same losses and gradients.
        jit: 'auto', 'on' or 'off': XLA, which compiles anew for each size that has an eighth of the work or more.
        precision: 'float32', 'mixed_bfloat16', 'mixed_float16', or 'auto', the fastest of the first two here, of the
            network alone.
        start: Where an interrupted run goes on; it then ends as if it had not been interrupted.
        callback: Called with a `StyleStep` about twice a second.

    Returns:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one.
    """
    given = dict(locals())
    begin = None if isinstance(init, str) and not os.path.isfile(os.path.expanduser(init)) else init
    given |= {'regions': len(regions)} | ({'init': 'content'} if begin is not None else {})
    changed = {name: given[name] for name, value in _defaults().items() if given[name] != value}
    stylizer, _ = open_stylizer(**changed)
    return stylizer(content, style, regions=regions, mask=mask, init=begin, seed=seed, start=start, callback=callback)
