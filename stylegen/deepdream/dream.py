"""DeepDream: change a picture so that layers of a network become more active, from coarse to fine.

Mordvintsev, Olah, Tyka (2015), "Inceptionism: Going deeper into neural networks", and the code published with it.
TensorFlow is imported when `dream` is called, so that `--help` need not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from stylegen import color as colors
from stylegen import images, networks, pyramid
from stylegen.deepdream.presets import LAYERS
from stylegen.errors import UserError, unknown

FIRST_CHOICE = 'inception_v3'  # of the networks, where its weights can be had
COLORS = ('free', 'luminance')
NORMS = ('mean_abs', 'std')
LONGEST_TILE = 1024  # beyond this a longer tile saves nothing
MARGIN = 16  # pixels mirrored around each octave, so that its border dreams like the rest


@dataclass(frozen=True)
class DreamStep:
    """What a callback is told after some steps of an octave.

    `image` is the octave's picture, float32 (h, w, 3); `picture()` makes the whole one of it, at full size.
    `work` and `all_work` count pixels times steps, for progress.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    image: np.ndarray
    picture: Callable[[], np.ndarray]
    work: float
    all_work: float


@dataclass(frozen=True)
class Start:
    """Where an interrupted dream goes on: the fields of the last `DreamStep` that was kept."""

    octave: int
    step: int
    image: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What a dream will use, before it runs: sizes from the smallest octave, tile side (0: uncut), bytes predicted."""

    sizes: tuple[tuple[int, int], ...]
    tile: int
    memory: float


def choose_layers(network: str, layers: Mapping[str, float] | None) -> dict[str, float]:
    """The layers asked for, or the network's own first choice."""
    if layers is None and network not in LAYERS:
        raise UserError(f'{network} has no layers of its own choice; name some with --layers (--layers=list)')
    chosen = dict(LAYERS[network] if layers is None else layers)
    if not any(chosen.values()):
        raise UserError('every layer has weight 0, so there is nothing to dream of; give one another weight')
    return chosen


