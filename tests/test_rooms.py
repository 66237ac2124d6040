"""The rooms of the package: read from every import of every module, also of those within functions and for types only.

The functions take sources by module name, so that made-up ones show that each of them can fail.
"""

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import stylegen
from tests.conftest import ROOT

ROOMS = (
    'weights',
    'utils',
    'images',
    'networks',
    'losses',
    'optimize',
    'datasets',
    'metrics',
    'training',
    'runs',
    'cluster',
)
PROGRAMS = ('compose', 'dcgan', 'deepdream', 'style')
PAGE = ('studio',)  # offers what the programs do, so it imports them
TOP = ('former_names', 'notebook', '__main__')  # single modules that no room imports
# What stands in a room although one program alone uses it, and no other shared module: its subject is the room's.
BY_SUBJECT = {
    'stylegen.weights': 'the networks that ship, of whatever program',
    'stylegen.networks.receptive_field': 'a property of a network',
    'stylegen.optimize.gradient_smoothing': 'a function of a gradient, whatever the objective is',
    'stylegen.optimize.parameterization': 'an objective around any other',
    'stylegen.optimize.random_transforms': 'views of any batch of pictures',
    'stylegen.optimize.tiling': 'an objective around any other, for large pictures',
    'stylegen.optimize.windows': 'an objective of summed losses, for large pictures',
    'stylegen.metrics.evaluation': 'any set of pictures against any other',
    'stylegen.training.normalization': 'a layer for any adversarial training',
    'stylegen.training.spectral': 'layers for any adversarial training',
}


def sources_of_the_package():
    """The source of each module by its name; a package has the name of its folder."""
    paths = Path(stylegen.__path__[0]).rglob('*.py')
    names = {
        path: '.'.join(('stylegen', *path.relative_to(stylegen.__path__[0]).with_suffix('').parts)) for path in paths
    }
    return {name.removesuffix('.__init__'): path.read_text(encoding='utf-8') for path, name in names.items()}


def imports(sources):
    """The modules that each module imports. A name that a package only gives counts for the module that defines it."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    given = {name: dict(names_from(trees[name], sources)) for name in sources if is_package(name, sources)}
    return {name: set(imported(tree, sources, given)) - {name} for name, tree in trees.items()}


def is_package(name, sources):
    return any(other.startswith(f'{name}.') for other in sources)


def names_from(tree, sources):
    """Pairs of a name and the module that it is imported from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in sources:
            yield from ((alias.asname or alias.name, node.module) for alias in node.names)


def imported(tree, sources, given):
    """The modules that one imports, some of them several times."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in sources)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, 'imports are absolute'
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                if full in given:  # a package: which of its names are used?
                    used = {attribute for attribute in attributes(tree, alias.asname or alias.name)}
                    yield from (given[full].get(name, full) for name in used or {''})
                elif full in sources:
                    yield full
                elif node.module in sources:
                    yield given.get(node.module, {}).get(alias.name, node.module)


def attributes(tree, name):
    """What is taken of a name: `b` for name.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            yield node.attr


def place(module):
    """The room, program or single module that a module stands in; '' for the package itself."""
    return [*module.split('.'), ''][1]


def rank(module):
    """A module may import those of its own rank and below."""
    order = [[room] for room in ROOMS] + [PROGRAMS, PAGE, TOP, ['']]
    return next(number for number, group in enumerate(order) if place(module) in group)


def homeless(sources):
    """Modules that stand in no room."""
    return sorted(name for name in sources if place(name) not in (*ROOMS, *PROGRAMS, *PAGE, *TOP, ''))


def against_the_order(sources):
    """Imports from the left to the right."""
    arrows = [(name, other) for name, others in imports(sources).items() for other in others]
    return sorted(f'{name} -> {other}' for name, other in arrows if rank(other) > rank(name))


def between_programs(sources):
    """Imports of one program by another."""
    arrows = [(name, other) for name, others in imports(sources).items() for other in others]
    both = [(name, other) for name, other in arrows if place(name) in PROGRAMS and place(other) in PROGRAMS]
    return sorted(f'{name} -> {other}' for name, other in both if place(name) != place(other))


def circle(sources):
    """Modules that import each other in a circle, the first at both ends; none: []."""
    try:
        graphlib.TopologicalSorter(imports(sources)).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def of_one_program(sources):
    """Shared modules that belong to a program: no shared module uses them, and of the programs one at most.

    That a room gives the name counts for nothing here.
    """
    users = defaultdict(set)
    for name, others in imports(sources).items():
        for other in others:
            if place(name) in PROGRAMS or place(name) != place(other) or not is_package(name, sources):
                users[other].add(place(name))
    shared = [name for name in sources if place(name) in ROOMS and not is_package(name, sources)]
    return sorted(name for name in shared if len(users[name]) < 2 and users[name] <= {*PROGRAMS})


SOURCES = sources_of_the_package()


def test_the_sources_are_read():
    graph = imports(SOURCES)
    assert len(SOURCES) > 150 and sum(map(len, graph.values())) > 700
    assert 'stylegen.style.run' in graph['stylegen.style.stylizer']
    assert 'stylegen.images.io' in graph['stylegen.deepdream.job'], 'images.save_image is found where it is defined'


def test_every_module_stands_in_a_room():
    assert homeless(SOURCES) == []


