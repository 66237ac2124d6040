"""DeepDream: change a picture until a network sees more of what it sees in it (Mordvintsev, Olah, Tyka 2015).

    from stylegen import images
    from stylegen.deepdream import dream

    photo = images.load_image('photo.jpg', size=800)
    images.save_image('dream.png', dream(photo, layers={'block5_conv1': 1.0}, network='mini'))

`dream` changes one picture. A `Dreamer` takes the same settings, compiles them once and changes many pictures.
`visualize` makes pictures from noise. `zoom_frames` makes a film from a picture, `dream_footage` one from a clip.
Callbacks get a `DreamStep` or a `VisualizeStep`. A `Start` made of a `DreamStep` goes on from there. On the command
line: `python -m stylegen.deepdream`.
"""

from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.dreaming import dream, open_dreamer
from stylegen.deepdream.footage import dream_footage
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.settings import DreamSettings, VisualizeSettings, ZoomSettings
from stylegen.deepdream.visualizing import VisualizeStep, visualize
from stylegen.deepdream.zoom import zoom_frames

__all__ = [
    'DreamSettings',
    'DreamStep',
    'Dreamer',
    'Start',
    'VisualizeSettings',
    'VisualizeStep',
    'ZoomSettings',
    'dream',
    'dream_footage',
    'open_dreamer',
    'visualize',
    'zoom_frames',
]
