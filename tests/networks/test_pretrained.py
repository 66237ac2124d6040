"""Weights: where they are found, how they are fetched from a server on this machine, what is refused."""

import hashlib
import http.server
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from stylegen import networks
from stylegen.networks import catalog, mini, pretrained, registry
from stylegen.runs import cli
from stylegen.utils import download
from stylegen.utils.errors import MissingFromNetwork, NoWeights, UserError, unknown

CONTENT = bytes(range(256)) * 400
NAME = 'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5'


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """A cache of its own, no host but 127.0.0.1, and `CONTENT` in the place of vgg16's 59 MB."""
    monkeypatch.setenv('KERAS_HOME', str(tmp_path / 'keras'))
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.delenv('STYLEGEN_OFFLINE', raising=False)
    monkeypatch.setattr(pretrained, 'URL_BASE', 'http://127.0.0.1:9/')
    monkeypatch.setattr(download, 'TIMEOUT', 1.0)
    row = catalog.NETWORKS['vgg16']
    notop, top = row.files
    files = (
        replace(notop, digest=hashlib.md5(CONTENT).hexdigest()),
        replace(top, digest=hashlib.sha256(CONTENT).hexdigest()),
    )
    monkeypatch.setitem(catalog.NETWORKS, 'vgg16', replace(row, files=files))


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / 'keras' / 'models'
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def serve(monkeypatch):
    """serve(content, announced length, status) starts a server and points the package at it; gives its requests."""
    servers = []

    def start(content, length=None, status=200):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.send_header('Content-Length', str(len(content) if length is None else length))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setattr(pretrained, 'URL_BASE', f'http://127.0.0.1:{server.server_port}/')
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refused(match, **kwargs):
    with pytest.raises(UserError, match=match) as caught:
        pretrained.find_weights('vgg16', **kwargs)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_the_right_file_is_downloaded_once(serve, tmp_path, capsys):
    asked = serve(CONTENT)
    source = pretrained.find_weights('vgg16')
    assert source == pretrained.WeightsSource(
        tmp_path / 'keras' / 'models' / NAME, hashlib.sha256(CONTENT).hexdigest(), 'download'
    )
    assert source.path.read_bytes() == CONTENT
    assert asked == [f'/tensorflow/keras-applications/vgg16/{NAME}']
    printed = capsys.readouterr()
    assert NAME in printed.err and '59 MB' in printed.err and not printed.out
    assert pretrained.find_weights('vgg16').origin == 'cache'
    assert len(asked) == 1


@pytest.mark.parametrize('quiet', [True, False])
def test_a_quiet_command_does_not_tell_of_downloads(serve, capsys, quiet):
    serve(CONTENT)

    def define():
        flags = cli.Flags('Needs weights.')
        flags.group('Messages')
        flags.messages()
        return flags

    assert cli.run('needing', define, lambda flags: pretrained.find_weights('vgg16'), ['x', f'--quiet={quiet}']) == 0
    assert (NAME in capsys.readouterr().err) is not quiet


@pytest.mark.parametrize(
    ('content', 'length', 'status', 'match'),
    [
        (CONTENT[:50_000], len(CONTENT), 200, 'broke after 50000 of 102400 bytes'),
        (CONTENT[:-1] + b'x', None, 200, 'the downloaded file has'),
        (b'', None, 404, 'HTTP 404'),
    ],
)
def test_what_is_not_the_file_is_thrown_away(serve, tmp_path, content, length, status, match):
    serve(content, length, status)
    message = refused(match)
    assert NAME in message and pretrained.URL_BASE in message and '--weights=PATH' in message
    assert list((tmp_path / 'keras').rglob('*.*')) == []


def test_a_refused_connection_and_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    assert download.TIMEOUT == 1.0
    refused('Connection refused')
    (tmp_path / 'file').touch()
    monkeypatch.setenv('KERAS_HOME', str(tmp_path / 'file'))
    refused('could not be fetched')


def test_offline_nothing_is_asked_for(serve, monkeypatch):
    asked = serve(CONTENT)
    assert 'STYLEGEN_OFFLINE' not in refused('offline', offline=True)
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    refused('STYLEGEN_OFFLINE is set')
    assert asked == []
    monkeypatch.setenv('STYLEGEN_OFFLINE', '0')
    assert pretrained.find_weights('vgg16').origin == 'download'


