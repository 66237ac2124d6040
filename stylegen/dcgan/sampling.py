"""Draw pictures by seed and write them as a grid, as single files or as an array."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import BATCH_SIZE, Generator
from stylegen.dcgan.opening import LabelSettings, labels_of
from stylegen.runs.names import Output
from stylegen.utils.errors import UserError, unknown
from stylegen.utils.files import check_target
from stylegen.utils.npz import write_state
from stylegen.utils.settings import setting

NPZ = '.npz'
Progress = Callable[[int], None]  # receives the number of pictures done


@dataclass(frozen=True, kw_only=True)
class SampleSettings(LabelSettings):
    """The seeds, classes and layout of pictures; results record it."""

    seeds: str = setting('0-63', 'numbers and ranges with commas, such as 0-99,105', group='Pictures')
    columns: int | None = setting(
        None, 'columns of the grid; by default the grid is as square as possible', group='Pictures', at_least=1
    )
    scale: int = setting(1, 'factor by which pictures are enlarged', group='Pictures', at_least=1, at_most=64)


def sample(
    generator: Generator,
    seeds: Sequence[int],
    labels: np.ndarray | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
) -> Iterator[np.ndarray]:
    """Draws the pictures of seeds and yields them in batches, float32 (up to batch_size, H, W, C) in [0, 1].

    A picture depends on the generator, its seed and its class; not on the other seeds, nor on the batches.

    Args:
        generator: From `open_generator` or `load_generator`.
        seeds: See `latents`.
        labels: int32 (len(seeds),), their classes, where the generator has some, see `labels_of`; None: each in turn.
        batch_size: Pictures in memory at a time.
        progress: Receives the number of pictures done.

    Raises:
        UserError: A generator without classes has labels.

    Example:
        for pictures in sample(open_generator(), range(100)):
            print(pictures.shape)
    """
    labels = labels_of(generator, seeds) if labels is None else labels
    for start in range(0, len(seeds), batch_size):
        part = seeds[start : start + batch_size]
        yield generator(latents(part, generator.latent_dim), None if labels is None else labels[start:][: len(part)])
        if progress:
            progress(start + len(part))


def enlarged(pictures: np.ndarray, scale: int) -> np.ndarray:
    """Enlarges pictures (N, H, W, C): each pixel becomes a square of `scale` pixels."""
    return pictures.repeat(scale, 1).repeat(scale, 2) if scale > 1 else pictures


def form_of(output: str | Path, form: str | None = None) -> str:
    """Returns the form of an output, one of `FORMS`, by its name.

    Args:
        output: A picture (grid), .npz, or a folder (files).
        form: One that must fit, or None.

    Raises:
        UserError: The name means another form, or none.
    """
    if form is not None and form not in FORMS:
        raise unknown('format', form, FORMS)
    path = Path(output)
    suffix = path.suffix.lower()
    found = {NPZ: 'npz', '': 'files'} | dict.fromkeys(images.FORMATS, 'grid')
    named = 'files' if path.is_dir() else found.get(suffix, 'files' if form == 'files' else None)
    if named is None:
        kinds = ', '.join([NPZ, *images.FORMATS])
        raise UserError(f'{path} is neither a folder nor of a format that can be written: {kinds}')
    if form not in (None, named):
        raise UserError(f'{path} is the name for --format={named}; give another --output, or leave out --format')
    return named


def file_of(folder: Path, seed: int) -> Path:
    """Returns the file for the picture of a seed."""
    return folder / f'{stem_of(seed)}.png'


def stem_of(seed: int) -> str:
    """Returns the name of the file for the picture of a seed, without its suffix."""
    return f'seed{seed:04d}'


def record_of_seed(record: Mapping[str, Any], seed: int, label: int | None) -> dict[str, Any]:
    """Returns the record of one picture: it has that seed and class alone."""
    own = {'seeds': str(seed)} | ({} if label is None else {'classes': str(label)})
    return dict(record) | {'settings': record['settings'] | own}


def check_output(output: str | Path, form: str, seeds: Sequence[int], overwrite: bool = False) -> None:
    """Refuses an output that cannot be written, before any work is done.

    Raises:
        UserError: It cannot be written; or the folder has pictures of these seeds, and `overwrite` is off.
    """
    output = Path(output)
    if form != 'files':
        check_target(output, [NPZ] if form == 'npz' else images.FORMATS)
        return
    images.check_writable(file_of(output, seeds[0]))
    there = next((path for path in (file_of(output, seed) for seed in seeds) if path.exists()), None)
    if there and not overwrite:
        raise _there(there)


def save_grid(
    output: Output, batches: Iterator[np.ndarray], seeds: Sequence[int], record: Mapping[str, Any],
    labels: np.ndarray | None, settings: SampleSettings, gap: int = 2,
) -> Path:  # fmt: skip
    """Writes all pictures as one grid, row by row, and returns its path."""
    pictures = [picture for batch in batches for picture in enlarged(batch, settings.scale)]
    sheet = images.grid(pictures, settings.columns, gap * settings.scale)
    return output.save(images.save_image, sheet, settings=record)


def save_files(
    output: Output, batches: Iterator[np.ndarray], seeds: Sequence[int], record: Mapping[str, Any],
    labels: np.ndarray | None, settings: SampleSettings,
) -> Path:  # fmt: skip
    """Writes a PNG for each seed into a folder, see `file_of`, and returns the folder. Each records its seed and class.

    Raises:
        UserError: A file exists and `overwrite` is off.
    """
    folder = None
    number = 0
    for batch in batches:
        for picture in enlarged(batch, settings.scale):
            own_record = record_of_seed(record, seeds[number], None if labels is None else int(labels[number]))
            folder = folder or _made(output)
            path = file_of(folder, seeds[number])
            try:
                images.save_image(path, picture, settings=own_record, overwrite=output.overwrite)
            except FileExistsError:
                raise _there(path) from None
            number += 1
    return folder or output.path


def _made(output: Output) -> Path:
    """Returns the folder of an output; for a default name it makes a new one."""
    if output.default_name is None:
        return output.path

    def make(path: Path, overwrite: bool) -> Path:
        path.mkdir(parents=True)
        return path

    return output.save(make)


def _there(path: Path) -> UserError:
    return UserError(f'{path} exists already; give another --output, or --overwrite')


def save_npz(
    output: Output, batches: Iterator[np.ndarray], seeds: Sequence[int], record: Mapping[str, Any],
    labels: np.ndarray | None, settings: SampleSettings,
) -> Path:  # fmt: skip
    """Writes `images`, uint8 (N, H, W, C), `seeds`, int64 (N,), `labels` where there are any, and `settings`."""
    arrays = {'images': np.concatenate([images.to_uint8(batch) for batch in batches]), 'seeds': np.array(seeds)}
    if labels is not None:
        arrays['labels'] = labels
    return output.save(write_state, record, arrays, compressed=True)


FORMS: dict[str, Callable[..., Path]] = {'grid': save_grid, 'files': save_files, 'npz': save_npz}
