"""Find the latent vector whose picture is closest to a given one; a picture with a hole is completed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylegen.datasets.framing import Decoded, Framing
from stylegen.dcgan.blending import blended, weights_near
from stylegen.dcgan.load import Generator
from stylegen.dcgan.opening import labels_of
from stylegen.images.io import Picture
from stylegen.images.pixels import from_uint8, on_white, to_uint8
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes

LAYERS = ('block1_conv2', 'block2_conv2', 'block3_conv3')  # feature layers of mini
LEAST = 64  # pixels a side that mini needs
CHUNK = 25  # steps in one compiled call


@dataclass(frozen=True, kw_only=True)
class ProjectSettings(Settings):
    """The search for the latent vector of a picture: Adam from several starts, and the weights of the loss."""

    steps: int = setting(300, 'steps of Adam', group='Search', at_least=1)
    restarts: int = setting(8, 'start vectors; the best result counts', group='Search', at_least=1, at_most=4096)
    learning_rate: float = setting(0.05, 'learning rate of Adam', group='Search', at_least=0)
    perceptual: float = setting(0.05, 'weight of the features of mini, beside the pixels', group='Search', at_least=0)
    prior: float = setting(0.01, 'weight of the length of the vector', group='Search', at_least=0)
    seed: int = setting(0, 'seed of the start vectors', group='Search', at_least=0)


@dataclass(frozen=True, eq=False)
class Step:
    """The progress of a search: the steps done, all steps, and the least loss of each restart so far."""

    step: int
    steps: int
    losses: np.ndarray


@dataclass(frozen=True, eq=False)
class Projection:
    """The result of a search; pictures are float32 (H, W, C) in [0, 1].

    Attributes:
        latents: float32 (latent_dim,), of the least loss that any restart met.
        label: Its class, or None.
        losses: float32 (restarts,), the least of each.
        target: The picture that was looked for, as the generator's size has it.
        found: The picture of `latents`.
        completed: The target with its hole filled from `found`, where there is a hole; else None.
    """

    latents: np.ndarray
    label: int | None
    losses: np.ndarray
    target: np.ndarray
    found: np.ndarray
    completed: np.ndarray | None


def framed(picture: Picture, generator: Generator) -> np.ndarray:
    """Brings a picture to the size of the generator, as its training pictures were: float32 (H, W, C) in [0, 1]."""
    pixels = picture.pixels if picture.alpha is None else on_white(picture.pixels, picture.alpha)
    return from_uint8(_framed(to_uint8(pixels), generator, generator.plan.channels))


def framed_hole(mask: np.ndarray, generator: Generator) -> np.ndarray:
    """Brings a mask, float32 HxW in [0, 1], to its size as `framed` does; returns where it is bright, bool (H, W).

    Raises:
        UserError: The mask covers the whole picture, or nothing.
    """
    hole = _framed(to_uint8(mask), generator, 1)[..., 0] > 127
    if hole.all() or not hole.any():
        problem = 'leaves nothing of the picture' if hole.all() else 'has no white part'
        raise UserError(f'the mask {problem}; the white part is filled, the black part is known')
    return hole


def _framed(pixels: np.ndarray, generator: Generator, channels: int) -> np.ndarray:
    return Framing(generator.plan.size, channels, generator.fit)(Decoded(pixels))


@takes(ProjectSettings)
def project(
    generator: Generator,
    target: np.ndarray,
    hole: np.ndarray | None = None,
    labels: str | np.ndarray | None = None,
    *,
    callback: Callable[[Step], None] | None = None,
    settings: ProjectSettings,
) -> Projection:
    """Searches the latent vector of a picture by Adam, from several starts at once, and returns the best one.

    The loss is the mean absolute difference of pixels, plus `perceptual` times the mean squared one of features of
    `mini`, plus `prior` times (|z|^2 / latent_dim - 1)^2, which keeps a vector as long as those that the generator was
    trained on. With a hole, pixels count by `weights_near` (the context loss of Yeh et al. 2017), and features are
    compared with the same filling in both holes. The paper's prior asks the discriminator; ours does without, so that a
    generator alone will do.

    Args:
        generator: From `open_generator` or `load_generator`.
        target: float32 (H, W, C) in [0, 1], see `framed`.
        hole: bool (H, W), what is not known, see `framed_hole`; None: nothing.
        labels: Classes that are tried, in turn over the restarts, see `labels_of`.
        {settings}
        callback: Receives a `Step` every few steps.

    Raises:
        UserError: There are no such classes.
        ArithmeticError: The loss is not finite.

    Example:
        generator = open_generator()
        found = project(generator, framed(load_picture('photo.png'), generator), steps=100)
    """
    from stylegen.optimize.updates import adam
    from stylegen.utils.backend import tf

    steps, restarts = settings.steps, settings.restarts
    update, dim = adam(settings.learning_rate, 0.9, 0.999), generator.latent_dim
    numbers = labels_of(generator, range(restarts), labels)
    first = np.random.default_rng([settings.seed, 6]).standard_normal((restarts, dim), np.float32)
    vectors = generator.given(first, numbers)[:, dim:]
    loss_of = _losses(generator, target, hole, vectors, settings)
    advance = _advance(loss_of, update)
    vector = tf.constant(first)
    state = (vector, update.start(vector), vector, tf.fill([restarts], float('inf')))
    for done in range(0, steps, CHUNK):
        count = min(CHUNK, steps - done)
        state = advance(*state, tf.constant(count))
        if callback:
            callback(Step(done + count, steps, state[3].numpy()))
    best, losses = state[2].numpy(), state[3].numpy()
    winner = int(np.argmin(losses))
    if not np.isfinite(losses[winner]):
        raise ArithmeticError('the loss is not finite; give a smaller --learning_rate')
    found = generator.draw(np.concatenate([best, vectors], 1)[winner : winner + 1])[0]
    completed = None if hole is None else blended(target, found, hole)
    return Projection(best[winner], None if numbers is None else int(numbers[winner]), losses, target, found, completed)


def _losses(generator, target, hole, vectors, settings):
    """Returns the function from latents (N, dim) to their losses (N,)."""
    from stylegen.networks.registry import feature_extractor
    from stylegen.utils.backend import tf

    network, channels, perceptual = generator.network, target.shape[-1], settings.perceptual
    hole = np.zeros(target.shape[:2], bool) if hole is None else hole
    counts = weights_near(hole) if hole.any() else np.ones(hole.shape, np.float32)
    counts = (counts / counts.sum() / channels)[..., None]
    extractor = feature_extractor('mini', LAYERS) if perceptual else None
    filling = np.where(hole[..., None], target[~hole].mean(0, dtype=np.float64), target).astype(np.float32)
    goal = _features(extractor, tf.constant(filling[None])) if perceptual else []

    def losses(latents):
        images = (network(tf.concat([latents, vectors], 1), training=False) + 1) / 2
        loss = tf.reduce_sum(counts * tf.abs(images - target), [1, 2, 3])
        if perceptual:
            seen = _features(extractor, tf.where(hole[..., None], filling, images))
            squares = [tf.reduce_mean(tf.square(a - b), [1, 2, 3]) for a, b in zip(seen, goal, strict=True)]
            loss += perceptual * tf.add_n(squares) / len(squares)
        return loss + settings.prior * tf.square(tf.reduce_mean(tf.square(latents), 1) - 1)

    return losses


def _features(extractor, images):
    """Returns the feature maps of `LAYERS`; small pictures are enlarged by a whole factor first."""
    from stylegen.utils.backend import tf

    height, width, channels = images.shape[1:]
    times = -(-LEAST // min(height, width))
    if times > 1:
        images = tf.image.resize(images, [height * times, width * times])
    if channels == 1:
        images = tf.repeat(images, 3, 3)
    maps = extractor(images)
    return [maps[name] for name in LAYERS]


def _advance(loss_of, update):
    """Returns the compiled function that makes some steps. Each row of the state is a separate search."""
    from stylegen.utils.backend import tf

    def step(done, count, vector, moments, best, least):
        with tf.GradientTape() as tape:
            tape.watch(vector)
            losses = loss_of(vector)
        gradient = tape.gradient(losses, vector)
        better = losses < least
        best, least = tf.where(better[:, None], vector, best), tf.where(better, losses, least)
        vector, moments = update.step(vector, gradient, losses, moments, None)
        return done + 1, count, vector, moments, best, least

    def advance(vector, moments, best, least, count):
        state = (tf.constant(0), count, vector, moments, best, least)
        return tf.while_loop(lambda done, count, *_: done < count, step, state)[2:]

    return tf.function(advance, autograph=False)
