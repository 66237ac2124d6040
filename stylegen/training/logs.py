"""Reads the log and events of a run, also while it writes them. Incomplete lines are left out."""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

LOG, EVENTS = 'log.csv', 'events.jsonl'


def read_log(path: str | os.PathLike) -> list[dict[str, str]]:
    """Returns the rows of a log, as text by column; empty if there is no log. Incomplete rows are left out.

    A line counts only if its line end is there, since its last number may be incomplete, and if it has no NUL, which a
    lost write may leave.

    Example:
        losses = [float(row['loss']) for row in read_log('run/log.csv')]
    """
    try:
        with open(path, newline='', encoding='utf-8', errors='replace') as file:
            rows = list(csv.DictReader(line for line in file if line.endswith('\n') and '\0' not in line))
    except FileNotFoundError:
        return []
    return [row for row in rows if (row.get('step') or '').isdigit() and None not in row.values()]


def read_events(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Returns the events of a run in order; empty if there is no file.

    Example:
        last = read_events('run/events.jsonl')[-1]['event']
    """
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return list(whole_objects(lines))


def whole_objects(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """Yields the JSON objects among lines; a line that a kill cut off is left out."""
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
