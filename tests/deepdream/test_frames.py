"""Films kept frame by frame: killed and gone on with, they end as if nothing had happened."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen.deepdream.frames import keep_footage, keep_zoom
from stylegen.images import save_animation, to_uint8
from stylegen.images.video import open_clip
from stylegen.runs.frames import keep_frames
from stylegen.runs.workdir import Workdir
from stylegen.utils.errors import UserError
from tests.conftest import photo
from tests.images.test_flow import textured, view

ZOOM = {'seconds': 1, 'fps': 8, 'zoom': 1.5, 'rotation': 10.0, 'seed': 5}
KILLED = """
import os, signal, sys
import numpy as np
from stylegen.deepdream.frames import keep_zoom
from stylegen.runs import Workdir, frames
from tests.conftest import photo
from tests.deepdream.test_frames import ZOOM, grain

where, kill = sys.argv[1], lambda *args, **kw: os.kill(os.getpid(), signal.SIGKILL)
workdir = Workdir(sys.argv[2], ZOOM)

def dreamer(image, seed):
    if seed == 5 + 4:
        if where == 'dreaming':
            kill()
        elif where == 'after the picture':
            workdir.save = kill
        else:
            frames.save_image = kill
    return grain(image, seed)

keep_zoom(workdir, photo(40, 50), dreamer, **ZOOM)
"""


def grain(image, seed):
    noise = np.random.default_rng(seed).normal(0, 0.02, image.shape)
    return np.clip(image + noise, 0, 1).astype(np.float32)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == '.png'}


@pytest.mark.parametrize('where', ['dreaming', 'before the picture', 'after the picture'])
def test_a_killed_film_goes_on_to_the_same_end(tmp_path, where):
    whole = keep_zoom(Workdir(tmp_path / 'whole', ZOOM), photo(40, 50), grain, **ZOOM)
    assert len(whole) == 8 and len(contents(whole.folder)) == 8
    killed = subprocess.run(
        [sys.executable, '-c', KILLED, where, tmp_path / 'killed'], cwd=Path(__file__).parents[2], capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(contents(tmp_path / 'killed')) == 4 + (where == 'after the picture')
    reports = []
    rest = keep_zoom(Workdir(tmp_path / 'killed', ZOOM), photo(40, 50), grain, callback=reports.append, **ZOOM)
    assert [frame.frame for frame in reports] == [4, 5, 6, 7]
    assert len(rest) == 8 and contents(rest.folder) == contents(whole.folder)
    states = [Workdir(folder, ZOOM).load() for folder in (tmp_path / 'whole', tmp_path / 'killed')]
    assert states[0]['frame'] == 7 and np.array_equal(states[0]['picture'], states[1]['picture'])


def test_a_picture_going_on_from_bytes_would_differ(tmp_path):
    """The control: the state in float32 is needed, the PNG would not do."""
    picture = keep_zoom(Workdir(tmp_path, ZOOM), photo(40, 50), grain, **ZOOM)
    state = Workdir(tmp_path, ZOOM).load()['picture']
    assert np.array_equal(to_uint8(state), to_uint8(list(picture)[-1])) and not np.array_equal(state, list(picture)[-1])


def test_footage_goes_on_to_the_same_end(tmp_path):
    shots = [view(textured(x > 4), 2 * x, x) for x in range(8)]
    clip = open_clip(save_animation(tmp_path / 'clip.mp4', shots, fps=8))
    whole = keep_footage(Workdir(tmp_path / 'whole', {}), clip, grain, blend=0.6)
    assert len(whole) == 8

    def interrupt(frame):
        if frame.frame == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_footage(Workdir(tmp_path / 'part', {}), clip, grain, blend=0.6, callback=interrupt)
    assert len(contents(tmp_path / 'part')) == 6
    rest = keep_footage(Workdir(tmp_path / 'part', {}), clip, grain, blend=0.6)
    assert len(rest) == 8 and contents(rest.folder) == contents(whole.folder)
    done = keep_footage(Workdir(tmp_path / 'part', {}), clip, None, blend=0.6)  # nothing is left to dream
    assert len(done) == 8
    small = keep_footage(Workdir(tmp_path / 'small', {}), clip, grain, prepare=lambda frame: frame[:48, :64])
    assert next(iter(small)).shape == (48, 64, 3)


def test_the_callback_gets_the_number_of_every_frame(tmp_path):
    reports = []
    keep_zoom(Workdir(tmp_path, {}), photo(20, 20), grain, seconds=1, fps=4, callback=reports.append)
    assert [(frame.frame, frame.frames) for frame in reports] == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_kept_frames_are_written_one_by_one(tmp_path):
    kept = keep_zoom(Workdir(tmp_path / 'run', {}), photo(20, 30), grain, seconds=1, fps=4)
    for suffix in ('.gif', '.webp', '.mp4'):
        save_animation(tmp_path / f'a{suffix}', kept, fps=4)
    with Image.open(tmp_path / 'a.gif') as gif, Image.open(tmp_path / 'a.webp') as webp:
        assert gif.n_frames == webp.n_frames == 4
    clip = open_clip(tmp_path / 'a.mp4')
    assert clip.frames == 4
    frames = iter(kept)
    next(frames)
    kept.path(1).unlink()
    with pytest.raises(UserError, match=r'frame-000001\.png'):  # it was not read before its turn
        next(frames)


def test_missing_frames_and_other_settings_are_refused(tmp_path):
    kept = keep_zoom(Workdir(tmp_path, {'zoom': 2}), photo(20, 20), grain, seconds=1, fps=4)
    with pytest.raises(UserError, match=r'another zoom \(2 then, 3 now\)'):
        keep_zoom(Workdir(tmp_path, {'zoom': 3}), photo(20, 20), grain, seconds=1, fps=4)
    kept.path(2).unlink()
    with pytest.raises(UserError, match=r'frame-000002\.png is missing'):
        keep_frames(Workdir(tmp_path, {'zoom': 2}), lambda state: iter([]), 4)
