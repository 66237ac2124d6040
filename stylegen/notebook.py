"""For notebooks: pictures inline, a look at long work while it runs, and the pictures that come with the package.

IPython, which every notebook has, is imported when something is shown.
"""

import io
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from stylegen import images
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from IPython import display

Pictures = np.ndarray | Iterable[np.ndarray] | Mapping[str, np.ndarray]

# the pictures that come along, by name: 'raccoon', a photograph, and 'whirls', a painting
EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parent / 'pictures').glob('*.jpg'))}
SIZE = 512  # pixels: the longest side of what is shown, at most
QUALITY = 80  # of JPEG: what is shown is to be looked at, and is kept in the notebook
GAP = 2  # pixels between the pictures of a grid
FIGURES = ('d_loss', 'g_loss', 'd_real', 'd_fake')  # of a training, that a watch tells


def show(
    pictures: Pictures,
    columns: int | None = None,
    scale: int = 1,
    size: int = SIZE,
) -> 'display.Image':
    """Pictures as the output of a cell; give it as the cell's last line.

    Args:
        pictures: One, (H, W, 3) or grey; several of one size, as a grid; or {label: picture} of any sizes. Floats in
            [0, 1] or uint8.
        columns: Of the grid; by default as square as can be.
        scale: Pixels a side that each pixel of small pictures is drawn with.
        size: Pixels that the longest side of the whole is shrunk to, where it is longer.

    Returns:
        An `IPython.display.Image`, a JPEG.

    Raises:
        UserError: IPython is not installed.
    """
    return _ipython().Image(_jpeg(_sheet(pictures, columns, scale), size), format='jpeg')


def show_film(frames: Iterable[np.ndarray], fps: float = 10, scale: int = 1) -> 'display.Image':
    """Pictures of one size, one after the other, as the output of a cell: a GIF without end.

    Args:
        frames: (H, W, 3) or grey, float in [0, 1].
        fps: Frames a second.
        scale: Pixels a side that each pixel of small pictures is drawn with.

    Returns:
        An `IPython.display.Image`.

    Raises:
        UserError: IPython is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = images.save_animation(Path(folder) / 'film.gif', (_drawn(frame, scale) for frame in frames), fps)
        return _ipython().Image(path.read_bytes(), format='gif')


class Watch:
    """A look at long work, to be given as `callback`: the picture so far, or how far a training is.

    One view takes the place of the other, and the last one stays.

    Args:
        every: Seconds from one view to the next, at least; the end is always shown.
        size: Pixels of the longest side, at most.

    Raises:
        UserError: IPython is not installed.
    """

    def __init__(self, every: float = 2.0, size: int = SIZE):
        self.every, self.size = every, size
        self.handle = _ipython().DisplayHandle()
        self.shown = False
        self.again = time.monotonic() + every

    def __call__(self, step: Any) -> None:
        """Shows a step, as `dream`, `transfer`, `visualize` and `stylegen.dcgan.train` report it, when it is time."""
        done, total = (step.work, step.all_work) if hasattr(step, 'all_work') else (step.step, step.steps)
        if done < total and time.monotonic() < self.again:
            return
        show_it = self.handle.update if self.shown else self.handle.display
        show_it(self._view(step))
        self.shown, self.again = True, time.monotonic() + self.every

    def _view(self, step: Any) -> Any:
        for picture in ('picture', 'result', 'pictures'):
            if hasattr(step, picture):
                return show(getattr(step, picture)(), size=self.size)
        figures = '  '.join(f'{name} {step.values[name]:.3g}' for name in FIGURES if name in step.values)
        return _ipython().Pretty(f'step {step.step} of {step.steps}  {figures}')


def _sheet(pictures: Pictures, columns: int | None, scale: int) -> np.ndarray:
    if isinstance(pictures, Mapping):
        return images.contact_sheet([_drawn(one, scale) for one in pictures.values()], pictures, columns)
    if isinstance(pictures, np.ndarray) and pictures.ndim < 4:
        return images.grid([_drawn(pictures, scale)])
    return images.grid([_drawn(one, scale) for one in pictures], columns, GAP * scale)


def _drawn(picture: np.ndarray, scale: int) -> np.ndarray:
    """Floats in [0, 1], each pixel as a square of `scale` pixels."""
    picture = images.from_uint8(picture) if picture.dtype == np.uint8 else np.asarray(picture, np.float32)
    return picture.repeat(scale, 0).repeat(scale, 1)


def _jpeg(picture: np.ndarray, size: int) -> bytes:
    if max(picture.shape) > size:
        picture = np.clip(images.resize(picture, images.fit(picture.shape, size)), 0, 1)
    data = io.BytesIO()
    Image.fromarray(images.to_uint8(picture)).save(data, 'JPEG', quality=QUALITY)
    return data.getvalue()


def _ipython():
    try:
        from IPython import display
    except ImportError:
        raise UserError('IPython is not installed; work in a notebook, or pip install ipython') from None
    return display
