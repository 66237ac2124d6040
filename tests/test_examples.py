"""The examples in docstrings: what they call is there and takes these arguments."""

import ast
import importlib
import inspect
import textwrap
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAND_INS = {'extractor', 'generator'}  # what an example calls of an object that it does not make


def blocks(doc):
    """The code of each example in a docstring."""
    lines = inspect.cleandoc(doc).splitlines()
    for number, line in enumerate(lines):
        if line.strip() == 'Example:':
            indent = len(line) - len(line.lstrip())
            own = []
            for below in lines[number + 1 :]:
                if below.strip() and len(below) - len(below.lstrip()) <= indent:
                    break
                own.append(below)
            yield textwrap.dedent('\n'.join(own)).strip()


def module_of(path):
    return '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


@cache
def homes():
    """The module that gives each function and class of the package, by name: a room, or else where it is defined."""
    found = {}
    for path in sorted((ROOT / 'stylegen').rglob('*.py')):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.setdefault(node.name, module_of(path))
    for path in sorted((ROOT / 'stylegen').glob('*/__init__.py')):
        room = importlib.import_module(module_of(path))
        found |= dict.fromkeys(getattr(room, '__all__', ()), room.__name__)
    return found


def examples():
    for path in sorted((ROOT / 'stylegen').rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for number, block in enumerate(blocks(ast.get_docstring(node, clean=False) or '')):
                    yield pytest.param(module_of(path), block, id=f'{module_of(path)}.{node.name}-{number}')


def found(function, module, own):
    """What an example calls: a function, a class or a method of a class; None if it is made by the example itself."""
    if isinstance(function, ast.Attribute):
        owner = found(function.value, module, own) if isinstance(function.value, ast.Name | ast.Attribute) else None
        return getattr(owner, function.attr) if inspect.ismodule(owner) or inspect.isclass(owner) else None
    if not isinstance(function, ast.Name) or function.id in own | STAND_INS:
        return None
    for place in (importlib.import_module(module), importlib.import_module('builtins')):
        if hasattr(place, function.id):
            return getattr(place, function.id)
    if function.id in homes():
        return getattr(importlib.import_module(homes()[function.id]), function.id)
    return importlib.import_module('stylegen.images') if function.id == 'images' else None


def check(module, block):
    tree = ast.parse(block)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(importlib.import_module(node.module), name.name) for name in node.names), ast.dump(node)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = found(call.func, module, own)
        name = call.func.id if isinstance(call.func, ast.Name) else None
        assert function is not None or name is None or name in own | STAND_INS, f'there is no {name}'
        if (
            function is None
            or module_name(function) == 'builtins'
            or any(isinstance(a, ast.Starred) for a in call.args)
        ):
            continue
        keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg}
        inspect.signature(function).bind(*call.args, **keywords)


def module_name(function):
    return getattr(function, '__module__', None) or 'builtins'


@pytest.mark.parametrize(('module', 'block'), list(examples()))
def test_an_example_calls_what_is_there(module, block):
    check(module, block)


@pytest.mark.parametrize(
    ('block', 'told'),
    [
        ("dreem('photo.jpg')", 'no dreem'),
        ("dream('photo.jpg', layer='a')", 'layer'),
        ("images.save_image('dream.png')", 'image'),
        ("images.save_picture('dream.png', 0)", 'save_picture'),
    ],
)
def test_an_example_that_is_out_of_date_is_found(block, told):
    with pytest.raises((AssertionError, AttributeError, TypeError), match=told):
        check('stylegen.deepdream.dreaming', block)


def test_there_are_examples():
    assert len(list(examples())) > 80
