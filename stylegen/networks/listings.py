"""Lists networks, layers and classes as lines of text."""

from stylegen.networks import pretrained
from stylegen.networks.catalog import FALLBACK, NETWORKS
from stylegen.networks.classes import class_names
from stylegen.networks.registry import layer_table
from stylegen.utils.errors import UserError


def list_networks() -> list[str]:
    """Returns a line for each network: its name, its download, its smallest picture and its description."""
    lines = []
    for name, network in NETWORKS.items():
        size = f'{network.megabytes} MB' if network.megabytes else 'embedded'
        lines.append(f'{name:<16} {size:>8}  from {network.min_size:>2} px  {network.description}')
    return lines


def list_layers(network: str) -> list[str]:
    """Returns a heading and a line for each layer of a network, with stride and channels."""
    heading = f'{f"layers of {network}":<40} stride  channels'
    return [heading, *(f'{row.name:<40} {row.stride:>6}  {row.channels:>8}' for row in layer_table(network))]


def list_classes(network: str) -> list[str]:
    """Returns a line for each class of a network, with its number."""
    return [f'{number:>4}  {name}' for number, name in enumerate(class_names(network))]


def resolve_network(network: str, first_choice: str, embedded: str = FALLBACK) -> str:
    """Returns the network that 'auto' means on this machine without a download; any other name is returned unchanged.

    Args:
        network: A network or 'auto'.
        first_choice: What 'auto' means if its weights are here.
        embedded: What 'auto' means otherwise.
    """
    if network != pretrained.AUTO:
        return network
    try:
        pretrained.find_weights(first_choice, offline=True)
    except UserError:
        return embedded
    return first_choice