def test_imports_go_from_the_right_to_the_left():
    assert against_the_order(SOURCES) == []


def test_no_program_imports_another():
    assert between_programs(SOURCES) == []


def test_there_is_no_circle():
    assert circle(SOURCES) == []


def test_what_one_program_uses_is_in_it_or_has_the_subject_of_its_room():
    assert of_one_program(SOURCES) == sorted(BY_SUBJECT)


def test_no_import_is_hidden_in_a_string():
    hidden = {name for name, source in SOURCES.items() if re.search(r'import_module\(|__import__\(', source)}
    commands = {'stylegen.__main__', 'stylegen.style.__main__', 'stylegen.runs.commands'}  # told its modules
    assert hidden == commands | {'stylegen.former_names', 'stylegen.utils.lazy'}


GOOD = {
    'stylegen.utils': 'if TYPE_CHECKING:\n    from stylegen.utils.errors import Wrong',
    'stylegen.utils.errors': 'class Wrong: ...',
    'stylegen.images': 'if TYPE_CHECKING:\n    from stylegen.images.io import load',
    'stylegen.images.io': 'from stylegen.utils import Wrong',
    'stylegen.style.run': 'from stylegen import images\ndef work(): images.load()',
    'stylegen.dcgan.run': 'def work():\n    from stylegen.images import load',
}


@pytest.mark.parametrize(
    'check', [homeless, against_the_order, between_programs, circle, of_one_program], ids=lambda check: check.__name__
)
def test_made_up_rooms_that_are_right(check):
    assert check(GOOD) == []


@pytest.mark.parametrize(
    ('check', 'module', 'source', 'found'),
    [
        (homeless, 'stylegen.misc', '', ['stylegen.misc']),
        (
            against_the_order,
            'stylegen.utils.files',
            'def lazy():\n    from stylegen.images.io import load',
            ['stylegen.utils.files -> stylegen.images.io'],
        ),
        (
            against_the_order,
            'stylegen.utils.files',
            'from stylegen import images\nimages.load',
            ['stylegen.utils.files -> stylegen.images.io'],
        ),
        (
            against_the_order,
            'stylegen.images.io',
            'from stylegen.style.run import work',
            ['stylegen.images.io -> stylegen.style.run'],
        ),
        (
            between_programs,
            'stylegen.style.job',
            'if TYPE_CHECKING:\n    import stylegen.dcgan.run',
            ['stylegen.style.job -> stylegen.dcgan.run'],
        ),
        (
            circle,
            'stylegen.utils.errors',
            'def lazy():\n    from stylegen.images import load',
            ['stylegen.images.io', 'stylegen.utils.errors', 'stylegen.images.io'],
        ),
        (of_one_program, 'stylegen.images.flow', '', ['stylegen.images.flow']),
        (of_one_program, 'stylegen.style.run', '', ['stylegen.images.io']),
    ],
)
def test_made_up_rooms_that_are_wrong(check, module, source, found):
    assert set(check(GOOD | {module: source})) == set(found)


@pytest.mark.parametrize('room', ROOMS[1:])
def test_a_room_gives_its_names_to_programs_and_type_checkers_alike(room):
    module = importlib.import_module(f'stylegen.{room}')
    told = defaultdict(set)
    for name, home in names_from(ast.parse(SOURCES[f'stylegen.{room}']), SOURCES):
        told[home.rpartition('.')[2]].add(name)
    del told['lazy']
    assert told == {home: set(names) for home, names in module._NAMES.items()}
    assert all(hasattr(module, name) for name in module.__all__) and module.__all__ == sorted(dir(module))
    assert not hasattr(module, 'nothing_of_this_name')
    assert len(module.__doc__.strip().splitlines()) == 3, 'what it is for, in three lines'


def test_importing_the_rooms_imports_nothing_heavy():
    rooms = ', '.join(f'stylegen.{room}' for room in ROOMS)
    code = f'import sys, {rooms}; print({{"numpy", "PIL", "absl", "tensorflow", "keras"}} & set(sys.modules))'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True).stdout == 'set()\n'


# What README and the notebooks imported before there were rooms (commit 36606a3).
SHOWN = """
from stylegen import images, load_image
from stylegen.backend import has_gpu
from stylegen.classes import find_class
from stylegen.data import open_images
from stylegen.dcgan import interpolate, latents, open_generator, read_history, train
from stylegen.deepdream import dream, open_dreamer, visualize, zoom_frames
from stylegen.losses import dream_loss, total_variation_loss
from stylegen.networks import feature_extractor, layer_table
from stylegen.notebook import EXAMPLES, Watch, show, show_film
from stylegen.optimize import Objective, Term, optimize_image
from stylegen.shapes import draw_shapes
from stylegen.style import open_stylizer, transfer
from stylegen.updates import adam
images.load_image, images.save_image, images.save_animation
"""


def test_imports_that_readme_showed_before_there_were_rooms_work():
    shown = subprocess.run([sys.executable, '-c', SHOWN], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def test_a_former_name_is_the_module_of_now():
    former = importlib.import_module('stylegen.updates')
    assert former is importlib.import_module('stylegen.optimize.updates')
    assert former.__name__ == former.__spec__.name == 'stylegen.optimize.updates'
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('stylegen.nothing_of_this_name')
