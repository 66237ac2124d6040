"""Every program that takes --cluster makes the bytes that it makes in one process."""

from pathlib import Path

import pytest

from stylegen import images
from stylegen.cluster import making, scenes
from stylegen.cluster.manifest import lines_of
from stylegen.cluster.scenes import parts_of, span_of
from stylegen.dcgan.cluster_job import seed_of, text_of
from stylegen.deepdream.cluster_job import with_memory
from stylegen.images.video import open_clip
from stylegen.utils.errors import UserError
from tests.cluster.conftest import results
from tests.cluster.test_cluster import write_matrix
from tests.conftest import photo, run
from tests.dcgan.generators import kept
from tests.images.test_video import clip_with_sound
from tests.style.one_pass_networks import random_network, random_one_pass

SMALL = ('--network=mini', '--size=48', '--max_memory=500MB', '--precision=float32', '--quiet')


def fill(folder, count):
    Path(folder).mkdir(exist_ok=True)
    for number in range(count):
        images.save_image(f'{folder}/{number}.png', photo(48, 56, number))


def test_dreams_of_a_folder(cluster):
    fill('in', 4)
    Path('in/bad.png').write_bytes(b'no picture')
    command = ['--input=in', '--octaves=1', '--steps=2', '--mask=in/0.png', *SMALL]
    assert run(*command, '--output=one') == 2
    assert run(*command, '--output=out', '--cluster=local', '--workers=1') == 2
    assert results() == results('one') and len(results()) == 4


def test_each_content_in_each_style(cluster):
    fill('in', 2)
    fill('styles', 2)
    command = ['--content=in', '--style=styles', '--iterations=2', '--style_layers=block1_conv1']
    command += ['--content_layers=block2_conv1', '--smallest_size=48', *SMALL]
    assert run(*command, '--output=one', program='style') == 0
    assert run(*command, '--output=out', '--cluster=local', '--workers=1', program='style') == 0
    assert results() == results('one') and sorted(results()) == [f'{a}__{b}.png' for a in (0, 1) for b in (0, 1)]


def test_seeds_are_drawn(cluster, tmp_path):
    kept(tmp_path / 'run', classes=('cat', 'dog', 'hat'))
    command = ['sample', '--workdir=run', '--seeds=0-19,105', '--classes=hat,cat', '--scale=2', '--batch_size=8']
    assert run(*command, '--output=one', '--quiet', program='dcgan') == 0
    Path('out').mkdir()
    Path('out/seed0003.png').write_bytes(Path('one/seed0003.png').read_bytes())  # as of a command that was killed
    assert run(*command, '--output=out', '--quiet', '--cluster=local', '--workers=1', program='dcgan') == 0
    assert results() == results('one') and len(results()) == 21
    inputs = [line['input'] for line in lines_of('out') if 'input' in line]
    assert len(inputs) == 20 and inputs[-1] == 'seed=105,class=2'


def test_a_seed_with_and_without_a_class_is_read_as_it_was_written():
    assert [seed_of(text_of(*one)) for one in ((7, None), (7, 0))] == [(7, None), (7, 0)]


@pytest.mark.parametrize(
    ('program', 'args', 'said'),
    [
        ('deepdream', ['--input=noise'], 'a picture from noise'),
        ('deepdream', ['--input=in/0.png', '--zoom=2'], 'a zoom'),
        ('style', ['--film=a.gif'], '--film'),
        ('style', ['--resume', '--output=memory://out'], '--workdir'),
        ('dcgan', ['sample', '--output=a.png'], 'a folder'),
        ('dcgan', ['sample', '--seeds=1,1'], 'twice'),
    ],
)
def test_what_a_cluster_does_not_make_is_told(program, args, said, capsys):
    assert run(*args, '--cluster=local', program=program) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def no_ray(monkeypatch):
    """Fails where Ray is started."""
    monkeypatch.setattr(making, 'connected', lambda address: pytest.fail('Ray was started'))


