"""Films on the command line: which inputs are clips, the folder of a film's frames, and how far the frames are."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stylegen.images.animated import Animation, is_animated, open_animation
from stylegen.images.animation import ANIMATIONS
from stylegen.images.flow import check_flow
from stylegen.images.sequence import ImageSequence, open_sequence
from stylegen.images.video import Clip, open_clip
from stylegen.runs import records
from stylegen.runs.folders import pictures_in
from stylegen.runs.frames import FilmFrame, KeptFrames
from stylegen.runs.names import Output, numbered_names
from stylegen.runs.workdir import Workdir
from stylegen.utils.console import Console, Progress
from stylegen.utils.differences import OtherState
from stylegen.utils.files import digest_of
from stylegen.utils.locks import Busy

CLIPS = ('.mp4', '.mov', '.m4v', '.mkv', '.webm', '.avi', '.mpg', '.mpeg', '.wmv', '.ts', '.mts', '.m2ts')


def is_clip_file(path: str) -> bool:
    """Whether a file has the suffix of a video."""
    return Path(path).suffix.lower() in CLIPS


def is_clip(path: str, output: str | None = None) -> bool:
    """Whether an input is a clip: a video file, or an animated picture where the output is animated too."""
    if is_clip_file(path):
        return True
    return output is not None and Path(output).suffix.lower() in ANIMATIONS and is_animated(path)


def is_sequence(path: str, output: str | None, frames: bool) -> bool:
    """Whether an input is a folder of frames: one whose output is animated, or one that is said to be (`frames`)."""
    animated = output is not None and Path(output).suffix.lower() in ANIMATIONS and not Path(output).is_dir()
    return (frames or animated) and Path(path).is_dir()


def open_frames_folder(path: str, fps: float, white: bool = False) -> ImageSequence:
    """Opens the pictures of a folder as the frames of a clip, in natural order: frame 2 comes before frame 10.

    Args:
        path: The folder.
        fps: Frames per second.
        white: Whether transparent parts are read as white, as a film needs that has no transparency.

    Raises:
        UserError: The folder has no pictures, they are of different sizes, or a package is missing.
    """
    check_flow()
    return open_sequence(path, pictures_in(Path(path)), fps, white)


def digest_of_footage(footage: Clip | Animation | ImageSequence) -> str:
    """The sha256 of the file of a clip, or of all frames of a folder."""
    return footage.digest if isinstance(footage, ImageSequence) else digest_of(Path(footage.path))


def open_footage(path: str) -> tuple[Clip | Animation, Clip | None]:
    """Opens a clip or an animated picture whose motion is to be followed, and the clip that its sound is from, or None.

    Raises:
        UserError: The file cannot be read, or a package is missing.
    """
    check_flow()
    if is_clip_file(path):
        clip = open_clip(path)
        return clip, clip
    return open_animation(path), None


@contextlib.contextmanager
def open_frames(output: Output, folder: str | None, record: dict[str, Any]) -> Iterator[tuple[Output, Workdir]]:
    """The output and the workdir of its frames. No other process works in that folder while the block runs.

    Without a folder the frames are in one beside the film. A default name of the film is then the first whose folder is
    free, or has frames of this record, so that the run goes on from them.

    Args:
        output: Where the film goes.
        folder: The workdir that was typed, or None.
        record: The record of the film.

    Raises:
        UserError: Another process works in the folder, or it has frames of another record.
    """
    if folder or output.default_name is None:
        workdir = Workdir(folder or f'{output.path}.frames', record, records.identity)
        with workdir.locked():
            yield output, workdir
        return
    for path in numbered_names(output.default_name):
        with contextlib.ExitStack() as stack:
            if not path.exists():
                workdir = Workdir(f'{path}.frames', record, records.identity)
                if _enter(workdir, stack) and not path.exists():  # another run may have written it before it left
                    yield output.with_path(path), workdir
                    return


def _enter(workdir: Workdir, stack: contextlib.ExitStack) -> bool:
    """Enters a workdir and returns whether it did. A folder with another process or other frames is not entered."""
    try:
        stack.enter_context(workdir.locked())
        workdir.load()
    except (Busy, OtherState):
        return False
    return True


@contextlib.contextmanager
def showing_frames(workdir: Workdir, console: Console) -> Iterator[Callable[[FilmFrame], None]]:
    """A callback for the frames that are made in the block, which shows a progress bar.

    Raises:
        KeyboardInterrupt: The run was stopped. A line says where the frames are.
    """
    progress: list[Progress] = []

    def follow(frame: FilmFrame) -> None:
        if not progress:
            progress.append(console.progress(frame.frames, initial=frame.frame))
        progress[0].to(frame.frame + 1, f'frame {frame.frame + 1}/{frame.frames}')

    try:
        yield follow
    except KeyboardInterrupt:
        console.say(f'stopped; the frames so far are in {workdir.folder}, and the same command goes on from them')
        raise
    finally:
        for bar in progress:
            bar.close()


def remove_frames(kept: KeptFrames, workdir: Workdir) -> None:
    """Removes the frames and the state."""
    with contextlib.suppress(OSError):
        for index in range(len(kept)):
            kept.path(index).unlink(missing_ok=True)
        if kept.folder != workdir.folder:  # what a cluster kept beside them
            shutil.rmtree(kept.folder)
        workdir.clear()
