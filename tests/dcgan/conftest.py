"""A generator of noise, in memory and in the workdir of a run."""

import pytest

from tests.dcgan.generators import kept, tiny


@pytest.fixture(scope='module')
def generator():
    return tiny()


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
    return kept(tmp_path_factory.mktemp('runs') / 'run')
