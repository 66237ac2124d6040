"""Logs and events of a run, read while it may still be written: what was cut off, or is no row, is left out."""

import csv
import json
import os
from typing import Any

LOG, EVENTS = 'log.csv', 'events.jsonl'


def read_log(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of a log, as text by column; none where there is no log. A row that was cut off is left out.

    Even within its last number: a line counts when its end is there, and no NUL, which a lost write may leave.
    """
    try:
        with open(path, newline='', encoding='utf-8', errors='replace') as file:
            rows = list(csv.DictReader(line for line in file if line.endswith('\n') and '\0' not in line))
    except FileNotFoundError:
        return []
    return [row for row in rows if (row.get('step') or '').isdigit() and None not in row.values()]


def read_events(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The events of a run, in their order; none where there is no file."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found
