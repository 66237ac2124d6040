"""Flags, saving and exit codes that all programs share, tested with a program that does nothing."""

import errno
import importlib
import re
import signal
from dataclasses import dataclass

import numpy as np
import pytest

from stylegen import images
from stylegen.dcgan.__main__ import COMMANDS
from stylegen.runs import cli, layer_weights, saving
from stylegen.runs.names import Output
from stylegen.runs.settings import ResultSettings
from stylegen.utils import interrupts
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Work(Settings):
    size: int = setting(7, 'longest side', group='Pictures', at_least=1)
    color: str = setting('free', 'which colours', group='Pictures', choices=('free', 'luminance'))
    ratio: float = setting(1.5, 'of one to the other', group='Other')
    name: str | None = setting(None, 'how it is called', group='Other')


def define():
    flags = cli.Flags('Pretends to work.')
    flags.settings(Work)
    flags.messages()
    return flags


def run(*args, work=lambda flags: cli.settings_of(Work, flags)):
    return cli.run('pretend', define, work, ['pretend', *args])


def test_flags_take_their_defaults_from_the_record():
    seen = []
    assert run('--color=luminance', '--ratio', '2', work=seen.append) == 0
    assert (seen[0].size, seen[0].color, seen[0].ratio, seen[0].name) == (7, 'luminance', 2.0, None)


@pytest.mark.parametrize(
    ('code', 'told', 'exit_code'),
    [
        (errno.EACCES, "pretend: 'a.png' may not be used by this user; change its permissions\n", 2),
        (errno.ENAMETOOLONG, "pretend: 'a.png' is too long a name; give a shorter one\n", 2),
        (errno.EIO, "pretend: [Errno 5] no such luck: 'a.png'\n", 1),
    ],
)
def test_a_path_that_the_user_cannot_use_is_the_users_mistake(code, told, exit_code, capsys):
    def work(flags):
        raise OSError(code, 'no such luck', 'a.png')

    assert run(work=work) == exit_code and capsys.readouterr().err == told


@pytest.mark.parametrize('flag', ['--help', '-h', '--helpfull', '--help=true'])
def test_help_lists_groups_defaults_and_choices_and_nothing_of_absl(flag, capsys):
    assert run(flag) == 0
    out = capsys.readouterr().out
    assert out.index('Pictures:') < out.index('--size=') < out.index('Other:') < out.index('Messages:')
    for text in ('longest side [7]', '(free|luminance) [free]', '[1.5]', '--quiet'):
        assert text in out
    assert '<' not in out and not any(word in out for word in ('None', 'absl', 'verbosity', 'flagfile', 'logtostderr'))


@pytest.mark.parametrize(
    'args, message',
    [
        (['--sise=3'], "pretend: unknown flag 'sise'; did you mean size?"),
        (['--size=big'], '--size'),
        (['--size=0'], 'pretend: expected size to be a whole number from 1, got 0'),
        (['--color=green'], 'free|luminance'),
        (['photo.jpg'], "unexpected argument 'photo.jpg': this command takes only flags; see --help"),
        (['size=3'], "unexpected argument 'size=3'; flags are typed --name=value: --size=3"),
        (['--name'], 'name'),
        (['--ratio=nan'], 'ratio'),
    ],
)
def test_a_wrong_flag_gives_one_line_and_exit_code_2(args, message, capsys):
    assert run(*args) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count('\n') == 1 and out == ''


def test_help_leaves_a_blank_after_long_flags(capsys):
    from stylegen.dcgan import training_command

    for make in (training_command.define_flags, define):
        text = make().help('program')
        rows = [line for line in text.splitlines() if line.startswith('  --')]
        assert len(rows) > 5 and all(re.match(r'  --\w+=? +\S', row) for row in rows)
        assert len({re.match(r'  --\w+=? +', row).end() for row in rows}) == 1
        assert max(map(len, text.splitlines())) <= 112


def as_list(value, name):
    return list(value)


@dataclass(frozen=True, kw_only=True)
class Paths(Settings):
    content: tuple = setting((), 'one', group='Pictures', kind='paths', read=as_list)
    style: tuple = setting((), 'other', group='Pictures', kind='paths', read=as_list)
    output: str | None = setting(None, 'where to', group='Pictures', kind='path')
    size: int = setting(7, 'longest side', group='Pictures', at_least=1)
    ratio: float = setting(1.5, 'of one to the other', group='Pictures', at_most=3)


