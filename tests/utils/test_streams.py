"""A program without stdout or stderr, or whose reader has gone, makes its picture all the same."""

import contextlib
import io
import os
import subprocess
import sys

import pytest

from stylegen import images
from stylegen.networks import pretrained
from stylegen.utils import backend, console, streams
from stylegen.utils.download import download
from tests.conftest import ROOT, photo, run

QUICK = ['--network=mini', '--size=32', '--octaves=1', '--steps=1', '--layers=block1_conv1']


def closed():
    """A stream that somebody has closed."""
    stream = io.StringIO()
    stream.close()
    return stream


def broken():
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, 'w', encoding='utf-8')


NOWHERE = {'none': lambda: None, 'closed': closed, 'broken': broken}


@pytest.fixture(params=NOWHERE)
def nowhere(request):
    """Within `with nowhere():` both streams are none, closed or broken; pytest sets its own before each test."""

    @contextlib.contextmanager
    def block():
        made = [NOWHERE[request.param]() for _ in range(2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'stdout', made[0])
            patch.setattr(sys, 'stderr', made[1])
            yield
            assert [sys.stdout, sys.stderr] == made, 'they are put back'
        for stream in made:
            if stream and not stream.closed:
                stream.close()  # what it holds back must not be an error any more

    return block


def test_a_dream_without_streams_is_made_and_ends_well(nowhere, tmp_path):
    images.save_image(tmp_path / 'photo.png', photo(32, 32))
    with nowhere():
        code = run(f'--input={tmp_path / "photo.png"}', f'--output={tmp_path / "dream.png"}', *QUICK)
    assert code == 0 and images.load_image(tmp_path / 'dream.png').shape == (32, 32, 3)


@pytest.mark.parametrize(
    ('program', 'flags', 'code'),
    [('deepdream', ['--help'], 0), ('style', ['--network=list'], 0), ('dcgan', [], 2), ('dcgan', ['--help'], 0),
     ('dcgan', ['sample', '--seeds=x'], 2), ('dcgan', ['smaple'], 2), ('deepdream', ['--input=nowhere.png'], 2)],
)  # fmt: skip
def test_what_only_tells_something_ends_as_it_does_elsewhere(nowhere, program, flags, code):
    with nowhere():
        got = run(*flags, program=program)
    assert got == code


def test_functions_need_no_streams(nowhere, tmp_path, monkeypatch):
    monkeypatch.setattr('stylegen.utils.download._chunks', lambda url: (part for part in (4, b'1234')))
    with nowhere():
        pretrained._on_stderr('told nobody')
        download('https://nowhere', tmp_path / 'here')
        with backend.silent_stderr():
            pass
    assert (tmp_path / 'here').read_bytes() == b'1234'
    with nowhere(), streams.safe_streams():
        bar = console.Console().progress(1.0)
        bar.to(1.0, 'done', loss=0.5)
        bar.say('a line')
        bar.close()


def test_a_full_disk_is_told_and_a_stream_that_is_there_is_written_to(capsys):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, 'No space left on device')

    with pytest.raises(OSError, match='No space'):
        streams.SafeStream(Full()).write('a')
    stream = streams.SafeStream(sys.stdout)
    print('one', 'two', file=stream, flush=True)
    assert capsys.readouterr().out == 'one two\n' and stream.encoding and not stream.isatty()
    with pytest.raises(OSError, match='fileno'):
        streams.SafeStream(None).fileno()


def test_a_process_whose_files_are_closed_writes_no_message_into_its_picture(tmp_path):
    images.save_image(tmp_path / 'photo.png', photo(32, 32))
    where = f'{tmp_path / "dream.png"}'
    code = (
        'import os, sys\n'
        'from stylegen.deepdream.__main__ import main\n'
        'code = main(sys.argv)\n'
        f'kept = [os.readlink(f"/proc/self/fd/{{n}}") for n in range(3)]\n'
        f'open({str(tmp_path / "told")!r}, "w").write(repr((code, kept, sys.stdout, sys.stderr)))\n'
    )
    command = [sys.executable, '-c', code, f'--input={tmp_path / "photo.png"}', f'--output={where}', '--debug', *QUICK]
    shell = ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', *command]
    subprocess.run(shell, env=os.environ | {'PYTHONPATH': str(ROOT)}, check=True, timeout=120)
    assert (tmp_path / 'told').read_text() == repr((0, ['/dev/null'] * 3, None, None))
    assert images.load_image(where).shape == (32, 32, 3)
