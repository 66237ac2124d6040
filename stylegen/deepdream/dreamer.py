"""A dreamer: a network that is opened and compiled once, and then dreams on any number of pictures."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images, networks
from stylegen.deepdream.octaves import DreamStep, OctaveDream, Start
from stylegen.deepdream.plan import Plan, margin_of, plan
from stylegen.deepdream.presets import EMBEDDED, FIRST_CHOICE, defaults_of_network
from stylegen.deepdream.settings import DreamSettings
from stylegen.deepdream.subject import Subject, choose_subject, weights_by_name
from stylegen.images.conversion import PictureLike, as_pictures
from stylegen.optimize import pyramid
from stylegen.runs.layer_weights import WeightsLike, as_weights
from stylegen.utils.errors import UserError
from stylegen.utils.locks import PictureLock
from stylegen.utils.memory import parse_memory
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.deepdream.terms import TermMasks
    from stylegen.networks.extractor import FeatureExtractor

XLA_TILE = 512  # pixels: the side of the largest square that XLA compiles for, where the memory allows it


class Dreamer:
    """Dreams on pictures: `dreamer(image)`.

    The first picture waits for the compilation, other pictures of any size do not. Threads that share a dreamer take
    turns.

    Example:
        dreamer = Dreamer(network='mini', octaves=4)
        dreams = [dreamer(path) for path in ('sea.jpg', 'sky.jpg')]

    Attributes:
        settings: The `DreamSettings`, with the values that depend on the network and the machine filled in.
        network_note: One line that says which network it is, and where its weights are from.
        extractor: The network.
        subject: What is dreamt of.
        guides: The guide pictures, float32 (H, W, 3).
    """

    @takes(DreamSettings)
    def __init__(
        self,
        *,
        guides: PictureLike | Sequence[PictureLike] = (),
        regions: Sequence[WeightsLike] = (),
        settings: DreamSettings,
    ):
        """Opens the network.

        Args:
            guides: One picture or several, of any size. The dream looks for their contents in the picture (best match).
            regions: Weights by layer for each region. Their masks are given with each picture.
            {settings}

        Raises:
            UserError: A setting that cannot be, with what can.
        """
        settings = settings.on_this_machine()
        self.guides = tuple(as_pictures(guides, 'guide'))
        choose = functools.partial(
            choose_subject,
            settings=settings,
            guides=len(self.guides),
            regions=[as_weights(layers, 'region') or {} for layers in regions],
        )
        self.extractor, self.network_note = _open_network(settings, lambda name: choose(name).layers)
        own_layers = None if isinstance(settings.network, str) else dict.fromkeys(self.extractor.strides, 1.0)
        self.subject = choose(self.extractor.network, default=own_layers)
        self.subject.check(self.extractor.channels)
        self.settings = _complete(settings, self.extractor.network, self.subject)
        self._turn = PictureLock('dreamer')

    def scaled(self, share: float) -> Dreamer:
        """A dreamer by the same network whose strength, or step size, is `share` times this one's, at most 1."""
        name = 'strength' if self.settings.step_size is None else 'step_size'
        other = copy.copy(self)
        other.settings = self.settings.replace(**{name: min(1.0, getattr(self.settings, name) * share)})
        return other

    def plan(self, shape: tuple[int, int]) -> Plan:
        """Octaves, tiles and memory for a picture of this height and width."""
        from stylegen.utils.backend import use_xla

        return plan(self.extractor, shape, self.settings, self._xla_tile if use_xla(self.settings.jit) else 0)

    @cached_property
    def _terms(self):
        from stylegen.deepdream.terms import build_terms

        return build_terms(self.subject, self.extractor, self.guides, self.settings.measure)

    @cached_property
    def _objective(self):
        from stylegen.optimize.tiling import TiledObjective
        from stylegen.utils.backend import use_xla

        terms, _, neurons = self._terms
        xla = use_xla(self.settings.jit)
        return TiledObjective(
            self.extractor,
            terms,
            tile=self._xla_tile if xla else 0,
            stride=max(self.extractor.strides.values()),
            jitter=self.settings.jitter,
            margin=margin_of(self.extractor, self.settings.wrap),
            border=self._border,
            places=len(self.subject.regions) + self.subject.has_rest + len(neurons),
            fixed=xla,
            xla=xla,
        )

    @property
    def _border(self) -> str:
        return 'wrap' if self.settings.wrap else 'mirror'

    @property
    def _xla_tile(self) -> int:
        stride = max(self.extractor.strides.values())
        memory = parse_memory(self.settings.max_memory)
        side = pyramid.tile_side(self.extractor.bytes_per_pixel, memory, stride, max(self.extractor.min_size, stride))
        return min(side, XLA_TILE // stride * stride)

    @cached_property
    def _norms(self):
        from stylegen.utils.backend import tf

        measure = lambda image: self._objective.gradient_norms(image, self.settings.gradient_normalization)
        return tf.function(measure, input_signature=[tf.TensorSpec([1, None, None, 3])], autograph=False)

    @cached_property
    def _update(self):
        from stylegen.deepdream.ascent import dream_step

        return dream_step(self.settings.norm, self.settings.smoothing or 'none', self.settings.variation, self._border)

    def __call__(
        self,
        image: PictureLike,
        *,
        mask: PictureLike | None = None,
        regions: Sequence[PictureLike] = (),
        seed: int | None = None,
        start: Start | None = None,
        callback: Callable[[DreamStep], None] | None = None,
        steps_per_call: int | None = None,
    ) -> np.ndarray:
        """Dreams on one picture.

        Args:
            image, mask, start, callback: See `stylegen.deepdream.dream`.
            regions: The masks of the regions.
            seed: In place of the settings' seed.
            steps_per_call: Steps between callbacks. None: as many as take about half a second.

        Returns:
            float32 (H, W, 3) in [0, 1].

        Raises:
            UserError: A picture or a mask that cannot be, or another number of masks than of regions.
            stylegen.optimize.NonFiniteLoss: A loss overflowed. Its `picture` is the last good one, at full size.
        """
        image = images.as_picture(image)
        shape = image.shape[:2]
        mask = None if mask is None else images.as_mask(mask, 'mask', shape)
        regions = [images.as_mask(region, 'region', shape) for region in regions]
        if len(regions) != len(self.subject.regions):
            raise UserError(f'expected {len(self.subject.regions)} masks of regions, got {len(regions)}')
        seed = self.settings.seed if seed is None else seed
        with self._turn:
            return self._dream(image, mask, regions, seed, start, callback, steps_per_call)

    def _dream(
        self,
        image: np.ndarray,
        mask: np.ndarray | None,
        regions: Sequence[np.ndarray],
        seed: int,
        start: Start | None,
        callback: Callable[[DreamStep], None] | None,
        steps_per_call: int | None,
    ) -> np.ndarray:
        """The dream, octave by octave. The objective keeps the tile, the masks and the factors of its terms."""
        from stylegen.deepdream.terms import TermMasks

        wrap = self.settings.wrap
        planned = self.plan(image.shape[:2])
        masks = TermMasks(regions, self._terms[2], rest=self.subject.has_rest)
        mask, share = self._visible(mask, regions)
        detail = np.zeros((*planned.sizes[0], 3), np.float32)
        for number, size in enumerate(planned.sizes):
            if start is not None and number < start.octave:
                continue
            base = np.clip(images.resize(image, size, wrap), 0, 1)
            self._objective.longest.assign(planned.longest(number))
            if len(masks):
                self._objective.masks.assign(masks.resized(size))
            if start is not None and number == start.octave:
                current, first = start.image, start.step
                self._objective.term_factors.assign(start.term_factors)
            else:
                current, first = base + images.resize(detail, size, wrap), 0
                self._normalize_terms(current, masks)
            factors = self._objective.term_factors.numpy()
            octave = OctaveDream(image, mask, planned.sizes, self.settings, callback, number, base, factors)
            current = self._optimize(octave, current, first, share, seed, steps_per_call)
            detail = current - base
        return octave.finish(current)

    def _visible(self, mask: np.ndarray | None, regions: Sequence[np.ndarray]) -> tuple[np.ndarray | None, float]:
        """The mask of what may change, and the share of the picture that the strength applies to, as an RMS."""
        if not regions or self.subject.targets or self.subject.guided:
            return mask, 1.0
        covered = np.max(regions, axis=0)  # nothing is dreamt of elsewhere
        return covered if mask is None else np.minimum(covered, mask), float(np.sqrt(np.mean(np.square(covered))))

    def _optimize(
        self, octave: OctaveDream, current: np.ndarray, first: int, share: float, seed: int, steps_per_call: int | None
    ) -> np.ndarray:
        """The octave's picture after its steps. `share` of the picture is to change by the strength."""
        from stylegen.deepdream.ascent import step_state
        from stylegen.optimize.loop import NonFiniteLoss, optimize_image

        settings = self.settings
        strength = (settings.strength or 0.0) * share if settings.step_size is None else 0.0
        octaves, steps = len(octave.sizes), max(settings.steps, 1)
        try:
            result = optimize_image(
                current[None],
                self._objective,
                self._update,
                settings.steps,
                octave.report,
                first=first,
                state=step_state(
                    octave.base[None], octave.number, octaves, first, steps, settings.step_size or 0.0, strength
                ),
                seed=int(np.random.SeedSequence([seed, octave.number]).generate_state(1)[0] >> 1),
                steps_per_call=steps_per_call,
                jit='off',  # the objective compiles its tiles
                checked=True,
            )
        except NonFiniteLoss as error:
            error.picture = octave.full_size(np.asarray(error.image[0]))
            raise
        return np.asarray(result[0])

    def _normalize_terms(self, current: np.ndarray, masks: TermMasks) -> None:
        """Gives the gradients of all terms the same norm at the start of an octave, each for its share."""
        terms, mask_numbers, _ = self._terms
        if self.settings.gradient_normalization == 'none' or len(terms) == 1 or not self.settings.steps:
            return
        norms = self._norms(current[None]).numpy() * np.sqrt(np.prod(current.shape[:2]))
        shares = masks.shares()
        share = np.array([1.0 if number is None else shares[number] for number in mask_numbers])
        factors = np.divide(share, norms, out=np.ones(len(terms)), where=norms > 0)
        self._objective.term_factors.assign(factors.astype(np.float32))


def _open_network(settings: DreamSettings, layers_of: Callable[[str], tuple[str, ...]]) -> tuple[FeatureExtractor, str]:
    """The network of the settings with the layers that `layers_of` gives for its name, and a line that says which."""
    if not isinstance(settings.network, str):
        return settings.network, settings.network.network
    return networks.open_network(
        settings.network,
        FIRST_CHOICE,
        layers_of,
        weights=settings.weights,
        precision=settings.precision,
        embedded=EMBEDDED,
    )


def _complete(settings: DreamSettings, network: str, subject: Subject) -> DreamSettings:
    """The settings with the network's name, its layers and its defaults."""
    own: dict[str, Any] = {
        name: value for name, value in defaults_of_network(network).items() if getattr(settings, name) is None
    }
    if subject.targets and not settings.classes:
        own['layers'] = weights_by_name(subject.targets)
    if subject.guided:
        own['guide_layers'] = weights_by_name(subject.guided)
    return settings.replace(network=network, **own)