def define_paths(*words, many=False):
    flags = cli.Flags('Reads.')
    flags.positional(*words, many=many)
    flags.settings(Paths)
    return flags


def parsed(*args, words=('content', 'style'), many=False):
    return define_paths(*words, many=many).parse(['pretend', *args])


@pytest.mark.parametrize(
    'args, content, style',
    [
        (['a.jpg', 'b.jpg'], ['a.jpg'], ['b.jpg']),
        (['a.jpg', '--size=3', 'b.jpg'], ['a.jpg'], ['b.jpg']),
        (['--style=b.jpg', 'a.jpg'], ['a.jpg'], ['b.jpg']),
        (['--content', 'a.jpg', 'b.jpg'], ['a.jpg'], ['b.jpg']),
        (['a.jpg', '--style=b.jpg', '--style=c.jpg'], ['a.jpg'], ['b.jpg', 'c.jpg']),
        (['--', '--odd.jpg'], ['--odd.jpg'], []),
        ([], [], []),
    ],
)
def test_pictures_are_typed_without_flags(args, content, style):
    flags = parsed(*args)
    assert (flags.content, flags.style) == (content, style)
    assert flags['content'].present == len(content) and flags['style'].present == len(style)


def test_the_last_flag_takes_all_words_that_are_left():
    assert parsed('a', 'b', 'c', words=('content',), many=True).content == ['a', 'b', 'c']
    assert parsed('--content=a', 'b', words=('content',), many=True).content == ['a', 'b']
    assert 'usage: pretend [CONTENT ...] [--flag' in define_paths('content', many=True).help('pretend')


def test_one_picture_too_many_gets_a_hint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"'c': .* style without a flag; several are typed --style=A --style=B"):
        parsed('a', 'b', 'c')
    with pytest.raises(UserError, match=r"'size=5'; flags are typed --name=value: --size=5"):
        parsed('size=5')
    (tmp_path / 'size=5').touch()
    assert parsed('size=5').content == ['size=5']
    with pytest.raises(UserError, match='it is empty'):
        parsed('')


