"""What the page does, without a browser: results, their commands and records, previews, stopping, sessions."""

import asyncio
import errno
import os
import shlex
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.studio.dreams import DREAM_PICTURES, dream_arguments, dream_pictures, offline_presets
from stylegen.studio.live import Finished, Preview, follow
from stylegen.studio.noise import Noise
from stylegen.studio.results import Result
from stylegen.studio.sessions import Session
from stylegen.studio.settings import StudioSettings, is_loopback
from stylegen.studio.waiting import bound_line, full_message
from stylegen.studio.works import Works, safe_name
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting
from tests.conftest import photo, run
from tests.dcgan.generators import kept


@pytest.fixture(scope='module')
def works():
    return Works(size=64)


@pytest.fixture
def files(tmp_path):
    """Paths of a photo and a painting."""
    for name, seed in (('photo.png', 1), ('painting.png', 2)):
        images.save_image(tmp_path / name, photo(48, 64, seed))
    return tmp_path / 'photo.png', tmp_path / 'painting.png'


def test_the_command_of_a_one_pass_result_makes_the_same_picture(works, files, tmp_path, monkeypatch):
    painting = works.photo(files[1])
    result = works.paint_now(works.photo(files[0]), painting, strength=0.5, stroke=2.0, color='luminance', mask=None)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(result.command)
    assert words[:4] == ['python', '-m', 'stylegen.style', 'apply'] and '--style_scale=2' in words
    assert run(*words[3:], '--output=again.png', '--quiet', program='style') == 0
    assert np.array_equal(images.to_uint8(images.load_image('again.png')), result.pixels)


def test_a_setting_that_is_new_shows_up_with_its_bounds_and_its_help():
    gr = pytest.importorskip('gradio')
    from stylegen.studio.controls import Controls, slider

    @dataclass(frozen=True, kw_only=True)
    class Later(Settings):
        brightness: float = setting(0.5, 'how bright it is', at_least=0.1, at_most=2)
        crisp: bool = setting(False, 'keep edges')
        kind: str | None = setting(None, 'which one', choices=('a', 'b'))
        tall: int | None = setting(None, 'how tall', at_least=1)
        steps: Any = setting((2, 1), 'steps', read=lambda value, name: value, write=lambda value: '2,1')
        file: str | None = setting(None, 'a file', kind='path')
        threads: int = setting(1, 'threads', group='Machine')

    with gr.Blocks():
        controls = Controls(Later, without=['crisp'])
        bright = slider(Later, 'brightness', 'Light', 0.1)
    assert controls.names == ['brightness', 'kind', 'tall', 'steps']
    assert controls.components[0].info == 'how bright it is (from 0.1 up to 2)'
    assert (bright.minimum, bright.maximum, bright.value, bright.label) == (0.1, 2, 0.5, 'Light')
    assert controls.changed([0.5, '', '', '2,1']) == {} == controls.changed([None, '', '', ''])
    changed = controls.changed([0.7, 'b', '40', '9'])
    assert changed == {'brightness': 0.7, 'kind': 'b', 'tall': 40, 'steps': '9'}
    with pytest.raises(UserError, match='expected tall to be a whole number'):
        Later(**controls.changed([0.5, '', 'forty', '2,1']))


def test_other_settings_of_the_optimisation_are_taken_and_told(works, files):
    others = {'iterations': '2', 'style_layers': 'block1_conv1', 'smallest_size': 40}
    pictures = works.photo(files[0]), works.photo(files[1])
    steps = works.paint(
        *pictures, strength=0.5, stroke=1.3, color='style', mask=None, stop=threading.Event(), others=others
    )
    result = list(steps)[-1]
    assert {'--iterations=2', '--style_layers=block1_conv1:1', '--smallest_size=40'} < set(shlex.split(result.command))
    assert "iterations='2'" in result.python and result.record['settings']['smallest_size'] == 40
    with pytest.raises(UserError, match='iterations'):
        works.paint(
            *pictures, strength=0.5, stroke=1.3, color='style', mask=None, stop=threading.Event(),
            others={'iterations': 'many'},
        )  # fmt: skip


