"""What is in a set of pictures is printed, and all of it is in the JSON."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.conftest import run
from tests.dcgan.sets import folder


@pytest.fixture
def data(tmp_path):
    """Six pictures of 16 pixels in two classes; a larger grey one, twice; a file that is no picture."""
    place = folder(tmp_path / 'data', count=6)
    grey = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8))
    for name in ('grey.png', 'grey2.png'):
        grey.save(place / 'class0' / name)
    (place / 'class1' / 'broken.png').write_bytes(b'not a picture')
    return place


def command(*args):
    return run('inspect-data', *args, program='dcgan')


def test_what_is_there_is_told(data, capsys):
    assert command(f'--data={data}') == 0
    text = capsys.readouterr().out
    for said in (
        '9 files, 8 of them pictures',
        'sizes (width x height): 2 sizes, 16x16 to 30x20\n  16x16: 6\n  30x20: 2',
        'classes: 2\n  class0: 5\n  class1: 4',
        'cannot be read: 1\n  class1/broken.png: ',
        'grey: 2\n  class0/grey.png\n  class0/grey2.png',
        'with transparency: 0',
        'of one colour: 0',
        'equal, groups: 1\n  class0/grey.png, class0/grey2.png',
    ):
        assert said in text


def test_long_lists_are_cut_and_say_so(data, capsys):
    assert command(f'--data={data}', '--most=1') == 0
    assert 'grey: 2\n  class0/grey.png\n  ... and 1 more' in capsys.readouterr().out


def test_json_has_all_of_it(data, tmp_path, capsys):
    assert command(f'--data={data}', '--output=json', '--quiet') == 0
    printed = json.loads(capsys.readouterr().out)
    assert command(f'--data={data}', f'--output={tmp_path / "a.json"}', '--quiet') == 0
    assert json.loads((tmp_path / 'a.json').read_text()) == printed
    assert printed['files'] == 9 and printed['sizes'] == [[[16, 16], 6], [[20, 30], 2]]
    assert printed['classes'] == {'class0': 5, 'class1': 4} and len(printed['corrupt']) == 1


@pytest.mark.parametrize(
    ('args', 'said'),
    [([], '--data=FOLDER'), (['--data=nowhere'], 'nowhere'), (['--data=x', '--output=a.txt'], 'a.txt'),
     (['--data=shapes'], 'drawn, without end')],
)  # fmt: skip
def test_mistakes_are_told_in_a_line(tmp_path, monkeypatch, args, said, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(*args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1


def test_animations_are_told_and_counted_once(data, capsys):
    frames = [Image.new('RGB', (16, 16), (grey, 0, 0)) for grey in (0, 200)]
    frames[0].save(data / 'class0' / 'moving.gif', save_all=True, append_images=frames[1:])
    assert command(str(data)) == 0
    assert 'of several frames or pages, the first of which is used: 1\n  class0/moving.gif' in capsys.readouterr().out
    from stylegen.datasets.opening import open_images
    from stylegen.dcgan.training_command import first_only

    images = open_images(data, 16)
    told = '1 images have several frames or pages, such as class0/moving.gif; the first is used'
    assert images.first_only == ('class0/moving.gif',) and first_only(images) == [told]
