"""What to dream of, as people type it: `block4_conv2`, `block4_conv2[3,17]`, `block4_conv2[3@0.5,0.25]`."""

import re
from dataclasses import dataclass

from stylegen.utils.errors import UserError

_FORM = 'expected LAYER, LAYER[CHANNEL,CHANNEL-CHANNEL,...] or LAYER[CHANNEL@X,Y] with X and Y from 0 to 1'


@dataclass(frozen=True)
class Target:
    """What becomes more active: a layer, channels of it, or one neuron.

    Attributes:
        layer: Name of the layer.
        channels: In ascending order. Empty: all channels.
        at: (x, y) of the neuron, as shares of the sides. None: the whole layer or channel.
    """

    layer: str
    channels: tuple[int, ...] = ()
    at: tuple[float, float] | None = None

    def __str__(self) -> str:
        if not self.channels:
            return self.layer
        position = '@' + ','.join(f'{share:.15f}'.rstrip('0').rstrip('.') for share in self.at) if self.at else ''
        return f'{self.layer}[{",".join(map(str, self.channels))}{position}]'


def parse_target(text: str) -> Target:
    """The target that a text names.

    Raises:
        UserError: The text has another form.
    """
    match = re.fullmatch(r'([^\[\]@]+)(?:\[([\d,\-\s]+)(?:@(\d*\.?\d+),(\d*\.?\d+))?\])?', text.strip())
    if not match:
        raise UserError(f'{text!r} is no target; {_FORM}')
    layer, inner, x, y = match.groups()
    channels: list[int] = []
    for part in (inner or '').split(','):
        ends = re.fullmatch(r'\s*(\d+)\s*(?:-\s*(\d+)\s*)?', part)
        if part.strip() and not ends:
            raise UserError(f'{part!r} in {text!r} is no channel; {_FORM}')
        if ends:
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if last < first or last - first > 10**5:
                raise UserError(f'{part!r} in {text!r} is no range of channels; {_FORM}')
            channels += range(first, last + 1)
    if inner and not channels:
        raise UserError(f'{text!r} names no channel; {_FORM}')
    at = (float(x), float(y)) if x else None
    if at and (len(channels) != 1 or max(at) > 1):
        raise UserError(f'{text!r} names no neuron; {_FORM}')
    return Target(layer.strip(), tuple(sorted(set(channels))), at)