def test_the_python_of_a_one_pass_result_makes_the_same_picture(works, files, tmp_path, monkeypatch):
    result = works.paint_now(works.photo(files[0]), 'starry_night', strength=1.0, color='style', mask=None)
    monkeypatch.chdir(tmp_path)
    exec(result.python, {})
    assert np.array_equal(images.to_uint8(images.load_image('out.png')), result.pixels)


def test_a_result_carries_the_record_that_the_command_would_write(works, files):
    result = works.paint_now(works.photo(files[0]), works.photo(files[1]), strength=0.5, color='style', mask=None)
    assert result.record['program'] == 'stylegen.style apply'
    assert result.record['settings']['style'] == ['painting.png']
    assert set(result.record['inputs']) == {'photo.png', 'painting.png'}


def test_where_nothing_is_drawn_the_photo_stays(works, files):
    picture = works.photo(files[0])
    mask = np.zeros((48, 64), np.float32)
    mask[:24] = 1
    result = works.paint_now(picture, 'irises', strength=1.0, color='style', mask=mask)
    assert np.array_equal(result.pixels[24:], result.before[24:])
    assert not np.array_equal(result.pixels[:24], result.before[:24])


def test_a_photo_is_made_smaller_but_never_larger(works, tmp_path):
    images.save_image(tmp_path / 'large.png', photo(40, 200))
    images.save_image(tmp_path / 'small.png', photo(8, 16))
    assert works.photo(tmp_path / 'large.png').pixels.shape == (13, 64, 3)
    assert works.photo(tmp_path / 'large.png', 32).pixels.shape == (6, 32, 3)
    assert works.photo(tmp_path / 'small.png').pixels.shape == (8, 16, 3)


def test_a_dream_is_watched_and_says_its_command(works, files):
    steps = list(
        works.dream(
            works.photo(files[0]), preset='creatures', layers=None, classes=None, strength=0.1, stop=threading.Event()
        )
    )
    result = steps[-1]
    assert isinstance(result, Result) and all(isinstance(step, Preview) for step in steps[:-1])
    assert result.command == 'python -m stylegen.deepdream photo.png --size=64 --preset=creatures --strength=0.1'
    assert result.record['settings']['layers'] == 'trunk_block5_conv1:1'
    assert np.abs(result.pixels.astype(int) - result.before).mean() > 2


def test_a_dream_comes_back_with_its_network_and_is_dreamt_again(works, files, tmp_path):
    pytest.importorskip('gradio')
    from stylegen.studio.replay import Replay

    picture, stop = works.photo(files[0]), threading.Event()
    made = list(works.dream(picture, preset='temples', layers=None, classes=None, strength=0.1, stop=stop))[-1]
    images.save_image(tmp_path / 'made.png', images.from_uint8(made.pixels), settings=made.record)
    dream = SimpleNamespace(seen='seen', amount='amount', layer='layer', network='network')
    page = SimpleNamespace(dream=dream, style=None, tabs='tabs', said='said')
    back = Replay.fill(page, str(tmp_path / 'made.png'))
    assert (back['layer'], back['network'], back['amount']) == ('block5_conv1:1', 'mini', 0.1)
    again = list(
        works.dream(
            picture, preset=None, layers=back['layer'], classes=None, strength=back['amount'], stop=threading.Event(),
            network=back['network'],
        )
    )[-1]  # fmt: skip
    assert np.array_equal(again.pixels, made.pixels) and '--network=mini' in again.command


def test_each_preset_of_dreams_has_a_picture_that_ships():
    shown = dream_pictures()
    assert [name for _, name in shown] == offline_presets()
    assert all(max(images.load_image(path).shape) == 144 for path, _ in shown)
    assert {Path(path) for path, _ in shown} == set(DREAM_PICTURES.iterdir())  # none is left of a preset that went


def test_what_a_visitor_types_wins_over_the_preset():
    assert dream_arguments('temples', None, None, 0.3)['strength'] == 0.3
    assert 'layers' not in dream_arguments('temples', None, 'sunflower', None)
    assert {'creatures', 'temples'} <= set(offline_presets()) and 'google' not in offline_presets()


