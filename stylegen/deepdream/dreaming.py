"""DeepDream: change a picture so that layers of a network become more active, from coarse to fine.

Mordvintsev, Olah, Tyka (2015), "Inceptionism: Going deeper into neural networks", and the code published with it.
TensorFlow is imported when a dream begins, so that `--help` need not wait for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import networks
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.presets import manner_of
from stylegen.deepdream.subject import settle
from stylegen.images.conversion import PictureLike, as_pictures
from stylegen.runs.layer_weights import WeightsLike, as_weights
from stylegen.utils.signatures import defaults_of

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

FIRST_CHOICE = 'inception_v3'  # of the networks, where its weights can be had
EMBEDDED = 'small_vgg', 'mini'  # of those that ship, the best first; the second has classes and more layers


def open_dreamer(**settings: Any) -> tuple[Dreamer, str]:
    """A dreamer for many pictures, compiled once, and one line that says which network it looks through.

    Args:
        settings: The arguments of `dream` with their defaults, but those that belong to one picture (image, mask, seed,
            start, callback). Of `regions` only the weights by layer are given here, the masks with each picture.

    Raises:
        UserError: A setting that cannot be, with what can.
        TypeError: An argument that there is not.
    """
    settings = _defaults() | settings
    if spare := set(settings) - set(_defaults()):
        raise TypeError(f'open_dreamer() has no argument {", ".join(sorted(spare))}')
    network, weights, precision = (settings.pop(name) for name in ('network', 'weights', 'precision'))
    guides = tuple(as_pictures(settings.pop('guides'), 'guide'))
    wanted: dict[str, Any] = {
        name: as_weights(settings.pop(name), name) for name in ('layers', 'classes', 'guide_layers')
    }
    wanted['regions'] = [as_weights(layers, 'region') or {} for layers in settings.pop('regions')]
    wanted['guides'] = len(guides)
    if isinstance(network, str):
        extractor, note = networks.open_network(
            network,
            FIRST_CHOICE,
            lambda name: settle(name, **wanted).layers,
            weights=weights,
            precision=precision,
            embedded=EMBEDDED,
        )
        subject = settle(extractor.network, **wanted)
    else:
        extractor, note = network, network.network
        subject = settle(extractor.network, **wanted, default=dict.fromkeys(extractor.strides, 1.0))
    own = {name: value for name, value in manner_of(extractor.network).items() if settings[name] is None}
    return Dreamer(extractor, subject, guides, **settings | own), note


@functools.cache
def _defaults() -> dict[str, Any]:
    """The arguments of `dream` that do not belong to one picture, and their defaults."""
    of_a_picture = ('mask', 'seed', 'start', 'callback')
    return {name: value for name, value in defaults_of(dream).items() if name not in of_a_picture}


def dream(
    image: PictureLike,
    *,
    network: str | FeatureExtractor = 'auto',
    weights: str | None = None,
    layers: WeightsLike = None,
    classes: WeightsLike = None,
    guides: PictureLike | Sequence[PictureLike] = (),
    guide_layers: WeightsLike = None,
    regions: Sequence[tuple[PictureLike, WeightsLike]] = (),
    balance: str = 'signal',
    measure: str = 'auto',
    octaves: int | None = None,
    octave_scale: float | None = None,
    steps: int = 10,
    strength: float | None = None,
    step_size: float | None = None,
    norm: str = 'mean_abs',
    smoothing: str | None = None,
    variation: float = 0.0,
    jitter: int = 32,
    color: str = 'free',
    mask: PictureLike | None = None,
    wrap: bool = False,
    seed: int = 0,
    max_memory: str | float = '4GB',
    jit: str = 'auto',
    precision: str = 'float32',
    start: Start | None = None,
    callback: Callable[[DreamStep], None] | None = None,
) -> np.ndarray:
    """Dreams on a picture.

    Args:
        image: A path, a PIL picture, an array or a tensor; of bytes or of floats in [0, 1], see
            `stylegen.images.conversion`.
        network: 'auto', a name of `stylegen.networks.NETWORKS`, a .keras file, or a `FeatureExtractor`, which is then
            taken as it is.
        weights: File of weights for the network; otherwise they are looked for, see `stylegen.networks.pretrained`.
        layers: Weights by layer, 'block4_conv2', by channels of it, 'block4_conv2[3,17-19]', or by neuron,
            'block4_conv2[3@0.5,0.25]'; negative ones make it less active. A list of names gives each the weight 1.
            None: the network's own choice, unless classes, guides or regions are given.
        classes: Weights by name or number of a class: the picture becomes more like it, everywhere.
        guides: A picture or several, of any size: what they show is looked for in the picture (best match).
        guide_layers: Weights by layer that is compared with the guides'. None: the network's own choice.
        regions: Masks, as `mask`, each with the layers that act there; `layers` act elsewhere.
        balance: 'signal' makes layers, guides and classes equally loud before they are weighted, by the norm of their
            gradient at their layer (K. Crowson's deep_dream); 'gradient' by the norm of what arrives at the picture;
            'none' leaves them as they are.
        measure: 'mean_square' or 'mean' of what is to be active; 'auto': 'mean_square' of layers, 'mean' of the rest.
        octaves: How many sizes to work through. None, as with octave_scale, strength and smoothing: the network's own,
            see `stylegen.deepdream.presets.manner_of`.
        octave_scale: Ratio of one size to the next.
        steps: Steps of each octave.
        strength: How much the picture changes in the end, as the root mean square of the difference in pixel units
            [0, 1]; the steps are steered to it, whatever the network, the layers, the size and the number of steps.
            It holds before `color` and `mask` take some of it back; where only regions are dreamt of, within them.
        step_size: What a step changes instead, in pixel units, as measured by `norm`; not steered.
        norm: 'mean_abs' or 'std' of the gradient.
        smoothing: Of the gradient: 'none', 'gaussian' or 'laplacian', see `stylegen.optimize.gradient_smoothing`.
        variation: How strongly each step smooths the picture (total variation), as a share of its length.
        jitter: The picture is moved by up to so many pixels before each step; without `wrap`, half a stride of the
            network is the most. One that is cut into tiles is rolled by up to a tile.
        color: 'free'; 'luminance': only lightness changes; 'match': mean and covariance of the colours stay.
        mask: A grey picture, floats (H, W) in [0, 1] or booleans: how much of the dream shows; where it is 0 the
            picture stays, bit for bit.
        wrap: The picture is a tile that repeats, and stays one. Its sides are best multiples of the network's stride.
        seed: Of the rolls. The same seed gives the same picture on the same machine.
        max_memory: Bytes, or a text such as '4GB', to stay within: larger pictures are cut into tiles.
        jit: 'auto', 'on' or 'off': XLA.
        precision: 'float32', 'mixed_bfloat16', 'mixed_float16' or 'auto', of the network alone, see
            `networks.feature_extractor`.
        start: Where an interrupted dream goes on; it then ends as if it had not been interrupted.
        callback: Called with a `DreamStep` about twice a second.

    Returns:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        stylegen.optimize.NonFiniteLoss: A layer's loss overflowed; its `picture` is the last good one, at full size.
    """
    dreamer, _ = open_dreamer(
        network=network,
        weights=weights,
        layers=layers,
        classes=classes,
        guides=guides,
        guide_layers=guide_layers,
        regions=[weights_by_layer for _, weights_by_layer in regions],
        precision=precision,
        balance=balance,
        measure=measure,
        octaves=octaves,
        octave_scale=octave_scale,
        steps=steps,
        strength=strength,
        step_size=step_size,
        norm=norm,
        smoothing=smoothing,
        variation=variation,
        jitter=jitter,
        color=color,
        wrap=wrap,
        max_memory=max_memory,
        jit=jit,
    )
    masks = [region for region, _ in regions]
    return dreamer(image, mask=mask, regions=masks, seed=seed, start=start, callback=callback)
