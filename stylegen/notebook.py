"""For notebooks: show pictures and animations, watch a run, and find the example pictures of the package.

IPython is imported when the first picture is shown.
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

# paths of the example pictures, by name: 'raccoon' is a photograph, 'whirls' a painting
EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parent / 'pictures').glob('*.jpg'))}
SIZE = 512  # longest side in pixels to which larger pictures are reduced
QUALITY = 80  # of the JPEG, so that the notebook's file stays small
GAP = 2  # pixels between the pictures of a grid
METRICS = ('d_loss', 'g_loss', 'd_real', 'd_fake')  # of a training, that a `Watch` shows


def show(
    pictures: Pictures,
    columns: int | None = None,
    scale: int = 1,
    size: int = SIZE,
) -> 'display.Image':
    """Shows pictures as the output of a cell, if the call is the last line of the cell.

    Args:
        pictures: One picture, (H, W, 3) or grey; several of the same size, shown as a grid; or {label: picture} of any
            sizes. Floats in [0, 1] or uint8.
        columns: The columns of the grid; by default the grid is as square as possible.
        scale: The side in screen pixels of one pixel, to enlarge small pictures.
        size: The longest side in pixels to which the whole is reduced if it is larger.

    Returns:
        An `IPython.display.Image`, a JPEG.

    Raises:
        UserError: IPython is not installed.
    """
    return _ipython().Image(_jpeg(_sheet(pictures, columns, scale), size), format='jpeg')


def show_film(frames: Iterable[np.ndarray], fps: float = 10, scale: int = 1) -> 'display.Image':
    """Shows an animation that repeats without end as the output of a cell.

    Args:
        frames: Pictures of the same size, (H, W, 3) or grey, floats in [0, 1].
        fps: Frames per second.
        scale: The side in screen pixels of one pixel, to enlarge small pictures.

    Returns:
        An `IPython.display.Image`, a GIF.

    Raises:
        UserError: IPython is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = images.save_animation(Path(folder) / 'film.gif', (_enlarged(frame, scale) for frame in frames), fps)
        return _ipython().Image(path.read_bytes(), format='gif')


class Watch:
    """A callback that shows the picture so far, or the metrics of a training, in the cell that runs.

    Each view replaces the one before.

    Args:
        every: Seconds between views, at least. The last step is always shown.
        size: The longest side in pixels, at most.

    Raises:
        UserError: IPython is not installed.
    """

    def __init__(self, every: float = 2.0, size: int = SIZE):
        self.every, self.size = every, size
        self.handle = _ipython().DisplayHandle()
        self.shown = False
        self.next_view = time.monotonic() + every

    def __call__(self, step: Any) -> None:
        """Shows a step of `dream`, `transfer`, `visualize` or `stylegen.dcgan.train`, if it is time for a view."""
        done, total = (step.work, step.all_work) if hasattr(step, 'all_work') else (step.step, step.steps)
        if done < total and time.monotonic() < self.next_view:
            return
        display = self.handle.update if self.shown else self.handle.display
        display(self._view(step))
        self.shown, self.next_view = True, time.monotonic() + self.every

    def _view(self, step: Any) -> Any:
        for picture in ('picture', 'result', 'pictures'):
            if hasattr(step, picture):
                return show(getattr(step, picture)(), size=self.size)
        metrics = '  '.join(f'{name} {step.values[name]:.3g}' for name in METRICS if name in step.values)
        return _ipython().Pretty(f'step {step.step} of {step.steps}  {metrics}')


def _sheet(pictures: Pictures, columns: int | None, scale: int) -> np.ndarray:
    if isinstance(pictures, Mapping):
        return images.contact_sheet([_enlarged(one, scale) for one in pictures.values()], pictures, columns)
    if isinstance(pictures, np.ndarray) and pictures.ndim < 4:
        return images.grid([_enlarged(pictures, scale)])
    return images.grid([_enlarged(one, scale) for one in pictures], columns, GAP * scale)


def _enlarged(picture: np.ndarray, scale: int) -> np.ndarray:
    """Returns the picture as floats in [0, 1]; each pixel becomes a square of `scale` x `scale` pixels."""
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
