"""DeepDream: `dream(image, ...)` in Python, `python -m stylegen.deepdream` on the command line."""

from stylegen.deepdream.dream import DreamStep, Start, dream

__all__ = ['DreamStep', 'Start', 'dream']
