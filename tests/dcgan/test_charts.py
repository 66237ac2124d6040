"""Charts show the points that they were given where they belong, and what a name says stays a name."""

import math
import re
import subprocess
import sys
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest

from stylegen.dcgan.charts import LINES, VARIABLES, WIDTH, line_chart, number, thinned
from stylegen.dcgan.pages import STYLE
from tests.conftest import ROOT

NAN = math.nan
MATH = '$x^2$ <b>&"\''


def parsed(text):
    """The figure of a chart: it must be well-formed XML."""
    return ElementTree.fromstring(text.replace(' xmlns="http://www.w3.org/2000/svg"', ''))


def drawn(*args, **kwargs):
    return parsed(line_chart(*args, **{'title': 'a title', **kwargs}))


def groups(figure, kind):
    return [group for group in figure.iter('g') if group.get('class') == kind]


def corners(group):
    """The corners of a line's runs."""
    runs = group.find('path').get('d').split('M')[1:]
    return [np.array(re.findall(r'[-.\d]+', run), float).reshape(-1, 2) for run in runs]


def places(figure):
    """The corners of all curves, run by run."""
    return [run for group in groups(figure, 'curve') for run in corners(group)]


def dots(figure):
    """Points that are drawn by themselves."""
    found = [dot for group in groups(figure, 'curve') for dot in group.iter('use')]
    return [[float(dot.get('x')), float(dot.get('y'))] for dot in found]


def frame(figure):
    """Left, top, right and bottom of the axes."""
    rectangle = next(figure.iter('clipPath')).find('rect')
    x, y, width, height = (float(rectangle.get(name)) for name in ('x', 'y', 'width', 'height'))
    return x, y, x + width, y + height


def ticks(figure):
    """The labels of both axes: {value: its place}."""
    left, _, _, bottom = frame(figure)
    texts = [(text.text.replace(',', ''), float(text.get('x')), float(text.get('y'))) for text in figure.iter('text')]
    across = {float(text): x for text, x, y in texts if y > bottom and text != 'step'}
    return across, {float(text): y for text, x, y in texts if x < left}


def test_the_points_are_where_the_ticks_say():
    figure = drawn({'a': [(100, 0), (200, 3000), (400, 1000)]})
    (curve,) = places(figure)
    across, up = ticks(figure)
    assert {100, 400} <= set(across) and {0, 1000, 3000} <= set(up)
    assert np.allclose(curve[[0, 2], 0], [across[100], across[400]], atol=0.01)
    baseline = up[0] - curve[0, 1]  # a label stands a little below its line
    assert 0 < baseline < 6 and np.allclose(curve[[1, 2], 1], [up[3000] - baseline, up[1000] - baseline], atol=0.01)
    left, top, right, bottom = frame(figure)
    assert 0 < left < curve[0, 0] < curve[1, 0] < curve[2, 0] < right < WIDTH
    assert top < curve[1, 1] < curve[2, 1] < curve[0, 1] < bottom


def test_two_curves_share_their_axes():
    first, second = places(drawn({'a': [(0, 0), (1, 1)], 'b': [(0, 1), (2, 2)]}))
    assert np.allclose(first[1], [(first[0, 0] + second[1, 0]) / 2, second[0, 1]])


def test_a_curve_has_a_gap_where_it_is_not_finite():
    figure = drawn({'a': [(0, 1), (1, 2), (2, NAN), (3, 1), (4, 2), (5, math.inf), (6, 1)]})
    lines = [run for run in places(figure) if len(run) > 1]
    assert [len(run) for run in lines] == [2, 2]
    ((x, y),) = dots(figure)  # a point by itself
    step = lines[0][1, 0] - lines[0][0, 0]
    assert np.allclose([x, y], [lines[0][0, 0] + 6 * step, lines[0][0, 1]])
    assert not dots(drawn({'a': [(0, 1), (1, 2), (2, NAN), (3, 1), (4, 2)]}))


