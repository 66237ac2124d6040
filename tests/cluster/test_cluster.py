"""A folder on a cluster of one machine with two workers: nothing is lost, whatever is killed."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stylegen import images
from stylegen.cluster.engine import connected, plan
from stylegen.cluster.making import make_all
from stylegen.cluster.manifest import Manifest, lines_of
from stylegen.cluster.names import Names
from stylegen.cluster.settings import ClusterSettings
from stylegen.compose.recipe import Recipe
from stylegen.compose.transformation import Transformation
from stylegen.runs.folders import pictures_in, unique_names
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from tests.cluster.conftest import results
from tests.cluster.toys import Copy, Memory
from tests.conftest import ROOT, photo, run, wait_for
from tests.style.one_pass_networks import random_network, random_one_pass

pytest.importorskip('fsspec')
QUIET = Console(quiet=True)
TWO = ClusterSettings(cluster='local', workers=2)


def fill(*names):
    for name in names:
        Path('in', name).write_bytes(os.fsencode(name))


def write_matrix():
    recipe = Recipe(('photo',))
    values = np.random.default_rng(0).normal(0.3, 0.1, (len(recipe.rows), len(recipe.columns)))
    Transformation(values, recipe).save('T.json')


def test_the_same_bytes_as_one_process_and_a_line_for_each(cluster, capsys):
    write_matrix()
    for number in range(3):
        images.save_image(f'in/{number}.png', photo(20, 24, number))
    Path('in/bad.png').write_bytes(b'no picture')
    command = ['apply', 'in', '--matrix=T.json', '--quiet']
    assert run(*command, '--output=one', program='compose') == 2
    assert run(*command, '--output=out', '--cluster=local', '--workers=2', program='compose') == 2
    assert 'bad.png is skipped' in capsys.readouterr().err
    assert results() == results('one') and len(results()) == 3
    lines = [line for line in lines_of('out') if 'input' in line]
    assert sorted(line['output'] for line in lines if 'output' in line) == [f'out/{number}.png' for number in range(3)]
    assert [line['input'] for line in lines if 'failed' in line] == ['in/bad.png']


def test_photos_painted_in_one_pass_have_the_bytes_of_one_process(cluster):
    random_one_pass(random_network()).save('m.npz')
    for number in range(5):
        images.save_image(f'in/{number}.png', photo(20, 24, number))
    command = ['apply', 'in', '--model=m.npz', '--style=waves', '--quiet']
    assert run(*command, '--output=one', program='style') == 0
    assert run(*command, '--output=out', '--cluster=local', '--workers=2', program='style') == 0
    assert results() == results('one') and len(results()) == 5


def test_a_store_in_and_out(cluster):
    import fsspec

    write_matrix()
    images.save_image('in/a.png', photo(20, 24, 0))
    store = fsspec.filesystem('memory')
    store.pipe_file('/photos/a.png', Path('in/a.png').read_bytes())
    command = ['apply', '--matrix=T.json', '--quiet', '--cluster=local', '--workers=2']
    assert run(*command, 'memory://photos', '--output=memory://made', program='compose') == 0
    Path('a.png').write_bytes(store.cat_file('/made/a.png'))
    assert run('apply', 'in/a.png', '--matrix=T.json', '--quiet', '--output=own.png', program='compose') == 0
    assert (images.load_image('a.png') == images.load_image('own.png')).all()
    assert [line['output'] for line in lines_of('memory://made') if 'output' in line] == ['memory://made/a.png']


def test_a_worker_that_dies_on_an_input_three_times_sets_it_aside_and_one_that_dies_once_loses_nothing(cluster, capsys):
    good = [f'{number}.png' for number in range(6)]
    fill(*good, 'poison.png', 'once.png')
    with pytest.raises(UserError, match=r'1 of 8 results could not be made: poison\.png$'):
        make_all(Copy(), ['in'], 'out', TWO, overwrite=False, console=QUIET)
    assert results() == {name: name.encode() for name in (*good, 'once.png')}
    assert 'in/poison.png is skipped: its worker died' in capsys.readouterr().err
    assert [line['input'] for line in lines_of('out') if 'failed' in line] == ['in/poison.png']


def test_the_driver_finds_the_memory_for_all_workers_and_gives_them_several_items_at_once(cluster, monkeypatch):
    fill('0.png', '1.png', '2.png', '3.png')
    monkeypatch.setattr('stylegen.cluster.engine.parse_memory', lambda text: 1000)
    monkeypatch.setattr('os.cpu_count', lambda: 2)
    make_all(Memory(), ['in'], 'out', TWO, overwrite=False, console=QUIET)
    assert results()['0.png'] == b'500 0.png 1.png 2.png' and results()['3.png'] == b'500 3.png'


DRIVER = """
import sys
from stylegen.cluster.making import make_all
from stylegen.cluster.settings import ClusterSettings
from stylegen.utils.console import Console
from tests.cluster.conftest import results
from tests.cluster.toys import Copy
make_all(Copy(0.3), ['in'], 'out', ClusterSettings(cluster='local', workers=2), overwrite=True, console=Console(True))
"""


def test_a_killed_driver_loses_nothing_and_the_same_call_goes_on(cluster):
    fill(*(f'{number}.png' for number in range(40)))
    driver = subprocess.Popen([sys.executable, '-c', DRIVER], env=os.environ | {'PYTHONPATH': str(ROOT)})
    manifest = Path('out/manifest.jsonl')
    wait_for(lambda: manifest.exists() and manifest.read_bytes().count(b'\n') > 3)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    told = [json.loads(line)['output'] for line in manifest.read_text().splitlines()]
    assert 3 < len(told) < 40
    with manifest.open('a') as file:
        file.write('{"input": "in/39.png", "outp')  # as a kill leaves it
    make_all(Copy(0.0), ['in'], 'out', TWO, overwrite=True, console=QUIET)
    assert results() == {f'{number}.png': f'{number}.png'.encode() for number in range(40)}
    now = [line['output'] for line in lines_of('out') if 'output' in line]
    assert sorted(set(now)) == sorted(f'out/{number}.png' for number in range(40))
    assert all(now.count(one) == 1 for one in told), 'what was made before the kill is not made again'


def test_two_thousand_tiny_pictures_take_no_more_memory(cluster):
    fill(*(f'{number}.png' for number in range(2000)))
    make_all(Copy(), ['in/7.png', 'in/8.png'], 'warm', TWO, overwrite=False, console=QUIET)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    make_all(Copy(), ['in'], 'out', TWO, overwrite=False, console=QUIET)
    assert len(results()) == 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


def test_results_are_named_as_one_process_names_them():
    fill('a.png', 'a.jpg', 'b10.png', 'b9.png', 'a_jpg.png')
    pictures = pictures_in(Path('in'))
    names = Names()
    assert names.add_inputs(Copy().inputs(['in'])) == 5
    items = [item for item, _, _ in names.items('out', lambda name: ['.png'])]
    names.close()
    assert [item.input for item in items] == [str(path) for path in pictures]
    assert [Path(item.output).stem for item in items] == unique_names([[path] for path in pictures])


def test_a_name_that_is_no_valid_text_is_made_and_known_again(cluster):
    strange = os.fsdecode(b'caf\xe9.png')
    fill('a.png', strange)
    for _ in range(2):  # at the second time both are there
        make_all(Copy(), ['in'], 'out', TWO, overwrite=False, console=QUIET)
        assert results() == {name: name.encode(errors='surrogateescape') for name in ('a.png', strange)}
        lines = [line for line in lines_of('out') if 'output' in line]
        assert {line['output'] for line in lines} == {'out/a.png', f'out/{strange}'} and len(lines) == 2


def test_a_line_that_was_cut_off_spoils_no_other():
    Path('in/manifest.jsonl').write_text('{"a": 1}\n{"b": ')
    manifest = Manifest('in')
    manifest.add(c=3)
    manifest.close()
    assert list(lines_of('in')) == [{'a': 1}, {'c': 3}]


def test_machines_are_shared_out():
    assert plan(ClusterSettings(), {'CPU': 8.0}) == (8, 1)
    assert plan(ClusterSettings(workers=2), {'CPU': 8.0}) == (2, 4)
    assert plan(ClusterSettings(gpus_per_worker=0.25), {'CPU': 16.0, 'GPU': 1.0}) == (4, 4)
    with pytest.raises(UserError, match='0 GPUs'):
        plan(ClusterSettings(gpus_per_worker=1.0), {'CPU': 8.0})


def test_a_ray_that_does_not_start_in_time_is_told(monkeypatch):
    ray = pytest.importorskip('ray')

    def late(*args, **options):
        raise Exception('The current node timed out during startup.')

    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    monkeypatch.setattr(ray, 'init', late)
    monkeypatch.setattr(ray, 'shutdown', lambda: None)
    with pytest.raises(UserError, match='--cluster=auto'), connected('local'):
        pass


def test_addresses_and_flags_of_a_cluster_need_one(capsys):
    write_matrix()
    assert run('apply', 's3://photos', '--matrix=T.json', program='compose') == 2
    assert run('apply', 'in', '--matrix=T.json', '--workers=2', program='compose') == 2
    assert capsys.readouterr().err.count('--cluster=local') == 2
