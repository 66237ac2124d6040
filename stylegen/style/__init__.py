"""Neural style transfer: the content of one picture in the manner of others (Gatys, Ecker, Bethge 2016).

    from stylegen import images
    from stylegen.style import transfer

    photo, painting = images.load_image('photo.jpg', size=800), images.load_image('painting.jpg')
    images.save_image('painted.png', transfer(photo, painting, strength=0.6))

`transfer` paints one picture. `open_stylizer` takes the same settings and gives a `Stylizer`, a function of pictures
that is compiled once, and a line that says which network it is. Their callbacks are told a `StyleStep`; a `Start` made
of one goes on from there. On the command line: `python -m stylegen.style`.
"""

from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer
from stylegen.style.transferring import open_stylizer, transfer

__all__ = ['Start', 'StyleStep', 'Stylizer', 'open_stylizer', 'transfer']