def plan(extractor, shape: tuple[int, int], octaves: int, octave_scale: float, max_memory: str | float) -> Plan:
    """Octave sizes, the tile that fits in `max_memory`, and the memory it takes."""
    smallest = max(extractor.min_size, max(extractor.strides.values()))
    if min(shape) < smallest:
        raise UserError(
            f'the picture is {shape[1]} x {shape[0]}; {extractor.network} needs at least {smallest} pixels a side: '
            f'enlarge it with --size'
        )
    sizes = pyramid.octave_sizes(shape, octaves, octave_scale, max(smallest, 32))
    memory = pyramid.parse_memory(max_memory)
    fixed = shape[0] * shape[1] * 3 * 4 * 12  # the picture itself: octaves, gradient, detail, copies
    per_pixel = extractor.bytes_per_pixel
    whole = (shape[0] + 2 * MARGIN) * (shape[1] + 2 * MARGIN) * per_pixel + fixed
    if whole <= memory:
        return Plan(tuple(sizes), 0, whole)
    if fixed >= memory:
        raise UserError(
            f'a picture of {shape[1]} x {shape[0]} alone takes {pyramid.format_memory(fixed)} of the '
            f'{pyramid.format_memory(memory)} allowed; raise --max_memory or give a smaller --size'
        )
    stride = max(extractor.strides.values())
    tile = min(pyramid.tile_side(per_pixel, memory - fixed, stride, smallest), LONGEST_TILE // stride * stride)
    return Plan(tuple(sizes), tile, tile * tile * per_pixel + fixed)


def dream(
    image: np.ndarray,
    *,
    network='auto',
    weights: str | None = None,
    layers: Mapping[str, float] | None = None,
    octaves: int = 4,
    octave_scale: float = 1.5,
    steps: int = 10,
    step_size: float = 0.005,
    norm: str = 'mean_abs',
    jitter: int = 32,
    color: str = 'free',
    mask: np.ndarray | None = None,
    seed: int = 0,
    max_memory: str | float = '4GB',
    jit: str = 'auto',
    precision: str = 'float32',
    start: Start | None = None,
    callback: Callable[[DreamStep], None] | None = None,
) -> np.ndarray:
    """Dreams on a picture.

    Args:
        image: float32 (H, W, 3) in [0, 1].
        network: 'auto', a name of `stylegen.networks.NETWORKS`, a .keras file, or a `FeatureExtractor`, which is then
            taken as it is.
        weights: File of weights for the network; otherwise they are looked for, see `stylegen.pretrained`.
        layers: Weights by layer name; negative ones make a layer less active. None: the network's own choice,
            or all layers of an extractor.
        octaves: How many sizes to work through.
        octave_scale: Ratio of one size to the next.
        steps: Steps of each octave.
        step_size: What a step changes, in pixel units [0, 1], as measured by `norm`.
        norm: 'mean_abs' or 'std' of the gradient.
        jitter: The picture is rolled by up to so many pixels before each step.
        color: 'free', or 'luminance': only lightness changes.
        mask: float32 (H, W) in [0, 1]: how much of the dream shows; where it is 0 the picture stays, bit for bit.
        seed: Of the rolls. The same seed gives the same picture on the same machine.
        max_memory: Bytes, or a text such as '4GB', to stay within: larger pictures are cut into tiles.
        jit: 'auto', 'on' or 'off': XLA.
        precision: 'float32', 'mixed_bfloat16' or 'mixed_float16', of the network alone.
        start: Where an interrupted dream goes on; it then ends as if it had not been interrupted.
        callback: Called with a `DreamStep` about twice a second.

    Returns:
        float32 (H, W, 3) in [0, 1].

    Raises:
        UserError: A setting that cannot be, with what can.
        stylegen.optimize.NonFiniteLoss: A layer's loss overflowed; it holds the octave's last good image.
    """
    from stylegen.losses import dream_loss
    from stylegen.optimize import NonFiniteLoss, Step, Term, optimize_image
    from stylegen.tiling import TiledObjective
    from stylegen.updates import normalized_step

    image = np.ascontiguousarray(image, np.float32)
    if image.ndim != 3 or image.shape[2] != 3 or not np.isfinite(image).all():
        raise ValueError(f'expected a finite picture of shape (height, width, 3), got {image.shape}')
    if color not in COLORS:
        raise unknown('color', color, COLORS)
    if mask is not None and mask.shape != image.shape[:2]:
        raise UserError(
            f'the mask is {mask.shape[1]} x {mask.shape[0]}, the picture {image.shape[1]} x {image.shape[0]}'
        )
    if steps < 0:
        raise UserError(f'expected 0 steps or more, got {steps}')

    if norm not in NORMS:
        raise unknown('norm', norm, NORMS)

    if isinstance(network, str):
        extractor, _ = networks.open_network(
            network, FIRST_CHOICE, lambda name: choose_layers(name, layers), weights=weights, precision=precision
        )
        layers = choose_layers(extractor.network, layers)
    else:
        extractor = network
        layers = choose_layers(extractor.network, layers or dict.fromkeys(extractor.strides, 1.0))
        for layer in layers:
            if layer not in extractor.strides:
                raise unknown('layer of this extractor', layer, extractor.strides)

    made = plan(extractor, image.shape[:2], octaves, octave_scale, max_memory)
    terms = tuple(Term(layer, weight, dream_loss(layer)) for layer, weight in layers.items())
    objective = TiledObjective(extractor, terms, made.tile, max(extractor.strides.values()), jitter, MARGIN)
    update = normalized_step(step_size, norm)

    def finish(dreamt: np.ndarray) -> np.ndarray:
        out = colors.keep_chroma(dreamt, image) if color == 'luminance' else dreamt
        if mask is not None:
            share = mask[..., None]
            out = np.where(share > 0, image + share * (out - image), image)
        return np.clip(out, 0, 1).astype(np.float32)

    all_work = steps * pyramid.total_pixels(made.sizes)
    detail = np.zeros((*made.sizes[0], 3), np.float32)
    for octave, size in enumerate(made.sizes):
        if start is not None and octave < start.octave:
            continue
        base = np.clip(images.resize(image, size), 0, 1)
        going_on = start is not None and octave == start.octave
        current = start.image if going_on else base + images.resize(detail, size)

        def whole(octave_image: np.ndarray, base=base) -> np.ndarray:
            return finish(np.clip(image + images.resize(octave_image - base, image.shape[:2]), 0, 1))

        def report(step: Step, octave=octave, size=size, whole=whole) -> None:
            pixels = np.asarray(step.image[0])
            work = steps * pyramid.total_pixels(made.sizes[:octave]) + step.step * size[0] * size[1]
            losses = dict(step.losses)
            callback(
                DreamStep(
                    octave, len(made.sizes), step.step, steps, losses, pixels, lambda: whole(pixels), work, all_work
                )
            )

        try:
            result = optimize_image(
                current[None],
                objective,
                update,
                steps,
                report if callback else None,
                first=start.step if going_on else 0,
                seed=int(np.random.SeedSequence([seed, octave]).generate_state(1)[0] >> 1),
                jit=jit,
            )
        except NonFiniteLoss as error:
            error.picture = whole(np.asarray(error.image[0]))
            raise
        current = np.asarray(result[0])
        detail = current - base
    return finish(current)
