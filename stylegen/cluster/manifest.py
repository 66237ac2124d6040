"""The manifest: one line of JSON for each picture that was made, appended in the folder of the results.

A line that was cut off by a kill is left as it is, and what it told is found out anew. A store that cannot append gets
a new file every few seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from stylegen.cluster import stores
from stylegen.training.logs import whole_objects

NAME = 'manifest.jsonl'
_SECONDS = 10.0  # from one file to the next, in a store
_LINES = 1000


def hash_of(settings: Mapping[str, Any]) -> str:
    """The hash of settings: the first 16 digits of the sha256 of their JSON."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def lines_of(folder: str) -> Iterator[dict[str, Any]]:
    """Yields the lines of the manifests in a folder, oldest first; lines that are not whole are left out."""
    if not stores.is_address(folder):
        path = Path(folder, NAME)
        if path.is_file():
            with path.open('rb') as file:
                yield from whole_objects(file)
        return
    for name in sorted(stores.file_names(folder)):
        if name.startswith('manifest-') and name.endswith('.jsonl'):
            yield from whole_objects(stores.read(stores.join(folder, name)).splitlines())


class Manifest:
    """Appends lines to the manifest of a folder.

    Args:
        folder: The folder of the results, which exists if it is local.
    """

    def __init__(self, folder: str):
        self.folder, self.lines = folder, list[bytes]()
        self.file: BinaryIO | None = None
        self.began = time.time()
        if not stores.is_address(folder):
            self.file = Path(folder, NAME).open('ab+')  # noqa: SIM115, `close` closes it
            if self.file.seek(0, os.SEEK_END):
                self.file.seek(-1, os.SEEK_END)
                if self.file.read(1) != b'\n':  # a kill cut the last line off
                    self.file.write(b'\n')

    def add(self, **line: Any) -> None:
        """Appends a line."""
        text = json.dumps(line, ensure_ascii=False)
        data = text.encode('utf-8', 'backslashreplace') + b'\n'  # JSON's own form for what is no valid text
        if self.file:
            self.file.write(data)
            self.file.flush()
            return
        self.lines.append(data)
        if len(self.lines) >= _LINES or time.time() - self.began > _SECONDS:
            self._write()

    def _write(self) -> None:
        if self.lines:
            name = f'manifest-{time.time_ns():020}-{uuid.uuid4().hex[:8]}.jsonl'
            stores.write(stores.join(self.folder, name), b''.join(self.lines))
        self.lines, self.began = [], time.time()

    def close(self) -> None:
        """Writes what is left."""
        if self.file:
            os.fsync(self.file.fileno())
            self.file.close()
        else:
            self._write()