@pytest.mark.parametrize(
    ('program', 'args', 'result'),
    [
        ('deepdream', ['--input=out/0.png', '--input=in/1.png', '--network=mini'], '0.png'),
        ('deepdream', ['--input=in/0.png', '--input=in/1.png', '--mask=out/1.png', '--network=mini'], '1.png'),
        ('style', ['--content=in/0.png', '--content=out/0__1.png', '--style=in/1.png'], '0__1.png'),
        ('style', ['apply', 'in/0.png', 'linked.png', '--style=waves', '--model=m.npz'], 'linked.png'),
        ('compose', ['apply', 'in/0.png', 'out/1.png', '--matrix=T.json'], '1.png'),
    ],
)
def test_results_that_are_inputs_are_refused_before_anything_starts(program, args, result, no_ray, capsys):
    fill('in', 2)
    fill('out', 4)
    Path('out/0__1.png').write_bytes(Path('out/0.png').read_bytes())
    Path('out/linked.png').symlink_to('2.png')
    Path('linked.png').symlink_to('out/2.png')
    random_one_pass(random_network()).save('m.npz')
    write_matrix()
    before = sorted(Path('out').iterdir())
    for options in (['--overwrite'], []):
        assert run(*args, '--output=out', '--quiet', '--cluster=local', *options, program=program) == 2
        assert capsys.readouterr().err.endswith(f': out/{result} is an input; give another --output\n')
    assert [path for path in sorted(Path('out').iterdir()) if path.name != '.lock'] == before


def film():
    """Three scenes of 4 frames that pan, with a tone."""
    clip_with_sound('tone.mov', rate='10', seconds=1.2, sound=1.2)
    wide = [photo(56, 96, seed) for seed in (1, 2, 3)]
    frames = [picture[n : n + 48, 2 * n : 2 * n + 64] for picture in wide for n in range(4)]
    images.save_animation('clip.mp4', frames, fps=10, sound=open_clip('tone.mov'))


@pytest.mark.parametrize(('program', 'workers'), [('style', 2), pytest.param('deepdream', 1, marks=pytest.mark.slow)])
def test_scenes_of_a_clip_are_made_apart_with_sound_and_order_kept(cluster, program, workers, monkeypatch):
    pytest.importorskip('cv2')
    monkeypatch.setattr(scenes, 'SHORTEST', 3)
    film()
    random_one_pass(random_network()).save('m.npz')
    command = ['apply', 'clip.mp4', '--model=m.npz', '--style=waves', '--quiet']
    if program == 'deepdream':
        command = ['--input=clip.mp4', '--octaves=1', '--steps=2', *SMALL]
    assert run(*command, '--output=one.mp4', program=program) == 0
    kept = ['--output=out.mp4', '--workdir=kept']
    assert run(*command, *kept, '--cluster=local', f'--workers={workers}', program=program) == 0
    assert Path('out.mp4').read_bytes() == Path('one.mp4').read_bytes()
    assert Path('out.mp4.json').read_bytes() == Path('one.mp4.json').read_bytes()
    assert open_clip('out.mp4').sound == 'aac' and open_clip('out.mp4').frames == 12
    (folder,) = Path('kept').glob('scenes-*')
    parts = sorted(line['input'] for line in lines_of(str(folder)) if 'input' in line)
    assert parts == ['frames=0-3', 'frames=4-7', 'frames=8-']


def test_a_worker_that_dreams_on_scenes_takes_its_own_share_of_the_memory(monkeypatch):
    pytest.importorskip('cv2')
    from stylegen.deepdream import cluster_film

    jobs = []

    def keep_scenes(job, *others, **options):
        jobs.append(job)
        raise UserError('the workers are not needed here')

    monkeypatch.setattr(cluster_film, 'keep_scenes', keep_scenes)
    images.save_animation('clip.gif', [photo(48, 64, seed) for seed in (1, 2)], fps=10)
    args = ['--input=clip.gif', '--network=mini', '--size=48', '--quiet', '--output=out.gif', '--cluster=local']
    assert run(*args) == run(*args, '--max_memory=500MB') == 2
    taken = [with_memory(job.command, 300 << 20).dream.max_memory for job in jobs]
    assert taken == ['300MB', '500MB']


def test_parts_of_a_clip_are_long_and_the_last_one_is_open():
    assert parts_of([10, 30, 40, 90], 100) == ['frames=0-29', 'frames=30-89', 'frames=90-']
    assert len(parts_of(range(1, 100_000), 100_000)) == scenes.PARTS and parts_of([], 0) == ['frames=0-']
    assert [span_of(text) for text in parts_of([30], 60)] == [(0, 29), (30, None)]
