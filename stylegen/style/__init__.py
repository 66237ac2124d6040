"""Neural style transfer: the content of one picture in the manner of others (Gatys, Ecker, Bethge 2016)."""

from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer
from stylegen.style.transfer import open_stylizer, transfer

__all__ = ['Start', 'StyleStep', 'Stylizer', 'open_stylizer', 'transfer']