def test_nothing_finite_gives_no_chart():
    assert line_chart({'a': [(0, NAN)], 'b': []}, title='x') == ''
    assert line_chart({}, title='x') == ''
    assert line_chart({'a': [], 'b': [(0, 1)]}, title='x')


def test_one_point_and_equal_values_have_a_place():
    for points in ([(5, 2)], [(0, 3), (9, 3)], [(0, 0), (9, 0)]):
        figure = drawn({'a': points})
        left, top, right, bottom = frame(figure)
        for x, y in np.concatenate(places(figure)):
            assert left < x < right and top < y < bottom
        assert len(dots(figure)) == (len(points) == 1)


def test_levels_marks_and_spans_lie_within_the_chart():
    figure = drawn({'a': [(0, 1), (4, 2)]}, levels={'high': 4}, marks={6: 'boom'}, span=(0,))
    left, top, right, bottom = frame(figure)
    (level,), (mark,) = (corners(*groups(figure, kind)) for kind in ('level', 'mark'))
    (curve,) = places(figure)
    unit = np.array([curve[1, 0] - curve[0, 0], curve[1, 1] - curve[0, 1]]) / [4, 1]  # of the axes, on the page
    assert np.allclose(level[:, 0], [left, right]) and np.allclose(level[:, 1], curve[0, 1] + 3 * unit[1], atol=0.01)
    assert np.allclose(mark[:, 0], curve[0, 0] + 6 * unit[0], atol=0.01)
    assert np.allclose(sorted(mark[:, 1]), [top, bottom])
    assert top < level[0, 1] and mark[0, 0] < right and curve[0, 1] - unit[1] < bottom  # 0 is within
    assert groups(figure, 'mark')[0].find('title').text == '6: boom'
    (note,) = groups(figure, 'note')
    text = note.find('text')
    assert text.text == 'high' and text.get('style').count('text-anchor: end') == 1
    assert right - 5 < float(text.get('x')) <= right + 0.01 and 1 < level[0, 1] - float(text.get('y')) < 8
    bare = drawn({'a': [(0, 1), (4, 2)]})
    ((first, last),) = places(bare)
    assert first[1] + (first[1] - last[1]) > frame(bare)[3]  # without the span 0 is not


def test_what_spans_much_has_a_logarithmic_scale():
    for powers in ([(0, 1), (1, 10), (2, 100)], [(0, 1), (1, 1000), (2, 1e6)]):
        (wide,) = places(drawn({'a': powers}))
        assert np.isclose(wide[1, 1], (wide[0, 1] + wide[2, 1]) / 2, atol=0.01)
    for points in ([(0, 0), (1, 10), (2, 100)], [(0, 50), (1, 75), (2, 100)]):
        (plain,) = places(drawn({'a': points}))
        share = (points[1][1] - points[0][1]) / (points[2][1] - points[0][1])
        assert np.isclose(plain[1, 1], plain[0, 1] + share * (plain[2, 1] - plain[0, 1]), atol=0.1)


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ((0, 1), ['0', '0.2', '0.4', '0.6', '0.8', '1']),
        ((0, 20000), ['0', '5,000', '10,000', '15,000', '20,000']),
        ((0.0002, 0.00021), ['0.0002', '0.000202', '0.000204', '0.000206', '0.000208', '0.00021']),
        ((0.5, 300000), ['1', '10', '100', '1,000', '10,000', '100,000']),
        ((2, 110), ['2', '5', '10', '20', '50', '100']),
    ],
)
def test_ticks_are_round(values, expected):
    figure = drawn({'a': list(enumerate(values))})
    assert [text.text for text in figure.iter('text') if float(text.get('x')) < frame(figure)[0]] == expected