def test_the_cache_is_verified(serve, cache):
    (cache / NAME).write_bytes(CONTENT[:-1])
    assert 'is damaged' in refused('is damaged', offline=True)
    serve(CONTENT)
    assert pretrained.find_weights('vgg16').origin == 'download'
    assert (cache / NAME).read_bytes() == CONTENT


def test_a_file_with_the_classifier_in_the_cache_will_do(cache):
    path = cache / NAME.replace('_notop', '')
    path.write_bytes(CONTENT)
    source = pretrained.find_weights('vgg16', offline=True)
    assert (source.path, source.origin) == (path, 'cache')


def test_a_given_file_comes_first(cache, tmp_path):
    (cache / NAME).write_bytes(CONTENT)
    given = tmp_path / 'mine.h5'
    given.write_bytes(b'mine')
    assert pretrained.find_weights('vgg16', given) == pretrained.WeightsSource(
        given, hashlib.sha256(b'mine').hexdigest(), 'file'
    )
    with pytest.raises(UserError, match=r'absent\.h5: cannot be read'):
        pretrained.find_weights('vgg16', tmp_path / 'absent.h5')
    with pytest.raises(UserError, match='cannot be read'):
        pretrained.find_weights('vgg16', tmp_path)
    with pytest.raises(UserError, match='brings its own weights'):
        pretrained.find_weights('net.keras', given)


def test_the_digest_follows_the_file(tmp_path):
    path = tmp_path / 'a.h5'
    for content in (b'one', b'another'):
        path.write_bytes(content)
        assert pretrained.find_weights('vgg16', path).sha256 == hashlib.sha256(content).hexdigest()


def test_an_unknown_network_is_refused():
    with pytest.raises(UserError, match=r'did you mean .*vgg16'):
        pretrained.find_weights('vgg61')


@pytest.fixture
def embedded(monkeypatch, tmp_path):
    path = tmp_path / 'mini.npz'
    mini.save_mini(path, {'block1_conv1/kernel': np.zeros((3, 3, 3, 40))}, ['cat', 'dog'])
    monkeypatch.setattr(mini, 'MINI_WEIGHTS', path)
    return path


@pytest.fixture
def opened(monkeypatch, embedded):
    """`open_network` with networks that are not built: of each the layer named after it, or any 'conv'."""

    def feature_extractor(network, layers, *, weights, **options):
        for layer in layers:
            if layer not in (network, 'conv'):
                raise unknown('layer', layer, [network], MissingFromNetwork)
        return SimpleNamespace(network=network, layer_names=layers, source=pretrained.find_weights(network, weights))

    monkeypatch.setattr(registry, 'feature_extractor', feature_extractor)

    def open_network(requested, first_choice, layer='conv', weights=None):
        extractor, note = networks.open_network(requested, first_choice, lambda name: (layer,), weights=weights)
        assert '\n' not in note
        return extractor.network, note

    return open_network


def test_auto_takes_the_first_choice_where_it_can(cache, opened):
    name, line = opened('auto', 'vgg16')
    assert name == 'mini' and line.startswith('mini (embedded); for vgg16 ')
    assert all(part in line for part in (NAME, str(cache), '--weights=FILE'))
    (cache / NAME).write_bytes(CONTENT)
    assert opened('auto', 'vgg16') == ('vgg16', f'vgg16 (cache {cache / NAME})')


@pytest.mark.parametrize('online', [True, False])
def test_auto_takes_the_network_that_has_what_is_asked_for_and_fetches_nothing_for_another(
    serve, cache, opened, online, monkeypatch
):
    asked = serve(CONTENT)
    if not online:
        monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
        (cache / NAME).write_bytes(CONTENT)
    assert opened('auto', 'vgg16', 'mini') == ('mini', "mini (embedded); unknown layer 'mini'")
    with pytest.raises(UserError, match="unknown layer 'neither'; there are: vgg16"):
        opened('auto', 'vgg16', 'neither')
    with pytest.raises(UserError, match="unknown layer 'mini'"):
        opened('vgg16', 'vgg16', 'mini')
    assert asked == []
    assert opened('auto', 'vgg16', 'vgg16')[0] == 'vgg16' and len(asked) == online


