"""Sizes, steps, windows and memory of a transfer, before it runs."""

import dataclasses

import pytest

from stylegen.style.plan import LEAST_HISTORY, Costs, plan, steps_by_size, style_core
from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError

COSTS = Costs(per_pixel=4000, per_target_pixel=100, halo=48, stride=16, smallest=16, margin=8)
PLENTY = 1e12


def planned(shape=(600, 800), memory=PLENTY, costs=COSTS, **settings):
    return plan(costs, shape, StyleSettings(max_memory=memory, **settings))


def test_sizes_grow_by_the_ratio_from_the_smallest_to_the_picture():
    sizes = [stage.size for stage in planned(smallest_size=96).stages]
    assert sizes == [(75, 100), (106, 141), (150, 200), (212, 283), (300, 400), (424, 566), (600, 800)]
    assert [stage.size for stage in planned(smallest_size=10**9).stages] == [(600, 800)]
    doubled = planned(size_ratio=2, smallest_size=200).stages
    assert [stage.size for stage in doubled] == [(150, 200), (300, 400), (600, 800)]
    assert next(stage.size for stage in planned((40, 800)).stages) == (20, 400)  # none too thin for the network


def test_steps_are_one_number_for_all_or_a_list_whose_last_goes_on():
    assert steps_by_size([7], 3) == [7, 7, 7]
    assert steps_by_size((9, 5), 4) == [9, 5, 5, 5]
    assert steps_by_size([4, 3, 2, 1], 2) == [4, 3]
    assert [stage.steps for stage in planned(size_ratio=2, smallest_size=200, iterations=(5, 0)).stages] == [5, 0, 0]


def test_windows_shrink_with_the_memory_and_fit_in_it():
    cores = []
    for memory in (3e9, 1.5e9, 8e8, 4e8, 3e8):
        made = planned(memory=memory, smallest_size=10**9)
        (stage,) = made.stages
        cores.append(stage.core)
        assert made.memory <= memory == made.allowed and stage.core % COSTS.stride == 0
    assert cores[0] == 0 and cores[1:] == sorted(cores[1:], reverse=True) and 0 < cores[-1] < cores[1]
    small, *_, large = planned(memory=8e8).stages
    assert small.core == 0 < large.core  # only what does not fit is cut


def test_the_memory_is_that_of_the_size_that_takes_most():
    """A size that just fits uncut takes more than a larger one in windows."""
    for memory in (3e9, 4e8, 1e9):
        made = planned(memory=memory)
        alone = [planned(stage.size, memory=memory, smallest_size=10**9) for stage in made.stages]
        assert [plan.stages[0].core for plan in alone] == [stage.core for stage in made.stages]
        assert made.memory == max(plan.memory for plan in alone) <= memory
    assert alone[-1].memory < made.memory  # at 1e9


def test_windows_are_nearly_equal():
    (stage,) = planned((700, 816), memory=1.5e9, smallest_size=10**9).stages
    sides = [min(832 - begin, stage.core) for begin in range(0, 832, stage.core)]
    assert len(sides) > 1 and sides[-1] > stage.core / 2


def test_what_does_not_fit_is_refused_with_what_would():
    with pytest.raises(
        UserError, match=r'800 x 600 takes at least \d+ MB .* 95.4 MB is allowed; raise --max_memory'
    ) as error:
        planned(memory=1e8)
    largest = int(str(error.value).rpartition(' ')[2])
    assert 100 < largest < 800 and planned((largest * 3 // 4, largest), memory=1e8).memory <= 1e8
    with pytest.raises(UserError, match=r'raise --max_memory$'):
        planned(memory=1000)


def test_a_network_that_cannot_be_cut_works_uncut_or_not_at_all():
    costs = dataclasses.replace(COSTS, halo=None)
    assert {stage.core for stage in planned(costs=costs).stages} == {0}
    with pytest.raises(UserError, match='another network: this one cannot work by windows'):
        planned(costs=costs, memory=1e9)
    assert style_core(costs, (9000, 9000), 1e8) == 0


def test_lbfgs_keeps_fewer_pairs_where_memory_is_short():
    kept = [planned(memory=memory, optimizer='lbfgs', history=10).history for memory in (PLENTY, 8e8, 6e8)]
    assert kept[0] == 10 and 10 > kept[1] > kept[2] >= LEAST_HISTORY
    assert planned(optimizer='lbfgs').memory > planned().memory
    assert planned().history == 0  # of Adam


def test_a_style_is_measured_whole_where_it_fits_and_else_by_windows_that_do():
    assert style_core(COSTS, (600, 800), 3e9) == 0
    core = style_core(COSTS, (600, 800), 5e8)
    assert 0 < core < 600 and core % 16 == 0 and (core + 96) ** 2 * 4000 <= 5e8
    assert style_core(COSTS, (600, 800), 1e3) == 32  # the least; a content that fits leaves more


@pytest.mark.parametrize(
    'shape, message',
    [((1, 1), '1 x 1; it needs at least 16 pixels a side'), ((15, 400), '400 x 15; it needs at least 16')],
)
def test_a_picture_too_small_for_the_network_is_refused(shape, message):
    with pytest.raises(UserError, match=message):
        planned(shape)
