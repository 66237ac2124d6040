"""What the page keeps for one visitor: results, the one that is shown, and the work that is under way."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stylegen import images
from stylegen.studio.results import Result
from stylegen.utils.errors import UserError

ROOM = 16 * 2**20  # bytes that must be free for a result and the files that the page shows of it


@dataclass(eq=False)
class Session:
    """One visitor's results.

    Attributes:
        kept: How many results are kept at most; the oldest go.
        results: From the oldest to the newest.
        shown: The number of the one that is shown.
        stop: Ends the work that is under way.
        folder: Holds the files to download. It goes with the visitor.
    """

    kept: int = 24
    results: list[Result] = field(default_factory=list)
    shown: int = -1
    stop: threading.Event = field(default_factory=threading.Event)
    folder: Path | None = None
    _asked: dict[Hashable, Result] = field(default_factory=dict)

    def begin(self) -> threading.Event:
        """Stops what is under way, and gives the event that stops what begins now."""
        self.stop.set()
        self.stop = threading.Event()
        return self.stop

    def add(self, result: Result, asked: Hashable = None) -> None:
        """Keeps a result, and shows it. The same once more, as by two clicks, takes the place of the last.

        Args:
            result: The newest one.
            asked: All that it was made from; `known` finds it again by that.
        """
        last = self.results[-1:]
        if last and last[0].record == result.record and np.array_equal(last[0].pixels, result.pixels):
            self.results = self.results[:-1]
        self.results = [*self.results, result][-self.kept :]
        self.shown = len(self.results) - 1
        self._asked = {key: known for key, known in self._asked.items() if known in self.results}
        if asked is not None:
            self._asked[asked] = result

    def known(self, asked: Hashable) -> Result | None:
        """A result that is still kept and was made from just this."""
        return self._asked.get(asked)

    def undo(self) -> None:
        """Shows the result before the one that is shown."""
        self.shown = max(0, self.shown - 1)

    @property
    def current(self) -> Result:
        """The result that is shown.

        Raises:
            UserError: There is none yet.
        """
        if not self.results:
            raise UserError('there is no result yet')
        return self.results[self.shown]

    def files(self) -> Path:
        """The visitor's folder, which is made when it is first asked for.

        Raises:
            UserError: This machine cannot make it.
        """
        try:
            if self.folder is None:
                self.folder = Path(tempfile.mkdtemp(prefix='stylegen-visitor-'))
            return self.folder
        except OSError as error:  # its text names a folder of the server
            raise UserError(unwritten(error)) from None

    def file(self, suffix: str) -> Path:
        """Writes the result that is shown, with its record, into a file of this format, such as '.png'.

        Raises:
            UserError: There is no result yet, or this machine cannot write the file.
        """
        result = self.current
        path = self.files() / f'stylegen-{self.shown + 1:03d}{suffix}'
        try:
            return images.save_image(path, images.from_uint8(result.pixels), alpha=result.alpha, settings=result.record)
        except OSError as error:
            raise UserError(unwritten(error)) from None

    def close(self) -> None:
        """Ends the work of a visitor who left, and removes the files."""
        self.stop.set()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.results, self._asked = [], {}


def check_room(folder: Path) -> None:
    """Checks, before any work is done, that a folder of the page takes what will be shown.

    Raises:
        UserError: Its disk is full or read-only.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)  # who cleans temporary folders may have removed it
        if shutil.disk_usage(folder).free < ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not os.access(folder, os.W_OK):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    except OSError as error:
        raise UserError(unwritten(error)) from None


def unwritten(error: OSError) -> str:
    """One line for a visitor, without a path, about a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the page's disk is full, so nothing was written; free some space there, then try again"
    why = os.strerror(error.errno) if error.errno else 'unknown error'
    return f'the page cannot write its files ({why}); see to its temporary folder, then try again'
