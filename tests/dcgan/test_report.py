"""A report is one page that needs nothing else, whatever the run has and however its parts are called."""

import base64
import io
import json
import math
import os
import platform
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from stylegen.dcgan.history import read_history
from stylegen.dcgan.pages import POLICY
from stylegen.dcgan.reporting import SHEETS, duration, flat, report, save_report
from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull
from tests.conftest import run
from tests.dcgan.sets import TINY, small_set

VOID = {'meta', 'img'}
SCRIPT = '<script>alert("1")</script> & <img src=x>'
ALL = ['samples', 'quality', 'curves', 'events', 'settings', 'data', 'environment', 'checkpoints']


class Page(HTMLParser):
    """A page taken apart; every tag that is opened must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return ' '.join(' '.join(self.texts).split())

    def ids(self):
        return [value for tag, name, value in self.attributes if name == 'id' and tag == 'section']

    def images(self):
        """The pictures within, decoded."""
        sources = [value for tag, name, value in self.attributes if (tag, name) == ('img', 'src')]
        return [Image.open(io.BytesIO(base64.b64decode(source.split(',', 1)[1]))) for source in sources]

    def check_alone(self):
        """Nothing is fetched and nothing is run."""
        assert not {'script', 'iframe', 'link', 'object', 'embed', 'base', 'form'} & set(self.tags)
        for tag, name, value in self.attributes:
            assert not name.startswith('on'), (tag, name)
            if name in ('src', 'href', 'srcset', 'data', 'xlink:href', 'action'):
                assert value.startswith(('data:image/', '#')), (tag, name, value[:50])
        assert ('meta', 'content', POLICY) in self.attributes


def picture(path, size=8, level=100, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(level).integers(0, 256, (size, size, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path, **kwargs)


def settings(**changes):
    return {
        'program': 'stylegen.dcgan', 'version': '0.1.0',
        'settings': {
            'preset': 'cifar32', 'size': [32, 32], 'channels': 3, 'classes': [], 'generator': {'seed': 0},
            'training': {'loss': 'non_saturating', 'ema': 0.999, 'seed': 0}, 'batch_size': 64, 'precision': 'float32',
        },
        'data': {'source': 'cats.zip', 'count': 50, 'sha256': 'abc', 'classes': ['cat', 'dog']},
        'packages': {'tensorflow': '2.21.0'}, 'parameters': {'generator': 1068928},
    } | changes  # fmt: skip


def row(step):
    return f'{step},{1 / step},{step / 100},0.9,0.1,8.5,48.5,0.0002,320'


COLUMNS = 'step,d_loss,g_loss,d_real,d_fake,d_gradient,g_gradient,learning_rate,images_per_second'


def record(value, step, weights='ema', **changes):
    return {
        'value': value, 'error': 0.25, 'better': 'lower', 'floor': 1.5, 'ceiling': 300.25, 'floor_of': 'test, train',
        'ceiling_of': 'uniform noise', 'generated': 9, 'reference': 10, 'split': 'train',
        'generator': {'step': step, 'weights': weights},
    } | changes  # fmt: skip


@pytest.fixture
def workdir(tmp_path):
    """A run with everything that a run can have."""
    path = tmp_path / 'run'
    for step in (0, 100, 200):
        picture(path / 'samples' / f'step-{step:08d}.png', level=step)
    picture(path / 'training.gif')
    (path / 'settings.json').write_text(json.dumps(settings()))
    (path / 'log.csv').write_text('\n'.join([COLUMNS, row(100), row(200), '']))
    (path / 'quality.csv').write_text('step,fid_mini,best\n100,40.5,1\n200,44.25,0\n')
    events = [
        {'step': 100, 'event': 'rollback', 'time': '2026-01-01T00:00:00Z', 'reason': 'd_loss is not finite', 'to': 50},
        {'step': 120, 'event': 'resumed', 'time': '2026-01-01T01:00:00Z'},
    ]
    (path / 'events.jsonl').write_text(''.join(json.dumps(event) + '\n' for event in events))
    results = [{'step': step, 'figures': {'fid_mini': record(50.5 - step / 10, step)}} for step in (100, 200)]
    (path / 'evaluation.json').write_text(json.dumps({'results': results}))
    (path / 'checkpoints').mkdir()
    (path / 'checkpoints' / 'step-00000200.npz').write_bytes(bytes(1500000))
    (path / 'checkpoints' / 'best.npz').write_bytes(bytes(1000000))
    return path


def test_a_whole_run_has_every_section_and_asks_for_nothing(workdir):
    page = Page(report(workdir))
    page.check_alone()
    assert page.ids() == ALL
    links = [value for tag, name, value in page.attributes if (tag, name) == ('a', 'href')]
    assert links == [f'#{name}' for name in ALL]
    for said in (
        'Step 200', 'Images seen 12,800', 'Training time 40 s', 'Images a second 320', 'Best fid_mini 40.5 at 100',
        'Alarms 1', 'paper64 with its finest level left out', '32x32x3', '1,068,928',
        'fid_mini ema 100 40.5 ± 0.2 1.5 300.2 lower', '9 generated pictures against 10 of train', 'uniform noise',
        'rollback reason: d_loss is not finite; to: 50', 'resumed', 'training.loss non_saturating', 'cats.zip',
        '2: cat, dog', 'tensorflow 2.21.0', 'best.npz 1.0 MB', 'step-00000200.npz 1.5 MB', 'not with published',
    ):  # fmt: skip
        assert said in page.text, said


def test_the_pictures_within_are_those_of_the_run(workdir):
    found = Page(report(workdir)).images()
    names = ['samples/step-00000200.png', 'samples/step-00000000.png', 'samples/step-00000100.png', 'training.gif']
    expected = [Image.open(workdir / name) for name in names]
    assert [image.tobytes() for image in found] == [image.tobytes() for image in expected]


def test_the_charts_are_those_of_the_log(workdir):
    text = report(workdir)
    titles = re.findall(r'<h3>(.*?)</h3>', text)
    assert titles == [
        'fid_mini while training', 'fid_mini', 'Losses', 'D(x) and D(G(z))',
        'Length of the gradients', 'Images a second', 'Learning rate',
    ]  # fmt: skip
    assert text.count('class="mark"') == 5 and '<title>100: rollback</title>' in text  # of each chart of the log
    assert 'D even, log 4' in text and '>floor<' in text and '>ceiling<' in text
    assert '<b>0.005</b>' in text  # d_loss at step 200


def test_both_kinds_of_weights_are_drawn_and_listed(workdir):
    figures = {'kid_mini': record(0.5, 200, 'live', floor=-0.001)}, {'kid_mini': record(0.25, 200, floor=-0.001)}
    results = [{'step': 200, 'figures': each} for each in figures]
    (workdir / 'evaluation-2.json').write_text(json.dumps({'results': results}))
    by_weights = read_history(workdir).metrics()['kid_mini']
    assert {weights: by_step[200]['value'] for weights, by_step in by_weights.items()} == {'live': 0.5, 'ema': 0.25}
    page = Page(report(workdir))
    assert 'kid_mini live 200 0.5' in page.text and 'kid_mini ema 200 0.25' in page.text
    assert 'fid_mini ema 200 30.5' in page.text  # the first file counts too


@pytest.mark.parametrize(
    ('missing', 'left'),
    [
        (['evaluation.json', 'quality.csv'], ALL),
        (['log.csv', 'events.jsonl', 'training.gif'], ALL),
        (['samples'], [name for name in ALL if name != 'samples']),
        (['checkpoints'], [name for name in ALL if name != 'checkpoints']),
        (['settings.json'], [name for name in ALL if name not in ('settings', 'data')]),
    ],
)
def test_an_unfinished_run_has_what_there_is(workdir, missing, left):
    for name in missing:
        (workdir / name).rename(workdir / f'no {name}')
    page = Page(report(workdir))
    page.check_alone()
    assert page.ids() == left
    assert ('Not measured yet' in page.text) == ('quality.csv' in missing)
    assert ('Nothing is logged yet' in page.text) == ('log.csv' in missing)


def test_a_run_that_has_just_begun_has_a_report(tmp_path):
    (tmp_path / 'settings.json').write_text(json.dumps(settings()))
    page = Page(report(tmp_path))
    page.check_alone()
    assert 'Step 0' in page.text and 'Nothing out of the way happened' in page.text


def test_files_that_are_being_written_or_damaged_do_no_harm(workdir):
    with open(workdir / 'log.csv', 'a') as file:
        file.write('300,0.')
    with open(workdir / 'events.jsonl', 'a') as file:
        file.write('{"step": 300, "ev')
    (workdir / 'evaluation.json').write_text('{"results": [{"step": 1, "figures": {"fid_mini": {"value": null}}}, 3]}')
    data = (workdir / 'samples' / 'step-00000100.png').read_bytes()
    (workdir / 'samples' / 'step-00000100.png').write_bytes(data[: len(data) // 2])
    (workdir / 'samples' / 'step-new.png').write_bytes(data)
    (workdir / 'checkpoints' / 'step-00000300-backup.npz').write_bytes(b'')
    page = Page(report(workdir))
    page.check_alone()
    assert 'Step 200' in page.text and 'Alarms 1' in page.text
    assert 'step-00000100.png cannot be read' in page.text and len(page.images()) == 3


def test_a_sheet_that_is_postscript_starts_no_program(workdir, monkeypatch):
    started = []
    monkeypatch.setattr(EpsImagePlugin, 'Ghostscript', lambda *args, **kwargs: started.append(args))
    Image.new('RGB', (8, 8)).save(workdir / 'samples' / 'step-00000100.png', 'EPS')
    page = Page(report(workdir))
    assert 'step-00000100.png cannot be read' in page.text and not started


def test_what_training_leaves_is_found(tmp_path):
    from stylegen.dcgan.training import train

    options = {**TINY, 'samples': 4, 'sample_every': 2, 'log_every': 2, 'checkpoint_every': 2, 'evaluate_every': 0}
    train(small_set(tmp_path / 'data'), workdir=tmp_path / 'run', steps=4, **options)
    text = report(tmp_path / 'run')
    page = Page(text)
    page.check_alone()
    assert page.ids() == ALL and 'Step 4 Images seen 16' in page.text and 'the averaged generator' in page.text
    assert len(page.images()) == 4  # three sheets and the film
    assert text.count('class="curve"') == 8 and '<b>not finite<' not in text and 'class1' in page.text
    assert platform.python_version() in page.text


@pytest.mark.parametrize(('ema', 'weights'), [({'ema': 0.9}, 'averaged'), ({'ema': 0}, 'live'), ({}, 'averaged')])
def test_it_says_whose_samples_they_are(workdir, ema, weights):
    told = settings()
    told['settings']['training'] = {'loss': 'hinge', **ema}  # earlier versions left out what was the default
    (workdir / 'settings.json').write_text(json.dumps(told))
    assert f'by the {weights} generator' in report(workdir)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match='has neither settings'):
        report(tmp_path)


def test_whatever_a_name_has_stays_a_name(tmp_path, workdir):
    strange = tmp_path / SCRIPT.replace('/', '\u2215')
    workdir.rename(strange)
    told = settings(data={'source': SCRIPT, 'classes': [SCRIPT], SCRIPT: SCRIPT}, packages={SCRIPT: SCRIPT})
    told['settings'] |= {'preset': SCRIPT, SCRIPT: {SCRIPT: SCRIPT}}
    told['parameters'] = {SCRIPT: 3}
    (strange / 'settings.json').write_text(json.dumps(told))
    (strange / 'events.jsonl').write_text(json.dumps({'step': SCRIPT, 'event': SCRIPT, SCRIPT: SCRIPT}))
    figures = {SCRIPT: record(2.5, 200, SCRIPT, split=SCRIPT, floor_of=SCRIPT, better=SCRIPT)}
    (strange / 'evaluation.json').write_text(json.dumps({'results': [{'step': 200, 'figures': figures}]}))
    (strange / 'quality.csv').write_text(f'step,"{SCRIPT.replace(chr(34), chr(34) * 2)}"\n100,40.5\n')
    text = report(strange)
    page = Page(text)
    page.check_alone()
    assert page.ids() == ALL and text.count('alert(') > 20
    assert 'x' not in [value for tag, name, value in page.attributes if name == 'src']


def test_names_that_are_no_text_can_be_written(tmp_path, workdir):
    strange = os.fsencode(tmp_path) + b'/run\xff'
    os.rename(workdir, strange)
    path = save_report(os.fsdecode(strange), tmp_path / 'report.html')
    Page(path.read_text(encoding='utf-8')).check_alone()


def test_values_that_are_not_finite_leave_gaps(workdir):
    with open(workdir / 'log.csv', 'a') as file:
        file.write('300,nan,inf,0.9,0.1,,48.5,0.0002,320\n400,1,1,0.9,0.1,8.5,48.5,0.0002,320\n')
    text = report(workdir)
    Page(text).check_alone()
    assert not re.search(r'points="[^"]*(nan|inf)', text) and 'Step 400' in Page(text).text


def test_of_many_sheets_a_few_are_shown_and_of_large_files_none(workdir, monkeypatch):
    for step in range(300, 5000, 100):
        picture(workdir / 'samples' / f'step-{step:08d}.png')
    monkeypatch.setattr(sys.modules['stylegen.dcgan.reporting'], 'FILM_BYTES', 50)
    page = Page(report(workdir))
    assert len(page.images()) == SHEETS
    assert 'step 4,900, the last sheet' in page.text and 'step 0' in page.text
    assert 'training.gif (0.0 MB) is too large for this page' in page.text


def test_large_sheets_are_made_smaller(workdir):
    picture(workdir / 'samples' / 'step-00000200.png', size=1200)
    image = Page(report(workdir)).images()[0]
    assert image.size == (1000, 1000) and image.format == 'JPEG'


def test_the_time_is_that_of_the_logged_speeds(workdir):
    log = 'step,images_per_second\n10,64\n30,128\n'
    for rest in ('', '40,0\n', '40,nan\n'):  # what has no speed is not counted
        (workdir / 'log.csv').write_text(log + rest)
        assert math.isclose(read_history(workdir).seconds, 10 + 10)
    (workdir / 'settings.json').write_text(json.dumps(settings(settings={'training': {'d_steps': 5}})))
    assert read_history(workdir).images_per_step == 0  # not known
    assert [duration(seconds) for seconds in (5, 119, 3600, 7320)] == ['5 s', '2 min', '60 min', '2 h 2 min']


def test_settings_within_settings_are_named_with_dots():
    assert flat({'a': {'b': {'c': 1}}, 'd': [1, 2], 'e': None, 'f': [], 'g': 0}, skip=('g',)) == {
        'a.b.c': '1', 'd': '1, 2', 'e': 'none', 'f': 'none'
    }  # fmt: skip


def test_a_write_that_fails_leaves_the_earlier_page(workdir, tmp_path, monkeypatch):
    path = tmp_path / 'report.html'
    path.write_text('earlier')

    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(DiskFull):
        save_report(workdir, path)
    assert path.read_text() == 'earlier' and sorted(p.name for p in tmp_path.iterdir()) == ['report.html', 'run']


def command(*args):
    return run('report', *args, program='dcgan')


def test_the_command_writes_the_page(workdir, monkeypatch, capsys):
    monkeypatch.chdir(workdir.parent)
    assert command('--workdir=run') == 0
    assert 'report.html is the report on run' in capsys.readouterr().out
    Page((workdir.parent / 'report.html').read_text()).check_alone()
    for arguments, said in (
        (['--workdir=none'], 'give the --workdir of a run'),
        (['--workdir=run', '--output=report.pdf'], '.html'),
        (['--workdir=run', '--output=run/settings.json/report.html'], 'is not a folder'),
    ):
        assert command(*arguments) == 2
        error = capsys.readouterr().err
        assert said in error and error.count('\n') == 1


def test_the_page_is_made_without_tensorflow(workdir, tmp_path):
    code = (
        'import sys; from stylegen.dcgan.__main__ import main; '
        f"main(['x', 'report', '--workdir={workdir}', '--output={tmp_path / 'x.html'}']); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
    assert (tmp_path / 'x.html').exists()
