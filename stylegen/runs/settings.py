"""Settings that several programs share: the feature network, the machine and the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stylegen.networks.registry import PRECISIONS
from stylegen.utils.choices import JIT
from stylegen.utils.errors import UserError
from stylegen.utils.memory import AUTO, FREE_SHARE, parse_memory
from stylegen.utils.settings import Settings, setting


def read_memory(given: str | float, name: str) -> str | float:
    """A memory limit as it is given: 'auto', a text such as '4GB', or a number of bytes.

    Raises:
        UserError: It is no size.
    """
    if not isinstance(given, str) and not 0 < given < math.inf:
        raise UserError(f'expected {name} to be a number of bytes above 0, got {given!r}')
    if given != AUTO:
        parse_memory(given)
    return given


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """Settings that choose the feature network."""

    network: Any = setting(
        'auto', "auto, a name, a .keras file, or 'list' to see all names", group='Network', kind='path'
    )
    weights: str | None = setting(
        None,
        'weights for the network: .h5, .weights.h5, .keras or, of Caffe, .caffemodel',
        group='Network',
        kind='path',
    )


@dataclass(frozen=True, kw_only=True)
class MemorySettings(Settings):
    """How much memory a program takes. It changes the picture only by rounding."""

    max_memory: str | float = setting(
        'auto',
        'memory limit, such as 4GB; larger pictures are cut into tiles; '
        f'auto: up to {FREE_SHARE:.0%} of the free memory',
        group='Machine',
        read=read_memory,
    )


@dataclass(frozen=True, kw_only=True)
class MachineSettings(MemorySettings):
    """Settings that choose how the machine is used. They change the picture only by rounding."""

    jit: str = setting('auto', 'compile with XLA; auto: only on a GPU', group='Machine', choices=JIT)
    precision: str = setting(
        'auto', 'precision of the network; everything else is float32', group='Machine', choices=PRECISIONS
    )


@dataclass(frozen=True, kw_only=True)
class ResultSettings(Settings):
    """Settings that choose where and how results and the state are saved."""

    output: str | None = setting(None, 'file or folder for the result', group='Pictures', kind='path')
    sidecar: bool = setting(False, 'also write the settings as JSON beside the result', group='Pictures')
    depth: int = setting(8, 'bits per channel of a PNG or TIFF: 8 or 16', group='Pictures')
    overwrite: bool = setting(False, 'with many results: make existing ones again', group='Pictures')
    replay: str | None = setting(
        None, 'result to make again; flags that are typed win over its settings', group='Pictures', kind='path'
    )
    save_every: int | None = setting(
        None, 'number of steps between saves of the unfinished picture', group='Pictures', at_least=1
    )
    workdir: str | None = setting(
        None, 'folder for the state; the same command continues from it', group='Machine', kind='path'
    )
