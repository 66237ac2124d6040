"""What a program can be asked for, as lines of text: networks, and the layers and classes of one."""

from stylegen.networks import pretrained
from stylegen.networks.catalog import FALLBACK, NETWORKS
from stylegen.networks.classes import class_names
from stylegen.networks.registry import layer_table
from stylegen.utils.errors import UserError


def list_networks() -> list[str]:
    """The networks that there are: what they are, what has to be downloaded, the smallest picture."""
    lines = []
    for name, network in NETWORKS.items():
        size = f'{network.megabytes} MB' if network.megabytes else 'embedded'
        lines.append(f'{name:<16} {size:>8}  from {network.min_size:>2} px  {network.description}')
    return lines


def list_layers(network: str) -> list[str]:
    """The layers of a network with their strides and channels, under a heading."""
    heading = f'{f"layers of {network}":<40} stride  channels'
    return [heading, *(f'{row.name:<40} {row.stride:>6}  {row.channels:>8}' for row in layer_table(network))]


def list_classes(network: str) -> list[str]:
    """The classes of a network with their numbers."""
    return [f'{number:>4}  {name}' for number, name in enumerate(class_names(network))]


def settled_network(network: str, first_choice: str, embedded: str = FALLBACK) -> str:
    """The network, or what 'auto' takes on this machine without a download: the first choice, or the embedded one."""
    if network != pretrained.AUTO:
        return network
    try:
        pretrained.find_weights(first_choice, offline=True)
    except UserError:
        return embedded
    return first_choice
