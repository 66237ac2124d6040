"""What a transfer will use, before it runs: sizes, steps, windows, memory. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylegen.optimize import pyramid
from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory, parse_memory

COPIES = 14  # pictures of the whole size that Adam's loop holds at once
PAIR = 7  # more of them for a pair of L-BFGS: its two, before a call, before a step and after it
LARGEST_CORE = 1024  # pixels: a larger window saves next to nothing
LEAST_HISTORY = 3  # pairs of L-BFGS


@dataclass(frozen=True)
class Stage:
    """One size: (height, width), steps, side of a window's core (0: uncut)."""

    size: tuple[int, int]
    steps: int
    core: int


@dataclass(frozen=True)
class Plan:
    """The stages from the smallest size, pairs that L-BFGS keeps, bytes that the hungriest takes, and bytes allowed."""

    stages: tuple[Stage, ...]
    history: int
    memory: float
    allowed: float


@dataclass(frozen=True)
class Costs:
    """What the features of a network cost: bytes for a pixel of a window and of targets; the halo and so on.

    A `halo` of None is that of a network that cannot work by windows.
    """

    per_pixel: float
    per_target_pixel: float
    halo: int | None
    stride: int
    smallest: int
    margin: int


def steps_by_size(iterations: Sequence[int], count: int) -> list[int]:
    """Steps of each of `count` sizes; the last number repeats."""
    given = list(iterations)
    return (given + given[-1:] * count)[:count]


def plan(costs: Costs, shape: tuple[int, int], settings: StyleSettings) -> Plan:
    """Plans the sizes from the smallest to `shape`, and cuts those into windows that do not fit in the memory.

    Raises:
        UserError: The picture is too small for the network, or too large for the memory, with what would fit.
    """
    least = max(costs.smallest, 16, costs.margin + 1)
    if min(shape) < least:
        raise UserError(f'the picture is {shape[1]} x {shape[0]}; it needs at least {least} pixels a side: see --size')
    memory = parse_memory(settings.max_memory)
    count = 1
    while max(shape) / settings.size_ratio**count >= settings.smallest_size:
        count += 1
    sizes = pyramid.octave_sizes(shape, count, settings.size_ratio, least)
    steps = steps_by_size(settings.iterations, len(sizes))
    history = settings.history if settings.optimizer == 'lbfgs' else 0
    while history > LEAST_HISTORY and _fixed(costs, shape, history) > memory / 2:
        history -= 1
    cores = [core for size in sizes if (core := _core(costs, size, memory, history)) is not None]
    if len(cores) < len(sizes):
        raise _too_large(costs, shape, memory, history)
    stages = tuple(Stage(*of_size) for of_size in zip(sizes, steps, cores, strict=True))
    needed = max(_fixed(costs, stage.size, history) + _work(costs, stage.size, stage.core) for stage in stages)
    return Plan(stages, history, needed, memory)  # a small size that is not cut may take more than a large one that is


def style_core(costs: Costs, size: tuple[int, int], memory: float) -> int:
    """Side of the windows that a style's picture of this size is measured by; 0: it is measured whole."""
    if costs.halo is None or _work(costs, size, 0) <= memory:
        return 0
    return max(_widest(costs, memory), _least_core(costs))


def _fixed(costs, size, history):
    return size[0] * size[1] * ((COPIES + PAIR * history) * 3 * 4 + costs.per_target_pixel)


def _work(costs, size, core):
    sides = [side + 2 * costs.margin for side in size]
    if core:
        sides = [min(side, core + 2 * costs.halo) for side in sides]
    return sides[0] * sides[1] * costs.per_pixel


def _least_core(costs):
    return max(2 * costs.stride, -(-costs.smallest // costs.stride) * costs.stride)


def _widest(costs, memory):
    """Side of the widest window's core that this much memory is enough for."""
    side = (max(0, memory) / costs.per_pixel) ** 0.5
    return min(LARGEST_CORE, int(side - 2 * costs.halo) // costs.stride * costs.stride)


def _core(costs: Costs, size: tuple[int, int], memory: float, history: int) -> int | None:
    """Side of a window's core, 0 where the whole fits, None where nothing does."""
    room = memory - _fixed(costs, size, history)
    if _work(costs, size, 0) <= room:
        return 0
    if costs.halo is None or (core := _widest(costs, room)) < _least_core(costs):
        return None
    longest = max(size) + 2 * costs.margin
    count = -(-longest // core)
    return -(-longest // count // costs.stride) * costs.stride  # near-equal windows


def _too_large(costs: Costs, shape: tuple[int, int], memory: float, history: int) -> UserError:
    """Says how much it would take, and how large a picture may be."""
    work = _work(costs, shape, 0 if costs.halo is None else _least_core(costs))
    needed = format_memory(_fixed(costs, shape, history) + work)
    sides = [(max(1, shape[0] * part // 100), max(1, shape[1] * part // 100)) for part in range(99, 0, -1)]
    fitting = next((max(size) for size in sides if _core(costs, size, memory, history) is not None), 0)
    smaller = f', give a --size of up to {fitting}' if fitting else ''
    other = ' or another network: this one cannot work by windows' if costs.halo is None else ''
    return UserError(
        f'{shape[1]} x {shape[0]} takes at least {needed} with this network and optimiser, '
        f'{format_memory(memory)} is allowed; raise --max_memory{smaller}{other}'
    )
