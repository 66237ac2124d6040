"""What a dream is about, settled for one network: layers, channels, classes, guides and regions with their weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylegen.deepdream.presets import GUIDE_LAYERS, LAYERS
from stylegen.deepdream.targets import Target, parse_target
from stylegen.networks.catalog import CLASSES
from stylegen.networks.classes import find_class
from stylegen.utils.errors import UserError, unknown

Weights = Mapping[str, float]  # by target, as it is typed


@dataclass(frozen=True)
class Subject:
    """Targets with their weights: of the whole picture, of the guides' matches, and of each region."""

    targets: Mapping[Target, float]
    guided: Mapping[Target, float]
    regions: tuple[Mapping[Target, float], ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The network's layers that are needed, each once."""
        every = [*self.targets, *self.guided, *(target for region in self.regions for target in region)]
        return tuple(dict.fromkeys(target.layer for target in every))

    def check(self, channels: Mapping[str, int]) -> None:
        """Refuses what the network does not have; `channels` is the depth of each of its layers.

        Raises:
            UserError: With what there is.
        """
        for target in [*self.targets, *self.guided, *(target for region in self.regions for target in region)]:
            if target.layer not in channels:
                raise unknown('layer', target.layer, channels)
            depth = channels[target.layer]
            if target.channels and max(target.channels) >= depth:
                raise UserError(f'{target.layer} has channels 0 to {depth - 1}, not {max(target.channels)}')


def settle(
    network: str,
    *,
    layers: Weights | None = None,
    classes: Weights | None = None,
    guides: int = 0,
    guide_layers: Weights | None = None,
    regions: Sequence[Weights] = (),
    default: Weights | None = None,
) -> Subject:
    """What is dreamt of in `network`, where some of it was asked for.

    Layers that are not named are the network's own choice, but only where no class, guide or region was named either.

    Args:
        network: Name of the network.
        layers: Weights by target, see `parse_target`.
        classes: Weights by name or number of a class.
        guides: How many guide pictures there are.
        guide_layers: Weights by layer whose activations are matched with the guides'.
        regions: Weights by target, for each region.
        default: The network's own choice, in place of the one in `presets`.

    Raises:
        UserError: Nothing is left to dream of, or a name is none.
    """
    if layers is None and not (classes or guides or regions):
        layers = LAYERS.get(network) if default is None else default
        if layers is None:
            raise UserError(f'{network} has no layers of its own choice; name some with --layers (--layers=list)')
    named = [(name, parse_target(name), weight) for name, weight in (layers or {}).items()]
    for name, weight in (classes or {}).items():
        named.append((name, Target(CLASSES, (find_class(network, name),)), weight))
    targets = _each_once(named)
    guided = {}
    if guides:
        if guide_layers is None:
            guide_layers = GUIDE_LAYERS.get(network) or default
        if guide_layers is None:
            raise UserError(f'{network} has no layers of its own choice for guides; name some with --guide_layers')
        guided = _parsed(guide_layers)
        for target in guided:
            if target.channels:
                raise UserError(f'{target}: a guide is matched on whole layers; name {target.layer}')
    elif guide_layers:
        raise UserError('there are layers for a guide, but no guide; give one with --guide')
    placed = tuple(_parsed(region) for region in regions)
    subject = Subject(targets, guided, placed)
    if not any(weight for part in (targets, guided, *placed) for weight in part.values()):
        raise UserError('every layer has weight 0, so there is nothing to dream of; give one another weight')
    return subject


def _parsed(weights: Weights) -> dict[Target, float]:
    return _each_once([(name, parse_target(name), weight) for name, weight in weights.items()])


def _each_once(named: Sequence[tuple[str, Target, float]]) -> dict[Target, float]:
    """Weights by target, from what was typed, what it means and its weight; no two names may mean the same."""
    first: dict[Target, str] = {}
    for name, target, _ in named:
        if target in first:
            raise UserError(f'{first[target]!r} and {name!r} are both {target}; name it once, with one weight')
        first[target] = name
    return {target: weight for _, target, weight in named}
