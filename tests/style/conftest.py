"""A small one-pass network for all tests of this room; the files that need another one have their own."""

import pytest

from tests.style.one_pass_networks import random_network, random_one_pass


@pytest.fixture(scope='module')
def network():
    """The network that paints."""
    return random_network()


@pytest.fixture(scope='module')
def painter(network):
    """The network with two styles and a predictor of norms."""
    return random_one_pass(network)
