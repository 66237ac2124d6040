"""DeepDream: `dream(image, ...)` in Python, `python -m stylegen.deepdream` on the command line."""

from stylegen.deepdream.dream import dream, open_dreamer
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start

__all__ = ['DreamStep', 'Dreamer', 'Start', 'dream', 'open_dreamer']