def test_a_tilde_becomes_the_home_folder_in_every_path(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    flags = parsed('--content=~/a.jpg', '--style=~/mask.png=~/c.jpg:0.5', '--output', '~/out/x.png')
    assert flags.content == ['/home/me/a.jpg'] and flags.output == '/home/me/out/x.png'
    assert flags.style == ['/home/me/mask.png=/home/me/c.jpg:0.5']
    assert parsed('~/a.jpg', './~').content == ['/home/me/a.jpg'] and parsed('a~b.jpg', './~').style == ['./~']


PATHS = {'content', 'data', 'film', 'guide', 'image', 'inception', 'init', 'input', 'mask', 'neighbours', 'network',
         'output', 'region', 'replay', 'style', 'weights', 'workdir'}  # fmt: skip


@pytest.mark.parametrize(
    'module',
    [
        'deepdream.__main__',
        'style.__main__',
        *(f'dcgan.{module}' for module, _ in COMMANDS.values()),
    ],
)
def test_every_flag_that_is_a_path_is_expanded(module, monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    flags = importlib.import_module(f'stylegen.{module}').define_flags()
    named = {name for names in flags.groups.values() for name in names} & PATHS
    values = flags.parse(['x', *(f'--{name}=~/x' for name in named)])
    for name in named:
        value = values[name].value
        assert (value[-1] if isinstance(value, list) else value) == '/home/me/x', name
    assert named


@pytest.mark.parametrize(
    'arg, value',
    [('--size=1e3', 1000), ('--size=7', 7), ('--size=2.0', 2), ('--ratio=2', 2.0), ('--ratio=1e-2', 0.01)],
)
def test_numbers_are_read(arg, value):
    found = parsed(arg)[arg[2:].partition('=')[0]].value
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    'arg, message',
    [
        ('--ratio=0,5', 'flag --ratio=0,5: decimals are typed with a point, here 0.5'),
        ('--ratio=50%', 'flag --ratio=50%: a share is typed as a number, here 0.5'),
        ('--ratio=12,5%', 'here 0.125'),
        ('--ratio=half', "expected a number, got 'half'"),
        ('--size=1,024', 'thousands are typed without a comma, here 1024'),
        ('--size=2.5', "expected a whole number, got '2.5'"),
        ('--size=1e999', "expected a whole number, got '1e999'"),
        ('--size=50%', "expected a whole number, got '50%'"),
    ],
)
def test_a_wrong_number_gets_an_error_that_says_what_to_type(arg, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parsed(arg)


def test_flags_that_change_nothing_are_listed_in_one_line():
    said = []
    cli.report_unused_flags({}, said.append)
    cli.report_unused_flags({'seed': 'nothing is random', 'a': 'it is so', 'b': 'it is so'}, said.append)
    assert said == ['--seed changes nothing here (nothing is random); --a, --b change nothing here (it is so)']


@pytest.mark.parametrize(
    'error, code, message',
    [
        (UserError('give a picture'), 2, 'pretend: give a picture'),
        (KeyboardInterrupt(), 130, 'pretend: stopped'),
        (ValueError('odd\nthing'), 1, 'ValueError: odd thing (a fault in stylegen; --debug shows where)'),
        (MemoryError(), 1, 'out of memory; make the pictures, their number or the batch smaller'),
        (OSError('the disk is full'), 1, 'pretend: the disk is full'),
    ],
)
def test_an_error_gives_one_line_and_an_exit_code(error, code, message, capsys):
    def work(flags):
        raise error

    assert run(work=work) == code
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1


def test_ctrl_c_during_a_save_waits_for_its_end():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.delay_signals():
        signal.raise_signal(signal.SIGINT)
        done.append(True)
    assert done
    with interrupts.delay_signals():
        pass


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv('STYLEGEN_DEBUG', '')  # monkeypatch restores it

    def work(flags):
        raise ValueError('odd')

    assert run('--debug', work=work) == 1
    assert 'Traceback' in capsys.readouterr().err


def test_a_result_that_cannot_be_saved_is_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))

    def save_image(path, pixels, *, overwrite, **options):
        if path.parent != tmp_path:
            raise OSError('the disk is full')
        assert not overwrite
        path.write_text('result')
        return path

    monkeypatch.setattr(saving.images, 'save_image', save_image)
    for name in ('out.png', 'out-2.png'):
        with pytest.raises(OSError, match=f'the disk is full; the result is kept in .*{name}'):
            saving.save_result(Output(tmp_path / 'gone' / 'out.png'), None, {}, ResultSettings())
        assert (tmp_path / name).read_text() == 'result'


