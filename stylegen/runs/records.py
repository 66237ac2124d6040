"""Records: the settings, versions and hashes that a result carries, and how --replay reads and checks them."""

import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from stylegen import images
from stylegen.networks.pretrained import WeightsSource
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from stylegen.utils.version import __version__

PACKAGES = ('tensorflow', 'keras', 'numpy', 'pillow')


def versions() -> dict[str, str]:
    """Returns the versions of the packages that a result depends on, by package."""
    return {name: metadata.version(name) for name in PACKAGES}


def machine() -> dict[str, Any]:
    """Describes the machine: Python, system, processor, usable cores, and the devices of TensorFlow."""
    from stylegen.utils.backend import prepare_devices, tf

    prepare_devices()
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices('GPU')]
    return {
        'python': platform.python_version(),
        'system': platform.platform(),
        'processor': _processor(),
        'cores': len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count(),
        'devices': ['CPU', *(gpu.get('device_name', 'GPU') for gpu in gpus)],
    }


def _processor() -> str:
    """Returns the processor's name. Linux gives it only in a file."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, platform.processor() or platform.machine())


def record(
    program: str, settings: Mapping[str, Any], inputs: Mapping[str, str], weights: WeightsSource | None = None
) -> dict[str, Any]:
    """Returns the record of a run.

    Args:
        program: The name of the program, such as 'stylegen.deepdream'.
        settings: The settings of the run, by name.
        inputs: The sha256 of each input file, by path.
        weights: The file of the network's weights; None: there is no network.
    """
    found = weights and {'file': str(weights.path), 'sha256': weights.sha256, 'origin': weights.origin}
    return {
        'program': program,
        'version': __version__,
        'settings': dict(settings),
        'inputs': dict(inputs),
        **({'weights': found} if found else {}),
        'packages': versions(),
    }


def identity(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of a record that decides which picture is made. A run and its saved state must agree in it.

    The path and the origin of the weights, and the versions of packages, are left out: they may change between runs.
    """
    settings = {name: value for name, value in record['settings'].items() if name != 'weights'}
    same = {'program': record['program'], 'settings': settings, 'inputs': record['inputs']}
    return same | {'sha256 of the weights': record['weights']['sha256']}


def recorded_settings(
    path: str, program: str, *, network: str | None = None, files: Sequence[str] = (), lists: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Reads the record of a result and finds its input files again, also if they were moved together with the result.

    A recorded path and a file of the same name beside the result are tried. If both exist, the file with the recorded
    hash counts.

    Args:
        path: The result.
        program: The program that is to make the result again.
        network: The network that the user named, or None.
        files: Names of the settings that hold the path of one file, or None.
        lists: Names of the settings that hold a list of paths.

    Returns:
        settings: The settings of the result, with the new paths.
        record: The whole record, with the new paths of the inputs.
        moved: The new path of each input, by its recorded path.

    Raises:
        UserError: The file has no settings, or the settings of another program; or the result was made with a network
            from a file, and the user did not name that file.
    """
    made = images.read_settings(path)
    if made.get('program') != program:
        raise UserError(f'{path} was made by {made.get("program", "another program")}, not by {program}')
    settings, digests = dict(made['settings']), made['inputs']

    def found(name: str) -> str:
        places = [place for place in (Path(name), Path(path).parent / Path(name).name) if place.is_file()]
        same = [place for place in places if digest_of(place) == digests.get(name)]
        return str([*same, *places, name][0])

    moved = {name: found(name) for name in digests}
    if str(settings.get('network')).endswith('.keras'):
        settings['network'] = _trusted_network(settings['network'], made['weights']['sha256'], network)
    for name in files:
        if isinstance(settings.get(name), str):
            settings[name] = found(settings[name])
    for name in lists:
        settings[name] = [found(one) for one in settings.get(name, [])]
    return settings, made | {'inputs': {moved[name]: digest for name, digest in digests.items()}}, moved


def _trusted_network(recorded: str, digest: str, named: str | None) -> str:
    """Returns the network file to open: the one that the user named.

    Opening a saved model can run code, and the result may come from a stranger. So a file that only the result names is
    not opened.

    Args:
        recorded: The path of the file in the record.
        digest: The recorded sha256 of the file.
        named: The network that the user named, or None.

    Raises:
        UserError: The user named no network, or a file with other content.
    """
    if named is None:
        raise UserError(
            f'the result was made with a network from a file, {recorded}; if you trust that file, give '
            f'--network={recorded} too'
        )
    if not named.endswith('.keras'):
        return recorded  # it is not opened: the user chose a network by its name
    if Path(named).is_file() and digest_of(Path(named)) != digest:
        raise UserError(f'{named} is not the network that the result was made with: its content differs')
    return named


def check_files(record: Mapping[str, Any], settings: Mapping[str, Any], typed: Collection[str]) -> None:
    """Refuses files that have changed since the record, before a network is opened or a picture is read.

    Args:
        record: The record of the result that is made again.
        settings: The settings of this run, by name.
        typed: The flags that the user typed. Weights that the user typed may differ.

    Raises:
        UserError: A file has changed; the message names it.
    """
    values = [value if isinstance(value, list) else [value] for value in settings.values()]
    texts = [text for value in values for text in value if isinstance(text, str)]
    for path, digest in record['inputs'].items():
        named = any(
            text == path
            or text.startswith((f'{path}:', f'{path}='))
            or text.endswith(f'={path}')
            or f'={path}:' in text
            for text in texts
        )
        if named and Path(path).is_file():
            _refuse_changed(path, digest_of(Path(path)), digest)
    weights = settings['weights']
    if weights and 'weights' not in typed and Path(weights).is_file():
        _refuse_changed(weights, digest_of(Path(weights)), record['weights']['sha256'])


def _refuse_changed(path: str, now: str, then: str) -> None:
    if now != then:
        raise UserError(f'{path} is not the file that the result was made from: its content has changed')


def check_replay(
    record: Mapping[str, Any], inputs: Mapping[str, str], weights: WeightsSource, warn: Callable[[str], None]
) -> None:
    """Refuses inputs that have changed since the record; warns if the weights or the packages differ.

    Args:
        record: The record of the result that is made again.
        inputs: The sha256 of each file that was read now, by path.
        weights: The file of the network's weights now.
        warn: Prints a warning line.

    Raises:
        UserError: An input has changed; the message names it.
    """
    for path, digest in inputs.items():
        _refuse_changed(path, digest, record['inputs'].get(path, digest))
    if record['weights']['sha256'] != weights.sha256:
        warn('the weights are not those that the result was made with; the picture will differ')
    now = versions()
    others = [f'{name} {old}' for name, old in record['packages'].items() if now.get(name) != old]
    if others:
        warn(f'the result was made with {", ".join(others)}; the picture may differ in its last bits')
