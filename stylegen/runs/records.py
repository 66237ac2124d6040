"""What a result must carry so that it can be made again: settings, versions, hashes; and how it is read back."""

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
    """The versions of the packages that a result depends on."""
    return {name: metadata.version(name) for name in PACKAGES}


def machine() -> dict[str, Any]:
    """What a long run worked on: Python, system, processor, cores that it may use, and the devices of TensorFlow."""
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
    """Its name, which Linux tells in a file only."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, platform.processor() or platform.machine())


def record(
    program: str, settings: Mapping[str, Any], inputs: Mapping[str, str], weights: WeightsSource
) -> dict[str, Any]:
    """The record of a run.

    Args:
        program: Its name, such as 'stylegen.deepdream'.
        settings: Keyword arguments of the function that did the work.
        inputs: sha256 by path.
        weights: The network's `WeightsSource`.
    """
    return {
        'program': program,
        'version': __version__,
        'settings': dict(settings),
        'inputs': dict(inputs),
        'weights': {'file': str(weights.path), 'sha256': weights.sha256, 'origin': weights.origin},
        'packages': versions(),
    }


def identity(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record says which picture is made: all that a run must share with the state that it goes on from.

    Where the weights lie and how they came there, and the versions of packages, may have changed meanwhile.
    """
    settings = {name: value for name, value in record['settings'].items() if name != 'weights'}
    told = {'program': record['program'], 'settings': settings, 'inputs': record['inputs']}
    return told | {'sha256 of the weights': record['weights']['sha256']}


def recorded_settings(
    path: str, program: str, *, network: str | None = None, files: Sequence[str] = (), lists: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """The settings that a result was made with, and its record; the paths in both are found again.

    A path that is not there is looked for beside the result. Of two files of one name, the one that was read counts.

    Args:
        path: The result.
        program: That is to make it again.
        network: The one that the user named, or None.
        files: Settings that are the path of one file, or None.
        lists: Settings that are lists of paths.

    Returns:
        The settings; the whole record; and where each input of the record is now, for settings of other forms.

    Raises:
        UserError: The file has no settings, or those of another program; it was made with a network from a file, which
            the user did not name, or not this one.
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
    """The file of a network that a result was made with, where the user says that it is.

    A saved model is half a program, and a result may come from a stranger: what a picture names alone is not opened.
    """
    if named is None:
        raise UserError(
            f'it was made with a network from a file, {recorded}; where you trust that file, give '
            f'--network={recorded} too'
        )
    if not named.endswith('.keras'):
        return recorded  # another one was asked for, by name
    if Path(named).is_file() and digest_of(Path(named)) != digest:
        raise UserError(f'{named} is not the network that the result was made with: its content is another')
    return named


def check_files(record: Mapping[str, Any], settings: Mapping[str, Any], typed: Collection[str]) -> None:
    """Refuses files that are not those of the record, before a network is opened or a picture is read.

    Args:
        record: Of the result that is made again.
        settings: By flag, typed or recorded.
        typed: The flags that were typed: for these the user answers.

    Raises:
        UserError: With the file that differs.
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
    """Refuses inputs that are not those of the record; of other weights or packages it warns.

    Args:
        record: Of the result that is made again.
        inputs: sha256 by path, of what was read now.
        weights: The network's `WeightsSource`.
        warn: Is told, a line at a time, what may make the result differ.

    Raises:
        UserError: With the input that differs.
    """
    for path, digest in inputs.items():
        _refuse_changed(path, digest, record['inputs'].get(path, digest))
    if record['weights']['sha256'] != weights.sha256:
        warn('the weights are not those that the result was made with; the picture will differ')
    now = versions()
    others = [f'{name} {old}' for name, old in record['packages'].items() if now.get(name) != old]
    if others:
        warn(f'the result was made with {", ".join(others)}; the picture may differ in its last bits')
