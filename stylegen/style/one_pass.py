"""Paint photos in one pass of a trained network: in the manner of a style it was trained for, or of any painting."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.images.conversion import PictureLike, as_mask, as_picture, is_pair
from stylegen.networks.registry import PRECISIONS
from stylegen.style.adapters import Adapter, adapted, with_adapters
from stylegen.style.areas import Area, areas_of, masked
from stylegen.style.coloring import Coloring
from stylegen.style.norms import PALETTE, NetworkShape, check_norms, palette_of, with_palette
from stylegen.style.one_pass_file import read_network, write_network
from stylegen.style.pass_runner import PassRunner
from stylegen.style.pass_settings import PassSettings
from stylegen.style.predictor import StyleEncoder
from stylegen.style.settings import StyleSettings
from stylegen.style.strokes import paint_strokes
from stylegen.style.styles import check_shares
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.locks import PictureLock
from stylegen.utils.memory import AUTO
from stylegen.utils.settings import takes
from stylegen.utils.zips import TooLarge

RESULT = 'one_pass.npz'  # as a training calls it
ONE_PASS_WEIGHTS = Path(__file__).parents[1] / 'weights' / RESULT
STEADY = 0.9  # share of the frame before in the statistics of a frame
Scene = Mapping[str, np.ndarray]  # what a frame leaves for the next one of its scene


@dataclass(frozen=True, eq=False)
class OnePass:
    """A trained network that paints: `one_pass(photo, 'starry_night')`, `one_pass(photo, painting)`.

    Args:
        shape: Of `stylegen.style.transform_network.transform_network`.
        arrays: Weights, '<layer>/kernel' of the network that paints; 'hidden/kernel' and so on of the one that predicts
            norms from a painting, where there is one.
        norms: By name of a style, the scales and shifts of all its instance normalizations, (norms,).
        about: By name of a style, what is known of it, such as its title and artist.
        network: The feature network whose statistics of a painting the predictor takes.
        layers: The layers of that network.
        max_memory: A photo that needs more is painted strip by strip.
        precision: Of the convolutions where TensorFlow paints a photo as a whole. 'auto' is mixed_bfloat16 where that
            is fast, see `backend.fast_precision`; pictures then differ by less than a grey level in the mean.
            Strips, and NumPy, are always float32.
        palettes: By name of a style, the `palette_of` its painting. Where there are some, pictures get the palette of
            their style.
        adapters: By name of a style, what it changes of the kernels, and its norms for these. The first of its norms,
            in `norms`, are for the network as it is.
    """

    shape: NetworkShape
    arrays: Mapping[str, np.ndarray]
    norms: Mapping[str, np.ndarray]
    about: Mapping[str, Mapping[str, Any]]
    network: str
    layers: tuple[str, ...]
    max_memory: str | float = AUTO
    precision: str = AUTO
    palettes: Mapping[str, np.ndarray] = field(default_factory=dict)
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    changed: list[Any] = field(default_factory=lambda: [({}, {})], init=False, repr=False)  # of `arrays_for`
    lock: PictureLock = field(default_factory=lambda: PictureLock('one-pass network'), init=False, repr=False)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        max_memory: str | float = AUTO,
        precision: str = AUTO,
    ) -> OnePass:
        """Reads a network from a file of `save`; without a path the one that ships.

        Raises:
            UserError: The file cannot be read, or is of another kind; or there is no such precision.
        """
        if precision not in PRECISIONS:
            raise unknown('precision', precision, PRECISIONS)
        path = ONE_PASS_WEIGHTS if path is None else Path(path)
        try:
            opened = cls(**read_network(path), max_memory=max_memory, precision=precision)
            for adapter in opened.adapters.values():
                adapter.rank(opened.kernels)
            return opened
        except (TooLarge, PermissionError):
            raise
        except FileNotFoundError:
            raise UserError(f'{path} is not there; give the file of a trained one-pass network') from None
        except Exception:  # whatever zipfile, NumPy, json or a missing name meet in another file
            raise UserError(f'{path} is no one-pass network of ours, or damaged') from None

    def save(self, path: str | os.PathLike[str], *, compact: bool = False) -> None:
        """Writes the network and its styles: float16, and adapters int8. A value that does not fit is a ValueError.

        Args:
            path: The file, .npz.
            compact: Kernels in int8 too. They are rounded by 1/254 of the greatest of their channel at most.
        """
        write_network(path, vars(self), compact)

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles that it was trained for."""
        return tuple(self.norms)

    @property
    def kernels(self) -> list[np.ndarray]:
        """The kernels that adapters change."""
        return [self.arrays[name] for name in adapted(self.shape)]

    @property
    def takes_paintings(self) -> bool:
        """Whether it predicts norms from a painting."""
        return 'hidden/kernel' in self.arrays

    @takes(PassSettings)
    def __call__(
        self,
        photo: PictureLike,
        style: Any,
        *,
        regions: Sequence[tuple[PictureLike, Any]] = (),
        mask: PictureLike | None = None,
        settings: PassSettings,
    ) -> np.ndarray:
        """Paints a photo.

        Args:
            photo: A path, a PIL picture, an array or a tensor, of any size.
            style: The name of a style, a painting as `photo`, or several of these with their shares, [(style, share),
                ...], whose norms are mixed; or what `norms_of` gave for one of these; None leaves the photo.
            regions: Masks, as `mask`, each with a style of its own: [(mask, style), ...]. `style` is for the rest. Each
                is a pass of its own, whose pixels are mixed in the shares of the masks.
            mask: How much of the result shows, (H, W); where it is 0 the photo stays, bit for bit.
            {settings}

        Returns:
            float32 (H, W, 3) in [0, 1].

        Raises:
            UserError: A picture, style, mask or setting that cannot be.

        Example:
            one_pass = OnePass.open()
            save_image('out.png', one_pass('photo.jpg', 'painting.jpg', strength=0.8))
        """
        photo = as_picture(photo, 'photo')
        shape = photo.shape[:2]
        mask = None if mask is None else as_mask(mask, 'mask', shape)
        masks = [as_mask(one, 'mask of a region', shape) for one, _ in regions]
        with self.lock:
            styles = style, *(other for _, other in regions)
            areas = areas_of([None if one is None else self.norms_of(one) for one in styles], masks)
            painted, _ = self.paint_frame(photo, areas, settings)
        return masked(painted, photo, mask)

    def paint_frame(
        self, photo: np.ndarray, areas: Sequence[Area], settings: PassSettings, scene: Scene | None = None
    ) -> tuple[np.ndarray, Scene]:
        """Paints a photo, or a frame of a clip like the frame before.

        Args:
            photo: float32 (H, W, 3) in [0, 1].
            areas: Of `areas_of`.
            settings: Of a call.
            scene: Of the frame before; None for a photo, and where a scene begins.

        Returns:
            The picture, float32 (H, W, 3) in [0, 1], and the arrays for the next frame.
        """
        own, strength = np.zeros(0, np.float32), settings.strength
        mixes = strength != 1 and self.takes_paintings
        if mixes:
            own = scene['own'] if scene else self.norms_of(photo)
        painted, statistics = np.zeros_like(photo), []
        for number, (mask, norms) in enumerate(areas):
            picture, found = photo, np.zeros(0, np.float32)
            if norms is not None and (mask is None or mask.any()):
                norms = strength * norms + (1 - strength) * own if mixes else norms
                before = scene[f'statistics{number}'] if scene else None
                norms_of = self.norms_of if self.takes_paintings else None
                picture, found = paint_strokes(self._paint, norms_of, photo, norms, before, settings.style_scale)
            painted = picture if mask is None else painted + mask[..., None] * picture
            statistics.append(found)
        if strength != 1 and not self.takes_paintings:
            painted = np.clip(strength * painted + (1 - strength) * photo, 0, 1)
        painted = Coloring(StyleSettings(color=settings.color)).finish(painted, photo)
        return painted, {'own': own} | {f'statistics{number}': found for number, found in enumerate(statistics)}

    def norms_of(self, style: Any) -> np.ndarray:
        """Returns what the network knows of a style as one vector, which may be mixed with those of others.

        That is its norms, (norms,); its palette, (6,), if the network has palettes; and the share of each adapter,
        (adapters,), if it has adapters.

        Args:
            style: As for a call.

        Raises:
            UserError: There is no such style, its shares cannot be, or the norms are of another network.
        """
        if isinstance(style, np.ndarray) and style.ndim == 1:
            check_norms(style, self.shape, PALETTE if self.palettes else 0, len(self.adapters))
            norms, palette, shares = self.parts_of(style)
            return style if len(shares) or (self.palettes and not len(palette)) else self._vector(norms, palette)
        if isinstance(style, str) and style in self.adapters:
            return self._vector(self.adapters[style].norms, self.palettes.get(style), style)
        if isinstance(style, str) and style in self.norms:
            return self._vector(self.norms[style], self.palettes.get(style))
        if isinstance(style, (list, tuple)) and style and all(map(is_pair, style)):
            check_shares([share for _, share in style])
            total = sum(share for _, share in style)
            return sum(share / total * self.norms_of(one) for one, share in style)
        self.check_style(style)
        painting = as_picture(style, 'style')
        return self._vector(self._predicted(painting), palette_of(painting) if self.palettes else None)

    def plain_norms_of(self, style: str) -> np.ndarray:
        """Returns the norms of a named style for the network without adapters, and its palette if there are some."""
        return np.concatenate([self.norms[style], *([self.palettes[style]] if self.palettes else [])])

    def _vector(self, norms: np.ndarray, palette: np.ndarray | None, style: str | None = None) -> np.ndarray:
        """A vector of `norms_of`, with the adapter of a style in full or with none."""
        shares = np.array([name == style for name in self.adapters], np.float32)
        return np.concatenate([norms.astype(np.float32), *([] if palette is None else [palette]), shares])

    def parts_of(self, vector: np.ndarray) -> list[np.ndarray]:
        """Returns the norms, the palette and the shares of the adapters in a vector of `norms_of`."""
        count = self.shape.norms
        return np.split(vector, [count, count + (PALETTE if self.palettes else 0)])

    def arrays_for(self, shares: np.ndarray) -> Mapping[str, np.ndarray]:
        """Returns the weights with adapters in these shares, (adapters,); or none for no shares, (0,)."""
        used = {name: float(share) for name, share in zip(self.adapters, shares, strict=False) if share}
        if not used:
            return self.arrays
        known, changed = self.changed[0]
        if known != used:
            pairs = [(self.adapters[name], share) for name, share in used.items()]
            changed = with_adapters(self.arrays, self.shape, pairs)
            self.changed[0] = used, changed
        return changed

    def check_style(self, style: Any) -> None:
        """Refuses what is neither a style nor a painting.

        Raises:
            UserError: There is no style of this name; or the network takes no paintings.
        """
        if not self.takes_paintings:
            if isinstance(style, str) and not os.path.exists(style):
                raise unknown('style', style, self.styles)
            raise UserError(f'this network takes no paintings; its styles are: {", ".join(self.styles)}')
        if isinstance(style, str) and not os.path.splitext(style)[1] and not os.path.exists(style):
            raise unknown('style', style, (*self.styles, 'FILE'))

    def paint(self, photo: np.ndarray, norms: np.ndarray) -> np.ndarray:
        """The picture that the network makes of a photo, float32 (H, W, 3) in [0, 1].

        Args:
            photo: float32 (H, W, 3) in [0, 1].
            norms: Of `norms_of`.
        """
        return self._paint(photo, norms, None)[0]

    def _paint(self, photo: np.ndarray, norms: np.ndarray, before: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The picture of a photo, and the statistics of the normalizations, mixed with those of the frame before."""
        share = STEADY
        if before is None or not before.size:
            before, share = np.zeros_like(norms), 0.0
        (norms, palette, shares), (before, palette_before, _) = map(self.parts_of, (norms, before))
        made, statistics = self.runner.run(self.arrays_for(shares), photo, norms, before, share)
        if palette.size:
            own = share * palette_before + (1 - share) * palette_of(made)
            made, statistics = with_palette(made, own, palette), np.concatenate([statistics, own])
        statistics = np.concatenate([statistics, np.zeros_like(shares)])  # as long as what `norms_of` gives
        return made.clip(0, 1), statistics.astype(np.float32)

    runner = functools.cached_property(lambda self: PassRunner(self.shape, self.max_memory, self.precision))
    _encoder = functools.cached_property(lambda self: StyleEncoder(self.network, self.layers, self.precision))

    def _predicted(self, painting: np.ndarray) -> np.ndarray:
        """The norms that the predictor gives for a painting."""
        statistics = self._encoder.statistics(painting, self.runner.uses_numpy(0))
        hidden = np.maximum(statistics @ self.arrays['hidden/kernel'] + self.arrays['hidden/bias'], 0)
        return (hidden @ self.arrays['predicted/kernel'] + self.arrays['predicted/bias']).astype(np.float32)
