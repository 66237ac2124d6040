"""Default names: two runs that begin together lose no result, whatever they make."""

import errno
import importlib
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.deepdream import explore
from stylegen.images import io
from stylegen.runs import names
from stylegen.runs.names import Output, free_name, is_taken
from stylegen.utils.errors import UserError
from stylegen.utils.files import atomic_write
from stylegen.utils.locks import folder_lock
from tests.conftest import ROOT, photo, process, run
from tests.dcgan.generators import kept


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(folder='.'):
    return sorted(path.name for path in Path(folder).iterdir())


def save(value):
    return lambda path, overwrite: images.save_image(path, np.full((2, 2, 3), value / 255), overwrite=overwrite)


def values(pattern):
    return sorted(round(float(images.load_image(path).mean()) * 255) for path in Path().glob(pattern))


def test_a_free_name_overwrites_nothing():
    for expected in ('dream.png', 'dream-2.png', 'dream-3.png'):
        path = free_name('dream.png')
        assert str(path) == expected
        path.touch()


def test_an_output_without_a_suffix_gets_one_and_a_message_says_so():
    said = []
    of = lambda given, default='dream.png': Output.from_flag(given, default, say=said.append)
    assert (of('out.jpg').path, of('out.jpg').overwrite) == (Path('out.jpg'), True) and said == []
    assert of('new/out').path == Path('new/out.png') and of('film', 'dream.mp4').path == Path('film.mp4')
    assert said == [
        'output   new/out has no suffix: the result goes to new/out.png',
        'output   film has no suffix: the result goes to film.mp4',
    ]
    Path('there').mkdir()
    Path('there/dream.png').touch()
    for given in ('there', 'there/'):
        assert (of(given).path, of(given).overwrite) == (Path('there/dream-2.png'), False)
    assert of('missing/').path == Path('missing/dream.png') and len(said) == 2 and not Path('missing').exists()


@pytest.mark.parametrize(
    'there', ['out.png', 'out.png.json', 'out.png.state', 'out-0040.png', 'out-preview.png', 'out-unfinished.png.json']
)
def test_a_name_is_taken_if_any_file_of_a_run_exists(there):
    assert not is_taken(Path('out.png')) and not is_taken(Path('missing/out.png'))
    Path(there).touch()
    assert is_taken(Path('out.png')) and not is_taken(Path('other.png')) and not is_taken(Path('out.jpg'))
    Path('other.npz').touch()
    assert is_taken(Path('other.png'), '.npz') and not is_taken(Path('other.png'))