def test_long_curves_are_thinned_to_means():
    points = [(i, i % 2) for i in range(4000)]
    few = thinned(points, 100)
    assert len(few) == 100 and np.allclose(few[:, 1], 0.5)
    assert np.isclose(few[:, 0].mean(), np.mean([x for x, _ in points]))
    holed = thinned([(i, NAN if i < 40 else 1) for i in range(400)], 100)
    assert [math.isnan(y) for _, y in holed] == [True] * 10 + [False] * 90
    assert np.isclose(holed[0, 0], 1.5)
    assert np.array_equal(thinned([(0, NAN), (1, 1), (2, 3), (3, 5)], 2), [[1, 1], [2.5, 4]])
    assert np.array_equal(thinned(points[:100], 100), points[:100])
    assert len(line_chart({'a': points}, title='x')) < 30_000


def test_names_are_escaped_and_no_formula():
    bad = f'<script>alert("1")</script>{MATH}'
    text = line_chart({bad: [(0, 1), (1, 2)]}, title=bad, x_label=bad, levels={bad: 1.5}, marks={0.5: bad})
    assert '<script' not in text and parsed(text) is not None
    assert len(re.findall(re.escape(bad), unescape(text))) == 7


def test_the_legend_has_the_last_number():
    figure = drawn({'loss': [(0, 1), (1, 0.123456), (2, NAN)], 'none': []})
    assert [element.text for element in figure.iter('b')] == ['0.1235', 'not finite']
    numbers = {12345.6: '12,346', -12345.6: '-12,346', 999.96: '1000', 0.00012344: '0.0001234', NAN: 'not finite'}
    assert [number(value) for value in numbers] == list(numbers.values())


def test_too_many_curves_are_refused():
    line_chart({str(i): [(0, 1)] for i in range(LINES)}, title='x')
    with pytest.raises(ValueError, match=f'at most {LINES}'):
        line_chart({str(i): [(0, 1)] for i in range(LINES + 1)}, title='x')


def test_every_colour_is_one_of_the_page():
    curves = {str(i): [(0, i), (1, NAN), (2, i)] for i in range(LINES)}
    text = line_chart(curves, title='x', levels={'level': 1}, marks={1: 'mark'})
    assert not re.findall(r'(?:fill|stroke): (?!none|var\()[^;"]*', text)
    used = set(re.findall(r'var\(--(\w+)\)', text))
    assert used == set(VARIABLES.values()) and {f'line{i}' for i in range(LINES)} < used
    for variable in used:
        assert STYLE.count(f'--{variable}: #') == 2  # light and dark


def test_charts_of_one_page_share_no_ids_and_every_reference_leads_somewhere():
    charts = [line_chart({'a': [(0, 1), (1, NAN), (2, 3)]}, title=title, marks={1: 'x'}) for title in ('one', 'two')]
    ids, uses = (re.findall(pattern, ''.join(charts)) for pattern in (r' id="([^"]*)"', r'#(\w+)'))
    assert len(ids) == len(set(ids)) and set(uses) == set(ids)


def test_the_same_points_give_the_same_bytes_whatever_the_user_s_settings():
    from matplotlib import rc_context, rcParams

    draw = lambda: line_chart({'a': [(0, 1), (1, NAN), (2, 3)]}, title='x', levels={'y': 2}, marks={1: 'z'})
    first, settings = draw(), dict(rcParams)
    assert draw() == first and dict(rcParams) == settings
    with rc_context({'font.size': 40, 'axes.facecolor': 'red', 'lines.linestyle': ':', 'svg.fonttype': 'path'}):
        assert draw() == first


def test_matplotlib_is_imported_when_a_chart_is_drawn_and_never_its_windows():
    code = (
        'import sys, stylegen.dcgan.reporting, stylegen.dcgan.charts as charts\n'
        'print("matplotlib" in sys.modules)\n'
        'charts.line_chart({"a": [(0, 1)]}, title="x")\n'
        'print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)'
    )
    ended = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ['False', 'True', 'False']
