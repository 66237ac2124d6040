"""Lists of what there is: a line for each network, layer and class."""

from stylegen import networks
from stylegen.networks import pretrained
from stylegen.networks.classes import find_class
from stylegen.networks.listings import list_classes, list_layers, list_networks, resolve_network


def test_every_network_has_a_line():
    lines = list_networks()
    assert [line.split()[0] for line in lines] == list(networks.NETWORKS)
    assert all('embedded' in line for line in lines[:2]) and all(' MB  from ' in line for line in lines[2:])


def test_layers_have_their_stride_and_channels():
    heading, *lines = list_layers('mini')
    assert heading.startswith('layers of mini') and ['block4_conv2', '8', '256'] in [line.split() for line in lines]


def test_classes_have_their_numbers():
    lines = list_classes('mini')
    number, name = lines[find_class('mini', 'ship')].split()
    assert len(lines) == networks.class_count('mini') and find_class('mini', number) == int(number)
    assert name == 'ship'


def test_auto_is_what_needs_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv('KERAS_HOME', str(tmp_path))  # no weights there
    assert resolve_network('vgg16', 'inception_v3') == 'vgg16'
    assert resolve_network('auto', 'inception_v3') == 'mini'
    monkeypatch.setattr(pretrained, 'find_weights', lambda name, offline: None)
    assert resolve_network('auto', 'inception_v3') == 'inception_v3'