def together(work, count=8):
    """Calls a function in threads that begin together, each with its number."""
    gate = threading.Barrier(count)

    def begin(number):
        gate.wait()
        work(number, gate)

    threads = [threading.Thread(target=begin, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize('links', [True, False])
def test_results_that_are_saved_at_the_same_time_all_exist(links, monkeypatch):
    def refuse(*args):
        raise PermissionError(errno.EPERM, 'this file system has no hard links')

    if not links:
        monkeypatch.setattr(os, 'link', refuse)

    def work(number, gate):
        output = Output.from_flag(None, 'out.png')
        gate.wait()  # now all threads have found the same free name
        assert str(output.path) == 'out.png'
        output.save(save(number + 1))

    together(work)
    assert values('*.png') == list(range(1, 9))
    assert listed() == sorted(['out.png', *(f'out-{number}.png' for number in range(2, 9))])


def test_processes_that_begin_together_lose_no_result():
    code = (
        'import sys, time, numpy as np\n'
        'from pathlib import Path\n'
        'from stylegen import images\n'
        'from stylegen.runs import Output\n'
        'output = Output.from_flag(None, "out.png")\n'
        'Path(f"ready{sys.argv[1]}").touch()\n'
        'while not Path("go").exists(): time.sleep(0.001)\n'
        'picture = np.full((2, 2, 3), int(sys.argv[1]) / 255)\n'
        'print(output.save(lambda path, overwrite: images.save_image(path, picture, overwrite=overwrite)))'
    )
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    running = [
        subprocess.Popen([sys.executable, '-c', code, str(number)], env=environment, stdout=subprocess.PIPE, text=True)
        for number in (1, 2, 3)
    ]
    while len(list(Path().glob('ready*'))) < 3:
        assert all(one.poll() is None for one in running)
    Path('go').touch()
    told = [one.communicate(timeout=60)[0].strip() for one in running]
    assert sorted(told) == ['out-2.png', 'out-3.png', 'out.png'] and values('out*.png') == [1, 2, 3]
    for number, path in enumerate(told):
        assert values(path) == [number + 1]


def test_two_commands_that_begin_together_leave_two_pictures():
    images.save_image('photo.png', photo(48, 48))
    quick = ['photo.png', '--network=mini', '--octaves=1', '--steps=0']
    running = [process(*quick, f'--seed={seed}') for seed in (1, 2)]
    told = [one.communicate(timeout=120)[0] for one in running]
    assert [one.returncode for one in running] == [0, 0]
    results = sorted(line.split()[1] for text in told for line in text.splitlines() if line.startswith('result'))
    assert results == ['deepdream-2.png', 'deepdream.png']
    seeds = {images.read_settings(path)['settings']['seed'] for path in results}
    assert seeds == {1, 2} and listed() == sorted([*results, 'photo.png'])


@pytest.mark.parametrize('links', [True, False])
def test_a_failure_leaves_no_file_and_the_name_free(links, monkeypatch, folder):
    if not links:
        monkeypatch.delattr(os, 'link')
        monkeypatch.setattr(os, 'link', lambda *args: (_ for _ in ()).throw(OSError(errno.EPERM, 'no')), raising=False)
    monkeypatch.setattr(os, 'replace', lambda *args: (_ for _ in ()).throw(OSError(errno.EIO, 'no')))
    if links:
        monkeypatch.setattr(os, 'fsync', lambda *args: (_ for _ in ()).throw(OSError(errno.EIO, 'no')))
    with pytest.raises((OSError, UserError)):
        Output.from_flag(None, 'new/out.png').save(save(1))
    assert listed() == []


def test_an_existing_file_is_overwritten_only_on_request():
    Path('a.txt').write_text('theirs')
    with pytest.raises(FileExistsError, match='exists already'), atomic_write('a.txt', overwrite=False):
        pytest.fail('it is known before the work')
    with pytest.raises(FileExistsError), atomic_write('b.txt', overwrite=False) as beside:
        beside.write_text('ours')
        Path('b.txt').write_text('theirs')
    with atomic_write('c.txt', overwrite=False) as beside:
        beside.write_text('ours')
    assert [Path(name).read_text() for name in ('a.txt', 'b.txt', 'c.txt')] == ['theirs', 'theirs', 'ours']
    with atomic_write('a.txt') as beside:
        beside.write_text('ours')
    assert Path('a.txt').read_text() == 'ours' and listed() == ['a.txt', 'b.txt', 'c.txt']


# ---- the commands: another run takes the name after this run has found it free


@pytest.fixture
def another_run(monkeypatch):
    """Writes a file of another run just before this run saves: after the name was found free for the second time."""
    ask, free = names.is_taken, Counter()

    def late(path, *suffixes):
        answer = ask(path, *suffixes)
        free[path] += not answer
        if not answer and free[path] == 2 and not path.stem.endswith('-2'):
            if path.suffix:
                path.write_text('theirs')
            else:
                path.mkdir()
                (path / 'theirs').touch()
        return answer

    monkeypatch.setattr(names, 'is_taken', late)


QUICK = ['--network=mini', '--quiet']
DREAM = ['photo.png', '--octaves=1', '--steps=0', *QUICK]
STYLE = ['photo.png', 'paint.png', '--iterations=0', '--smallest_size=40', '--size_ratio=2', *QUICK]
STYLE += ['--style_layers=block1_conv1', '--content_layers=block1_conv1']
NOISE = ['--input=noise', '--size=48', '--steps=1', '--layers=block2_conv1', *QUICK]
EXPLORE = ['photo.png', '--explore=block1_conv1', '--octaves=1', '--steps=0', *QUICK]


@pytest.mark.parametrize(
    'program, args, default',
    [
        ('deepdream', DREAM, 'deepdream.png'),
        ('deepdream', NOISE, 'deepdream.png'),
        ('deepdream', EXPLORE, 'explore.png'),
        ('style', STYLE, 'style.png'),
        ('style', [*STYLE, '--workdir=work'], 'style.png'),
        ('dcgan', ['sample', '--workdir=run', '--seeds=0-3'], 'samples.png'),
        ('dcgan', ['sample', '--workdir=run', '--seeds=0-3', '--format=npz'], 'samples.npz'),
        ('dcgan', ['sample', '--workdir=run', '--seeds=0-3', '--format=files'], 'samples'),
        ('dcgan', ['interpolate', '--workdir=run', '--seeds=0,1', '--steps=2'], 'interpolation.png'),
        ('dcgan', ['arithmetic', '--workdir=run', '--a=1', '--b=2'], 'arithmetic.png'),
        ('dcgan', ['project', 'photo.png', '--workdir=run', '--steps=1', '--perceptual=0'], 'projection.png'),
        ('dcgan', ['export', '--workdir=run'], 'generator.keras'),
    ],
)
def test_a_file_that_another_run_writes_meanwhile_stays(program, args, default, another_run, monkeypatch, capfd):
    monkeypatch.setattr(explore, 'CHANNELS', 1)
    images.save_image('photo.png', photo(48, 48))
    images.save_image('paint.png', photo(48, 48, 1))
    if program == 'dcgan':
        kept(Path('run'))
    loud = [arg for arg in args if arg != '--quiet']
    assert run(*loud, program=program) == 0
    theirs, ours = Path(default), Path(default).with_stem(f'{Path(default).stem}-2')
    assert theirs.read_text() == 'theirs' if theirs.suffix else listed(theirs) == ['theirs']
    assert ours.exists() and str(ours) in capfd.readouterr().out
    assert not any(name.endswith(('.tmp', '.state')) for name in listed())
    assert [name for name in listed() if Path(name).stem == theirs.stem] == [default]


def test_a_folder_that_another_run_makes_meanwhile_stays(monkeypatch, capfd):
    export = importlib.import_module('stylegen.runs.exporting')
    move = export.move_without_replacing

    def late(source, target):
        if target.name == 'generator':
            target.mkdir()
            (target / 'theirs').touch()
        move(source, target)

    kept(Path('run'))
    monkeypatch.setattr(export, 'move_without_replacing', late)
    assert run('export', '--workdir=run', '--format=saved_model', program='dcgan') == 0
    assert 'MB in generator-2, its card in generator-2.md' in capfd.readouterr().out
    assert listed('generator') == ['theirs'] and Path('generator-2/saved_model.pb').exists()


def test_a_vector_that_another_run_writes_meanwhile_stays(monkeypatch, capsys):
    images.save_image('photo.png', photo(16, 16))
    kept(Path('run'))
    find = names.free_name

    def late(name, *suffixes):
        path = find(name, *suffixes)
        path.with_suffix('.npz').write_text('theirs')
        return path

    monkeypatch.setattr(names, 'free_name', late)
    assert run('project', 'photo.png', '--workdir=run', '--steps=1', '--perceptual=0', program='dcgan') == 0
    assert 'projection-2.png, vector in projection-2.npz' in capsys.readouterr().out
    assert Path('projection.npz').read_text() == 'theirs' and not Path('projection.png').exists()


def test_two_runs_that_are_stopped_each_keep_a_picture_and_a_state(another_run, monkeypatch, capsys):
    from stylegen.style.job import Job

    def stop(self, step):
        self.latest = step
        raise KeyboardInterrupt

    images.save_image('photo.png', photo(48, 48))
    images.save_image('paint.png', photo(48, 48, 1))
    monkeypatch.setattr(Job, 'on_step', stop)
    loud = [arg for arg in STYLE if arg != '--quiet']
    assert run(*loud, '--iterations=1', program='style') == 130
    out = capsys.readouterr().out
    assert 'the picture so far is in style-2.png' in out and '--resume and --output=style-2.png goes on' in out
    assert Path('style.png').read_text() == 'theirs' and Path('style-2.png.state/state.npz').exists()


def test_a_film_has_the_frames_of_one_run_only(monkeypatch):
    images.save_image('photo.png', photo(40, 48))
    from stylegen.deepdream import film

    monkeypatch.setattr(film, 'DEFAULT_FILM', 'deepdream.webp')
    zoom = ['photo.png', '--zoom=2', '--seconds=0.2', '--fps=10', '--size=48', '--steps=0', '--octaves=1', *QUICK]
    with folder_lock('deepdream.webp.frames'):  # another run uses it
        assert run(*zoom) == 0
    assert Path('deepdream-2.webp').exists() and not Path('deepdream.webp').exists()
    assert not Path('deepdream-2.webp.frames').exists()
    shutil.rmtree('deepdream.webp.frames')
    save = film.images.save_animation

    def late(path, *args, **kwargs):
        if path.name == 'deepdream.webp':
            path.write_text('theirs')
        return save(path, *args, **kwargs)

    monkeypatch.setattr(film.images, 'save_animation', late)
    assert run(*zoom) == 0
    assert Path('deepdream.webp').read_text() == 'theirs' and Path('deepdream-3.webp').exists()


def test_a_film_continues_with_its_own_frames_and_leaves_those_of_others(monkeypatch):
    from stylegen.deepdream import film
    from stylegen.runs import frames

    images.save_image('photo.png', photo(40, 48))
    monkeypatch.setattr(film, 'DEFAULT_FILM', 'deepdream.webp')
    zoom = ['photo.png', '--zoom=2', '--seconds=0.3', '--fps=10', '--size=48', '--steps=0', '--octaves=1', *QUICK]
    keep = frames.save_image

    def stopping(path, *args, **kwargs):
        if '000001' in str(path):
            raise KeyboardInterrupt
        return keep(path, *args, **kwargs)

    with monkeypatch.context() as stopped:
        stopped.setattr(frames, 'save_image', stopping)
        assert run(*zoom) == 130
    assert run(*zoom, '--seed=9') == 0
    assert Path('deepdream-2.webp').exists() and Path('deepdream.webp.frames/frame-000000.png').exists()
    assert run(*zoom) == 0 and Path('deepdream.webp').exists() and not Path('deepdream.webp.frames').exists()


@pytest.mark.parametrize('program, args', [('deepdream', ['--octaves=1', '--steps=0']), ('style', STYLE[2:])])
def test_a_folder_run_overwrites_no_result_of_another_run(program, args, monkeypatch, capsys):
    for seed, name in enumerate('ab'):
        images.save_image(f'in/{name}.png', photo(48, 48, seed))
    images.save_image('paint.png', photo(48, 48, 3))
    pair = ['--input=in'] if program == 'deepdream' else ['--content=in', '--style=paint.png']
    first = 'a.png' if program == 'deepdream' else 'a__paint.png'
    write = images.save_image

    def late(path, *args, **kwargs):
        if Path(path).name == first and not Path(path).exists():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text('theirs')
        return write(path, *args, **kwargs)

    monkeypatch.setattr(io, 'save_image', late)
    assert (
        run(*pair, '--output=out', '--network=mini', *(arg for arg in args if arg != '--quiet'), program=program) == 0
    )
    assert Path('out', first).read_text() == 'theirs' and len(listed('out')) == 3
    assert str(Path('out', first).with_stem(f'{Path(first).stem}-2')) in capsys.readouterr().out


def test_a_folder_of_samples_is_not_overwritten(capsys, monkeypatch):
    kept(Path('run'))
    sample = ['sample', '--workdir=run', '--seeds=0-1', '--output=out', '--quiet']
    write = images.save_image

    def late(path, *args, **kwargs):
        if path.name == 'seed0001.png':
            path.write_text('theirs')
        return write(path, *args, **kwargs)

    with monkeypatch.context() as raced:
        raced.setattr(io, 'save_image', late)
        assert run(*sample, program='dcgan') == 2
    assert 'seed0001.png exists already; give another --output, or --overwrite' in capsys.readouterr().err
    assert Path('out/seed0001.png').read_text() == 'theirs'
    assert run(*sample, '--overwrite', program='dcgan') == 0 and images.load_image('out/seed0001.png').shape
