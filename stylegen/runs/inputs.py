"""The pictures that a run reads: at the size to work at, hashed for the record, and never written over."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stylegen import images
from stylegen.images.animated import first_only
from stylegen.images.conversion import fitted_mask
from stylegen.utils.errors import UserError

PICTURES = Path(__file__).parents[1] / 'pictures'  # that come along
DEFAULT_PICTURE = PICTURES / 'raccoon.jpg'
DEFAULT_SIZE = 1024  # a larger picture is worked on at this longest side unless --size says otherwise


@dataclass
class Inputs:
    """The pictures of a run beside the one that is worked on.

    Attributes:
        guides: As they were read.
        hashes: sha256 by path, of all.
        say: Is told of each that only the first frame or page is used of.
    """

    guides: list[np.ndarray] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda text: None

    def load(self, path: str) -> images.Picture:
        """Reads a picture, see `load_first`, and keeps its hash."""
        again = path in self.hashes
        picture = images.load_picture(path) if again else load_first(path, None, self.say)
        self.hashes[path] = picture.sha256
        return picture


def load_first(path: str | Path, size: int | None, say: Callable[[str], None], hint: str = '') -> images.Picture:
    """`stylegen.images.load_picture`; `say` is told where there are further frames or pages, see `first_only`."""
    picture = images.load_picture(path, size)
    if line := first_only(path, hint):
        say(line)
    return picture


def refuse_inputs(output: Path, inputs: Iterable[str]) -> None:
    """Refuses to write over a file that is read.

    Raises:
        UserError: The output is one of the inputs.
    """
    if output.exists() and any(Path(path).exists() and output.samefile(path) for path in inputs):
        raise UserError(f'{output} is an input; give another --output')


def read_mask(inputs: Inputs, path: str, shape: tuple[int, int]) -> np.ndarray:
    """A mask as float32 (H, W) in [0, 1] at the picture's size; what is darker than one of 255 greys is 0.

    Raises:
        UserError: The file is no picture, or of another shape.
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
) -> images.Picture:
    """The picture to work on.

    Args:
        source: Its path, or None for the default one.
        size: The longest side asked for. None: the picture's own, up to `default_size`.
        say: Is told where a picture was made smaller without being asked for, or has further frames or pages.
        default: The picture that is taken where none is named.
        default_size: A larger picture is worked on at this longest side.
        hint: How to have all frames of an animation, see `stylegen.images.animated.first_only`.
    """
    source = default if source is None else source
    picture = load_first(source, size, say, hint)
    longest = max(picture.pixels.shape)
    if size is None and longest > default_size:
        say(f'{Path(source).name} is {longest} pixels long; --size={longest} works at its full size')
        picture = images.load_picture(source, default_size)
    return picture
