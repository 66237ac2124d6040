"""Records of results: they are read, their input files are found again, and changed files are refused."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stylegen import images
from stylegen.runs import records
from stylegen.runs.records import check_replay, recorded_settings
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from tests.conftest import photo


@dataclass
class Weights:
    path: Path = Path('own.npz')
    sha256: str = 'abc'
    origin: str = 'a test'


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch):
    """A result that was made from two pictures and carries its record."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(('photo.png', 'guide.png')):
        images.save_image(name, photo(20, 24, seed))
    inputs = {name: digest_of(Path(name)) for name in ('photo.png', 'guide.png')}
    settings = {'input': 'photo.png', 'mask': None, 'guide': ['guide.png'], 'seed': 3}
    record = records.record('stylegen.test', settings, inputs, Weights())
    images.save_image('result.png', photo(20, 24), settings=record)
    return record


def read(path):
    return recorded_settings(path, 'stylegen.test', files=('input', 'mask', 'weights'), lists=('guide', 'region'))


def test_a_record_is_read_as_it_was_written_if_no_file_was_moved(made):
    settings, record, moved = read('result.png')
    assert settings == made['settings'] | {'region': []} and record == made
    assert moved == {'photo.png': 'photo.png', 'guide.png': 'guide.png'}


def test_moved_inputs_are_found_beside_the_result_by_their_content(tmp_path):
    folder = tmp_path / 'moved'
    folder.mkdir()
    for name in ('photo.png', 'guide.png', 'result.png'):
        shutil.move(name, folder / name)
    images.save_image('photo.png', photo(20, 24, 7))  # another picture with the same name
    settings, record, moved = read('moved/result.png')
    assert settings['input'] == 'moved/photo.png' and settings['guide'] == ['moved/guide.png']
    assert set(record['inputs']) == set(moved.values()) == {'moved/photo.png', 'moved/guide.png'}
    assert settings['mask'] is None and settings['seed'] == 3


def test_a_result_of_another_program_is_refused():
    with pytest.raises(UserError, match=r'made by stylegen\.test, not by stylegen\.other'):
        recorded_settings('result.png', 'stylegen.other')


def test_a_replay_refuses_other_inputs_and_warns_of_other_weights_and_packages(made):
    said = []
    check_replay(made, made['inputs'], Weights(), said.append)
    assert said == []
    check_replay(made, {'more.png': '1'}, Weights(sha256='def'), said.append)
    assert len(said) == 1 and 'the weights are not those' in said[0]
    check_replay(made | {'packages': made['packages'] | {'numpy': '0.1'}}, {}, Weights(), said.append)
    assert len(said) == 2 and 'was made with numpy 0.1; ' in said[1]
    with pytest.raises(UserError, match=r'guide\.png is not the file'):
        check_replay(made, made['inputs'] | {'guide.png': 'other'}, Weights(), said.append)


def test_the_description_of_the_machine_can_be_written_as_json(monkeypatch):
    told = records.machine()
    assert json.loads(json.dumps(told)) == told
    assert told['python'] == '.'.join(map(str, sys.version_info[:3])) and told['cores'] >= 1
    assert told['devices'][0] == 'CPU' and all(told.values())
    monkeypatch.setattr(Path, 'read_text', lambda *args, **kwargs: 'vendor_id: x\nmodel name\t: Fast 9000\n')
    assert records.machine()['processor'] == 'Fast 9000'
