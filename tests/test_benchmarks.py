"""Benchmarks say the precision of every row, and measure in it; nothing is timed here."""

import importlib
import sys
from types import SimpleNamespace

import pytest
from absl import flags

from tests.conftest import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a benchmark, and takes its flags back."""
    monkeypatch.syspath_prepend(str(ROOT / 'experiments' / 'benchmarks'))
    before = set(sys.modules), set(flags.FLAGS)
    yield importlib.import_module
    for name in set(flags.FLAGS) - before[1]:
        delattr(flags.FLAGS, name)
    for name in set(sys.modules) - before[0]:
        if str(getattr(sys.modules[name], '__file__', None)).startswith(str(ROOT / 'experiments')):
            del sys.modules[name]


def tables(benchmark, name):
    """The rows of each table of a benchmark: {row: its options}."""
    module = benchmark(name)
    if name == 'backend':
        return [{row: {'precision': policy} for row, (_, _, policy) in module.ROWS.items()}]
    parts = module.PROGRAMS.values() if name == 'dcgan' else [module.PROGRAMS]
    return [{row: getattr(program, 'keywords', {}) for row, program in part.items()} for part in parts]


@pytest.mark.parametrize('name', ['style', 'deepdream', 'dcgan', 'backend'])
def test_every_row_says_its_precision_and_ours_is_there_in_both(benchmark, name):
    policies = benchmark('measuring').POLICIES
    for rows in tables(benchmark, name):
        said = {row: row.rpartition(', ')[2] for row in rows if row != 'batch'}
        assert set(said.values()) == set(policies)
        ours = {row: options for row, options in rows.items() if 'precision' in options}
        assert ours and all(options['precision'] == policies[said[row]] for row, options in ours.items())
        names = {row.rpartition(', ')[0] for row in ours}
        assert {f'{one}, {precision}' for one in names for precision in policies} == set(ours)
        for row in set(said) - set(ours):
            assert said[row] == ('bfloat16' if rows[row].get('bfloat16') else 'float32')


def test_a_share_of_the_peak_is_of_the_peak_in_the_row_s_precision(benchmark, monkeypatch):
    style = benchmark('style')
    asked = []
    monkeypatch.setattr(style, 'peak_flops', lambda precision: asked.append(precision) or 1.0)
    ticking = lambda content, style, weights, steps, clock: [clock.tick() for _ in range(3)]
    monkeypatch.setattr(style, 'PROGRAMS', dict.fromkeys(style.PROGRAMS, ticking))
    for row in style.PROGRAMS:
        style.gradient_child(row, 16, 2, None)
        assert asked.pop() == row.rpartition(', ')[2]


def test_a_network_of_another_precision_is_not_measured(benchmark, monkeypatch, random_mini):
    from stylegen.networks import feature_extractor

    measuring, style = benchmark('measuring'), benchmark('style')
    networks = {
        policy: feature_extractor('mini', ('block1_conv1',), precision=policy)
        for policy in ('float32', 'mixed_bfloat16')
    }
    for policy, network in networks.items():
        measuring.check_precision(network, policy)
        other = next(one for one in networks if one != policy)
        with pytest.raises(
            ValueError, match=f'the network computes in {policy.removeprefix("mixed_")}, not in {other}'
        ):
            measuring.check_precision(network, other)
    deaf = lambda **settings: SimpleNamespace(extractor=networks['float32'])  # to --precision
    monkeypatch.setattr('stylegen.style.Stylizer', deaf)
    with pytest.raises(ValueError, match='not in mixed_bfloat16'):
        style.ours(None, None, None, 1, None, 'mixed_bfloat16')


def test_the_peak_is_measured_in_the_precision_that_is_asked_for(benchmark, monkeypatch):
    from stylegen.utils.backend import tf

    seen = []
    convolve = tf.nn.conv2d
    monkeypatch.setattr(tf.nn, 'conv2d', lambda x, *args: seen.append(x.dtype.name) or convolve(x[:1, :8, :8], *args))
    for precision in ('float32', 'bfloat16'):
        assert benchmark('measuring').peak_flops(precision) > 0
        assert set(seen) == {precision}
        seen.clear()
