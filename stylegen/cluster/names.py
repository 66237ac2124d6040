"""The names of a run: inputs, their results, and what is done already, in a table on disk, not in memory."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stylegen.cluster import stores
from stylegen.cluster.job import Input
from stylegen.cluster.worker import Item
from stylegen.utils.errors import UserError

_TABLES = """
pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -16000;
create table inputs (place integer, key blob, address blob, stem blob);
create table stems (stem blob primary key, uses integer) without rowid;
create table taken (name blob primary key) without rowid;
create table existing (name blob primary key) without rowid;
create table fresh (name blob primary key) without rowid;
create table read (path blob primary key) without rowid;
"""


def _stored(text: str) -> bytes:
    """A name as the table keeps it: a file name need not be valid text, and a `text` column refuses others."""
    return os.fsencode(text)


@functools.lru_cache(maxsize=64)
def _real_folder(folder: str) -> str:
    """A folder without links. A million files of a run are in a few folders."""
    return os.path.realpath(folder)


def _real(path: str) -> str:
    """A path without links; an address as it is."""
    if stores.is_address(path):
        return path
    path = os.path.abspath(path)
    if os.path.islink(path):
        return os.path.realpath(path)
    return os.path.join(_real_folder(os.path.dirname(path)), os.path.basename(path))


class Names:
    """The names of one run, in an SQLite file that is removed at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix='stylegen-names-')
        self._table = sqlite3.connect(Path(self._folder.name) / 'names.db', isolation_level=None)
        self._table.executescript(_TABLES)

    def close(self) -> None:
        """Removes the file."""
        self._table.close()
        self._folder.cleanup()

    def add_inputs(self, inputs: Iterable[Input]) -> int:
        """Lists inputs. Returns how many there are."""
        with self._transaction():
            rows = ((place, *map(_stored, texts)) for place, *texts in inputs)
            self._table.executemany('insert into inputs values (?, ?, ?, ?)', rows)
            self._table.execute('insert into stems select stem, count(*) from inputs group by stem')
            self._table.execute('create index ordered on inputs (place, key)')
        return self._table.execute('select count(*) from inputs').fetchone()[0]

    def add_existing(self, names: Iterable[str]) -> None:
        """Lists files that are in the folder of results."""
        with self._transaction():
            self._table.executemany('insert or ignore into existing values (?)', ((_stored(name),) for name in names))

    def add_manifest(self, lines: Iterable[dict[str, Any]], settings: str) -> None:
        """Lists the results that the last run of the same settings made, if it was stopped before its end."""
        with self._transaction():
            for line in lines:
                if line.get('settings') != settings:
                    continue
                if 'ended' in line:
                    self._table.execute('delete from fresh')
                elif 'output' in line:
                    name = stores.name_of(str(line['output']))
                    self._table.execute('insert or ignore into fresh values (?)', (_stored(name),))

    def refuse_inputs(self, folder: str, endings: Callable[[str], Sequence[str]], others: Iterable[str]) -> None:
        """Refuses results that are inputs, also through a link: they would count as made, or be replaced.

        Args:
            folder: Of the results.
            endings: Of the names of the results of an input, given its name.
            others: Further paths and addresses that the run reads, such as styles and masks.

        Raises:
            UserError: A result is one of the inputs.
        """
        if not self._table.execute('select 1 from existing limit 1').fetchone():
            return
        with self._transaction():
            for rows in (self._table.execute('select address from inputs'), ((_stored(one),) for one in others)):
                read = ((_stored(_real(os.fsdecode(row[0]))),) for row in rows)
                self._table.executemany('insert or ignore into read values (?)', read)
        for item, there, _ in self.items(folder, endings):
            if there and self._has('read', _real(item.output), 'path'):
                raise UserError(f'{item.output} is an input; give another --output')

    def items(self, folder: str, endings: Callable[[str], Sequence[str]]) -> Iterator[tuple[Item, bool, bool]]:
        """Yields each item, whether its result is there, and whether an unfinished run of the same settings made it.

        Results are named as `stylegen.runs.folders.unique_names` names them.

        Args:
            folder: Of the results.
            endings: Of the names of the results of an input, given its name.
        """
        self._table.execute('delete from taken')
        query = 'select address, stem, uses from inputs join stems using (stem) order by place, key'
        for *texts, uses in self._table.execute(query):
            address, stem = map(os.fsdecode, texts)
            own = stores.name_of(address)
            first = stem if uses == 1 else own.replace('.', '_')
            name, number = first, 1
            while not self._table.execute('insert or ignore into taken values (?)', (_stored(name),)).rowcount:
                number += 1
                name = f'{first}-{number}'
            for place, ending in enumerate(endings(own)):
                result = name + ending
                item = Item(address, stores.join(folder, result), place)
                yield item, self._has('existing', result), self._has('fresh', result)

    def _has(self, table: str, name: str, column: str = 'name') -> bool:
        query = f'select 1 from {table} where {column} = ?'
        return self._table.execute(query, (_stored(name),)).fetchone() is not None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Makes the block one transaction: a commit for each of a million names would take minutes."""
        self._table.execute('begin')
        yield
        self._table.execute('commit')
