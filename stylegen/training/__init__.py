"""Trains a network until its losses are low, with what Keras's `fit` lacks for long runs.

Callbacks, logs, checkpoints, several devices, and layers for adversarial training.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.training.callbacks import Callbacks, Events, Interrupts, Log, Periodic, Report, Schedule, Speed
    from stylegen.training.checkpoints import Checkpoints, arrays_of, assign
    from stylegen.training.distribution import Devices, WorkerLost
    from stylegen.training.logs import read_events, read_log

_NAMES = {
    'callbacks': ['Callbacks', 'Events', 'Interrupts', 'Log', 'Periodic', 'Report', 'Schedule', 'Speed'],
    'checkpoints': ['Checkpoints', 'arrays_of', 'assign'],
    'distribution': ['Devices', 'WorkerLost'],
    'logs': ['read_events', 'read_log'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
