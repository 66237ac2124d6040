"""A download is complete and verified, or it leaves nothing behind. A server that does not answer is given up."""

import hashlib
import http.server
import socket
import threading
import time

import pytest

from stylegen.utils import download
from stylegen.utils.download import DownloadError

CONTENT = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def one_second(monkeypatch):
    monkeypatch.setattr(download, 'TIMEOUT', 1.0)
    monkeypatch.setenv('no_proxy', '*')


@pytest.fixture
def serve():
    """serve(content, announced length, status) starts a server and returns its address."""
    servers = []

    def start(content, length=None, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header('Content-Length', str(len(content) if length is None else length))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f'http://127.0.0.1:{server.server_port}/file'

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize('name', [None, 'md5', 'sha1', 'sha256'])
def test_a_file_is_downloaded_and_verified(serve, tmp_path, name):
    digest = None if name is None else hashlib.new(name, CONTENT).hexdigest()
    download.download(serve(CONTENT), tmp_path / 'new' / 'file', digest)
    assert (tmp_path / 'new' / 'file').read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['file']


@pytest.mark.parametrize(
    ('content', 'length', 'status', 'match'),
    [
        (CONTENT[:50_000], len(CONTENT), 200, 'the connection broke after 50000 of 102400 bytes'),
        (CONTENT[:-1] + b'x', None, 200, 'the downloaded file has md5 .*, expected'),
        (b'', None, 404, 'HTTP 404'),
    ],
)
def test_a_failed_download_keeps_the_earlier_file(serve, tmp_path, content, length, status, match):
    (tmp_path / 'file').write_bytes(b'earlier')
    with pytest.raises(DownloadError, match=match):
        download.download(serve(content, length, status), tmp_path / 'file', hashlib.md5(CONTENT).hexdigest())
    assert (tmp_path / 'file').read_bytes() == b'earlier' and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize('beginning', [b'', b'HTTP/1.1 200 OK\r\nContent-Length: 102400\r\n\r\n' + CONTENT[:9000]])
def test_a_server_that_falls_silent_is_given_up(tmp_path, beginning):
    with socket.create_server(('127.0.0.1', 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(beginning)
                time.sleep(4)

        threading.Thread(target=answer, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(DownloadError, match='no answer within 1 s'):
            download.download(f'http://127.0.0.1:{server.getsockname()[1]}/file', tmp_path / 'file')
        assert time.monotonic() - start < 3.5
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_never_resolved_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **kwargs: time.sleep(4))
    start = time.monotonic()
    with pytest.raises(DownloadError, match='no answer within 1 s'):
        download.download('http://somewhere.invalid/file', tmp_path / 'file')
    assert time.monotonic() - start < 3.5


def test_a_refused_connection_and_a_folder_that_cannot_be_created_are_named(tmp_path):
    with pytest.raises(DownloadError, match='Connection refused'):
        download.download('http://127.0.0.1:9/file', tmp_path / 'file')
    (tmp_path / 'other').touch()
    with pytest.raises(DownloadError, match='other'):
        download.download('http://127.0.0.1:9/file', tmp_path / 'other' / 'file')


def test_the_length_of_a_digest_names_its_hash():
    assert [download.hash_name('0' * length) for length in (32, 40, 64)] == ['md5', 'sha1', 'sha256']
