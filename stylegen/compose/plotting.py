"""Draws T as a heat map, with the loss curve where there is one; matplotlib is imported when a plot is drawn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen.compose.transformation import Transformation
from stylegen.utils.files import atomic_write, check_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = ('.png', '.svg', '.pdf')
_MOST_NAMES = 64  # columns that get their names
_MOST_VALUES = 150  # entries that get their values


def save_plot(path: str | os.PathLike[str], transformation: Transformation, overwrite: bool = True) -> Path:
    """Writes a heat map of T, and beside it the loss by step if T was found by gradient descent.

    Args:
        path: PNG, SVG or PDF.
        transformation: T.
        overwrite: False never replaces a file.

    Raises:
        UserError: The suffix is another, or the file cannot be written.
    """
    check_target(path, SUFFIXES)
    from matplotlib import rc_context, rcdefaults
    from matplotlib.figure import Figure

    matrix, columns = transformation.matrix, transformation.columns
    losses = np.array(transformation.about.get('losses') or []).reshape(-1, 2)
    with rc_context():
        rcdefaults()
        width = min(max(5.0, 2 + 0.5 * len(columns)), 24)
        height = 2.2 + 0.4 * len(matrix)
        figure = Figure(figsize=(width, height + (2.6 if len(losses) else 0)), layout='constrained')
        parts = figure.subplots(
            2 if len(losses) else 1, squeeze=False, height_ratios=[height, 2.6][: 1 + bool(len(losses))]
        )
        _heat_map(figure, parts[0, 0], matrix, transformation.rows, columns)
        if len(losses):
            _loss_curve(parts[1, 0], losses)
        with atomic_write(path, overwrite) as beside:
            figure.savefig(beside, format=Path(path).suffix[1:].lower(), dpi=120)
    return Path(path)


def _heat_map(figure: Figure, axes: Axes, matrix: np.ndarray, rows: tuple[str, ...], columns: tuple[str, ...]) -> None:
    most = max(float(np.abs(matrix).max()), 1e-9)
    drawn = axes.imshow(matrix, cmap='RdBu_r', vmin=-most, vmax=most, aspect='auto', interpolation='nearest')
    figure.colorbar(drawn, ax=axes, shrink=0.9)
    axes.set_yticks(range(len(rows)), rows)
    if len(columns) <= _MOST_NAMES:
        axes.set_xticks(range(len(columns)), [name.replace('$', '') for name in columns], rotation=60, ha='right')
    else:
        axes.set_xlabel(f'{len(columns)} elements')
    if matrix.size <= _MOST_VALUES:
        for (row, column), value in np.ndenumerate(matrix):
            color = 'white' if abs(value) > 0.6 * most else 'black'
            axes.text(column, row, f'{value:.2f}', ha='center', va='center', color=color, fontsize=8)
    axes.set_title('T: rows make the result, columns are elements', fontsize=10)


def _loss_curve(axes: Axes, losses: np.ndarray) -> None:
    least = losses[:, 1].min()
    axes.plot(losses[:, 0], np.maximum(losses[:, 1], 1e-16), color='#2b6cb0')
    if least > 0 and losses[0, 1] > 10 * least:
        axes.set_yscale('log')
    axes.set_xlabel('step')
    axes.set_ylabel('loss')
    axes.grid(alpha=0.3)
