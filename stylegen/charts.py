"""Line charts as SVG text for a web page: no script, no font, no file of their own; colours are those of the page.

The page's style has to say what the CSS variables --line0 ... --line3 are and how the classes chart, rule, level, mark,
note and curve look (see `stylegen.pages`), so that a chart is as light or dark as the page around it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 640, 250  # of the whole chart, in its own units
LEFT, RIGHT, TOP, BOTTOM = 58, 24, 14, 34  # margins around the curves
LINES = 4  # colours that there are
MOST_POINTS = 500  # of a curve; of longer ones neighbours are averaged
WIDE = 50.0  # from this ratio of greatest and least on, the scale is logarithmic

Points = Sequence[tuple[float, float]]


def line_chart(
    curves: Mapping[str, Points],
    *,
    title: str,
    x_label: str = 'step',
    levels: Mapping[str, float] | None = None,
    marks: Mapping[float, str] | None = None,
    span: Sequence[float] = (),
    logarithmic: bool | None = None,
) -> str:
    """One chart, with its legend.

    Args:
        curves: Points (x, y) by name, at most `LINES` of them. Where a y is not finite the curve has a gap.
        title: What the chart shows.
        x_label: Of the horizontal axis.
        levels: Heights that are marked by a dashed line, by name.
        marks: Places of the horizontal axis that are marked by an upright line, with what happened there.
        span: Heights that the vertical axis must reach.
        logarithmic: The scale of the vertical axis; None: where all is positive and spans more than `WIDE`.

    Returns:
        An SVG element in a figure; the title, the legend and every mark are text in it. '' where there is no point.

    Raises:
        ValueError: There are too many curves.
    """
    if len(curves) > LINES:
        raise ValueError(f'a chart has at most {LINES} curves, got {len(curves)}')
    levels, marks = dict(levels or {}), dict(marks or {})
    thin = {name: thinned(points) for name, points in curves.items()}
    known = [point for points in thin.values() for point in points if math.isfinite(point[1])]
    if not known:
        return ''
    heights = [y for _, y in known] + [*levels.values(), *span]
    if logarithmic is None:
        logarithmic = min(heights) > 0 and max(heights) > WIDE * min(heights)
    across = Axis([x for x, _ in known] + list(marks), LEFT, WIDTH - RIGHT)
    up = Axis(heights, HEIGHT - BOTTOM, TOP, logarithmic)
    parts = [*_axes(across, up, x_label)]
    for x, what in marks.items():
        place = across(x)
        parts.append(
            f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
            f'<title>{escape(f"{x:g}: {what}")}</title></line>'
        )
    for y in levels.values():
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"'
        parts.append(f'<line class="level" {ends}/>')
    for index, (name, points) in enumerate(thin.items()):
        parts += [f'<g class="curve" style="color: var(--line{index})"><title>{escape(name)}</title>']
        parts += [_run(run, across, up) for run in runs(points)]
        parts += ['</g>']
    for name, y in levels.items():  # above the curves
        where = f'x="{WIDTH - RIGHT}" y="{up(y) - 4:.1f}" text-anchor="end"'
        parts.append(f'<text class="note" {where}>{escape(name)}</text>')
    drawn = '\n'.join(parts)
    legend = ''.join(
        f'<li><i style="background: var(--line{index})"></i>{escape(name)} <b>{_last(points)}</b></li>'
        for index, (name, points) in enumerate(thin.items())
    )
    return (
        f'<figure class="chart"><figcaption><h3>{escape(title)}</h3><ul>{legend}</ul></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{drawn}</svg></figure>'
    )


class Axis:
    """Numbers to places between two ends.

    Args:
        values: That must find a place; at least one.
        start, end: Places of the least and the greatest.
        logarithmic: Equal ratios take equal lengths.
    """

    def __init__(self, values: Sequence[float], start: float, end: float, logarithmic: bool = False):
        self.start, self.end, self.logarithmic = start, end, logarithmic
        least, most = min(values), max(values)
        if least == most:
            space = (abs(least) or 1) / 2
            least, most = least - space, most + space
        self.least, self.most = least, most

    def __call__(self, value: float) -> float:
        """The place of a value."""
        least, most = self._scaled(self.least), self._scaled(self.most)
        return self.start + (self._scaled(value) - least) / (most - least) * (self.end - self.start)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def ticks(self) -> list[float]:
        """Round numbers within the axis, some five of them."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
            steps = (1, 2, 5) if len(powers) < 4 else (1,)
            found = [m * 10.0**power for power in powers for m in steps]
            return [tick for tick in found if self.least <= tick <= self.most]
        rough = (self.most - self.least) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
        first = math.ceil(self.least / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.most / step + 1e-9) + 1)]


def thinned(points: Points, most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most so many points: the means of neighbours, of which those that are not finite count for nothing."""
    points = [(float(x), float(y)) for x, y in points]
    if len(points) <= most:
        return points
    means = []
    for some in np.array_split(np.array(points), most):
        fine = some[np.isfinite(some[:, 1])]
        x, y = fine.mean(0) if len(fine) else (some[:, 0].mean(), math.nan)
        means.append((float(x), float(y)))
    return means


def runs(points: Points) -> list[list[tuple[float, float]]]:
    """The points between gaps."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def number(value: float) -> str:
    """A number as people write it: four figures, thousands apart."""
    if not math.isfinite(value):
        return 'not finite'
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.4g}'


def _run(run: Points, across: Axis, up: Axis) -> str:
    if len(run) == 1:
        ((x, y),) = run
        return f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>'
    path = ' '.join(f'{across(x):.1f},{up(y):.1f}' for x, y in run)
    return f'<polyline points="{path}"/>'


def _last(points: Points) -> str:
    return number(next((y for _, y in reversed(points) if math.isfinite(y)), math.nan))


def _axes(across: Axis, up: Axis, x_label: str) -> Iterator[str]:
    for tick in up.ticks():
        y = up(tick)
        yield f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>'
    for tick in across.ticks():
        yield f'<text x="{across(tick):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{number(tick)}</text>'
    yield f'<text class="note" x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x_label)}</text>'