def test_without_the_first_choice_the_best_embedded_network_that_has_the_layers_is_taken(opened, monkeypatch):
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')

    def taken(layer):
        return networks.open_network('auto', 'vgg16', lambda name: (layer,), embedded=('small_vgg', 'mini'))

    for layer, name in (('conv', 'small_vgg'), ('mini', 'mini')):
        extractor, note = taken(layer)
        assert extractor.network == name and note.startswith(f'{name} (embedded); ')
    with pytest.raises(UserError, match="unknown layer 'neither'; there are: mini"):
        taken('neither')


def test_what_is_missing_beside_the_weights_is_what_auto_tells(opened, cache):
    """The names of ImageNet's classes, say: to put the weights where they are already would change nothing."""

    def layers(name):
        if name == 'vgg16':
            raise NoWeights('vgg16 needs names.json (offline; not fetched); get it from https://a.b')
        return ('mini',)

    (cache / NAME).write_bytes(CONTENT)
    extractor, note = networks.open_network('auto', 'vgg16', layers)
    assert extractor.network == 'mini' and NAME not in note
    assert note == 'mini (embedded); vgg16 needs names.json (offline; not fetched); get it from https://a.b'


def test_without_weights_what_the_embedded_network_lacks_is_told(opened, monkeypatch):
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')
    with pytest.raises(UserError, match="unknown layer 'neither'; there are: mini"):
        opened('auto', 'vgg16', 'neither')


def test_auto_with_weights_is_the_first_choice(opened, tmp_path):
    given = tmp_path / 'given.h5'
    given.touch()
    assert opened('auto', 'vgg19', weights=given) == ('vgg19', f'vgg19 (file {given})')
    with pytest.raises(UserError, match='cannot be read'):
        opened('auto', 'vgg19', weights=tmp_path / 'absent.h5')
    with pytest.raises(UserError, match="unknown layer 'mini'"):
        opened('auto', 'vgg19', 'mini', weights=given)


def test_a_network_asked_for_by_name_never_falls_back(opened):
    with pytest.raises(UserError, match=f'vgg16 needs {NAME}'):
        opened('vgg16', 'inception_v3')
    assert opened('mini', 'vgg16') == ('mini', 'mini (embedded)')


def test_save_mini_is_deterministic(tmp_path):
    arrays = {'b/kernel': np.random.default_rng(0).normal(size=(3, 3)), 'a/bias': np.ones(4, np.float32)}
    first = mini.save_mini(tmp_path / 'a.npz', arrays, ['x', 'y'])
    second = mini.save_mini(tmp_path / 'b.npz', dict(reversed(arrays.items())), ['x', 'y'])
    assert first == second == hashlib.sha256((tmp_path / 'a.npz').read_bytes()).hexdigest()
    assert (tmp_path / 'a.sha256').read_text() == first + '\n'
    with np.load(tmp_path / 'a.npz') as archive:
        assert sorted(archive) == ['a/bias', 'b/kernel', 'classes']
        assert archive['b/kernel'].dtype == np.float16
        assert archive['classes'].tolist() == ['x', 'y']
    with pytest.raises(ValueError, match='a/bias does not fit float16'):
        mini.save_mini(tmp_path / 'c.npz', {'a/bias': [1e6]}, [])


def test_a_damaged_installation_is_named(embedded):
    assert pretrained.find_weights('mini').origin == 'embedded'
    assert mini.mini_classes() == ('cat', 'dog')
    content = embedded.read_bytes()
    embedded.write_bytes(content[:-1])
    with pytest.raises(UserError, match=r'damaged.*reinstall stylegen'):
        pretrained.find_weights('mini')
    embedded.write_bytes(content)
    embedded.with_suffix('.sha256').write_text('')
    with pytest.raises(UserError, match='damaged'):
        mini.mini_classes()
    embedded.unlink()
    with pytest.raises(UserError, match=r'mini\.npz cannot be read; reinstall'):
        mini.mini_classifier()
