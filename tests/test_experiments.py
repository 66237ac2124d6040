"""The experiments, which no test runs, take names of the package that are there."""

import ast
import inspect

import pytest

from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / 'experiments').rglob('*.py'))


def missing_names(source):
    """The names that a script takes of modules of the package, and that are not there."""
    tree, modules, missing = ast.parse(source), {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or '').partition('.')[0] == 'stylegen':
            for alias in node.names:
                try:
                    exec(f'from {node.module} import {alias.name} as value', given := {})
                except ImportError:
                    missing.append(f'{node.module}.{alias.name}')
                    continue
                if inspect.ismodule(given['value']):
                    modules[alias.asname or alias.name] = given['value']
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = modules[node.value.id]
            if not hasattr(module, node.attr):
                missing.append(f'{module.__name__}.{node.attr}')
    return missing


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.stem)
def test_what_an_experiment_takes_of_the_package_is_there(path):
    assert missing_names(path.read_text(encoding='utf-8')) == []


def test_a_name_that_is_gone_is_found():
    source = 'from stylegen import images\nfrom stylegen.images.io import load_image, gone\nimages.fit, images.lost'
    assert missing_names(source) == ['stylegen.images.io.gone', 'stylegen.images.lost']
