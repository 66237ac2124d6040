"""The file of a one-pass network: its weights, its styles and their adapters in little space."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from stylegen.networks.embedded import as_float16
from stylegen.style.adapters import Adapter, adapted, rounded
from stylegen.style.norms import NetworkShape, with_all_noise
from stylegen.utils.npz import read_state, write_state

ADAPTER = 'adapter_norms', 'adapter_levels', 'adapter_scales'  # of a style
SCALE = '/scale'  # behind the name of a kernel that is kept in int8: what its channels are multiplied by


def read_network(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of a `OnePass`, of a file of `write_network` or of an earlier version. Any error is passed on."""
    settings, arrays = read_state(path)
    styles = settings['styles']
    norms, palettes, *parts = (
        {name: arrays.pop(f'{kind}/{name}') for name in styles if f'{kind}/{name}' in arrays}
        for kind in ('norms', 'palettes', *ADAPTER)
    )
    scales = {name: arrays.pop(name + SCALE) for name in [*arrays] if name + SCALE in arrays}
    weights = {name: array.astype(np.float32) * scales.get(name, np.float32(1)) for name, array in arrays.items()}
    return {
        'shape': NetworkShape(int(settings['width']), int(settings['blocks']), int(settings.get('deep', 0))),
        'arrays': with_all_noise(weights),
        'norms': {name: norms[name].astype(np.float32) for name in styles},
        'about': styles,
        'network': settings['network'],
        'layers': tuple(settings['layers']),
        'palettes': {name: palette.astype(np.float32) for name, palette in palettes.items()},
        'adapters': {name: Adapter(*(part[name] for part in parts)) for name in parts[0]},
    }


def write_network(path: str | os.PathLike[str], network: Mapping[str, Any], compact: bool) -> None:
    """Writes what `read_network` reads: float16, adapters and, in the compact form, kernels as int8 with their scales.

    Raises:
        ValueError: A value does not fit float16.
    """
    settings = {
        **vars(network['shape']),
        'styles': {name: dict(about) for name, about in network['about'].items()},
        'network': network['network'],
        'layers': list(network['layers']),
    }
    small, arrays = {}, dict(network['arrays'])
    for name in adapted(network['shape']) if compact else ():
        small[name], small[name + SCALE] = rounded(arrays.pop(name))
    for kind in ('norms', 'palettes'):
        arrays |= {f'{kind}/{name}': array for name, array in network[kind].items()}
    norms, levels, scales = ADAPTER
    for name, adapter in network['adapters'].items():
        arrays[f'{norms}/{name}'] = adapter.norms
        small |= {f'{levels}/{name}': adapter.levels, f'{scales}/{name}': adapter.scales}
    write_state(path, settings, as_float16(arrays) | small)
