"""Neural style transfer: the content of one picture in the style of others (Gatys, Ecker, Bethge 2016).

    from stylegen import images
    from stylegen.style import transfer

    photo, painting = images.load_image('photo.jpg', size=800), images.load_image('painting.jpg')
    images.save_image('painted.png', transfer(photo, painting, strength=0.6))

`transfer` paints one picture. A `Stylizer` takes the same settings and paints many: it is compiled once. The settings
are a `StyleSettings`. Callbacks are told a `StyleStep`; a `Start` made of one goes on from there.

`OnePass` paints at once, by a trained network (Johnson, Alahi, Fei-Fei 2016), `paint_clip` the frames of a clip by it;
`train_one_pass` trains one, `export_one_pass` writes one for other programs.

On the command line: `python -m stylegen.style`, `python -m stylegen.style apply`, `python -m stylegen.style train`,
`python -m stylegen.style export`.
"""

from stylegen.style.exporting import export_one_pass
from stylegen.style.footage import paint_clip
from stylegen.style.one_pass import OnePass
from stylegen.style.one_pass_training import train_one_pass
from stylegen.style.settings import StyleSettings
from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer, open_stylizer
from stylegen.style.transferring import transfer

__all__ = [
    'OnePass',
    'Start',
    'StyleSettings',
    'StyleStep',
    'Stylizer',
    'export_one_pass',
    'open_stylizer',
    'paint_clip',
    'train_one_pass',
    'transfer',
]
