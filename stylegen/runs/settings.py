"""Settings that several programs have: of the network that looks, of the machine, and of what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stylegen.networks.registry import PRECISIONS
from stylegen.utils.choices import JIT
from stylegen.utils.memory import FREE_SHARE
from stylegen.utils.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """The network that looks at pictures."""

    network: Any = setting(
        'auto', "auto, a name, a .keras file, or 'list' to see what there is", group='Network', kind='path'
    )
    weights: str | None = setting(
        None,
        'weights for the network: .h5, .weights.h5, .keras or, of Caffe, .caffemodel',
        group='Network',
        kind='path',
    )


@dataclass(frozen=True, kw_only=True)
class MachineSettings(Settings):
    """How the machine is used. The picture is the same, but for rounding."""

    max_memory: str | float = setting(
        'auto',
        'memory to stay within, such as 4GB, by cutting larger pictures up; '
        f'auto is up to {FREE_SHARE:.0%} of what is free',
        group='Machine',
    )
    jit: str = setting('auto', 'compile with XLA; auto: on a GPU', group='Machine', choices=JIT)
    precision: str = setting('auto', 'of the network; everything else is float32', group='Machine', choices=PRECISIONS)


@dataclass(frozen=True, kw_only=True)
class ResultSettings(Settings):
    """How results are written, and kept on the way."""

    output: str | None = setting(None, 'where the result goes', group='Pictures', kind='path')
    sidecar: bool = setting(False, 'write the settings beside the result too, as JSON', group='Pictures')
    depth: int = setting(8, 'bits a channel of a PNG or TIFF: 8 or 16', group='Pictures')
    overwrite: bool = setting(False, 'of many results: make those again that are there', group='Pictures')
    replay: str | None = setting(
        None, 'a result: make it again; what is typed beside it wins', group='Pictures', kind='path'
    )
    save_every: int | None = setting(None, 'save the picture so far every so many steps', group='Pictures', at_least=1)
    workdir: str | None = setting(
        None, 'folder that keeps the state: the same command again goes on', group='Machine', kind='path'
    )
