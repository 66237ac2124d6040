"""What a transfer will use, before it runs: sizes, steps, windows, memory. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylegen import pyramid
from stylegen.errors import UserError

COARSEST = 96  # pixels: longest side of the first size, or somewhat more
COPIES = 14  # pictures of the whole size that Adam's loop holds at once, besides the history of L-BFGS
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
    """The stages from the smallest size, pairs that L-BFGS keeps, and the bytes predicted at the last."""

    stages: tuple[Stage, ...]
    history: int
    memory: float


@dataclass(frozen=True)
class Costs:
    """What the features of a network cost: bytes for a pixel of a window and of targets; the halo and so on."""

    per_pixel: float
    per_target_pixel: float
    halo: int
    stride: int
    smallest: int
    margin: int


def steps_by_size(iterations: int | Sequence[int], count: int) -> list[int]:
    """Steps of each of `count` sizes: one number for all, or a list whose last one goes on."""
    given = [iterations] if isinstance(iterations, int) else list(iterations)
    if not given or min(given) < 0:
        raise UserError(f'expected numbers of steps from 0, got {list(given)}')
    return (given + given[-1:] * count)[:count]


def plan(
    costs: Costs,
    shape: tuple[int, int],
    scale: float,
    iterations: int | Sequence[int],
    memory: float,
    history: int = 0,
    coarsest: int = COARSEST,
) -> Plan:
    """Sizes that grow by `scale` up to `shape`, and windows where the whole does not fit in `memory` bytes.

    Raises:
        UserError: The picture is too small for the network, or too large for the memory, with what would fit.
    """
    least = max(costs.smallest, 16, costs.margin + 1)
    if min(shape) < least:
        raise UserError(f'the picture is {shape[1]} x {shape[0]}; it needs at least {least} pixels a side: see --size')
    count = 1
    while max(shape) / scale**count >= coarsest:
        count += 1
    sizes = pyramid.octave_sizes(shape, count, scale, least)
    steps = steps_by_size(iterations, len(sizes))
    while history > LEAST_HISTORY and _fixed(costs, shape, history) > memory / 2:
        history -= 1
    stages = [Stage(size, n, _core(costs, size, memory, history)) for size, n in zip(sizes, steps, strict=True)]
    last = stages[-1]
    return Plan(tuple(stages), history, _fixed(costs, shape, history) + _work(costs, shape, last.core))


def _fixed(costs, size, history):
    return size[0] * size[1] * ((COPIES + 2 * history) * 3 * 4 + costs.per_target_pixel)


def _work(costs, size, core):
    sides = [min(side + 2 * costs.margin, core + 2 * costs.halo if core else side + 2 * costs.margin) for side in size]
    return sides[0] * sides[1] * costs.per_pixel


def _core(costs: Costs, size: tuple[int, int], memory: float, history: int) -> int:
    fixed = _fixed(costs, size, history)
    if fixed + _work(costs, size, 0) <= memory:
        return 0
    most = ((memory - fixed) / costs.per_pixel) ** 0.5 if memory > fixed else 0
    core = int(most - 2 * costs.halo) // costs.stride * costs.stride
    least = max(2 * costs.stride, -(-costs.smallest // costs.stride) * costs.stride)
    if core < least:
        needed = fixed + (least + 2 * costs.halo) ** 2 * costs.per_pixel
        raise UserError(
            f'{size[1]} x {size[0]} takes at least {pyramid.format_memory(needed)} with this network and optimiser, '
            f'{pyramid.format_memory(memory)} is allowed; raise --max_memory or give a smaller --size'
        )
    core = min(core, LARGEST_CORE)
    longest = max(size) + 2 * costs.margin
    count = -(-longest // core)
    return -(-longest // count // costs.stride) * costs.stride  # near-equal windows
