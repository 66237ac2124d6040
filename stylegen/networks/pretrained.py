"""Where the weights of a feature network come from: a file, the package, Keras's cache, the internet."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from stylegen.networks import mini, small_vgg
from stylegen.networks.catalog import FALLBACK, WeightsFile, network_row
from stylegen.utils.download import DownloadError, algorithm, download
from stylegen.utils.errors import NoWeights, UserError
from stylegen.utils.files import digest_of
from stylegen.utils.npz import verify
from stylegen.utils.streams import Lasting

URL_BASE = 'https://storage.googleapis.com/'
AUTO = 'auto'


@dataclass(frozen=True)
class WeightsSource:
    """A weights file that is on the machine.

    Attributes:
        path: the file.
        sha256: of its content, 64 hexadecimal digits.
        origin: 'embedded', 'file', 'cache' or 'download'.
    """

    path: Path
    sha256: str
    origin: str


def _on_stderr(text: str) -> None:
    print(text, file=Lasting(sys.stderr), flush=True)


_say: ContextVar[Callable[[str], None]] = ContextVar('say', default=_on_stderr)


@contextlib.contextmanager
def telling(say: Callable[[str], None]) -> Iterator[None]:
    """Within the block `say` is told of each download before it begins, which else is told on stderr."""
    before = _say.set(say)
    try:
        yield
    finally:
        _say.reset(before)


def find_weights(
    network: str, weights: str | Path | None = None, *, offline: bool | None = None, classifier: bool = False
) -> WeightsSource:
    """Find, or fetch, the weights of a network.

    The first of these that there is: the file given; for `mini` and `small_vgg` the one in the package; a file in
    Keras's cache (`$KERAS_HOME/models`, `~/.keras/models`) that has the published digest; a download to that cache,
    which is told on stderr and fails when nothing comes for `download.TIMEOUT` seconds. No digest is published of
    mobilenet_v2's files: they are checked by their length, and by their shapes when they are loaded.

    Args:
        network: a name in `NETWORKS`, or the path of a `.keras` file, which brings its own.
        weights: `.h5`, `.weights.h5` or `.keras`, with or without the classifier (`.npz` for mini and
            small_vgg, `.caffemodel` for googlenet and alexnet). What is in it is looked at when it is loaded.
        offline: True never touches the internet; None asks the environment variable STYLEGEN_OFFLINE.
        classifier: True looks for the published file with the classifier only.

    Raises:
        UserError: an unknown network, or a file that is not there; one line with what to do.
        NoWeights: there is no way to have one.
    """
    row = network_row(network)
    if weights is not None and network.endswith('.keras'):
        raise UserError(f'{network} brings its own weights; leave --weights out')
    if weights is not None or network.endswith('.keras'):
        return _given(Path(weights or network).expanduser())
    if not row.files:
        path = embedded_file(row.name)
        return WeightsSource(path, verify(path), 'embedded')
    files = row.files[-1:] if classifier else row.files
    return published_file(files, row.name, 'pass --weights=PATH', offline=offline)


def embedded_file(network: str) -> Path:
    """The weights file of a network that ships with the package."""
    return {'mini': mini.MINI_WEIGHTS, 'small_vgg': small_vgg.SMALL_VGG_WEIGHTS}[network]


def published_file(
    files: Sequence[WeightsFile], user: str, advice: str, *, offline: bool | None = None
) -> WeightsSource:
    """The first of some published files that is in Keras's cache intact, or the first of all, fetched to it.

    Args:
        files: any of them will do.
        user: what needs it, in messages.
        advice: what to do with a file that was fetched by hand, in errors.
        offline: as for `find_weights`.

    Raises:
        NoWeights: none is there and it cannot be fetched.
    """
    notes = []
    for file in files:
        path = cache_folder() / file.name
        if path.is_file():
            try:
                if _verified(path, file):
                    return WeightsSource(path, _digest_of(path, 'sha256'), 'cache')
                notes.append(f'{path} is damaged, its digest is not {file.digest}')
            except OSError as error:
                notes.append(f'{path} cannot be read ({error.strerror})')
    return _fetch(files[0], user, advice, notes, offline_mode() if offline is None else offline)


def instead_of(network: str, embedded: str = FALLBACK, *, classifier: bool = False) -> str:
    """One line for the user: an embedded network, which is taken for want of weights, and how to have the other."""
    file = network_row(network).files[-1 if classifier else 0].name
    other = f'put {file} in {cache_folder()}, pass --weights=FILE or run with internet'
    return f'{embedded} (embedded); for {network} {other}'


def describe(name: str, source: WeightsSource) -> str:
    """One line for the user: the network and where its weights are from."""
    where = source.origin if source.origin in ('embedded', 'download') else f'{source.origin} {source.path}'
    return f'{name} ({where})'


def cache_folder() -> Path:
    """The folder in which keras.applications keeps weights."""
    return keras_folder() / 'models'


def keras_folder() -> Path:
    """The folder in which Keras keeps what it fetches."""
    return Path(os.environ.get('KERAS_HOME') or '~/.keras').expanduser()


def offline_mode() -> bool:
    """Whether STYLEGEN_OFFLINE forbids downloads: set, and neither empty nor 0."""
    return os.environ.get('STYLEGEN_OFFLINE', '') not in ('', '0')


def _given(path: Path) -> WeightsSource:
    try:
        return WeightsSource(path, _digest_of(path, 'sha256'), 'file')
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror})') from error


def _fetch(file: WeightsFile, user: str, advice: str, notes: list[str], offline: bool) -> WeightsSource:
    url, path = urljoin(URL_BASE, file.folder + file.name), cache_folder() / file.name
    size = f' ({file.megabytes} MB)' if file.megabytes else ''
    if offline:
        reason = 'STYLEGEN_OFFLINE is set, so it was not fetched' if offline_mode() else 'offline, so not fetched'
    else:
        _say.get()(f'downloading {file.name}{size}, which {user} needs: {url}')
        try:
            download(url, path, file.digest)
            return WeightsSource(path, _digest_of(path, 'sha256'), 'download')
        except DownloadError as error:
            reason = f'it could not be fetched: {error}'
    raise NoWeights(
        f'{user} needs {file.name}{size}, which is not in {path.parent} '
        f'({"; ".join([*notes, reason])}); get it from {url} and {advice}'
    )


def _verified(path: Path, file: WeightsFile) -> bool:
    return file.digest is None or _digest_of(path, algorithm(file.digest)) == file.digest


def _digest_of(path: Path, name: str) -> str:
    stat = path.stat()
    return _digest(path, name, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, name: str, size: int, mtime: int) -> str:
    """Computed once for a file as it is: size and time of change are part of the key."""
    return digest_of(path, name)