def test_a_picture_that_its_format_cannot_hold_is_kept_as_png(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    long = np.zeros((1, 16_384, 3), np.float32)
    with pytest.raises(OSError, match=r'at most 16383 .*; the result is kept in .*out\.png'):
        saving.save_result(Output(tmp_path / 'out.webp'), long, {}, ResultSettings())
    assert images.load_image(tmp_path / 'out.png').shape == (1, 16_384, 3)


@pytest.mark.parametrize('fault', [KeyboardInterrupt(), MemoryError(), UserError('no')])
def test_the_picture_so_far_is_saved_and_the_exception_is_raised_again(fault):
    saved, said = [], []

    def save(picture):
        saved.append(picture)
        return 'out.png'

    for latest in (None, 'half'):
        with pytest.raises(type(fault)), saving.save_on_failure(save, lambda latest=latest: latest, said.append):
            raise fault
    assert saved == ['half'] and said == ['stopped; the picture so far is in out.png']
    with saving.save_on_failure(save, lambda: 'half', said.append):
        pass
    assert len(saved) == 1


@pytest.mark.parametrize('fault', [KeyboardInterrupt, RuntimeError])
def test_the_exception_is_raised_again_also_if_the_picture_cannot_be_saved(fault, capsys):
    def full(picture):
        raise OSError('the disk is full; the result is kept in /tmp/out.png')

    with pytest.raises(fault), saving.save_on_failure(full, lambda: 'half', pytest.fail):
        raise fault
    assert capsys.readouterr().err == (
        'the picture so far could not be saved: the disk is full; the result is kept in /tmp/out.png\n'
    )


def test_an_overflow_saves_its_last_good_picture():
    from stylegen.optimize import NonFiniteLoss

    error = NonFiniteLoss('term', 3, None)
    error.picture = 'good'
    for precision, remedy in (('float32', 'give smaller weights'), ('mixed_float16', 'try --precision=float32')):
        saved, message = [], f'term is not finite at step 3; the last good picture is in None; {remedy}'
        rescued = saving.save_on_failure(saved.append, lambda: 'bad', print, precision)
        with pytest.raises(ArithmeticError, match=message), rescued:
            raise error
        assert saved == ['good']


def test_layers_are_read_with_their_weights():
    assert layer_weights.parse_weights('a:1, b:-0.5,c') == {'a': 1.0, 'b': -0.5, 'c': 1.0}


@pytest.mark.parametrize('text', ['a:x', ':1', 'a:1,a:2', '', ' , ', 'a:nan', 'a:inf'])
def test_malformed_layer_weights_are_refused(text):
    with pytest.raises(UserError, match='--layers'):
        layer_weights.parse_weights(text)


def test_weights_that_are_written_and_read_again_are_the_same_to_the_last_bit():
    weights = {'a': 1.0, 'b[3,4]': -0.1, 'c': 1 / 3, 'd': 1e39, 'e': 100000.0}
    assert layer_weights.parse_weights(layer_weights.format_weights(weights)) == weights
    assert layer_weights.format_weights({'a': 1.0, 'b': 0.5}) == 'a:1,b:0.5'


@dataclass(frozen=True, kw_only=True)
class Pretence(Settings):
    size: int | None = setting(None, 'longest side', group='Pictures', at_least=1, unit='pixels', formerly='side')
    ratio: float = setting(1.5, 'of one to the other', group='Other', above=0)
    guide: tuple = setting((), 'pictures', group='Pictures', kind='paths', read=lambda value, name: tuple(value))
    color: str = setting('free', 'which colours', group='Other', choices=('free', 'luminance'))
    wrap: bool = setting(False, 'whether it repeats', group='Other')
    layers: dict | None = setting(
        None, 'by layer', group='Other', read=layer_weights.as_weights, write=layer_weights.format_weights
    )
    inner: int = setting(3, 'has no flag', flag=False)


def run_with_settings(*args, layers=()):
    seen = []

    def define():
        flags = cli.Flags('Pretends to work.')
        flags.settings(Pretence)
        flags.messages()
        return flags

    work = lambda values: seen.append(cli.settings_of(Pretence, values, *layers))
    return cli.run('pretend', define, work, ['pretend', *args]), seen


def test_help_shows_the_fields_of_a_record_in_groups_with_units_choices_and_defaults(capsys):
    assert run_with_settings('--help')[0] == 0
    text = capsys.readouterr().out
    assert text.index('Pictures:') < text.index('--guide=') < text.index('Other:') < text.index('--ratio=')
    assert re.search(r'--size= +longest side, in pixels\n', text) and '--side' not in text and '--inner' not in text
    assert re.search(r'--color= +which colours \(free\|luminance\) \[free\]', text)


def test_typed_flags_win_over_sources_and_later_sources_over_earlier_ones():
    typed = ['--ratio=2', '--guide=a', '--guide=b', '--layers=x:1,y:2', '--nowrap']
    layers = {'ratio': 7, 'size': 5, 'wrap': True, 'input': 'other'}, {'size': 6, 'inner': 4}
    code, made = run_with_settings(*typed, layers=layers)
    assert code == 0
    assert made == [Pretence(ratio=2, size=6, guide=['a', 'b'], layers={'x': 1, 'y': 2}, inner=4)]
    assert run_with_settings('--side=9')[1] == [Pretence(size=9)]  # the flag's former name


@pytest.mark.parametrize(('flag', 'told'), [('--ratio=0', 'above 0'), ('--size=0', 'from 1'), ('--ratio=nan', 'nan')])
def test_a_value_out_of_bounds_gives_exit_code_2(flag, told, capsys):
    assert run_with_settings(flag)[0] == 2
    error = capsys.readouterr().err
    assert told in error and error.count('\n') == 1
