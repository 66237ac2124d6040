"""The command as a person types it: what it prints, writes and refuses, with the embedded network."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.deepdream import __main__ as command
from stylegen.deepdream.command_line import CommandLine
from stylegen.deepdream.dreaming import dream
from stylegen.runs.inputs import DEFAULT_PICTURE
from tests.conftest import ROOT, photo, process, run, wait_for

QUICK = ['--steps=2', '--octaves=2', '--network=mini']


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(64, 80))
    return tmp_path


def test_without_arguments_it_dreams_on_the_picture_that_comes_along(folder):
    ended = process('--size=96')
    out, err = ended.communicate(timeout=120)
    assert ended.returncode == 0, err
    picture = np.asarray(Image.open('deepdream.png'))
    original = images.load_image(DEFAULT_PICTURE, 96)
    assert picture.shape == original.shape and np.abs(picture / 255 - original).mean() > 0.02
    for word in ('picture ', 'network  ', 'layers ', 'sizes ', 'memory ', 'result   deepdream.png'):
        assert word in out
    assert 'loss' in err and 'left' in err
    for noise in ('oneDNN', 'cuda', 'CUDA', 'absl', 'Warning', 'cpu_feature', 'E0000'):
        assert noise not in err, err
    assert run('--size=64', '--steps=0', '--quiet') == 0
    assert Path('deepdream-2.png').exists() and np.array_equal(np.asarray(Image.open('deepdream.png')), picture)


def test_help_and_import_do_without_tensorflow():
    code = (
        'import sys, stylegen\n'
        'from stylegen.deepdream.__main__ import main\n'
        'code = main(["stylegen-deepdream", "--help"])\n'
        'heavy = {"tensorflow", "keras", "matplotlib", "scipy"} & set(sys.modules)\n'
        'print("HEAVY", heavy); sys.exit(code)'
    )
    ended = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and 'HEAVY set()' in ended.stdout
    shared = 'input output size network weights layers octaves steps seed max_memory jit precision workdir debug quiet'
    for flag in shared.split():
        assert f'  --{flag}' in ended.stdout


def test_the_library_gives_the_command_s_picture(folder):
    assert run('--input=photo.png', '--output=out.png', '--quiet', *QUICK) == 0
    expected = dream(images.load_image('photo.png'), network='mini', steps=2, octaves=2)
    assert np.array_equal(images.load_image('out.png'), images.from_uint8(images.to_uint8(expected)))


def test_a_result_carries_what_made_it(folder):
    assert run('--input=photo.png', '--output=out.png', '--sidecar', '--seed=5', '--quiet', *QUICK) == 0
    record = images.read_settings('out.png')
    assert record == json.loads(Path('out.png.json').read_text())
    assert record['program'] == 'stylegen.deepdream' and record['settings']['seed'] == 5
    assert record['settings']['network'] == 'mini' and record['settings']['layers']
    assert len(record['weights']['sha256']) == len(record['inputs']['photo.png']) == 64
    assert {'tensorflow', 'keras', 'numpy', 'pillow'} == set(record['packages'])


def test_a_result_keeps_the_alpha_obeys_the_mask_and_has_the_size_asked_for(folder):
    rgba = np.dstack([images.to_uint8(photo(60, 90)), np.tile(np.arange(90, dtype=np.uint8), (60, 1))])
    Image.fromarray(rgba, 'RGBA').save('alpha.png')
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 45, 1).repeat(60, 0)).save('mask.png')
    assert run('--input=alpha.png', '--output=out.png', '--mask=mask.png', '--color=luminance', '--quiet', *QUICK) == 0
    result = np.asarray(Image.open('out.png'))
    assert np.array_equal(result[..., 3], rgba[..., 3])
    assert np.array_equal(result[:, :40, :3], rgba[:, :40, :3])
    assert not np.array_equal(result[:, 50:, :3], rgba[:, 50:, :3])
    assert run('--input=photo.png', '--output=small.jpg', '--size=48', '--quiet', *QUICK) == 0
    assert images.load_image('small.jpg').shape == (38, 48, 3)


def test_a_preset_sets_what_is_not_typed():
    dream_of = lambda *args: CommandLine.of(command.define_flags().parse(['x', '--preset=gordic', *args])).dream
    settings = dream_of('--steps=3')
    assert (settings.network, settings.steps, settings.octave_scale) == ('vgg16', 3, 1.8)
    assert settings.layers == {'block4_conv3': 1.0}
    other = dream_of('--network=mini', '--max_memory=2GB')
    assert other.layers is None and other.max_memory == '2GB'
    assert dream_of('--network=vgg16').layers == {'block4_conv3': 1.0}


def test_list_prints_the_networks_and_the_layers_of_one(capsys):
    assert run('--network=list') == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ('mini', 'vgg16', 'inception_v3', 'convnext_tiny'))
    assert run('--network=mini', '--layers=list') == 0
    assert ['block4_conv2', '8', '256'] in [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    'args, message',
    [
        (['--input=missing.jpg'], 'missing.jpg'),
        (['--input=https://example.com/a.jpg'], 'is an address; give --cluster=local too'),
        (['--input=broken.jpg'], 'broken.jpg'),
        (['--input=.', '--output=photo.png'], 'is a file'),
        (['--input=.', '--output=.'], 'the folder of the inputs'),
        (['--input=.', '--output=x.png'], 'give a folder as --output'),
        (['--input=photo.png', '--output=photo.png'], 'is an input'),
        (['--mask=photo.png', '--output=photo.png'], 'of another shape'),
        (['--input='], 'flag --input=: it is empty'),
        (['--input=photo.png', '--input=noise'], 'noise goes with one --input, not with 2'),
        (['photo.png', 'photo.png', '--zoom=2'], '--zoom goes with one --input'),
        (['--step_size=nan'], 'step_size'),
        (['--octave_scale=1e300'], 'octave_scale'),
        (['--layers=block4_conv2:0'], 'weight 0'),
        (['--output=out.xyz'], "suffix '.xyz'"),
        (['--output=/proc/out.png'], '/proc/out.png'),
        (['--output=photo.png/out.png'], 'is not a folder'),
        (['--output=no/such/out.xyz'], "suffix '.xyz'"),
        (['--network=min'], "unknown network 'min'; did you mean mini"),
        (['--network=mini', '--layers=block4_conv9'], 'block4_conv'),
        (['--layers=block4_conv2:much'], 'NAME:WEIGHT'),
        (['--layers=block4_conv2[256]'], 'block4_conv2 has channels 0 to 255, not 256'),
        (['--layers=block4_conv2[1@2,0]'], 'names no neuron'),
        (['--layers=block4_conv2[x]'], 'is no target; expected LAYER'),
        (['--strength=0.1', '--step_size=0.1'], 'give one of the two'),
        (['--strength=0'], 'expected strength to be a number above 0 up to 1, got 0.0'),
        (['--region=photo.png'], '--region=MASK=LAYER:WEIGHT'),
        (['--classes=shipp'], 'did you mean ship'),
        (['--replay=photo.png'], 'has no settings in it'),
        (['--size=3'], 'enlarge it with --size'),
        (['--preset=googel'], 'google'),
        (['--max_memory=lots'], '4GB'),
        (['--max_memory=1MB'], 'raise --max_memory'),
        (['--network=vgg16'], '--weights='),
        (['--mask=missing.png'], 'missing.png'),
        (['--workdir=photo.png'], '--workdir'),
    ],
)
def test_a_mistake_is_one_line_exit_code_2_and_no_file(args, message, capsys, folder):
    Path('broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 half a picture')
    before = sorted(p.name for p in folder.iterdir())
    assert run('--quiet', *args, *([] if any('network' in a for a in args) else ['--network=mini'])) == 2
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1 and 'Traceback' not in err
    assert sorted(p.name for p in folder.iterdir()) == before


def test_an_overflow_keeps_the_last_good_picture(capsys):
    layers = '--layers=block4_conv2:1e39'
    assert run('--input=photo.png', '--output=out.png', '--quiet', layers, '--network=mini') == 1
    err = capsys.readouterr().err
    assert 'block4_conv2 is not finite at step 0' in err and 'out.png' in err and err.count('\n') == 1
    assert images.load_image('out.png').shape == (64, 80, 3)


def test_ctrl_c_saves_the_dream_so_far(folder):
    running = process('--input=photo.png', '--output=out.png', '--steps=100000', '--step_size=0.005',
                      '--network=mini', '--workdir=run')  # fmt: skip
    seen = ''
    while 'step' not in seen:
        seen += running.stderr.read(1)
        assert running.poll() is None, seen
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and 'the picture so far is in out.png' in out and 'Traceback' not in err
    assert images.load_image('out.png').shape == (64, 80, 3)
    assert not np.array_equal(images.load_image('out.png'), images.load_image('photo.png'))
    assert Path('run/state.npz').exists()


def test_a_killed_run_goes_on_and_ends_as_if_never_killed(folder):
    args = ['--input=photo.png', '--steps=20', '--octaves=2', '--network=mini', '--quiet']
    before = 'from tests import faults; faults.wait_after_state(2)'
    killed = process(*args, '--output=out.png', '--workdir=run', before=before)
    wait_for(Path('run/waiting').exists)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not Path('out.png').exists()
    assert run(*args, '--output=out.png', '--workdir=run', '--seed=1') == 2  # another seed is another run
    assert run(*args, '--output=out.png', '--workdir=run') == 0
    assert run(*args, '--output=whole.png') == 0
    assert np.array_equal(images.load_image('out.png'), images.load_image('whole.png'))
    assert not Path('run/state.npz').exists()


@pytest.mark.parametrize('size', [(1, 1), (31, 31), (20, 10000)])
def test_odd_sizes_end_in_a_picture_or_in_one_line(size, capsys):
    images.save_image('odd.png', photo(*size)[: size[0], : size[1]])
    code = run('--input=odd.png', '--output=out.png', '--size=2000' if size[1] > 100 else '--octaves=1', *QUICK)
    err = capsys.readouterr().err
    if size == (31, 31):
        assert code == 0 and images.load_image('out.png').shape == (31, 31, 3)
    else:
        assert code == 2 and 'enlarge it with --size' in err and err.count('\n') == 1


def test_every_byte_of_a_picture_comes_through_unchanged_and_nothing_wraps():
    every = np.stack([np.arange(256), np.arange(256)[::-1], np.roll(np.arange(256), 99)], -1).astype(np.uint8)
    Image.fromarray(np.tile(every[None], (64, 1, 1))).save('bytes.png')
    usual = ['--input=bytes.png', '--network=mini', '--quiet']
    assert run(*usual, '--steps=0', '--output=same.png') == 0
    assert np.array_equal(np.asarray(Image.open('same.png')), np.asarray(Image.open('bytes.png')))
    white = np.full((64, 64, 3), 255, np.uint8)
    white[:, 32:] = 0
    Image.fromarray(white).save('bytes.png')
    assert run(*usual, '--steps=3', '--octaves=1', '--strength=0.01', '--output=near.png') == 0
    change = np.asarray(Image.open('near.png')).astype(int) - white
    assert np.abs(change).max() < 128 and np.abs(change).max() > 0


def test_an_error_in_the_middle_saves_the_dream_so_far(capsys, monkeypatch):
    def fail(self, step):
        self.latest = step
        raise RuntimeError('the machine caught fire')

    monkeypatch.setattr(command.Job, 'on_step', fail)
    assert run('--input=photo.png', '--output=out.png', *QUICK) == 1
    out, err = capsys.readouterr()
    assert 'the machine caught fire' in err and 'the picture so far is in out.png' in out
    assert images.load_image('out.png').shape == (64, 80, 3)
