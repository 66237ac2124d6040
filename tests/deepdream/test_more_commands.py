"""What else the command does: replay, folders, exploring, noise, tiles, guides, classes and regions."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.deepdream import explore, noise, presets
from stylegen.deepdream.__main__ import define_flags
from stylegen.deepdream.command_line import CommandLine, check_flags
from stylegen.deepdream.visualizing import NothingActive
from stylegen.images import sheets
from stylegen.networks import mini
from stylegen.runs import jobs
from stylegen.utils.console import Progress
from stylegen.utils.errors import UserError
from tests.conftest import photo, run

QUICK = ['--steps=2', '--octaves=2', '--network=mini', '--precision=float32', '--quiet']


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(64, 80))
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path))


def settings(*args, recorded=None):
    return CommandLine.of(define_flags().parse(['x', *args]), recorded).recorded()


def test_typed_values_win_over_recorded_ones_these_over_a_preset_and_this_over_defaults():
    assert settings()['octaves'] is None and settings('--preset=keras')['octaves'] == 3
    assert settings('--preset=keras', '--octaves=2')['octaves'] == 2
    assert settings('--octaves=2', recorded={'octaves': 5, 'steps': 7})['octaves'] == 2
    assert settings(recorded={'octaves': 5, 'steps': 7})['octaves'] == 5


def test_another_subject_takes_the_place_of_a_preset_s_layers():
    assert settings('--preset=google')['layers'] == 'inception_4c_output:1'
    assert settings('--preset=google', '--classes=3')['layers'] is None
    assert settings('--preset=google', '--guide=a.jpg')['layers'] is None
    assert settings('--preset=google', '--layers=mixed3', '--classes=3')['layers'] == 'mixed3:1'


def test_a_typed_strength_takes_the_place_of_a_preset_s_step_size():
    assert settings('--preset=google')['step_size'] == 1.5 / 255
    assert settings('--preset=google', '--strength=0.2')['step_size'] is None


@pytest.mark.slow
def test_a_replay_is_bit_for_bit_the_same_also_elsewhere(folder, capsys):
    guide, mask = photo(40, 40, 3), np.tile(np.linspace(0, 1, 80, dtype=np.float32)[None, :, None], (64, 1, 3))
    images.save_image('guide.png', guide)
    images.save_image('mask.png', mask)
    made = ['--layers=block2_conv1:1,block3_conv1[3,5]:0.5', '--guide=guide.png', '--classes=ship:0.3', '--seed=9']
    assert run('--input=photo.png', '--output=one.png', '--mask=mask.png', '--color=match', *made, *QUICK) == 0
    assert run('--replay=one.png', '--output=two.png', '--quiet') == 0
    assert np.array_equal(pixels('one.png'), pixels('two.png'))
    assert images.read_settings('one.png') == images.read_settings('two.png')
    assert run('--replay=one.png', '--output=other.png', '--seed=10', '--quiet') == 0
    assert not np.array_equal(pixels('one.png'), pixels('other.png'))
    moved = folder / 'moved'
    moved.mkdir()
    for name in ('photo.png', 'guide.png', 'mask.png', 'one.png'):
        shutil.move(name, moved / name)
    assert run('--replay=moved/one.png', '--output=three.png', '--quiet') == 0
    assert np.array_equal(pixels('three.png'), pixels('two.png'))
    images.save_image('moved/guide.png', photo(40, 40, 4))
    capsys.readouterr()
    assert run('--replay=moved/one.png', '--output=four.png', '--quiet') == 2
    assert 'guide.png is not the file' in capsys.readouterr().err and not Path('four.png').exists()


def test_the_default_picture_replays(folder):
    assert run('--size=64', '--output=one.png', *QUICK) == 0
    assert run('--replay=one.png', '--output=two.png', '--quiet') == 0
    assert np.array_equal(pixels('one.png'), pixels('two.png'))


def test_all_pictures_of_a_folder_are_dreamt_on_and_bad_files_are_reported(folder, capsys):
    source = folder / 'in'
    source.mkdir()
    images.save_image(source / 'a10.png', photo(48, 60))
    images.save_image(source / 'a2.jpg', photo(52, 40))
    (source / 'broken.png').write_bytes(b'\x89PNG nothing')
    (source / 'notes.txt').write_text('not a picture')
    images.save_image(source / 'small.png', photo(6, 40))
    assert run('--input=in', '--output=out', *QUICK) == 2
    err = capsys.readouterr().err
    assert 'broken.png is skipped' in err and 'small.png is skipped' in err and '2 of 4 results' in err
    assert sorted(p.name for p in (folder / 'out').iterdir()) == ['a10.png', 'a2.jpg']
    run('--input=in/a10.png', '--output=alone.png', *QUICK)
    assert np.array_equal(pixels('alone.png'), pixels('out/a10.png'))
    before = pixels('out/a10.png')
    assert run('--input=in', '--output=out', '--seed=3', *QUICK) == 2 and np.array_equal(pixels('out/a10.png'), before)
    run('--input=in', '--output=out', '--seed=3', '--overwrite', *QUICK)
    assert not np.array_equal(pixels('out/a10.png'), before)


def test_every_picture_can_have_16_bits_a_channel(monkeypatch, capsys):
    monkeypatch.setattr(explore, 'layers_to_show', lambda network: ['block1_conv1'])
    Path('in').mkdir()
    images.save_image('in/a.jpg', photo(64, 80))
    for args, made in {
        ('--input=photo.png', '--output=out.tif'): 'out.tif',
        ('--input=in', '--output=out'): 'out/a.png',
        ('--input=noise', '--size=64', '--layers=block2_conv1[1]', '--output=noise.png'): 'noise.png',
        ('--explore=layers', '--size=64', '--output=sheet.png'): 'sheet.png',
    }.items():
        assert run(*args, '--depth=16', '--network=mini', '--steps=1', '--quiet') == 0
        values = np.rint(images.load_image(made) * 65535)
        assert (values % 257 != 0).mean() > 0.3, made  # what 8 bits cannot say
    for args in ([], ['--input=noise'], ['--explore=layers']):
        assert run(*args, '--output=out.jpg', '--depth=16') == 2
        out, err = capsys.readouterr()
        assert "'out.jpg': 16 bits a channel are not possible; use 8, or 16 for .png, .tif, .tiff" in err
        assert 'network' not in out  # it is refused before anything is opened


@pytest.mark.parametrize('flag', ['--mask={}', '--guide={}', '--region={}=block1_conv1:1'])
def test_several_results_never_replace_what_is_read_beside_the_pictures(flag, capsys):
    Path('out').mkdir()
    for name in ('b.png', 'out/b.png'):
        shutil.copy('photo.png', name)
    args = ['--input=photo.png', '--input=b.png', '--output=out', '--network=mini']
    for more in ([], ['--overwrite']):
        assert run(*args, flag.format('out/b.png'), *more) == 2
        out, err = capsys.readouterr()
        assert err.endswith('out/b.png is an input; give another --output\n') and 'network' not in out
    assert [path.name for path in Path('out').iterdir()] == ['b.png']


def test_a_folder_without_pictures_is_refused(folder, capsys):
    (folder / 'empty').mkdir()
    assert run('--input=empty', '--output=out', *QUICK) == 2
    assert 'no pictures' in capsys.readouterr().err and not (folder / 'out').exists()


def test_exploring_makes_a_labelled_sheet(monkeypatch):
    labels_shown = []
    sheet = images.contact_sheet

    def watched(pictures, labels, **options):
        labels_shown.extend(labels)
        return sheet(pictures, labels, **options)

    monkeypatch.setattr(sheets, 'contact_sheet', watched)
    monkeypatch.setattr(explore, 'layers_to_show', lambda network: ['block1_conv1', 'block3_conv1'])
    assert run('--explore=layers', '--input=photo.png', '--output=sheet.png', *QUICK) == 0
    assert labels_shown == ['the picture', '--layers=block1_conv1', '--layers=block3_conv1']
    monkeypatch.setattr(explore, 'CHANNELS', 2)
    labels_shown.clear()
    assert run('--explore=block2_conv1', '--input=photo.png', '--output=channels.png', '--sidecar', *QUICK) == 0
    assert len(labels_shown) == 3 and all(text.startswith('--layers=block2_conv1[') for text in labels_shown[1:])
    assert images.read_settings('channels.png')['settings']['explore'] == 'block2_conv1'
    assert json.loads(Path('channels.png.json').read_text()) == images.read_settings('channels.png')


def test_a_sheet_replaces_no_picture_that_is_named_beside_it(capsys):
    before = Path('photo.png').read_bytes()
    for idle in ('--guide=photo.png', '--mask=photo.png', '--region=photo.png=block1_conv1'):
        assert run('--explore=layers', idle, '--output=photo.png', '--overwrite', *QUICK) == 2
        assert 'photo.png is an input; give another --output' in capsys.readouterr().err
    assert Path('photo.png').read_bytes() == before


def test_the_strongest_channels_are_the_most_active(tiny):
    image = photo(32, 32)
    energy = np.square(np.asarray(tiny(image[None])['b'])).mean((0, 1, 2))
    assert explore.strongest_channels(tiny, 'b', image, 3) == list(np.argsort(-energy)[:3])


def test_layers_of_a_large_network_are_those_that_end_its_blocks():
    assert 'block1_conv1' in explore.layers_to_show('mini') and 'classes' not in explore.layers_to_show('mini')
    assert explore.layers_to_show('inception_v3') == [f'mixed{n}' for n in range(11)]


def test_a_picture_from_noise_has_its_size_and_replays(folder):
    made = ['--input=noise', '--size=64', '--steps=4', '--network=mini', '--quiet']
    assert run(*made, '--layers=block3_conv1[5]', '--output=one.png') == 0
    assert run(*made, '--classes=ship', '--count=2', '--diversity=1', '--output=two.png') == 0
    assert run(*made, '--layers=block3_conv1[5@0.5,0.5]', '--parameterization=pixels', '--output=three.png') == 0
    assert pixels('one.png').shape == (64, 64, 3) and pixels('two.png').shape == (64, 132, 3)
    assert not np.array_equal(pixels('one.png'), pixels('three.png'))
    assert run('--replay=one.png', '--output=again.png', '--quiet') == 0
    assert np.array_equal(pixels('again.png'), pixels('one.png'))


def test_a_sheet_too_long_for_its_format_is_refused_before_the_work(capsys):
    assert run('--input=noise', '--size=8190', '--count=4', '--network=mini', '--quiet', '--output=out.webp') == 2
    assert 'WEBP holds at most 16383 pixels a side; save as PNG' in capsys.readouterr().err


def test_an_error_while_making_a_picture_from_noise_saves_what_is_there(monkeypatch, capsys):
    def fail(self, done, *args, **kwargs):
        raise RuntimeError('the machine caught fire')

    monkeypatch.setattr(Progress, 'to', fail)
    made = ['--input=noise', '--size=48', '--steps=2', '--network=mini', '--layers=block3_conv1[5]']
    assert run(*made, '--output=out.png') == 1
    out, err = capsys.readouterr()
    assert 'the machine caught fire' in err and 'the picture so far is in out.png' in out
    assert pixels('out.png').shape == (48, 48, 3)


def test_where_noise_excites_nothing_the_advice_fits_what_was_asked_for(monkeypatch, capsys):
    def silent(*args, **kwargs):
        raise NothingActive([0])

    monkeypatch.setattr(noise, 'visualize', silent)
    made = ['--input=noise', '--size=48', '--network=mini', '--quiet', '--output=out.png']
    for layers, advice in (
        ('block3_conv1[5]', '(pictures 0); try another --seed\n'),
        ('block3_conv1[5],block2_conv1', '(pictures 0); ask for channels without whole layers or classes beside'),
    ):
        assert run(*made, f'--layers={layers}') == 2
        assert advice in capsys.readouterr().err and not Path('out.png').exists()


@pytest.mark.parametrize(
    'args',
    [
        ['--input=noise', '--mask=photo.png'],
        ['--input=photo.png', '--count=3'],
        ['--input=photo.png', '--wrap', '--mask=photo.png'],
        ['--input=.', '--wrap', '--mask=photo.png'],
        ['--input=photo.png', '--zoom=2', '--wrap'],
        ['--input=a.mp4', '--zoom=2'],
        ['--input=photo.png', '--explore=layers', '--zoom=2'],
    ],
)
def test_flags_that_ask_for_something_else_are_refused(args, capsys):
    assert run(*args, '--quiet', '--network=mini') == 2
    err = capsys.readouterr().err
    assert f'{args[-1].partition("=")[0]} does not go with a' in err and err.count('\n') == 1
    assert not any(f'with a {vowel}' in err for vowel in 'aeio')


@pytest.mark.parametrize(
    'args, idle',
    [
        (['--input=noise', '--strength=0.2', '--workdir=run'], '--strength, --workdir change nothing here'),
        (['--input=photo.png', '--rotation=3'], '--rotation changes nothing here (what is made is a picture)'),
        (['--input=photo.png', '--overwrite', '--count=1'], '--overwrite changes nothing here'),
        (['--input=photo.png', '--guide_layers=block3_conv3'], '--guide_layers changes nothing here'),
        (['--input=.', '--fps=3'], '--fps changes nothing here (what is made is a folder of dreams)'),
        (
            ['--input=photo.png', '--explore=layers', '--classes=ship', '--wrap'],
            '--classes, --wrap change nothing',
        ),
        (
            ['--input=photo.png', '--zoom=2', '--save_every=2'],
            '--save_every changes nothing here',
        ),
        (['--input=a.mp4', '--fps=25'], '--fps changes nothing here (what is made is a clip that dreams)'),
        (['--input=photo.png', '--wrap'], None),
    ],
)
def test_flags_that_change_nothing_are_named_in_one_line(args, idle):
    said = []
    check_flags(CommandLine.of(define_flags().parse(['x', *args])), said.append)
    assert len(said) == (idle is not None) and (idle is None or said[0].startswith(idle))


def test_a_run_with_idle_flags_gives_the_same_picture(capsys):
    assert run('photo.png', '--output=one.png', *QUICK) == 0
    idle = ['--overwrite', '--fps=7', '--guide_layers=block3_conv3', '--diversity=2']
    assert run('photo.png', '--output=two.png', *idle, *(q for q in QUICK if q != '--quiet')) == 0
    assert np.array_equal(pixels('one.png'), pixels('two.png'))
    assert capsys.readouterr().out.count('change nothing here') == 1


def jump(picture):
    """How much a picture jumps where it repeats, against its largest jump within."""
    picture = picture.astype(float)
    inside = max(
        np.abs(np.diff(picture, axis=0)).mean((1, 2)).max(), np.abs(np.diff(picture, axis=1)).mean((0, 2)).max()
    )
    return max(np.abs(picture[0] - picture[-1]).mean(), np.abs(picture[:, 0] - picture[:, -1]).mean()) / inside


@pytest.mark.parametrize('source', ['noise', 'photo.png'])
def test_a_wrapped_picture_repeats(source):
    made = [f'--input={source}', '--wrap', '--size=72', '--strength=0.15', '--network=mini', '--quiet']
    assert run(*made, '--layers=block3_conv1', '--output=tile.png') == 0
    tile = pixels('tile.png')
    assert tile.shape[0] % 4 == tile.shape[1] % 4 == 0 and jump(tile) < 1.3
    assert run('--replay=tile.png', '--output=again.png', '--quiet') == 0
    assert np.array_equal(pixels('again.png'), tile)


def test_regions_have_their_own_layers():
    left = np.zeros((64, 80, 3), np.float32)
    left[:, :30] = 1
    images.save_image('left.png', left)
    made = ['--input=photo.png', '--region=left.png=block2_conv1:1,block3_conv1:0.5']
    assert run(*made, '--output=out.png', *QUICK) == 0
    assert np.array_equal(pixels('out.png')[:, 30:], pixels('photo.png')[:, 30:])
    assert not np.array_equal(pixels('out.png')[:, :30], pixels('photo.png')[:, :30])


def test_save_every_saves_pictures_on_the_way():
    made = ['--input=photo.png', '--steps=4', '--octaves=2', '--octave_scale=1.3', '--network=mini', '--quiet']
    assert run(*made, '--save_every=2', '--output=out.png') == 0
    names = [f'out-{n:04}.png' for n in (2, 4, 6, 8)]
    assert [p.name for p in sorted(Path().glob('out-*.png'))] == names
    assert np.array_equal(pixels('out-0008.png'), pixels('out.png'))
    assert all(pixels(name).shape == (64, 80, 3) for name in names)


def test_a_folder_that_is_stopped_goes_on_with_the_picture_it_was_at(folder, monkeypatch, capsys):
    (folder / 'in').mkdir()
    for name, seed in (('a', 1), ('b', 2), ('c', 3)):
        images.save_image(f'in/{name}.png', photo(64, 80, seed))
    assert run('--input=in', '--output=whole', *QUICK) == 0
    follow = jobs.Job.on_step

    def stopping(self, step):
        follow(self, step)
        if self.output.name == 'b.png' and step.octave == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs.Job, 'on_step', stopping)
    assert run('--input=in', '--output=out', '--workdir=work', *QUICK) == 130
    assert sorted(path.name for path in Path('out').iterdir()) == ['a.png', 'b-unfinished.png']
    monkeypatch.setattr(jobs.Job, 'on_step', follow)
    assert run('--input=in', '--output=out', '--workdir=work', *[q for q in QUICK if q != '--quiet']) == 0
    assert 'going on from work/b.png' in capsys.readouterr().out
    assert sorted(path.name for path in Path('out').iterdir()) == ['a.png', 'b.png', 'c.png']
    assert all(np.array_equal(pixels(f'out/{name}.png'), pixels(f'whole/{name}.png')) for name in 'abc')


def test_a_picture_of_a_folder_that_overflows_is_skipped(folder, capsys):
    (folder / 'in').mkdir()
    for name in 'ab':
        images.save_image(f'in/{name}.png', photo(40, 48))
    assert run('--input=in', '--output=out', '--layers=block1_conv1:1e39', *QUICK) == 2
    assert '2 of 2 results' in capsys.readouterr().err
    assert sorted(path.name for path in Path('out').iterdir()) == ['a-unfinished.png', 'b-unfinished.png']


def test_a_sheet_replays_as_a_sheet(monkeypatch):
    monkeypatch.setattr(explore, 'CHANNELS', 2)
    assert run('--explore=block1_conv1', '--input=photo.png', '--output=one.png', *QUICK) == 0
    assert run('--replay=one.png', '--output=two.png', '--quiet') == 0
    assert np.array_equal(pixels('one.png'), pixels('two.png'))


@pytest.mark.parametrize(
    'args, message',
    [
        (['--explore=block1_conv1', '--output=photo.png'], 'is an input'),
        (['--explore=block1_conv1[3]'], '--explore=LAYER'),
        (['--explore=block1_conv9'], 'unknown layer'),
    ],
)
def test_exploring_refuses_mistakes(args, message, capsys):
    before = pixels('photo.png')
    assert run('--input=photo.png', *args, *QUICK) == 2
    assert message in capsys.readouterr().err and np.array_equal(pixels('photo.png'), before)


def test_a_preset_beside_a_replay_is_refused():
    with pytest.raises(UserError, match='leave out --preset'):
        settings('--preset=eyes', recorded={'octaves': 5})
    guided = {'network': 'mini', 'guide': ['a.jpg'], 'guide_layers': 'x:1'}
    assert settings(recorded=guided)['guide_layers'] == 'x:1'
    assert settings('--network=vgg16', recorded=guided)['guide_layers'] is None


def test_a_class_named_as_a_channel_comes_from_noise_and_replays():
    made = ['--input=noise', '--size=48', '--steps=2', '--network=mini', '--quiet', '--layers=classes[3]']
    assert run(*made, '--output=one.png') == 0
    assert run('--replay=one.png', '--output=two.png', '--quiet') == 0
    assert np.array_equal(pixels('one.png'), pixels('two.png'))


def test_auto_looks_up_classes_in_the_network_that_it_chooses(monkeypatch, folder):
    monkeypatch.setenv('KERAS_HOME', str(folder))  # no weights there
    quick = ['--steps=1', '--octaves=1', '--quiet']
    assert run('--input=photo.png', '--classes=ship', '--output=out.png', *quick) == 0
    assert images.read_settings('out.png')['settings']['network'] == 'mini'


def test_auto_dreams_by_small_vgg_where_it_has_the_layers_and_by_mini_where_it_has_not(monkeypatch, folder):
    monkeypatch.setenv('KERAS_HOME', str(folder))
    for layers, network in {'block3_conv1': 'small_vgg', 'block3_conv2': 'mini'}.items():
        assert run('--input=photo.png', f'--layers={layers}', f'--output={network}.png', '--steps=1', '--quiet') == 0
        settings = images.read_settings(f'{network}.png')['settings']
        defaults = presets.defaults_of_network(network)
        assert settings['network'] == network and defaults == {name: settings[name] for name in defaults}
    mini, others = (presets.defaults_of_network(name) for name in ('mini', 'small_vgg'))
    assert mini != others == presets.defaults_of_network('vgg16')


def test_what_is_saved_on_the_way_does_not_go_over_an_input(capsys):
    shutil.move('photo.png', 'out-0004.png')
    before = pixels('out-0004.png')
    assert run('--input=out-0004.png', '--output=out.png', '--save_every=1', *QUICK) == 2
    assert 'out-0004.png is an input' in capsys.readouterr().err and np.array_equal(pixels('out-0004.png'), before)


def test_a_mask_of_the_picture_s_own_size_fits_at_every_size():
    images.save_image('long.png', photo(165, 1000))
    made = ['--input=long.png', '--size=100', '--layers=block1_conv1', *QUICK]  # of 16.5 rows 16 are left
    assert run(*made, '--mask=long.png', '--output=out.png') == 0
    images.save_image('other.png', photo(190, 1000))
    assert run(*made, '--mask=other.png', '--output=out.png') == 2


def test_weights_are_found_beside_the_result(folder):
    shutil.copy(mini.MINI_WEIGHTS, 'own.npz')
    assert run('--input=photo.png', '--weights=own.npz', '--output=one.png', *QUICK) == 0
    moved = folder / 'moved'
    moved.mkdir()
    for name in ('own.npz', 'one.png', 'photo.png'):
        shutil.move(name, moved / name)
    assert run('--replay=moved/one.png', '--output=two.png', '--quiet') == 0
    assert np.array_equal(pixels('moved/one.png'), pixels('two.png'))


def test_a_guide_too_narrow_for_its_layer_is_refused_in_one_line(capsys):
    images.save_image('thin.png', photo(96, 40)[:, :1])
    assert run('--input=photo.png', '--guide=thin.png', '--guide_layers=block4_conv3', *QUICK) == 2
    err = capsys.readouterr().err
    assert 'guide 1, 1 x 96, is too narrow' in err and err.count('\n') == 1
