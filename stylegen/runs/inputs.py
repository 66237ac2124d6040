"""The pictures that a run reads: they are resized, hashed for the record, and never overwritten."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stylegen import images
from stylegen.images.animated import first_only
from stylegen.images.conversion import fitted_mask
from stylegen.utils.errors import UserError

PICTURES = Path(__file__).parents[1] / 'pictures'  # pictures of the package
DEFAULT_PICTURE = PICTURES / 'raccoon.jpg'
DEFAULT_SIZE = 1024  # longest side in pixels, to which larger pictures are reduced unless --size is given


@dataclass
class Inputs:
    """The further input pictures of a run, such as masks and guides.

    Attributes:
        guides: The guides, float32 (H, W, 3) in [0, 1].
        hashes: The sha256 of each file that was read, by path.
        say: Prints a line for each file with several frames or pages, of which only the first is used.
    """

    guides: list[np.ndarray] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda text: None

    def load(self, path: str) -> images.Picture:
        """Reads a picture with `load_first_frame` and adds its hash to `hashes`."""
        again = path in self.hashes
        picture = images.load_picture(path) if again else load_first_frame(path, None, self.say)
        self.hashes[path] = picture.sha256
        return picture


def load_first_frame(path: str | Path, size: int | None, say: Callable[[str], None], hint: str = '') -> images.Picture:
    """Reads the first frame or page of a file.

    Args:
        path: The file.
        size: The longest side in pixels, or None for the picture's own size.
        say: Prints a line if the file has further frames or pages.
        hint: Added to that line: how to use all frames.

    Returns:
        The picture, see `stylegen.images.load_picture`.
    """
    picture = images.load_picture(path, size)
    if line := first_only(path, hint):
        say(line)
    return picture


def refuse_overwriting_inputs(output: Path, inputs: Iterable[str], flag: str = 'output') -> None:
    """Refuses an output that is one of the inputs, also through a link.

    Args:
        output: The file that is to be written.
        inputs: The files that are read.
        flag: The flag that gives the output, for the error.

    Raises:
        UserError: The output is one of the inputs.
    """
    if output.exists() and any(Path(path).exists() and output.samefile(path) for path in inputs):
        raise UserError(f'{output} is an input; give another --{flag}')


def read_mask(inputs: Inputs, path: str, shape: tuple[int, int]) -> np.ndarray:
    """Reads a mask and resizes it to the picture. Values below 1/255 become 0.

    Args:
        inputs: The inputs, which get the mask's hash.
        path: The file.
        shape: (H, W) of the picture.

    Returns:
        The mask, float32 (H, W) in [0, 1].

    Raises:
        UserError: The file is not a picture, or its aspect ratio differs from the picture's.
    """
    picture = inputs.load(path)
    return fitted_mask(picture.pixels.mean(-1), f'mask {path}', shape)


def read_picture(
    source: str | Path | None,
    size: int | None,
    say: Callable[[str], None],
    *,
    default: Path,
    default_size: int,
    hint: str = '',
    name: str | None = None,
) -> images.Picture:
    """Reads the main input picture of a run.

    Args:
        source: The path, or None for the default picture.
        size: The longest side in pixels. None: the picture's own, up to `default_size`.
        say: Prints a line if the picture is reduced although no size was given, or has further frames or pages.
        default: The path of the default picture.
        default_size: The longest side in pixels to which a larger picture is reduced if no size is given.
        hint: How to use all frames of an animation, see `load_first_frame`.
        name: What the record calls the picture, if not by its path.

    Returns:
        The picture.
    """
    source = default if source is None else source
    picture = load_first_frame(source, size, say, hint)
    longest = max(picture.pixels.shape)
    if size is None and longest > default_size:
        say(f'{Path(source).name} is {longest} pixels long; --size={longest} works at its full size')
        picture = images.load_picture(source, default_size)
    return picture if name is None else replace(picture, path=name)
