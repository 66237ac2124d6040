"""A stylizer opens a network once, compiles once, and paints as many pictures as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import networks
from stylegen.images.conversion import PictureLike, StylesLike, as_mask, as_picture, as_shares
from stylegen.images.pixels import crop_to_aspect
from stylegen.style.plan import Plan, plan
from stylegen.style.presets import EMBEDDED, FIRST_CHOICE, network_layers, settled
from stylegen.style.run import Run
from stylegen.style.settings import StyleSettings
from stylegen.style.steps import Start, StyleStep
from stylegen.style.styles import check_styles
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.locks import PictureLock
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor
    from stylegen.style.targets import Targets


class Stylizer:
    """Paints pictures in the style of others: `stylizer(content, style)`.

    The first picture takes longer: TensorFlow traces the loop. Others, of any size, do not. Threads that share a
    stylizer take turns.

    Attributes:
        settings: `StyleSettings` with the network that was taken and its own values in place of None.
        network_note: One line that says which network was taken.
        extractor: The network.
        regions: How many regions with styles of their own each picture has.

    Example:
        stylizer = Stylizer(network='small_vgg', strength=0.6)
        for path in photographs:
            images.save_image(f'{path.stem}-painted.png', stylizer(path, 'painting.jpg'))
    """

    @takes(StyleSettings)
    def __init__(self, *, regions: int = 0, settings: StyleSettings):
        """Opens the network.

        Args:
            regions: How many regions with styles of their own each picture has.
            {settings}

        Raises:
            UserError: A setting that cannot be, with what can.
        """
        self.extractor, self.network_note = _opened(settings)
        self.settings = settled(settings, self.extractor.network).replace(network=self.extractor.network)
        self.regions = regions
        missing = [name for name in network_layers(self.settings) if name not in self.extractor.layer_names]
        if missing:
            raise unknown('layer of the extractor', missing[0], self.extractor.layer_names)
        self._turn = PictureLock('stylizer')

    @cached_property
    def targets(self) -> Targets:
        """The objective and what it compares pictures with."""
        from stylegen.style.targets import Targets

        return Targets(self.extractor, self.settings, self.regions + 1 if self.regions else 0)

    def plan(self, shape: tuple[int, int]) -> Plan:
        """Sizes, steps, windows and memory for a content of this (height, width)."""
        return plan(self.targets.costs(self.settings.margin), shape, self.settings)

    def __call__(
        self,
        content: PictureLike,
        style: StylesLike,
        *,
        regions: Sequence[tuple[PictureLike, StylesLike]] = (),
        mask: PictureLike | None = None,
        init: PictureLike | None = None,
        seed: int = 0,
        start: Start | None = None,
        callback: Callable[[StyleStep], None] | None = None,
        steps_per_call: int | None = None,
    ) -> np.ndarray:
        """Paints one picture; see `stylegen.style.transfer` for the arguments.

        Args:
            init: A picture to begin with, in place of `settings.init`. The part around its middle that has the aspect
                of `content` is resized to it.
            steps_per_call: Steps between callbacks; by default as many as take about half a second.

        Returns:
            float32 (H, W, 3) in [0, 1].

        Raises:
            UserError: A picture, mask or number of regions that cannot be.
            stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one, at full size.
        """
        content, styles = as_picture(content, 'content'), as_shares(style)
        shape = content.shape[:2]
        regions = [(as_mask(one, 'mask of a region', shape), as_shares(group)) for one, group in regions]
        mask = None if mask is None else as_mask(mask, 'mask', shape)
        init = self.settings.init_picture if init is None else init
        init = None if init is None else crop_to_aspect(as_picture(init, 'init'), shape)
        if len(regions) != self.regions:
            raise UserError(f'expected {self.regions} regions, got {len(regions)}')
        check_styles([styles, *(group for _, group in regions)], self.extractor.min_size)
        with self._turn:  # the targets are set for one picture at a time
            run = Run(self.targets, self.settings, content, styles, regions, mask, seed, callback, steps_per_call)
            return run.paint(init, start)


def _opened(settings: StyleSettings) -> tuple[FeatureExtractor, str]:
    """The network of the settings, and one line that says which it is."""
    if not isinstance(settings.network, str):
        return settings.network, settings.network.network
    return networks.open_network(
        settings.network,
        FIRST_CHOICE,
        lambda name: network_layers(settled(settings, name)),
        weights=settings.weights,
        precision=settings.precision,
        pooling=settings.pooling,
        embedded=EMBEDDED,
    )


def open_stylizer(**settings: Any) -> tuple[Stylizer, str]:
    """A `Stylizer` and its `network_note`: the former form of `Stylizer(...)`."""
    stylizer = Stylizer(**settings)
    return stylizer, stylizer.network_note