def test_faces_are_those_of_their_seeds_and_the_way_begins_at_the_first():
    noise = Noise()
    faces = noise.faces(None, '3,5', None, scale=1)
    assert [face.seed for _, face in faces] == [3, 5]
    begin, end = (noise.between(None, faces[0][1], faces[1][1], share, scale=1).pixels for share in (0, 1))
    assert np.abs(begin.astype(int) - faces[0][0]).max() <= 1 and np.abs(end.astype(int) - faces[1][0]).max() <= 1
    with pytest.raises(UserError, match='too many for a page'):
        noise.faces(None, '0-999', None)


def test_a_face_of_a_named_class_is_the_one_that_was_clicked_and_its_command_draws_it(tmp_path, monkeypatch):
    kept(tmp_path / 'run', classes=('cat', 'dog', 'hat'))
    monkeypatch.chdir(tmp_path)
    noise = Noise()
    (first, one), (second, other) = noise.faces('run', '3,5', 'hat,cat', scale=1)
    results = [noise.between('run', one, other, share, scale=1) for share in (0, 1)]
    for result, shown in zip(results, (first, second), strict=True):
        assert np.abs(result.pixels.astype(int) - shown).max() <= 1
    assert run(*shlex.split(results[0].command)[3:], '--output=way.png', '--quiet', program='dcgan') == 0
    assert np.array_equal(images.to_uint8(images.load_image('way.png'))[:16, :16], results[0].pixels)
    names: dict[str, Any] = {}
    exec(results[0].python, names)
    assert np.array_equal(images.to_uint8(names['picture']), results[0].pixels)


def test_a_run_that_goes_on_is_drawn_by_its_newest_checkpoint(tmp_path):
    kept(tmp_path)
    noise = Noise()
    assert noise.generator(str(tmp_path)).step == 7 and noise.generator(str(tmp_path)) is noise.generator(str(tmp_path))
    (tmp_path / 'checkpoints/step-00000003.npz').rename(tmp_path / 'checkpoints/step-00000009.npz')
    assert noise.generator(str(tmp_path)).path.name == 'step-00000009.npz'


def test_a_grade_is_the_one_of_the_command(works, files, tmp_path, monkeypatch):
    before = photo(40, 40, 3)
    images.save_image(tmp_path / 'before.png', before)
    images.save_image(tmp_path / 'after.png', before**0.7)
    result = works.grade(*(works.photo(path) for path in (files[0], tmp_path / 'before.png', tmp_path / 'after.png')))
    assert np.abs(images.from_uint8(result.pixels) - images.from_uint8(result.before) ** 0.7).mean() < 0.01
    monkeypatch.chdir(tmp_path)
    assert run(*shlex.split(result.command)[3:], '--output=again.png', '--quiet', program='compose') == 0
    assert np.array_equal(images.to_uint8(images.load_image('again.png')), result.pixels)


def test_a_mosaic_of_an_archive_is_near_the_photo(works, files, tmp_path):
    import zipfile

    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / 'tiles.zip', 'w') as archive:
        for number in range(60):
            images.save_image(tmp_path / 'one.png', np.full((12, 12, 3), rng.random(3), np.float32))
            archive.write(tmp_path / 'one.png', f'{number}.png')
    result = works.mosaic(works.photo(files[0]), [tmp_path / 'tiles.zip'], columns=12, tint=0.5)
    assert result.pixels.shape == (9 * 48, 12 * 48, 3)
    blurred = images.resize(images.from_uint8(result.pixels), (9, 12))
    assert np.abs(blurred - images.resize(works.photo(files[0]).pixels, (9, 12))).mean() < 0.1
    assert 'tiles.zip' in result.command and result.record['settings']['tiles'] == 'tiles.zip'
    with pytest.raises(UserError, match='or pictures'):
        works.mosaic(works.photo(files[0]), [tmp_path / 'tiles.zip', files[1]], columns=12, tint=0.5)


def test_names_of_uploads_hold_nothing_but_a_name():
    assert safe_name('/tmp/gradio/ab/../my photo.jpg') == 'my photo.jpg'
    assert safe_name('C:\\x\\..\\$(rm -rf).png') == '__rm -rf_.png'
    assert safe_name('..') == 'picture'
    assert len(safe_name('a' * 300 + '.png')) == 80


