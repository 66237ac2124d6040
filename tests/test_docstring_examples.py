"""The examples of docstrings run as they stand, and what a comment says of a value is true.

An example may use the names of its module and of the rooms, and the pictures, files and models that are made here.
"""

import ast
import importlib
import inspect
import json
import re
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest

import stylegen
from stylegen import images
from tests.conftest import photo, slow

ROOMS = ('images', 'networks', 'training', 'style')
GIVERS = (*ROOMS, 'datasets', 'images.video', 'images.color')  # where an example takes names from
FORMER = {'open_stylizer'}  # need no example
SLOW = ('Start', 'Stylizer', 'transfer', 'train_one_pass', 'export_one_pass')  # seconds of TensorFlow
TRAINING = "steps=1, image_size=32, style_size=32, batch_size=1, width=8, blocks=1, judge='mini'"
QUICK = {
    "'vgg19'": "'mini'", 'size=384': 'size=32', "'photos.zip', 256": "'photos.zip', 32", 'steps=2000': TRAINING,
    'strength=0.6)': 'strength=0.6, iterations=1)', "color='luminance')": "color='luminance', iterations=1)",
    'start=start)': 'start=start, iterations=2, smallest_size=9999)',
}  # fmt: skip


def examples():
    """Triples of a module, the name of what has a docstring in it, and the example of that."""
    for room in ROOMS:
        for path in sorted((Path(stylegen.__path__[0]) / room).glob('*.py')):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
                if example := re.search(r'^Example:\n((?: .*\n?|\n)+)', text or '', re.M):
                    yield f'stylegen.{room}.{path.stem}', node.name, textwrap.dedent(example[1])


EXAMPLES = list(examples())


def small_model():
    from stylegen.utils.backend import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name='last')])


def last_step():
    """The last step of a transfer that was told."""
    from stylegen.style import transfer

    steps = []
    transfer(photo(48, 64), photo(48, 64, 1), iterations=1, smallest_size=9999, callback=steps.append)
    return steps[-1]


MAKERS = {'model': small_model, 'step': last_step}


class Names(dict):
    """The names that an example may use: those given, those of its module and of the rooms, and what it sets itself."""

    def __init__(self, given, module):
        super().__init__(given)
        self.givers = [module, *(f'stylegen.{giver}' for giver in GIVERS)]

    def __missing__(self, name):
        if name in MAKERS:
            return self.setdefault(name, MAKERS[name]())
        for giver in map(importlib.import_module, self.givers):
            if hasattr(giver, name):
                return getattr(giver, name)
        raise KeyError(name)


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A folder with the files that examples name, as the current one; and the objects by name."""
    monkeypatch.chdir(tmp_path)
    pictures = [photo(48, 64, seed) for seed in range(3)]
    for name in ('photo.jpg', 'painting.jpg', 'other.jpg', 'waves.jpg', 'photos/1.jpg', 'photos/2.jpg', 'mask.png',
                 'shot/frame_1.png', 'shot/frame_2.png'):  # fmt: skip
        images.save_image(name, pictures[0])
    images.save_image('out.png', pictures[0], settings={'steps': 100})
    for name in ('film.mp4', 'sea.mp4'):
        images.save_animation(name, pictures[:2], 12)
    shutil.make_archive('photos', 'zip', 'photos')
    Path('run').mkdir()
    Path('run/log.csv').write_text('step,loss\n1,0.5\n')
    Path('run/events.jsonl').write_text(json.dumps({'step': 1, 'event': 'begun'}) + '\n')
    first, second, third = pictures
    return {
        **{'first': first, 'second': second, 'third': third, 'photo': first, 'image': first, 'previous': first},
        **{
            'style': second,
            'painting': second,
            'stylized': second,
            'frame': second,
            'photographs': [Path('photo.jpg')],
        },
        **{'settings': {}, 'np': np, 'Path': Path, 'images': images},
    }


def test_a_function_that_a_room_gives_has_an_example():
    modules = [importlib.import_module(f'stylegen.{room}') for room in ROOMS]
    functions = {name for module in modules for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    assert len(functions) > 30 and functions - {name for _, name, _ in EXAMPLES} == FORMER


@pytest.mark.parametrize(
    ('module', 'name', 'example'),
    [slow(*one) if one[1] in SLOW else one for one in EXAMPLES],
    ids=[f'{module.removeprefix("stylegen.")}.{name}' for module, name, _ in EXAMPLES],
)
def test_an_example_runs_and_says_the_truth(given, module, name, example):
    if 'flow' in module or 'mp4' in example:
        pytest.importorskip('cv2')
    for written, here in QUICK.items():
        example = example.replace(written, here)
    names = Names(given, module)
    for statement in ast.parse(example).body:
        source = ast.get_source_segment(example, statement)
        if not isinstance(statement, ast.Expr):
            exec(source, {}, names)
            continue
        value = eval(source, {}, names)
        said = re.search(r'  # (.*)$', example.splitlines()[statement.end_lineno - 1])
        assert said is None or value == ast.literal_eval(said[1]), (value, said[1])
