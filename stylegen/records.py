"""What a result must carry so that it can be made again: settings, versions, hashes."""

from collections.abc import Mapping
from importlib import metadata
from typing import Any

import stylegen

PACKAGES = ('tensorflow', 'keras', 'numpy', 'pillow')


def versions() -> dict[str, str]:
    """The versions of the packages that a result depends on."""
    return {name: metadata.version(name) for name in PACKAGES}


def record(program: str, settings: Mapping[str, Any], inputs: Mapping[str, str], weights) -> dict[str, Any]:
    """The record of a run.

    Args:
        program: Its name, such as 'stylegen.deepdream'.
        settings: Keyword arguments of the function that did the work.
        inputs: sha256 by path.
        weights: The network's `WeightsSource`.
    """
    return {
        'program': program,
        'version': stylegen.__version__,
        'settings': dict(settings),
        'inputs': dict(inputs),
        'weights': {'file': str(weights.path), 'sha256': weights.sha256, 'origin': weights.origin},
        'packages': versions(),
    }