def slow_job(report):
    for step in range(200):
        report(step, 200, lambda step=step: np.full((2, 2, 3), step / 200, np.float32))
        time.sleep(0.01)
    return np.ones((2, 2, 3), np.float32)


def test_a_stopped_job_gives_the_best_so_far():
    stop = threading.Event()
    found = []
    for step in follow(slow_job, stop):
        found.append(step)
        stop.set()
    assert isinstance(found[0], Preview) and 0 < found[0].share < 1 and 0 < found[0].seconds_left < 10
    assert isinstance(found[-1], Finished) and found[-1].stopped and 0 < found[-1].picture.max() < 1


def test_a_job_that_nobody_watches_any_more_ends():
    steps = follow(slow_job, threading.Event())
    next(steps)
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name == 'stylegen job']


def test_the_error_of_a_job_is_raised_where_it_is_watched():
    def fails(report):
        raise UserError('no such layer')

    with pytest.raises(UserError, match='no such layer'):
        list(follow(fails, threading.Event()))


def result_of(number):
    pixels = np.full((4, 4, 3), number, np.uint8)
    return Result(f'result {number}', pixels, pixels, {'settings': {'number': number}}, '', '')


def test_a_session_keeps_the_newest_results_and_undoes_one_at_a_time():
    session = Session(kept=3)
    for number in range(5):
        session.add(result_of(number))
    assert [one.title for one in session.results] == ['result 2', 'result 3', 'result 4']
    session.undo()
    assert session.current.title == 'result 3'
    session.add(result_of(9))
    assert session.current.title == 'result 9'


def test_the_same_result_twice_is_kept_once():
    session = Session()
    for number in (1, 1, 2, 1):
        session.add(result_of(number))
    assert [one.title for one in session.results] == ['result 1', 'result 2', 'result 1']


def test_a_file_of_a_session_carries_the_record_and_goes_with_the_session():
    session = Session()
    with pytest.raises(UserError, match='no result yet'):
        session.file('.png')
    session.add(result_of(7))
    for suffix in ('.png', '.jpg', '.webp'):
        assert images.read_settings(session.file(suffix)) == {'settings': {'number': 7}}
    folder, event = session.folder, session.begin()
    session.close()
    assert not folder.exists() and event.is_set()


@pytest.mark.parametrize(('number', 'told'), [(errno.ENOSPC, 'disk is full'), (errno.EROFS, 'Read-only file system')])
def test_a_file_that_cannot_be_written_is_told_without_a_path_of_the_server(monkeypatch, number, told):
    def fails(path, *others, **options):
        raise OSError(number, os.strerror(number), str(path))

    session = Session()
    session.add(result_of(1))
    monkeypatch.setattr(images, 'save_image', fails)
    with pytest.raises(UserError, match=told) as caught:
        session.file('.png')
    assert '/' not in str(caught.value) and 'Errno' not in str(caught.value)
    session.close()


def test_two_sessions_share_nothing():
    first, second = Session(), Session()
    first.add(result_of(1))
    second.add(result_of(2))
    assert first.file('.png').parent != second.file('.png').parent
    assert [len(first.results), len(second.results)] == [1, 1]
    first.close()
    assert second.file('.png').exists()
    second.close()


def test_new_work_of_a_visitor_ends_the_work_before():
    session = Session()
    first = session.begin()
    second = session.begin()
    assert first.is_set() and not second.is_set()


def test_a_film_of_a_run_goes_from_its_first_sheet_to_its_newest(tmp_path):
    run, shown = tmp_path / 'run', tmp_path / 'shown'
    (run / 'samples').mkdir(parents=True)
    shown.mkdir()
    (run / 'log.csv').write_text('step,d_loss\n1,0.5\n')
    with pytest.raises(UserError, match='fewer than two sheets'):
        Noise().film(str(run), shown)
    for step in range(3):
        images.save_image(run / 'samples' / f'step-{step:06d}.png', np.full((16, 16, 3), step / 2, np.float32))
    with Image.open(Noise().film(str(run), shown)) as film:
        assert film.n_frames == 3
        lights = [(film.seek(number), np.asarray(film.convert('L')).mean())[1] for number in range(3)]
    np.testing.assert_allclose(lights, [0, 127, 255], atol=3)
    assert sorted(path.name for path in run.iterdir()) == ['log.csv', 'samples']  # the run stays as it is


