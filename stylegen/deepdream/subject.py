"""The subject of a dream in one network: layers, channels, classes, guides and regions with their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylegen.deepdream.presets import GUIDE_LAYERS, LAYERS
from stylegen.deepdream.targets import Target, parse_target
from stylegen.networks.catalog import CLASSES
from stylegen.networks.classes import find_class
from stylegen.utils.errors import UserError, unknown

if TYPE_CHECKING:
    from stylegen.deepdream.settings import DreamSettings

Weights = Mapping[str, float]  # by target, as people type it


@dataclass(frozen=True)
class Subject:
    """What is dreamt of.

    Attributes:
        targets: Weights by target, of the whole picture, or of what no region covers.
        guided: Weights by layer that is compared with the guides'.
        regions: Weights by target, for each region.
    """

    targets: Mapping[Target, float]
    guided: Mapping[Target, float]
    regions: tuple[Mapping[Target, float], ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of the network that it reads, each once."""
        return tuple(dict.fromkeys(target.layer for target in self._all_targets))

    @property
    def has_rest(self) -> bool:
        """Whether `targets` act where no region is."""
        return bool(self.regions and self.targets)

    @property
    def _all_targets(self) -> list[Target]:
        return [*self.targets, *self.guided, *(target for region in self.regions for target in region)]

    def check(self, channels: Mapping[str, int]) -> None:
        """Refuses layers and channels that the network does not have.

        Args:
            channels: The number of channels of each layer.

        Raises:
            UserError: With those that there are.
        """
        for target in self._all_targets:
            if target.layer not in channels:
                raise unknown('layer', target.layer, channels)
            depth = channels[target.layer]
            if target.channels and max(target.channels) >= depth:
                raise UserError(f'{target.layer} has channels 0 to {depth - 1}, not {max(target.channels)}')


def choose_subject(
    network: str,
    settings: DreamSettings,
    *,
    guides: int = 0,
    regions: Sequence[Weights] = (),
    default: Weights | None = None,
) -> Subject:
    """The subject of a dream in `network`.

    Where the settings name no layers it takes the network's own, but only where there is no class, guide or region.

    Args:
        network: Name of the network.
        settings: With layers, classes and guide_layers.
        guides: How many guide pictures there are.
        regions: Weights by target, for each region.
        default: Replaces the network's own layers.

    Raises:
        UserError: Nothing is left to dream of, or the network has no such class.
    """
    layers, classes, guide_layers = settings.layers, settings.classes, settings.guide_layers
    if layers is None and not (classes or guides or regions):
        layers = LAYERS.get(network) if default is None else default
        if layers is None:
            raise UserError(
                f'{network} has no layers that it dreams of by default; name some with --layers (--layers=list)'
            )
    named = [(name, parse_target(name), weight) for name, weight in (layers or {}).items()]
    for name, weight in (classes or {}).items():
        named.append((name, Target(CLASSES, (find_class(network, name),)), weight))
    targets = _by_target(named)
    guided = {}
    if guides:
        if guide_layers is None:
            guide_layers = GUIDE_LAYERS.get(network) or default
        if guide_layers is None:
            raise UserError(
                f'{network} has no layers that it compares with guides by default; name some with --guide_layers'
            )
        guided = _parsed(guide_layers)
        for target in guided:
            if target.channels:
                raise UserError(f'{target}: a guide is compared by whole layers; name {target.layer}')
    elif guide_layers:
        raise UserError('there are layers for a guide, but no guide; give one with --guide')
    of_regions = tuple(_parsed(region) for region in regions)
    subject = Subject(targets, guided, of_regions)
    if not any(weight for part in (targets, guided, *of_regions) for weight in part.values()):
        raise UserError('every layer has weight 0, so there is nothing to dream of; give one another weight')
    return subject


def weights_by_name(weights: Mapping[Target, float]) -> dict[str, float]:
    """The same weights with the targets as people type them."""
    return {str(target): weight for target, weight in weights.items()}


def _parsed(weights: Weights) -> dict[Target, float]:
    return _by_target([(name, parse_target(name), weight) for name, weight in weights.items()])


def _by_target(named: Sequence[tuple[str, Target, float]]) -> dict[Target, float]:
    """Weights by target, of triples of a name, its target and its weight.

    Raises:
        UserError: Two names mean the same target.
    """
    first: dict[Target, str] = {}
    for name, target, _ in named:
        if target in first:
            raise UserError(f'{first[target]!r} and {name!r} are both {target}; name it once, with one weight')
        first[target] = name
    return {target: weight for _, target, weight in named}
