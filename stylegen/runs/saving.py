"""Saving that loses no result: in the folder for temporary files if the output fails, and early if a run stops."""

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
    """Saves a picture with its record. Ctrl-C takes effect after the file is complete.

    If `output` cannot be written, the picture goes to the system's folder for temporary files. It becomes a PNG there
    if the format was the reason, since a PNG can hold every picture.

    Args:
        output: The output.
        pixels: float32 (H, W, 3) in [0, 1].
        record: The record that is written into the file, see `stylegen.runs.record`.
        result: The settings for the file: depth and sidecar.
        alpha: The transparency, float32 (H, W), or None.

    Returns:
        The path of the file.

    Raises:
        OSError: `output` could not be written; the message says why, and where the picture is.
    """
    options = {'alpha': alpha, 'depth': result.depth, 'settings': record, 'sidecar': result.sidecar}
    with interrupts.delay_signals():
        try:
            return output.save(images.save_image, pixels, **options)
        except (OSError, UserError) as error:
            name = output.path.with_suffix('.png').name if isinstance(error, UserError) else output.path.name
            try:
                path = Output.free(Path(tempfile.gettempdir()) / name).save(images.save_image, pixels, **options)
            except (OSError, UserError):
                raise error from None
            raise OSError(f'{one_line(error)}; the result is kept in {path}') from None


@contextlib.contextmanager
def save_on_failure(
    save: Callable[[Any], Path], latest: Callable[[], Any], say: Callable[[str], None], precision: str = 'float32'
) -> Iterator[None]:
    """Saves the picture so far if an exception or Ctrl-C leaves the block; then raises the exception again.

    If the picture cannot be saved either, a line on stderr says so.

    Args:
        save: Saves a picture and returns its path.
        latest: Returns the picture so far, or None if there is none yet.
        say: Prints the line that says where the picture is.
        precision: The precision of the network; it decides which remedy an overflow's message names.

    Raises:
        ArithmeticError: The loss was not finite. The message gives the path of the last good picture.
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
