"""The command as a person types it: what it prints, writes and refuses, with the embedded network."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen import images
from stylegen.style import StyleSettings, film, options, transfer
from stylegen.style.__main__ import define_flags
from stylegen.style.command import Command
from stylegen.style.folder import pairs_of
from stylegen.style.job import Job
from stylegen.style.options import PictureSettings
from stylegen.style.session import Session
from stylegen.style.settings import format_steps
from stylegen.utils import memory
from tests.conftest import ROOT, photo, process, wait_for
from tests.conftest import run as run_program

LAYERS = {'style_layers': {'block1_conv1': 1.0}, 'content_layers': {'block2_conv1': 1.0}}  # which cost little
FEW = ['--network=mini', '--style_layers=block1_conv1', '--content_layers=block2_conv1', '--smallest_size=40']
FEW += ['--size_ratio=2', '--max_memory=1GB']  # auto may differ from one run to the next
ITERATIONS = format_steps(StyleSettings().iterations)
QUICK = ['--iterations=2', '--quiet', *FEW]
PAIR = ['--content=photo.png', '--style=paint.png']


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(64, 80))
    images.save_image('paint.png', photo(70, 60, 3))
    images.save_image('other.png', 1 - photo(50, 60, 4))
    return tmp_path


def run(*args):
    return run_program(*args, program='style')


def same(one, other):
    return Path(one).read_bytes() == Path(other).read_bytes()


def count_frames(path):
    with Image.open(path) as film:
        return film.n_frames


def names(folder='.'):
    return sorted(path.name for path in Path(folder).iterdir())


def settings(*args, recorded=None):
    return Command.of(define_flags().parse(['x', *args]), recorded or {}).recorded


def test_without_arguments_it_paints_with_the_pictures_that_come_along(capsys):
    ended = process('--size=64', '--iterations=3', '--network=mini', program='style')
    out, err = ended.communicate(timeout=120)
    assert ended.returncode == 0, err
    picture = images.load_image('style.png')
    assert (
        picture.shape == (48, 64, 3) and np.abs(picture - images.load_image(options.DEFAULT_CONTENT, 64)).mean() > 0.02
    )
    for word in (
        'network  mini',
        'layers ',
        'content  ',
        'whirls.jpg',
        'sizes ',
        '64 x 48 (3)',
        'memory ',
        'result   style',
    ):
        assert word in out
    for term in ('content block3_conv3', 'variation', 'raw', 'weighted'):
        assert term in out
    assert 'loss' in err and 'left' in err
    for noise in ('oneDNN', 'cuda', 'CUDA', 'absl', 'Warning', 'cpu_feature', 'E0000'):
        assert noise not in err, err
    assert run('--size=64', *QUICK) == 0 and capsys.readouterr() == ('', '')
    assert Path('style-2.png').exists() and np.array_equal(images.load_image('style.png'), picture)


def test_help_and_import_do_without_tensorflow():
    code = (
        'import sys\n'
        'from stylegen.style.__main__ import main\n'
        'code = main(["stylegen-style", "--help"]) or main(["stylegen-style", "--like=list"])\n'
        'code = code or main(["stylegen-style", "--strength=1", "--style_weight=1", "--output=x.png"]) - 2\n'
        'heavy = {"tensorflow", "keras", "matplotlib", "scipy"} & set(sys.modules)\n'
        'print("HEAVY", heavy); sys.exit(code)'
    )
    ended = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and 'HEAVY set()' in ended.stdout
    issue = 'content style iterations resume like strength output size network weights max_memory seed film preview'
    for flag in issue.split():
        assert f'  --{flag}' in ended.stdout
    assert f'[{ITERATIONS}]' in ended.stdout and 'repeat this option' not in ended.stdout


def test_the_library_gives_the_command_s_picture():
    assert run(*PAIR, '--output=out.png', *QUICK) == 0
    pictures = images.load_image('photo.png'), images.load_image('paint.png')
    expected = transfer(*pictures, network='mini', iterations=2, smallest_size=40, size_ratio=2, **LAYERS)
    assert np.array_equal(images.load_image('out.png'), images.from_uint8(images.to_uint8(expected)))


def test_a_result_carries_what_made_it():
    assert run(*PAIR, '--output=out.png', '--sidecar', '--strength=0.7', *QUICK) == 0
    record = images.read_settings('out.png')
    assert record == json.loads(Path('out.png.json').read_text())
    made = record['settings']
    assert record['program'] == 'stylegen.style' and made['strength'] == 0.7 and made['style'] == ['paint.png']
    assert made['network'] == 'mini' and made['style_layers'] == 'block1_conv1:1' and made['iterations'] == '2'
    assert set(record['inputs']) == {'photo.png', 'paint.png'} and len(record['weights']['sha256']) == 64
    assert {'tensorflow', 'keras', 'numpy', 'pillow'} == set(record['packages'])


def test_a_result_and_its_preview_can_have_16_bits_a_channel(capsys):
    deep = photo(64, 80)
    images.save_image('deep.png', deep, depth=16)
    half = np.zeros((64, 80, 3), np.float32)
    half[:, 40:] = 1
    images.save_image('mask.png', half)
    made = ['--content=deep.png', '--style=paint.png', '--mask=mask.png', '--depth=16', '--preview']
    assert run(*made, '--output=out.png', *QUICK) == 0
    for name in ('out.png', 'out-preview.png'):
        values = np.rint(images.load_image(name) * 65535)
        assert (values[:, 45:] % 257 != 0).mean() > 0.9
        assert np.array_equal(values[:, :40], np.rint(deep[:, :40] * 65535))  # what is not painted, bit for bit
    assert run(*made, '--output=out.webp', *FEW) == 2
    out, err = capsys.readouterr()
    assert "'out.webp': 16 bits a channel are not possible; use 8" in err and 'network' not in out


def test_alpha_and_what_the_mask_leaves_out_stay_and_size_is_the_longest_side():
    rgba = np.dstack([images.to_uint8(photo(60, 90)), np.tile(np.arange(90, dtype=np.uint8), (60, 1))])
    Image.fromarray(rgba, 'RGBA').save('alpha.png')
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 45, 1).repeat(60, 0)).save('mask.png')
    kept = ['--content=alpha.png', '--style=paint.png', '--mask=mask.png', '--color=luminance']
    assert run(*kept, '--output=out.png', *QUICK) == 0
    result = np.asarray(Image.open('out.png'))
    assert np.array_equal(result[..., 3], rgba[..., 3])
    assert np.array_equal(result[:, :40, :3], rgba[:, :40, :3])
    assert not np.array_equal(result[:, 50:, :3], rgba[:, 50:, :3])
    assert run(*PAIR, '--output=small.jpg', '--size=48', *QUICK) == 0
    assert images.load_image('small.jpg').shape == (38, 48, 3)


@pytest.mark.parametrize('kind', ['grey16', 'cmyk', 'palette', 'animated', 'upright'])
def test_pictures_of_every_kind_are_content_and_style(kind):
    pixels = images.to_uint8(photo(40, 48, 5))
    if kind == 'grey16':
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(name := 'odd.png')
    elif kind == 'cmyk':
        Image.fromarray(pixels).convert('CMYK').save(name := 'odd.jpg')
    elif kind == 'palette':
        Image.fromarray(pixels).quantize(16).save(name := 'odd.png')
    elif kind == 'animated':
        frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
        frames[0].save(name := 'odd.gif', save_all=True, append_images=frames[1:])
    else:
        exif = Image.Exif()
        exif[274] = 6  # turned by a quarter
        Image.fromarray(pixels).save(name := 'odd.jpg', exif=exif)
    assert run(f'--content={name}', f'--style={name}', '--output=out.png', *QUICK) == 0
    assert images.load_image('out.png').shape == ((48, 40, 3) if kind == 'upright' else (40, 48, 3))


def test_typed_wins_over_recorded_over_published_over_default():
    usual, gatys = settings(), settings('--like=gatys')
    assert usual['optimizer'] == 'adam' and usual['iterations'] == ITERATIONS and usual['network'] == 'auto'
    assert gatys['optimizer'] == 'lbfgs' and gatys['iterations'] == '500' and gatys['network'] == 'vgg19'
    assert gatys['content_layers'] == 'block4_conv2:1' and gatys['backtracking'] == 0
    assert settings('--like=gatys', '--optimizer=adam')['optimizer'] == 'adam'  # the default, but typed
    assert settings('--like=neural-style')['init'] == 'mean'
    made = {**usual, 'strength': 0.2, 'network': 'vgg16', 'style_layers': 'block1_conv1:1'}
    assert settings(recorded=made) == made
    assert settings('--strength=0.3', recorded=made)['strength'] == 0.3
    assert settings('--network=mini', recorded=made)['style_layers'] is None
    assert settings('--strength=0.3', recorded=made | {'style_weight': 2.0})['style_weight'] is None


def test_shares_regions_and_steps_are_read():
    assert options.parse_style('a.jpg') == ('a.jpg', 1) and options.parse_style('a.jpg:0.7') == ('a.jpg', 0.7)
    assert options.parse_style('C:\\a.jpg') == ('C:\\a.jpg', 1)
    Path('x:2').touch()
    assert options.parse_style('x:2') == ('x:2', 1) and options.parse_style('x:2:3') == ('x:2', 3)
    assert options.parse_styles(['none']) == []
    texts = ['m=a.jpg:2', 'n=none', 'm=b.jpg']
    assert options.parse_regions(texts) == {'m': ['a.jpg:2', 'b.jpg'], 'n': ['none']}
    assert StyleSettings(iterations='3,2').iterations == (3, 2) and format_steps((3, 2)) == '3,2'


def test_networks_programs_and_layers_are_listed(capsys):
    assert run('--network=list') == 0 and run('--like=list') == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ('mini', 'vgg16', '--like=crowsonkb', '--optimizer=lbfgs', '--init=mean'))
    assert '    --iterations=1000,500\n' in out and '    margin=0 (no flag)\n' in out and '{' not in out
    assert run('--network=mini', '--layers=list') == 0
    assert ['block4_conv2', '8', '256'] in [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    'args, message',
    [
        (['--content=missing.jpg'], 'missing.jpg'),
        (['--style=missing.jpg'], 'missing.jpg'),
        (['--style=broken.jpg'], 'broken.jpg'),
        (['--style=empty.png'], 'empty'),
        (['--content=dot.png'], '1 x 1'),
        (['--style=dot.png'], '1 x 1'),
        (['--style=https://example.com/a.jpg'], 'download it first'),
        (['--output=photo.png'], 'is an input'),
        (['--output=paint.png'], 'is an input'),
        (['--output=out.xyz'], "suffix '.xyz'"),
        (['--output=/proc/out.png'], '/proc/out.png'),
        (['--output=photo.png/out.png'], 'is not a folder'),
        (['--style='], 'flag --style=: it is empty'),
        (['--style=small.png'], 'the style small.png is 8 x 8'),
        (['--region=photo.png=small.png'], 'the style small.png is 8 x 8'),
        (
            ['photo.png'],
            'this command takes content and style without a flag; several are typed --style=A --style=B',
        ),
        (['--film=out.png'], '.gif'),
        (['--mask=mask.webp', '--film=mask.webp'], 'mask.webp is an input; give another --film'),
        (['--film=a.webp', '--output=a.webp'], 'another --film'),
        (['--size=4'], '--size'),
        (['--stile=paint.png'], "unknown flag 'stile'; did you mean style"),
        (['--loss=grem'], 'gram'),
        (['--like=gaty'], 'gatys|neural-style'),
        (['--init=nois'], 'did you mean noise'),
        (['--init=missing.png'], 'missing.png'),
        (['--network=min'], 'did you mean mini'),
        (['--network=vgg19'], '--weights='),
        (['--style_layers=block9'], 'block9'),
        (['--layers=block1_conv1'], '--style_layers'),
        (['--iterations=many'], 'iterations to be N or N,N'),
        (['--iterations=3,-1'], 'iterations to be N or N,N'),
        (['--size_ratio=0.5'], 'size_ratio to be a number above 1'),
        (['--style_scale=0'], 'style_scale'),
        (['--strength=2'], 'strength'),
        (['--strength=0.5', '--content_weight=1'], 'give one of the two'),
        (['--style=paint.png:0'], 'one above 0'),
        (['--style=none'], 'at least one style'),
        (['--style=none', '--style=paint.png'], 'either none or styles'),
        (['--region=photo.png'], '--region=MASK=STYLE'),
        (['--region=paint.png=other.png'], 'of another shape'),
        (['--mask=paint.png'], 'of another shape'),
        (['--max_memory=lots'], '4GB'),
        (['--max_memory=1MB'], '--max_memory'),
        (['--workdir=photo.png'], '--workdir'),
        (['--replay=photo.png'], 'has no settings in it'),
        (['--like=gatys', '--strength=0.4'], 'leave out --strength: --like=gatys has its own weights'),
        (['--like=gatys', '--loss=wasserstein'], 'like=gatys has its own loss, gram'),
        (['--content=.', '--skip_existing', '--overwrite'], 'leave out --skip_existing: --overwrite'),
        (['--output=out.png', '--skip_existing', '--content=out-unfinished.png'], 'out-unfinished.png is an input'),
        (['--resume'], '--resume needs'),
        (['--content=.', '--film=a.gif'], 'leave out --film: a film shows one result'),
        (['--content=.', '--output=photo.png'], 'is a file'),
        (['--content=.', '--max_memory=lots'], '4GB'),
        (['--content=.', '--depth=12'], '12 bits a channel are not possible'),
        (['--content=.', '--output=.'], 'the folder of the inputs'),
        (['--content=.', '--output=x.png'], 'give a folder as --output'),
        (['--style=.', '--style=paint.png'], 'leave out the other --style'),
    ],
)
def test_a_mistake_is_one_line_exit_code_2_and_no_file(args, message, capsys):
    Path('broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 half a picture')
    Path('empty.png').touch()
    images.save_image('dot.png', photo(16, 16)[:1, :1])
    images.save_image('small.png', photo(8, 8))
    images.save_image('out-unfinished.png', photo(64, 80))
    images.save_image('mask.webp', photo(64, 80))
    before = names()
    usual = [p for p in (*PAIR, '--network=mini') if not any(a.startswith(p.split('=')[0] + '=') for a in args)]
    assert run('--quiet', *usual, *args) == 2
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1 and 'Traceback' not in err
    assert names() == before


@pytest.mark.parametrize(
    'args, idle',
    [
        (['--optimizer=lbfgs', '--learning_rate=0.1'], '--learning_rate changes nothing here (lbfgs finds'),
        (['--color_map=pca'], "--color_map changes nothing here (the colours are the style's)"),
        (['--color=luminance', '--color_map=pca'], '--color_map changes nothing here'),
        (
            ['--seed=3', '--overwrite'],
            '--seed changes nothing here (nothing is drawn at random with --init=content); --o',
        ),
        (['--overwrite', '--output=out.png'], '--overwrite changes nothing here (a single --output is replaced)'),
        (['--style_size=200', '--style_scale=2'], '--style_scale changes nothing here (--style_size is'),
        (['--skip_existing'], '--skip_existing changes nothing here (the result takes a free name)'),
        (['--seed=3', '--init=noise', '--skip_existing', '--output=out.png'], None),
    ],
)
def test_flags_that_change_nothing_are_told_in_a_line(args, idle):
    flags, said = define_flags().parse(['x', *args]), []
    Command.of(flags, {}).check(said.append, many=False)
    assert len(said) == (idle is not None) and (idle is None or said[0].startswith(idle))


def test_pictures_are_typed_without_flags_and_first_frames_are_told(capsys):
    moving = [Image.fromarray(images.to_uint8(photo(48, 48, seed))) for seed in (1, 2)]
    moving[0].save('moving.gif', save_all=True, append_images=moving[1:])
    loud = [arg for arg in QUICK if arg not in ('--quiet', '--iterations=2')] + ['--iterations=0']
    assert run('photo.png', 'moving.gif', '--output=new/out', *loud) == 0
    out = capsys.readouterr().out
    assert 'output   new/out has no suffix: the result goes to new/out.png' in out and 'result   new/out.png' in out
    assert out.count("'moving.gif' has 2 frames; only the first one is used\n") == 1
    made = images.read_settings('new/out.png')['settings']
    assert (made['content'], made['style']) == (['photo.png'], ['moving.gif'])


def test_an_overflow_keeps_the_last_good_picture(capsys):
    assert run(*PAIR, '--output=out.png', '--tv_weight=1e39', *QUICK) == 1
    err = capsys.readouterr().err
    assert 'variation is not finite at step 0' in err and 'out.png' in err and err.count('\n') == 1
    assert images.load_image('out.png').shape == (64, 80, 3)


LONG = [*PAIR, '--output=out.png', '--iterations=20,100', '--film=out.gif', *FEW]


def test_ctrl_c_saves_the_picture_and_the_state_from_which_resume_ends_the_same():
    running = process(*LONG, program='style')
    seen = ''
    while 'size 2/2' not in seen:
        seen += running.stderr.read(1)
        assert running.poll() is None, seen
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and 'the picture so far is in out.png' in out and 'Traceback' not in err
    assert '--resume' in out and Path('out.png.state/state.npz').exists()
    so_far = images.load_image('out.png')
    assert so_far.shape == (64, 80, 3) and not np.array_equal(so_far, images.load_image('photo.png'))
    assert run(*LONG, '--resume', '--quiet') == 0 and not Path('out.png.state').exists()
    shutil.move('out.png', 'resumed.png')
    shutil.move('out.gif', 'resumed.gif')
    assert run(*LONG, '--quiet') == 0
    assert same('out.png', 'resumed.png') and same('out.gif', 'resumed.gif')
    assert 80 < count_frames('out.gif') <= 121


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_if_never_killed(monkeypatch, capsys):
    args = [*PAIR, '--iterations=20', '--optimizer=lbfgs', '--init=noise', *FEW[:-1]]
    before = 'from tests import faults; faults.wait_after_state(2)'
    killed = process(*args, '--output=out.png', '--workdir=run', program='style', before=before)
    wait_for(Path('run/waiting').exists)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL and not Path('out.png').exists()
    assert run(*args, '--output=out.png', '--workdir=run', '--seed=1', '--quiet') == 2  # another seed is another run
    assert 'another seed' in capsys.readouterr().err
    free = memory.available_memory()
    monkeypatch.setattr(memory, 'available_memory', lambda: free // 4)  # what was settled on stays
    assert run(*args, '--output=out.png', '--workdir=run') == 0
    assert 'going on from run' in capsys.readouterr().out and not Path('run/state.npz').exists()
    allowed = images.read_settings('out.png')['settings']['max_memory']
    assert run(*args, '--output=whole.png', f'--max_memory={allowed}', '--quiet') == 0
    assert same('out.png', 'whole.png')


def test_an_error_in_the_middle_saves_the_picture_so_far(capsys, monkeypatch):
    def fail(self, step):
        self.latest = step
        raise RuntimeError('the machine caught fire')

    loud = [*PAIR, *(q for q in QUICK if q != '--quiet')]
    with monkeypatch.context() as broken:
        broken.setattr(Job, 'on_step', fail)
        assert run(*loud) == 1
        out, err = capsys.readouterr()
        assert 'the machine caught fire' in err and 'the picture so far is in style.png' in out
        assert 'the same command with --resume and --output=style.png goes on' in out
        assert images.load_image('style.png').shape == (64, 80, 3) and Path('style.png.state/state.npz').exists()
        assert run(*loud, '--output=out.png', '--skip_existing', '--sidecar') == 1
    assert 'the picture so far is in out-unfinished.png' in capsys.readouterr().out
    assert Path('out-unfinished.png').exists() and not Path('out.png').exists()  # which would be skipped
    assert run(*loud, '--output=out.png', '--skip_existing') == 0
    assert Path('out.png').exists() and not list(Path().glob('out-unfinished*'))


def test_preview_film_and_pictures_on_the_way_are_saved(capsys):
    args = [
        *PAIR,
        '--output=out.png',
        '--preview',
        '--film=out.webp',
        '--save_every=3',
        '--sidecar',
        '--iterations=4,3',
    ]
    assert run(*args, *FEW) == 0
    out, err = capsys.readouterr()
    assert 'preview  out-preview.png' in err and 'film     out.webp' in out
    made = ['-0003.png', '-0006.png', '-preview.png', '.png', '.png.json', '.webp', '.webp.json']
    assert {name for name in names() if name.endswith('g') or 'webp' in name} >= {f'out{end}' for end in made[:4]}
    pictures = [images.load_image(name) for name in ('out-preview.png', 'out-0006.png', 'out.png')]
    assert all(picture.shape == (64, 80, 3) for picture in pictures)
    assert not any(np.array_equal(pictures[i], pictures[i - 1]) for i in range(3))
    assert count_frames('out.webp') >= 5  # equal ones are one
    assert run(*PAIR, '--output=out.png', '--skip_existing', '--strength=0.1', *QUICK) == 0
    assert np.array_equal(images.load_image('out.png'), pictures[2])


def test_a_film_shows_white_where_the_content_is_transparent():
    pixels = np.zeros((24, 32, 4), np.uint8)
    pixels[:, :16, 3] = 255
    Image.fromarray(pixels).save('half.png')
    assert run('--content=half.png', '--style=paint.png', '--output=out.png', '--film=out.gif', *QUICK) == 0
    with Image.open('out.gif') as made:
        for number in range(made.n_frames):
            made.seek(number)
            frame = np.asarray(made.convert('RGB'))
            assert frame[:, 20:].min() == 255 and frame[:, :12].mean() < 200


def test_a_film_has_few_frames_small_ones_and_ends_with_the_result(monkeypatch, folder):
    monkeypatch.setattr(film, 'FRAMES', 10)
    monkeypatch.setattr(film, 'LONGEST', 20)
    kept, asked = film.Film(folder / 'f.webp', folder / 'frames', steps=95), []
    for number in range(1, 96):
        kept.add(number, lambda number=number: asked.append(number) or np.full((30, 40, 3), number / 100, np.float32))
    assert asked == list(range(10, 91, 10))  # a picture costs time, and only frames are asked for
    assert names('frames') == [f'{number:08}.png' for number in range(10, 91, 10)]
    kept.begin(50)
    assert names('frames') == [f'{number:08}.png' for number in range(10, 51, 10)]
    kept.save(np.ones((30, 40, 3), np.float32), None)
    with Image.open('f.webp') as shown:
        assert shown.n_frames == 6 and shown.size == (20, 15) and not Path('frames').exists()
        shown.seek(5)
        assert np.asarray(shown.convert('RGB')).min() > 250


def test_a_replay_gives_the_same_bytes_also_elsewhere(folder, capsys):
    mask = np.tile(np.linspace(0, 1, 80, dtype=np.float32)[None, :, None], (64, 1, 3))
    images.save_image('mask.png', mask)
    made = ['--style=paint.png:0.7', '--style=other.png:0.3', '--region=mask.png=other.png', '--init=paint.png']
    made += ['--color=linear', '--color_time=before', '--loss=gram']
    assert run('--content=photo.png', *made, '--output=one.png', *QUICK) == 0
    assert run('--replay=one.png', '--output=two.png', '--quiet') == 0 and same('one.png', 'two.png')
    assert run('--replay=one.png', '--output=other_strength.png', '--strength=0.9', '--quiet') == 0
    assert not np.array_equal(images.load_image('one.png'), images.load_image('other_strength.png'))
    (folder / 'moved').mkdir()
    for name in ('photo.png', 'paint.png', 'other.png', 'mask.png', 'one.png'):
        shutil.move(name, folder / 'moved' / name)
    assert run('--replay=moved/one.png', '--output=three.png', '--quiet') == 0
    assert np.array_equal(images.load_image('two.png'), images.load_image('three.png'))
    images.save_image('moved/other.png', photo(40, 40, 4))
    capsys.readouterr()
    assert run('--replay=moved/one.png', '--output=four.png', '--quiet') == 2
    assert 'other.png is not the file' in capsys.readouterr().err and not Path('four.png').exists()


def test_a_result_of_an_earlier_version_is_made_again(folder):
    """Its record has former names, and lacks settings that have no flag."""
    assert run(*PAIR, '--output=one.png', *QUICK) == 0
    record = images.read_settings('one.png')
    made = record['settings']
    made['coarsest'], made['scale'] = made.pop('smallest_size'), made.pop('size_ratio')
    for name in ('beta_1', 'beta_2', 'tv_form', 'ema_decay', 'history', 'backtracking', 'margin', 'content_scale'):
        del made[name]
    images.save_image('earlier.png', images.load_image('one.png'), settings=record)
    assert run('--replay=earlier.png', '--output=two.png', '--quiet') == 0 and same('one.png', 'two.png')


@pytest.mark.slow
def test_several_styles_are_blended_and_a_region_has_its_own():
    half = np.zeros((64, 80), np.float32)
    half[:, 40:] = 1
    images.save_image('half.png', half)
    assert run(*PAIR, '--output=one.png', *QUICK) == 0
    assert run(*PAIR, '--style=other.png:0', '--output=alone.png', *QUICK) == 0
    assert run(*PAIR, '--style=other.png', '--output=both.png', *QUICK) == 0
    assert run(*PAIR, '--region=half.png=none', '--tv_weight=0', '--output=left.png', *QUICK) == 0
    one, alone, both, left = (images.load_image(f'{name}.png') for name in ('one', 'alone', 'both', 'left'))
    assert np.array_equal(one, alone) and not np.array_equal(one, both)
    change = np.abs(left - images.load_image('photo.png')).mean((0, 2))
    assert change[:30].mean() > 1.5 * change[50:].mean()


def test_folders_give_every_pair_once_and_a_bad_file_is_told(folder, capsys, monkeypatch):
    (folder / 'in').mkdir()
    images.save_image('in/a10.png', photo(48, 60))
    images.save_image('in/a2.jpg', photo(52, 40))
    Path('in/broken.png').write_bytes(b'\x89PNG nothing')
    (folder / 'looks').mkdir()
    for name in ('paint.png', 'other.png'):
        shutil.copy(name, f'looks/{name}')
    opened = []
    open_session = Session.open
    monkeypatch.setattr(Session, 'open', lambda *args: opened.append(open_session(*args)) or opened[-1])
    every = ['--content=in', '--content=photo.png', '--style=looks', '--output=out']
    assert run(*every, *QUICK) == 2
    err = capsys.readouterr().err
    assert 'broken__paint.png is skipped' in err and '2 of 8 results' in err and 'broken__other.png' in err
    expected = [f'{a}__{b}.png' for a in ('a10', 'a2', 'photo') for b in ('other', 'paint')]
    assert names('out') == expected and len(opened) == 1
    loops = opened[0].stylizer.targets.objective.compiled
    assert len(loops) == 1  # one trace for all sizes and pictures
    assert run('--content=in/a10.png', '--style=paint.png', '--output=alone.png', *QUICK) == 0
    assert np.array_equal(images.load_image('alone.png'), images.load_image('out/a10__paint.png'))
    assert run('--replay=out/a10__paint.png', '--output=again.png', '--quiet') == 0
    before = images.load_image('out/a10__paint.png')
    assert np.array_equal(images.load_image('again.png'), before)
    assert run(*every, '--strength=0.9', *QUICK) == 2
    assert np.array_equal(images.load_image('out/a10__paint.png'), before)  # they were there
    assert run('--content=in/a10.png', '--content=in/a2.jpg', '--style=paint.png', '--strength=0.9', '--output=out',
               '--overwrite', *QUICK) == 0  # fmt: skip
    assert not np.array_equal(images.load_image('out/a10__paint.png'), before)


@pytest.mark.parametrize('flag', ['--mask={}', '--init={}', '--region={}=other.png', '--region=photo.png={}'])
def test_several_results_never_replace_what_is_read_beside_the_contents(flag, folder, capsys):
    (folder / 'out').mkdir()
    shutil.copy('photo.png', 'out/photo__paint.png')
    for more in ([], ['--overwrite']):
        every = [*PAIR, '--content=other.png', '--output=out', flag.format('out/photo__paint.png')]
        assert run(*every, *more, *QUICK) == 2
        assert capsys.readouterr().err.endswith(': out/photo__paint.png is an input; give another --output\n')
    assert names('out') == ['photo__paint.png'] and same('photo.png', 'out/photo__paint.png')


def test_a_folder_that_is_stopped_goes_on_with_the_result_it_was_at(folder, monkeypatch, capsys):
    (folder / 'in').mkdir()
    for name, seed in (('a', 1), ('b', 2)):
        images.save_image(f'in/{name}.png', photo(64, 80, seed))
    every = ['--content=in', '--style=paint.png', '--iterations=4', '--save_every=1000', *FEW]
    assert run(*every, '--output=whole', '--quiet') == 0
    follow = Job.on_step

    def stopping(self, step):
        follow(self, step)
        if self.output.name == 'b__paint.png' and step.stage == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Job, 'on_step', stopping)
    capsys.readouterr()
    assert run(*every) == 130
    out = capsys.readouterr().out
    assert 'the same command with --resume goes on' in out and out.count('weighted') == 1  # the losses of the first
    assert names('style') == ['a__paint.png', 'b__paint-unfinished.png', 'b__paint.png.state']
    monkeypatch.setattr(Job, 'on_step', follow)
    assert run(*every, '--resume') == 0
    assert 'going on from style/b__paint.png.state' in capsys.readouterr().out
    assert names('style') == ['a__paint.png', 'b__paint.png']
    assert all(same(f'style/{name}', f'whole/{name}') for name in names('style'))


def test_no_two_results_have_one_name():
    sources = PictureSettings(content=['x/a.jpg', 'y/a.jpg', 'a.png'], style=['b.jpg:0.5', 'c.jpg'])
    pairs = pairs_of(sources, Path('out'))
    assert [str(output) for _, output in pairs] == [
        'out/a_jpg__b+c.png', 'out/a_jpg-2__b+c.png', 'out/a_png__b+c.png'
    ]  # fmt: skip
    assert [of_it.content for of_it, _ in pairs] == [('x/a.jpg',), ('y/a.jpg',), ('a.png',)]
    assert pairs_of(PictureSettings(), Path('out'))[0][1].name == 'raccoon__whirls.png'
