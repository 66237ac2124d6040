"""DeepDream: a picture is changed until a network sees more of what it sees in it (Mordvintsev, Olah, Tyka 2015).

    from stylegen import images
    from stylegen.deepdream import dream

    photo = images.load_image('photo.jpg', size=800)
    images.save_image('dream.png', dream(photo, layers={'block5_conv1': 1.0}, network='mini'))

`dream` changes one picture. `open_dreamer` takes the same settings and gives a `Dreamer`, a function of pictures that
is compiled once, and a line that says which network it is. `visualize` makes pictures from noise, `zoom_frames` a film.
Callbacks are told a `DreamStep` or a `VisualizeStep`; a `Start` made of a `DreamStep` goes on from there. On the
command line: `python -m stylegen.deepdream`.
"""

from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.dreaming import dream, open_dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.visualizing import VisualizeStep, visualize
from stylegen.deepdream.zoom import zoom_frames

__all__ = ['DreamStep', 'Dreamer', 'Start', 'VisualizeStep', 'dream', 'open_dreamer', 'visualize', 'zoom_frames']
