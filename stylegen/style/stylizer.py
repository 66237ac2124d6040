"""A stylizer: a network, layers and a manner, compiled once, for as many pictures and styles as there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stylegen.images.conversion import PictureLike, StylesLike, as_mask, as_picture, as_shares
from stylegen.style.run import Run
from stylegen.style.setup import Styles, StyleSetup
from stylegen.style.steps import Start, StyleStep
from stylegen.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Stylizer(StyleSetup):
    """Gives pictures the manner of others: `stylizer(content, styles)`.

    The first picture pays for tracing; others, of any size, do not. Threads that share a stylizer take turns.
    """

    def __call__(
        self,
        content: PictureLike,
        styles: StylesLike,
        *,
        regions: Sequence[tuple[PictureLike, StylesLike]] = (),
        mask: PictureLike | None = None,
        init: PictureLike | None = None,
        seed: int = 0,
        start: Start | None = None,
        callback: Callable[[StyleStep], None] | None = None,
        steps_per_call: int | None = None,
    ) -> np.ndarray:
        """Gives one picture the manner of others; see `stylegen.style.transfer` for the arguments.

        Args:
            init: The picture to begin with, where the field `init` is not to say.
            steps_per_call: Steps between callbacks; by default as many as take about half a second.

        Raises:
            UserError: A picture, mask or number of regions that cannot be.
            stylegen.optimize.NonFiniteLoss: A loss overflowed; its `picture` is the last good one, at full size.
        """
        content, styles = as_picture(content, 'content'), as_shares(styles)
        shape = content.shape[:2]
        regions = [(as_mask(one, 'mask of a region', shape), as_shares(group)) for one, group in regions]
        mask = None if mask is None else as_mask(mask, 'mask', shape)
        init = None if init is None else as_picture(init, 'init')
        check_pictures(styles, regions, self.regions, self.extractor.min_size)
        with self.turn:  # `targets` are those of this picture
            run = Run(self, content, styles, regions, mask, seed, callback, steps_per_call)
            return run.go(init, start)


def check_style(name: str, size: tuple[int, ...], smallest: int) -> None:
    """Refuses a style of a (height, width) that is too small for the network.

    Raises:
        UserError: With its name.
    """
    if min(size) < smallest:
        raise UserError(f'{name} is {size[1]} x {size[0]}, it needs {smallest} pixels a side; enlarge it first')


def check_pictures(styles: Styles, regions: Sequence[tuple[np.ndarray, Styles]], count: int, smallest: int = 1) -> None:
    """Refuses styles too small for the network, another number of regions, styles that weigh nothing.

    Raises:
        UserError: With what was expected and what came.
    """
    for number, (picture, _) in enumerate(pair for group in (styles, *(s for _, s in regions)) for pair in group):
        check_style(f'style {number + 1}', picture.shape[:2], smallest)
    if len(regions) != count:
        raise UserError(f'expected {count} regions, got {len(regions)}')
    for group in (styles, *(s for _, s in regions)):
        if any(share < 0 for _, share in group) or (group and sum(share for _, share in group) <= 0):
            raise UserError('expected shares of styles from 0, and one above 0')
    if not styles and not any(s for _, s in regions):
        raise UserError('expected at least one style')
