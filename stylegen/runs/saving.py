"""Results that are not lost: saved elsewhere where their place fails, and as they are where the work is stopped."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils import interrupts
from stylegen.utils.console import write_line
from stylegen.utils.errors import UserError, one_line


def save_result(
    output: Output, pixels: np.ndarray, record: dict[str, Any], result: ResultSettings, alpha: np.ndarray | None = None
) -> Path:
    """Saves a picture with its record; Ctrl-C waits until it is safe.

    Where `output` fails, it goes to the system's folder for temporary files. There it is a PNG if the format may be
    what failed: any size and kind of picture can be one.

    Args:
        output: Where to.
        pixels: float32 (H, W, 3) in [0, 1].
        record: That the file carries, see `stylegen.runs.record`.
        result: How it is written.
        alpha: Transparency that it keeps, (H, W).

    Returns:
        The path of the file.

    Raises:
        OSError: What went wrong at `output`, with the place where the result is.
    """

    def write(path: Path, overwrite: bool) -> Path:
        return images.save_image(
            path, pixels, alpha=alpha, depth=result.depth, settings=record, sidecar=result.sidecar, overwrite=overwrite
        )

    with interrupts.uninterrupted():
        try:
            return output.save(write)
        except (OSError, UserError) as error:
            name = output.path.with_suffix('.png').name if isinstance(error, UserError) else output.path.name
            try:
                path = Output.free(Path(tempfile.gettempdir()) / name).save(write)
            except (OSError, UserError):
                raise error from None
            raise OSError(f'{one_line(error)}; the result is kept in {path}') from None


@contextlib.contextmanager
def rescued(
    save: Callable[[Any], Path], latest: Callable[[], Any], say: Callable[[str], None], precision: str = 'float32'
) -> Iterator[None]:
    """Saves the picture so far where the block that makes it is stopped or fails; the fault goes on.

    Where it cannot be saved, that is told on stderr, and the fault goes on too.

    Args:
        save: Takes a picture, or what there is instead, and gives its path.
        latest: Gives the picture so far, or None before there is one.
        say: Is told where it was saved.
        precision: Of the network.

    Raises:
        ArithmeticError: For a `stylegen.optimize.NonFiniteLoss`, with the path of its last good `picture`.
    """
    from stylegen.optimize.loop import NonFiniteLoss

    try:
        yield
    except NonFiniteLoss as error:
        path = save(error.picture)
        remedy = 'give smaller weights or steps' if precision == 'float32' else 'try --precision=float32'
        raise ArithmeticError(f'{error}; the last good picture is in {path}; {remedy}') from None
    except BaseException:
        try:
            picture = latest()
            if picture is not None:
                say(f'stopped; the picture so far is in {save(picture)}')
        except Exception as error:
            write_line(f'the picture so far could not be saved: {one_line(error)}', sys.stderr)
        raise
