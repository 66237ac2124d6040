"""DeepDream: `dream(image, ...)` in Python, `python -m stylegen.deepdream` on the command line."""

from stylegen.deepdream.dream import dream, open_dreamer
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.visualize import VisualizeStep, visualize
from stylegen.deepdream.zoom import zoom_frames

__all__ = ['DreamStep', 'Dreamer', 'Start', 'VisualizeStep', 'dream', 'open_dreamer', 'visualize', 'zoom_frames']
