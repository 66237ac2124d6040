"""What the commands share: they read pictures with their hashes, check outputs before any work, and save results."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.compose import plotting, transformation
from stylegen.compose.transformation import Transformation
from stylegen.runs import records
from stylegen.runs.folders import (
    check_output_folder,
    expand_folders,
    make_results,
    refuse_inputs_as_results,
    result_paths,
    unique_names,
)
from stylegen.runs.inputs import Inputs, refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.saving import save_result
from stylegen.runs.settings import ResultSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.files import check_target, digest_of
from stylegen.utils.settings import Settings, setting

PICTURES, WRITTEN = 'Pictures', 'What else is written'  # headings of `--help`
LEFT_OUT = ('replay', 'save_every', 'workdir')  # of `ResultSettings`


@dataclass(frozen=True, kw_only=True)
class MatrixFiles(Settings):
    """Where T goes beside the picture."""

    matrix: str | None = setting(None, 'T with its names: .json or .npz', group=WRITTEN, kind='path')
    plot: str | None = setting(None, 'T as a heat map: .png, .svg or .pdf', group=WRITTEN, kind='path')


@dataclass
class Run:
    """One command: its console, and the pictures that it has read.

    Args:
        program: The name of the command in records.
        console: Prints messages.
        result: Where and how results are saved.
    """

    program: str
    console: Console
    result: ResultSettings
    inputs: Inputs = field(init=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.inputs, self.began = Inputs(say=self.console.say), time.monotonic()

    def read(self, path: str | os.PathLike[str]) -> np.ndarray:
        """The pixels of a picture; its hash goes into the record."""
        return self.inputs.load(os.fspath(path)).pixels

    def read_named(self, paths: Sequence[str]) -> dict[str, np.ndarray]:
        """The pixels of pictures by the stems of their names."""
        return {name: self.read(path) for name, path in zip(named_paths(paths), paths, strict=True)}

    def know(self, path: str | os.PathLike[str]) -> None:
        """Adds the hash of a file that is no picture."""
        if Path(path).is_file():
            self.inputs.hashes[os.fspath(path)] = digest_of(Path(path))

    def check(self, **paths: str | os.PathLike[str] | None) -> None:
        """Refuses outputs, by the flags that give them, that are inputs, and one file for two outputs."""
        given: dict[Path, str] = {}
        for flag, path in paths.items():
            if path is not None:
                refuse_overwriting_inputs(Path(path), self.inputs.hashes, flag)
                other = given.setdefault(Path(path).resolve(), flag)
                if other != flag:
                    raise UserError(f'{path} cannot be both --{other} and --{flag}; give another --{flag}')

    def record(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The record of a result."""
        return records.record(self.program, settings, self.inputs.hashes)

    def save(
        self, output: Output, pixels: np.ndarray, settings: Mapping[str, Any], alpha: np.ndarray | None = None
    ) -> Path:
        """Saves a picture with its record, and says where it is."""
        self.check(output=output.path)
        path = save_result(output, pixels, self.record(settings), self.result, alpha)
        self.console.say(f'result   {path} ({time.monotonic() - self.began:.1f} s)')
        return path

    def save_matrix(self, files: MatrixFiles, found: Transformation, settings: Mapping[str, Any]) -> None:
        """Writes T and its plot where they are asked for."""
        self.check(matrix=files.matrix, plot=files.plot)
        if files.matrix:
            self.console.say(f'T        {with_record(found, self.record(settings)).save(files.matrix)}')
        if files.plot:
            self.console.say(f'plot     {plotting.save_plot(files.plot, found)}')


def with_record(found: Transformation, record: Mapping[str, Any]) -> Transformation:
    """T with the record of the run that found it."""
    return Transformation(found.matrix, found.recipe, {**found.about, 'record': record})


def named_paths(paths: Sequence[str]) -> list[str]:
    """A different name for each path."""
    return unique_names([[Path(path)] for path in paths])


def check_matrix_files(files: MatrixFiles) -> None:
    """Checks, before any work, that T and its plot can be written.

    Raises:
        UserError: They cannot.
    """
    for path, suffixes in ((files.matrix, transformation.SUFFIXES), (files.plot, plotting.SUFFIXES)):
        if path:
            check_target(path, suffixes)


def describe(found: Transformation) -> str:
    """One line about T."""
    rows, columns = found.matrix.shape
    about = found.about
    return f'T        {rows} x {columns}, rank {about["rank"]}, error {255 * about["error"]:.2f} of 255 (RMS)'


def make_each(
    run: Run, sources: Sequence[str], default: str, make: Any, *, folder: str, settings: Mapping[str, Any]
) -> None:
    """Makes a result of each photo: one file of one photo, a folder of several or of a folder.

    Args:
        run: The command.
        sources: Photos and folders.
        default: The default name of one result.
        make: Returns the pixels of a result, given the photo's.
        folder: The default folder.
        settings: For the record; `input` is added.
    """
    photos = expand_folders(sources)

    def one(photo: Path, output: Output) -> None:
        make_one(run, photo, str(photo), output, make, settings)

    if len(photos) == 1 and not Path(sources[0]).is_dir():
        output = Output.from_flag(run.result.output, default, say=run.console.say)
        images.check_writable(output.path, depth=run.result.depth)
        return one(photos[0], output)
    target = Path(run.result.output or folder)
    for source in sources:
        check_output_folder(Path(source), target)
    outputs = result_paths(photos, target, run.result.depth)
    refuse_inputs_as_results(outputs, photos)
    images.check_writable(outputs[0], depth=run.result.depth)

    def of_number(_: Run, number: int, unfinished: Path) -> None:
        one(photos[number], Output(outputs[number], run.result.overwrite))

    names = [photo.name for photo in photos]
    make_results(outputs, names, lambda: run, of_number, overwrite=run.result.overwrite, console=run.console)


def make_one(run: Run, photo: Path, name: str, output: Output, make: Any, settings: Mapping[str, Any]) -> None:
    """Makes the result of one photo.

    Args:
        run: The command.
        photo: The file.
        name: How the record calls it.
        output: The result.
        make: Returns the pixels of the result, given the photo's.
        settings: For the record; `input` is added.
    """
    run.began = time.monotonic()
    before = dict(run.inputs.hashes)
    try:
        picture = images.load_picture(photo) if name != str(photo) else run.inputs.load(name)
        run.inputs.hashes[name] = picture.sha256
        images.check_writable(output.path, picture.pixels.shape, run.result.depth)
        run.save(output, make(picture.pixels), {**settings, 'input': [name]}, picture.alpha)
    finally:  # the next photo does not depend on this one, even if this one fails
        run.inputs.hashes.clear()
        run.inputs.hashes.update(before)


def needed(names: Iterable[tuple[str, Any]], example: str) -> None:
    """Refuses a command without a flag that it needs.

    Raises:
        UserError: A value is missing.
    """
    missing = [f'--{name}' for name, value in names if not value]
    if missing:
        raise UserError(f'give {" and ".join(missing)}, such as: {example}')