def test_a_page_that_does_not_start_leaves_no_folder(tmp_path, monkeypatch):
    from stylegen.studio import server

    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setitem(sys.modules, 'gradio', None)  # as where it is not installed
    with pytest.raises(UserError, match='pip install'):
        server.start(StudioSettings(port=0, browser=False))
    assert list(tmp_path.iterdir()) == [] and server.FOLDER_VARIABLE not in os.environ


def test_a_full_line_says_how_long():
    assert full_message(3, [10, None, 30], 4) == (
        'The line is full: 3 jobs wait, about 59 s of work. Try again in 4 s.'
    )
    assert full_message(2, [None, None], None).endswith('Try again in a minute.')


class Queue:
    """As much of Gradio's queue as `bound_line` looks at: the work of function 0 waits for the machine."""

    def __init__(self, waiting):
        self.blocks = SimpleNamespace(fns=[SimpleNamespace(concurrency_id=name) for name in ('machine', 'other')])
        line = SimpleNamespace(queue=[SimpleNamespace(fn=None)] * waiting, start_times_per_fn={})
        self.event_queue_per_concurrency_id, self.process_time_per_fn = {'machine': line}, {}

    async def push(self, body, *others):
        return True, 'taken', 'success'


@pytest.mark.parametrize(('waiting', 'function', 'taken'), [(1, 0, True), (2, 0, False), (2, 1, True)])
def test_only_work_for_the_machine_is_refused_when_its_line_is_full(waiting, function, taken):
    queue = Queue(waiting)
    bound_line(queue, 2)
    success, told, _ = asyncio.run(queue.push(SimpleNamespace(fn_index=function), None))
    assert success == taken and ('The line is full: 2 jobs wait' in told) != taken


def test_of_a_clip_the_first_frame_is_painted_and_transparency_goes_into_the_file(works, tmp_path):
    from stylegen.studio.inputs import photo_and_notes

    frames = [Image.new('RGB', (8, 8), (shade, 0, 0)) for shade in (0, 200)]
    frames[0].save(tmp_path / 'clip.gif', save_all=True, append_images=frames[1:])
    alpha = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    images.save_image(tmp_path / 'clear.png', photo(16, 16), alpha=alpha)
    images.save_image(tmp_path / 'whole.png', photo(16, 16))
    told = {name: ' '.join(photo_and_notes(str(tmp_path / name), 16)[1]) for name in os.listdir(tmp_path)}
    assert 'has 2 frames; only the first one is used' in told['clip.gif']
    assert 'transparent' in told['clear.png'] and told['whole.png'] == ''
    session = Session()
    session.add(works.paint_now(works.photo(tmp_path / 'clear.png'), 'irises', strength=1.0, color='style', mask=None))
    np.testing.assert_allclose(images.load_picture(session.file('.png')).alpha, alpha, atol=1 / 255)
    session.close()


def test_the_same_question_finds_the_result_that_is_still_kept():
    session = Session(kept=2)
    for number in range(3):
        session.add(result_of(number), asked=('photo', number))
    assert session.known(('photo', 0)) is None  # it went
    assert session.known(('photo', 2)) is session.current


def test_a_page_for_others_needs_a_password(monkeypatch):
    monkeypatch.delenv('STYLEGEN_PASSWORD', raising=False)
    with pytest.raises(UserError, match='give a --password too'):
        StudioSettings(host='0.0.0.0')
    assert StudioSettings(host='0.0.0.0', password='x').secret == 'x'
    assert [is_loopback(host) for host in ('127.0.0.1', '::1', 'localhost', '192.168.1.2', 'example.org')] == [
        True, True, True, False, False,
    ]  # fmt: skip
    monkeypatch.setenv('STYLEGEN_PASSWORD', 'y')
    assert StudioSettings(host='0.0.0.0').secret == 'y'


def test_the_command_line_refuses_in_one_line(capsys):
    assert run('--host=0.0.0.0', program='studio') == 2
    assert 'give a --password' in capsys.readouterr().err
    assert run('--port=70000', program='studio') == 2
    assert run('--help', program='studio') == 0
