"""Plans the sizes, steps, windows and memory of a transfer before it runs. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylegen.optimize import pyramid
from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError
from stylegen.utils.memory import format_memory, parse_memory

COPIES = 14  # pictures of the whole size that Adam's loop holds at once
COPIES_PER_PAIR = 7  # more of them for each pair of L-BFGS: two in it, before a call, before a step and after it
LARGEST_CORE = 1024  # pixels: a larger window saves hardly any time
LEAST_HISTORY = 3  # pairs of L-BFGS


@dataclass(frozen=True)
class Stage:
    """One size of the picture.

    Attributes:
        size: (height, width) in pixels.
        steps: Steps of the optimiser at this size.
        core: Side of a window without its halo, in pixels; 0: the picture is worked on whole.
    """

    size: tuple[int, int]
    steps: int
    core: int


@dataclass(frozen=True)
class Plan:
    """What a transfer will use.

    Attributes:
        stages: From the smallest size to the picture's.
        history: Pairs that L-BFGS keeps; 0 for other optimisers.
        memory: Bytes that the stage takes which takes most.
        allowed: Bytes that it may take.
    """

    stages: tuple[Stage, ...]
    history: int
    memory: float
    allowed: float


@dataclass(frozen=True)
class Costs:
    """What the features of a network cost.

    Attributes:
        per_pixel: Bytes of features for each pixel of a window.
        per_target_pixel: Bytes of targets for each pixel of the picture.
        halo: Pixels that a window needs around its core; None: the network cannot work by windows.
        stride: The largest stride of the layers; a core is a multiple of it.
        smallest: The least side that the network takes, in pixels.
        margin: Pixels around the picture that are painted and cut off.
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
    while history > LEAST_HISTORY and _resident_bytes(costs, shape, history) > memory / 2:
        history -= 1
    cores = [core for size in sizes if (core := _fitting_core(costs, size, memory, history)) is not None]
    if len(cores) < len(sizes):
        raise _too_large(costs, shape, memory, history)
    stages = tuple(Stage(*of_size) for of_size in zip(sizes, steps, cores, strict=True))
    needed = max(
        _resident_bytes(costs, stage.size, history) + _feature_bytes(costs, stage.size, stage.core) for stage in stages
    )
    return Plan(stages, history, needed, memory)  # a whole small size may take more than a window of a large one


def style_core(costs: Costs, size: tuple[int, int], memory: float) -> int:
    """Side of the windows that a style's picture of this size is measured by; 0: it is measured whole."""
    if costs.halo is None or _feature_bytes(costs, size, 0) <= memory:
        return 0
    return max(_largest_core(costs, costs.halo, memory), _smallest_core(costs))


def _resident_bytes(costs: Costs, size: tuple[int, int], history: int) -> float:
    """Bytes of the pictures, the optimiser's state and the targets: as many with windows as without."""
    return size[0] * size[1] * ((COPIES + COPIES_PER_PAIR * history) * 3 * 4 + costs.per_target_pixel)


def _feature_bytes(costs: Costs, size: tuple[int, int], core: int) -> float:
    """Bytes of the features of one window, or of the whole picture (core 0)."""
    sides = [side + 2 * costs.margin for side in size]
    if core:
        sides = [min(side, core + 2 * (costs.halo or 0)) for side in sides]
    return sides[0] * sides[1] * costs.per_pixel


def _smallest_core(costs: Costs) -> int:
    """Side of the smallest core that a window may have."""
    return max(2 * costs.stride, -(-costs.smallest // costs.stride) * costs.stride)


def _largest_core(costs: Costs, halo: int, memory: float) -> int:
    """Side of the largest core whose window fits in so many bytes."""
    side = (max(0, memory) / costs.per_pixel) ** 0.5
    return min(LARGEST_CORE, int(side - 2 * halo) // costs.stride * costs.stride)


def _fitting_core(costs: Costs, size: tuple[int, int], memory: float, history: int) -> int | None:
    """Side of a window's core; 0 where the whole picture fits, None where no window does."""
    room = memory - _resident_bytes(costs, size, history)
    if _feature_bytes(costs, size, 0) <= room:
        return 0
    if costs.halo is None or (core := _largest_core(costs, costs.halo, room)) < _smallest_core(costs):
        return None
    longest = max(size) + 2 * costs.margin
    count = -(-longest // core)
    return -(-longest // count // costs.stride) * costs.stride  # near-equal windows


def _too_large(costs: Costs, shape: tuple[int, int], memory: float, history: int) -> UserError:
    """The error that says how much memory the picture would take, and which size would fit."""
    features = _feature_bytes(costs, shape, 0 if costs.halo is None else _smallest_core(costs))
    needed = format_memory(_resident_bytes(costs, shape, history) + features)
    sides = [(max(1, shape[0] * part // 100), max(1, shape[1] * part // 100)) for part in range(99, 0, -1)]
    fitting = next((max(size) for size in sides if _fitting_core(costs, size, memory, history) is not None), 0)
    smaller = f', give a --size of up to {fitting}' if fitting else ''
    other = ' or another network: this one cannot work by windows' if costs.halo is None else ''
    return UserError(
        f'{shape[1]} x {shape[0]} takes at least {needed} with this network and optimiser, '
        f'{format_memory(memory)} is allowed; raise --max_memory{smaller}{other}'
    )
