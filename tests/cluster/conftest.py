"""Ray on this machine, started once for all tests of a module; and an empty folder for each test."""

import signal
from pathlib import Path

import pytest

from stylegen.cluster.engine import kept_sigterm
from tests.conftest import ROOT


@pytest.fixture(scope='package')
def cluster():
    """Ray on this machine, once for all tests."""
    pytest.importorskip('fsspec')
    ray = pytest.importorskip('ray')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('RAY_USAGE_STATS_ENABLED', '0')
        patch.setenv('PYTHONPATH', str(ROOT))
        patch.setenv('RAY_worker_niceness', '0')  # at Ray's 15 other tests would starve the workers
        before = signal.getsignal(signal.SIGTERM)
        with kept_sigterm():
            ray.init('local', num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        assert signal.getsignal(signal.SIGTERM) is before
        yield ray
        ray.shutdown()


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    """A folder of its own for each test, with an empty folder `in`."""
    monkeypatch.chdir(tmp_path)
    Path('in').mkdir()


def results(folder='out'):
    """The content of each result; a leftover of a killed process counts as one."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name not in NOT_RESULTS}


NOT_RESULTS = ('manifest.jsonl', '.lock')
