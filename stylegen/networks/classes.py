"""The classes that a network tells apart, by name. Importing this does not import TensorFlow."""

import json

from stylegen.networks.catalog import WeightsFile, network_row
from stylegen.networks.mini import mini_classes
from stylegen.networks.pretrained import published_file
from stylegen.networks.registry import class_count
from stylegen.utils.errors import Missing, UserError, unknown

IMAGENET_INDEX = WeightsFile(
    'download.tensorflow.org/data/', 'imagenet_class_index.json', 'c2c37ea517e94d9795004a39431a14cb', 0
)


def class_names(network: str) -> tuple[str, ...]:
    """The names of a network's classes, in the order of the channels of its layer 'classes'.

    Those of ImageNet are in a file of keras.applications, found or fetched like weights. The classes of a `.keras` file
    have no names but their numbers.

    Raises:
        UserError: an unknown network or one without a classifier; names that are not there and cannot be fetched.
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
    """The number of a class, from 0: the channel of the layer 'classes'.

    Args:
        network: a name in `NETWORKS`, or the path of a `.keras` file, whose classes have numbers only.
        text: the number, or the name; case, spaces and punctuation do not count where they are not needed to tell
            two names apart.

    Raises:
        Missing: no class has that name or number; the nearest are named. The names of ImageNet are not there and cannot
            be fetched, see `class_names`; numbers never need them.
        UserError: two have it (ImageNet has two cranes).
    """
    text = str(text).strip()
    if text.removeprefix('-').isdecimal():
        count = class_count(network)
        if not 0 <= int(text) < count:
            raise Missing(f'{network} has no class {text}; there are 0 to {count - 1}')
        return int(text)
    if network.endswith('.keras'):
        raise UserError(f'the classes of {network} have no names; give a number from 0 to {class_count(network) - 1}')
    names = class_names(network)
    found = [number for number, name in enumerate(names) if name == text]
    found = found or [number for number, name in enumerate(names) if _letters(name) == _letters(text)]
    if not found:
        raise unknown(f'class of {network}', text, names, Missing)
    if len(found) > 1:
        raise UserError(
            f'{text!r} is the name of classes {" and ".join(map(str, found))} of {network}; give the number'
        )
    return found[0]


def _letters(name: str) -> str:
    return ''.join(character for character in name.casefold() if character.isalnum())
