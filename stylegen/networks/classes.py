"""The names of a network's classes. Importing this does not import TensorFlow."""

import json

from stylegen.networks.catalog import WeightsFile, network_row
from stylegen.networks.mini import mini_classes
from stylegen.networks.pretrained import published_file
from stylegen.networks.registry import class_count
from stylegen.utils.errors import MissingFromNetwork, UserError, unknown

IMAGENET_INDEX = WeightsFile(
    'download.tensorflow.org/data/', 'imagenet_class_index.json', 'c2c37ea517e94d9795004a39431a14cb', 0
)


def class_names(network: str) -> tuple[str, ...]:
    """Returns the names of a network's classes, in the order of the channels of its layer 'classes'.

    The names of ImageNet's classes are in a file of keras.applications, which is found or downloaded like weights. The
    classes of a `.keras` file are named by their numbers.

    Raises:
        UserError: The network is unknown or has no classifier, or the names are missing and cannot be downloaded.

    Example:
        'sunflower' in class_names('mini')  # True
    """
    row = network_row(network)
    if row.name == 'mini':
        return mini_classes()
    if not row.files:
        return tuple(str(number) for number in range(class_count(network)))
    source = published_file(
        (IMAGENET_INDEX,), f'naming a class of {network}', 'put it there, or give the number of the class'
    )
    index = json.loads(source.path.read_text())
    return tuple(index[str(number)][1] for number in range(len(index)))


def find_class(network: str, text: str | int) -> int:
    """Returns the number of a class, from 0, which is its channel in the layer 'classes'.

    Args:
        network: A name in `NETWORKS`, or the path of a `.keras` file, whose classes have numbers only.
        text: The number or the name. Case, spaces and punctuation are ignored unless they distinguish two names.

    Raises:
        MissingFromNetwork: No class has that name or number; the error names similar ones. Or the names of ImageNet are
            missing and cannot be downloaded, see `class_names`; numbers need no names.
        UserError: Two classes have the name (ImageNet has two cranes).

    Example:
        find_class('mini', 'ship') == class_names('mini').index('ship')  # True
    """
    text = str(text).strip()
    if text.removeprefix('-').isdecimal():
        count = class_count(network)
        if not 0 <= int(text) < count:
            raise MissingFromNetwork(f'{network} has no class {text}; there are 0 to {count - 1}')
        return int(text)
    if network.endswith('.keras'):
        raise UserError(f'the classes of {network} have no names; give a number from 0 to {class_count(network) - 1}')
    names = class_names(network)
    found = [number for number, name in enumerate(names) if name == text]
    found = found or [number for number, name in enumerate(names) if _letters(name) == _letters(text)]
    if not found:
        raise unknown(f'class of {network}', text, names, MissingFromNetwork)
    if len(found) > 1:
        raise UserError(
            f'{text!r} is the name of classes {" and ".join(map(str, found))} of {network}; give the number'
        )
    return found[0]


def _letters(name: str) -> str:
    return ''.join(character for character in name.casefold() if character.isalnum())
