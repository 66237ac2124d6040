"""Line charts for a web page, drawn by matplotlib as SVG text: no script, no font, no file of their own.

A chart has the colours of the page around it, light or dark: matplotlib draws in placeholder colours, and each becomes
a CSS variable of `stylegen.dcgan.pages`. matplotlib is imported when a chart is drawn.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 480, 200  # of the chart, in units of the SVG
LINES = 4  # colours of curves in the page
MOST_POINTS = 500  # of a curve; a longer curve shows means of neighbours
WIDE = 50.0  # greatest / least from which the scale is logarithmic
INK, SOFT, FAINT, BAD = '#000001', '#000002', '#000003', '#000004'
CURVES = tuple(f'#00001{n}' for n in range(LINES))
VARIABLES = {INK: 'ink', SOFT: 'soft', FAINT: 'faint', BAD: 'bad'} | {c: f'line{n}' for n, c in enumerate(CURVES)}
SETTINGS: dict[Any, Any] = {  # of matplotlib; the user's matplotlibrc does not count
    'axes.axisbelow': True,
    'axes.edgecolor': FAINT,
    'axes.labelcolor': SOFT,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.xmargin': 0.01,
    'font.sans-serif': ['DejaVu Sans'],  # matplotlib measures text with it; the page uses its own font
    'font.size': 12,
    'grid.color': FAINT,
    'svg.fonttype': 'none',  # keeps text as text
    'text.color': INK,
    'text.parse_math': False,
    'xtick.color': FAINT,
    'xtick.labelcolor': INK,
    'ytick.color': FAINT,
    'ytick.labelcolor': INK,
}

Points = Sequence[tuple[float, float]]


def line_chart(
    curves: Mapping[str, Points],
    *,
    title: str,
    x_label: str = 'step',
    levels: Mapping[str, float] | None = None,
    marks: Mapping[float, str] | None = None,
    span: Sequence[float] = (),
) -> str:
    """Draws one chart with its legend.

    Args:
        curves: Points (x, y) by name, at most `LINES` of them. Where a y is not finite the curve has a gap.
        title: The title; each chart of a page has its own.
        x_label: The label of the horizontal axis.
        levels: Heights that are marked by a dashed line, by name.
        marks: Places of the horizontal axis that are marked by an upright line, with what happened there.
        span: Heights that the vertical axis must reach.

    Returns:
        An SVG element in a figure; the title, the legend and every mark are text in it. '' where there is no point.

    Raises:
        ValueError: There are too many curves.
    """
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.figure import Figure

    if len(curves) > LINES:
        raise ValueError(f'a chart has at most {LINES} curves, got {len(curves)}')
    thin = {name: thinned(points) for name, points in curves.items()}
    if not any(np.isfinite(points).all(1).any() for points in thin.values()):
        return ''
    stream, levels = io.StringIO(), levels or {}
    with rc_context():
        rcdefaults()
        rcParams.update(SETTINGS | {'svg.hashsalt': title})  # fixed bytes, and other ids in each chart
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout='constrained')  # SVG has 72 units an inch
        axes = figure.add_subplot()
        _draw_curves(axes, thin)
        _draw_marks(axes, levels, marks or {})
        _scale(axes, [*(y for points in thin.values() for y in points[:, 1]), *levels.values(), *span], span)
        axes.set_xlabel(x_label, loc='right')
        nothing = dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
        figure.savefig(stream, format='svg', transparent=True, metadata=nothing)
    legend = ''.join(
        f'<li><i style="background: var(--line{index})"></i>{escape(name)} <b>{_last(points)}</b></li>'
        for index, (name, points) in enumerate(thin.items())
    )
    caption = f'<figcaption><h3>{escape(title)}</h3><ul>{legend}</ul></figcaption>'
    return f'<figure class="chart">{caption}{_for_page(stream.getvalue(), title)}</figure>'


def thinned(points: Points, most: int = MOST_POINTS) -> np.ndarray:
    """Returns at most `most` points, float64 (N, 2). Each is the mean of the finite values of its neighbours."""
    given = np.array(points, np.float64).reshape(-1, 2)
    if len(given) <= most:
        return given
    means = []
    for some in np.array_split(given, most):
        finite = some[np.isfinite(some[:, 1])]
        means.append(finite.mean(0) if len(finite) else (some[:, 0].mean(), math.nan))
    return np.array(means)


def number(value: float) -> str:
    """Formats a number with four significant digits and separated thousands."""
    if not math.isfinite(value):
        return 'not finite'
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.4g}'


def _last(points: np.ndarray) -> str:
    finite = points[np.isfinite(points[:, 1]), 1]
    return number(finite[-1] if len(finite) else math.nan)


# Ids of groups are KIND:TEXT, which `_for_page` makes a class and a title.


def _draw_curves(axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    for (name, points), color in zip(curves.items(), CURVES, strict=False):
        y = np.where(np.isfinite(points).all(1), points[:, 1], math.nan)
        gaps = np.isnan(np.pad(y, 1, constant_values=math.nan))
        alone = np.flatnonzero(~gaps[1:-1] & gaps[:-2] & gaps[2:]).tolist()  # points without a line to a neighbour
        (line,) = axes.plot(points[:, 0], y, color=color, linewidth=1.8, gid=f'curve:{name}')
        if alone:
            line.set(marker='o', markevery=alone)


def _draw_marks(axes: Axes, levels: Mapping[str, float], marks: Mapping[float, str]) -> None:
    for x, what in marks.items():
        axes.axvline(x, color=BAD, linewidth=2, zorder=1.5, gid=f'mark:{x:g}: {what}')
    for name, y in levels.items():
        axes.axhline(y, color=SOFT, linewidth=1, linestyle=(0, (5, 4)), zorder=1.5, gid='level:')
        place: dict[str, Any] = {'xycoords': ('axes fraction', 'data'), 'textcoords': 'offset points', 'ha': 'right'}
        axes.annotate(name, (1, y), (0, 3), color=SOFT, gid='note:', **place)


def _scale(axes: Axes, heights: Sequence[float], span: Sequence[float]) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    finite = [height for height in heights if math.isfinite(height)]
    if min(finite) > 0 and max(finite) > WIDE * min(finite):
        axes.set_yscale('log')
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(finite) < 1000 * min(finite) else (1,)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.update_datalim([(0, height) for height in span], updatex=False)
    axes.autoscale_view()
    axes.grid(axis='y')
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))


def _for_page(svg: str, title: str) -> str:
    """Returns the SVG element with the colours, titles and ids that the page needs."""
    svg = svg[svg.index('<svg ') :].replace('<svg ', f'<svg role="img" aria-label="{escape(title)}" ', 1)
    for color, variable in VARIABLES.items():
        svg = svg.replace(color, f'var(--{variable})')
    svg = re.sub(r'<g id="(curve|mark):(.*?)">', r'<g class="\1"><title>\2</title>', svg)
    svg = re.sub(r'<g id="(level|note):">', r'<g class="\1">', svg)
    used = set(re.findall(r'#(\w+)', svg))
    return re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else '', svg)
