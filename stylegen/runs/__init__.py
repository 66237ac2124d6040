"""What the command lines share: flags, input pictures, the workdir, output names and the record in each result.

The Python functions, such as `stylegen.dream`, use little of it.
"""

from typing import TYPE_CHECKING

from stylegen.utils.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.runs.cli import Flags, run
    from stylegen.runs.jobs import Job
    from stylegen.runs.names import Output
    from stylegen.runs.records import record, recorded_settings
    from stylegen.runs.workdir import Workdir

_NAMES = {
    'cli': ['Flags', 'run'],
    'jobs': ['Job'],
    'names': ['Output'],
    'records': ['record', 'recorded_settings'],
    'workdir': ['Workdir'],
}
__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
