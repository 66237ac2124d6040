"""Charts show the points that they were given where they belong, and what a name says stays a name."""

import math
import re
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest

from stylegen.charts import BOTTOM, HEIGHT, LEFT, LINES, RIGHT, TOP, WIDTH, Axis, line_chart, number, runs, thinned

NAN = math.nan


def drawn(*args, **kwargs):
    """The figure of a chart, parsed: it must be well-formed XML."""
    return ElementTree.fromstring(line_chart(*args, **{'title': 'a title', **kwargs}))


def places(figure):
    """The corners of each curve."""
    lines = [line.get('points').split() for line in figure.iter('polyline')]
    return [np.array([[float(number) for number in corner.split(',')] for corner in line]) for line in lines]


def test_the_ends_of_the_values_are_at_the_ends_of_the_axes():
    (curve,) = places(drawn({'a': [(10, -1), (20, 3), (30, 1)]}))
    low, high = HEIGHT - BOTTOM, TOP
    assert np.allclose(curve, [[LEFT, low], [(LEFT + WIDTH - RIGHT) / 2, high], [WIDTH - RIGHT, (low + high) / 2]])


def test_two_curves_share_their_axes():
    first, second = places(drawn({'a': [(0, 0), (1, 1)], 'b': [(0, 1), (2, 2)]}))
    assert np.allclose(first[1], [(first[0, 0] + second[1, 0]) / 2, second[0, 1]])


def test_a_curve_has_a_gap_where_it_is_not_finite():
    figure = drawn({'a': [(0, 1), (1, 2), (2, NAN), (3, 1), (4, 2), (5, math.inf), (6, 1)]})
    assert [len(line) for line in places(figure)] == [2, 2]
    assert len(list(figure.iter('circle'))) == 1  # a point by itself
    assert runs([(0, NAN)]) == []


def test_nothing_finite_gives_no_chart():
    assert line_chart({'a': [(0, NAN)], 'b': []}, title='x') == ''


def test_one_point_and_equal_values_have_a_place():
    for points in ([(5, 2)], [(0, 3), (9, 3)], [(0, 0), (9, 0)]):
        figure = drawn({'a': points})
        for element in figure.iter():
            assert 'nan' not in ' '.join(element.attrib.values())
    (line,) = places(drawn({'a': [(0, 3), (9, 3)]}))
    assert np.allclose(line[:, 1], (TOP + HEIGHT - BOTTOM) / 2)


def test_levels_marks_and_spans_lie_within_the_chart():
    figure = drawn({'a': [(0, 1), (4, 2)]}, levels={'high': 4}, marks={2: 'boom'}, span=(0,))
    by_class = {element.get('class'): element for element in figure.iter('line')}
    assert float(by_class['level'].get('y1')) == TOP
    assert np.isclose(float(by_class['mark'].get('x1')), (LEFT + WIDTH - RIGHT) / 2)
    assert '2: boom' in [text for text in figure.itertext()]
    (line,) = places(figure)
    assert np.isclose(line[0, 1], TOP + 0.75 * (HEIGHT - BOTTOM - TOP), atol=0.1)


def test_what_spans_much_has_a_logarithmic_scale():
    (wide,) = places(drawn({'a': [(0, 1), (1, 10), (2, 100)]}))
    assert np.isclose(wide[1, 1], (wide[0, 1] + wide[2, 1]) / 2)
    for points in ([(0, 0), (1, 10), (2, 100)], [(0, 50), (1, 75), (2, 100)]):
        (plain,) = places(drawn({'a': points}))
        share = (points[1][1] - points[0][1]) / (points[2][1] - points[0][1])
        assert np.isclose(plain[1, 1], plain[0, 1] + share * (plain[2, 1] - plain[0, 1]), atol=0.1)


@pytest.mark.parametrize(
    ('values', 'logarithmic', 'expected'),
    [
        ((0, 1), False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ((0, 20000), False, [0, 5000, 10000, 15000, 20000]),
        ((-3, 4), False, [-2, 0, 2, 4]),
        ((0.0002, 0.00021), False, [0.0002, 0.000202, 0.000204, 0.000206, 0.000208, 0.00021]),
        ((0.5, 300000), True, [1, 10, 100, 1000, 10000, 100000]),
        ((2, 90), True, [2, 5, 10, 20, 50]),
    ],
)
def test_ticks_are_round(values, logarithmic, expected):
    assert np.allclose(Axis(values, 0, 1, logarithmic).ticks(), expected)


def test_long_curves_are_thinned_to_means():
    points = [(i, i % 2) for i in range(4000)]
    few = thinned(points, 100)
    assert len(few) == 100 and np.allclose([y for _, y in few], 0.5)
    assert np.isclose(np.mean([x for x, _ in few]), np.mean([x for x, _ in points]))
    holed = thinned([(i, NAN if i < 40 else 1) for i in range(400)], 100)
    assert [math.isnan(y) for _, y in holed] == [True] * 10 + [False] * 90
    assert thinned(points[:100], 100) == points[:100]


def test_names_are_escaped():
    bad = '<script>alert("1")</script>&'
    text = line_chart({bad: [(0, 1), (1, 2)]}, title=bad, x_label=bad, levels={bad: 1.5}, marks={0.5: bad})
    assert '<script' not in text and ElementTree.fromstring(text) is not None
    assert len(re.findall(re.escape(bad), unescape(text))) >= 6


def test_the_legend_has_the_last_number():
    figure = drawn({'loss': [(0, 1), (1, 0.123456), (2, NAN)]})
    assert [element.text for element in figure.iter('b')] == ['0.1235']
    assert number(12345.6) == '12,346' and number(NAN) == 'not finite'


def test_too_many_curves_are_refused():
    with pytest.raises(ValueError, match=f'at most {LINES}'):
        line_chart({str(i): [(0, 1)] for i in range(LINES + 1)}, title='x')
