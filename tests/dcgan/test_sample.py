"""A picture depends on the generator and its seed alone, in whatever form it is kept."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stylegen.dcgan import shipped
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.opening import labels_of, open_generator, parse_seeds
from stylegen.dcgan.sampling import form_of, sample
from stylegen.images import grid, load_image, read_settings
from stylegen.images.pixels import from_uint8, to_uint8
from stylegen.training.checkpoints import Checkpoints
from stylegen.utils.errors import UserError
from stylegen.utils.files import digest_of
from tests.conftest import run
from tests.dcgan.generators import kept, tiny

CLASSES = ('cat', 'dog', 'hat')


@pytest.fixture(scope='module')
def conditional():
    return tiny(classes=CLASSES)


def command(*args):
    return run('sample', *args, program='dcgan')


def drawn(generator, seeds, labels=None, **kwargs):
    return np.concatenate(list(sample(generator, seeds, labels, **kwargs)))


def test_a_picture_is_the_same_whatever_is_drawn_with_it(generator):
    seeds = list(range(70))
    whole = drawn(generator, seeds, batch_size=64)
    assert whole.std(0).mean() > 0.01, 'the pictures differ from one another'
    for size in (1, 7, 8):
        assert np.array_equal(drawn(generator, seeds, batch_size=size), whole)
    assert np.array_equal(drawn(generator, seeds[::-1], batch_size=33)[::-1], whole)
    assert np.array_equal(drawn(generator, [51])[0], whole[51])


def test_it_is_what_the_model_makes(generator):
    model = (generator.model(latents([4, 9], 8), training=False).numpy() + 1) / 2
    assert np.allclose(drawn(generator, [4, 9]), model, atol=1e-5)


def test_what_was_trained_in_bfloat16_draws_in_float32(generator, tmp_path):
    given = latents(range(20), 8)
    assert not np.allclose(tiny(precision='mixed_bfloat16')(given), generator(given), atol=1e-4)
    opened = open_generator(kept(tmp_path, precision='mixed_bfloat16'), checkpoint=7)
    assert opened.plan.precision == 'mixed_bfloat16' and np.array_equal(opened(given), generator(given))


def test_a_conditional_generator_draws_what_the_model_makes_of_each_class(conditional):
    labels = labels_of(conditional, [4, 9, 5], 'hat,cat')
    assert labels.tolist() == [2, 0, 2] and labels.dtype == np.int32
    model = (conditional.model([latents([4, 9, 5], 8), labels], training=False).numpy() + 1) / 2
    found = drawn(conditional, [4, 9, 5], labels, batch_size=2)
    assert np.allclose(found, model, atol=1e-5)
    assert not np.allclose(drawn(conditional, [4, 9, 5], labels * 0), found, atol=1e-3)


def test_the_class_of_a_seed_is_its_own_where_none_is_named(conditional, generator):
    assert labels_of(conditional, [0, 1, 2, 3, 10]).tolist() == [0, 1, 2, 0, 1]
    assert labels_of(conditional, [0, 1], '1').tolist() == [1, 1]
    assert labels_of(conditional, [0, 1, 2], np.array([2, 0])).tolist() == [2, 0, 2]
    assert labels_of(generator, [0, 1]) is None


def test_numbers_are_numbers_and_texts_are_names_first():
    digits = SimpleNamespace(plan=SimpleNamespace(classes=('1', '2', '3')))
    assert labels_of(digits, [0, 1], np.array([1, 2])).tolist() == [1, 2]
    assert labels_of(digits, [0, 1], '1,2').tolist() == [0, 1]


@pytest.mark.parametrize('labels', ['bird', '3', '-1', '', *map(np.array, ([3], [-1], [], [1.0]))], ids=str)
def test_classes_that_there_are_not_are_refused(conditional, labels):
    with pytest.raises(UserError, match='unknown class' if isinstance(labels, str) else 'numbers of classes from 0 to'):
        labels_of(conditional, [1], labels)


def test_a_generator_without_classes_takes_no_labels(generator, conditional):
    with pytest.raises(UserError, match='without classes'):
        labels_of(generator, [1], '1')
    with pytest.raises(UserError, match='has no classes'):
        generator(latents([1], 8), np.array([1]))
    with pytest.raises(UserError, match='labels are needed'):
        conditional(latents([1], 8))


@pytest.mark.parametrize(
    ('text', 'seeds'), [('0-3', [0, 1, 2, 3]), ('7', [7]), ('5, 1-2 ,5', [5, 1, 2, 5]), ('3-3', [3])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize('text', ['', '3-1', 'a', '1,', '-1', '1-', '0.5', '1;2', '0-99999999', '\u0663'])
def test_what_is_no_seeds_is_refused(text):
    with pytest.raises(UserError, match='--seeds='):
        parse_seeds(text)


def test_the_form_is_what_the_name_says(tmp_path):
    assert form_of('a.PNG') == form_of('a.gif') == 'grid'
    assert (form_of('a.npz'), form_of('a'), form_of(tmp_path)) == ('npz', 'files', 'files')
    assert form_of('run.7', 'files') == 'files'
    for name, form in (('a.png', 'npz'), ('a.npz', 'files'), ('a', 'grid'), ('a.txt', None)):
        with pytest.raises(UserError, match=r'--format|neither'):
            form_of(name, form)


def test_all_forms_hold_the_same_pictures_and_how_they_were_made(workdir, tmp_path, capsys):
    about = [f'--workdir={workdir}', '--seeds=0-4,12']
    assert command(*about, f'--output={tmp_path / "all.npz"}', '--batch_size=4') == 0
    assert command(*about, f'--output={tmp_path / "all.png"}', '--columns=4', '--scale=2') == 0
    assert command(*about, f'--output={tmp_path / "each"}', '--batch_size=1') == 0
    assert '6 pictures of the live generator of step 7' in capsys.readouterr().out
    stored = np.load(tmp_path / 'all.npz')
    expected = to_uint8(open_generator(str(workdir))(latents([0, 1, 2, 3, 4, 12], 8)))
    assert np.array_equal(stored['images'], expected) and stored['seeds'].tolist() == [0, 1, 2, 3, 4, 12]
    sheet = grid(from_uint8(expected).repeat(2, 1).repeat(2, 2), 4, 4)
    assert np.array_equal(load_image(tmp_path / 'all.png'), sheet)
    names = sorted(path.name for path in (tmp_path / 'each').iterdir())
    assert names == [f'seed{seed:04d}.png' for seed in (0, 1, 2, 3, 4, 12)]
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'each' / 'seed0012.png')), expected[5])
    told = read_settings(tmp_path / 'each' / 'seed0012.png')
    assert told['settings']['seeds'] == '12' and told['program'] == 'stylegen.dcgan'
    assert told['weights']['sha256'] == digest_of(workdir / 'checkpoints' / 'step-00000007.npz')
    assert told['generator'] == {'step': 7, 'which': 'live', 'batch_norm': 'moving'}
    assert read_settings(tmp_path / 'all.png')['settings']['seeds'] == '0-4,12'


def test_the_same_command_gives_the_same_bytes(workdir, tmp_path):
    for name in ('a.png', 'b.png'):
        assert command(f'--workdir={workdir}', '--seeds=3-9', f'--output={tmp_path / name}', '--quiet') == 0
    assert (tmp_path / 'a.png').read_bytes() == (tmp_path / 'b.png').read_bytes()


def test_a_checkpoint_that_cannot_be_opened_is_told(generator, tmp_path):
    plan, arrays = generator.plan.as_settings(), {'generator/000/x': np.zeros(3), 'run/000/dcgan/steps': np.int64(9)}
    for number, settings in enumerate(({}, plan | {'generator': {'latent': 8}}, plan), 1):
        Checkpoints(tmp_path).save(number, settings, arrays)
        with pytest.raises(UserError, match=f'step-0000000{number}.npz is no checkpoint of a DCGAN'):
            load_generator(tmp_path, checkpoint=number)


def test_a_folder_that_has_them_already_is_left_alone(workdir, tmp_path, capsys):
    (tmp_path / 'seed0002.png').write_text('mine')
    about = [f'--workdir={workdir}', f'--output={tmp_path}', '--seeds=0-2']
    assert command(*about) == 2 and '--overwrite' in capsys.readouterr().err
    assert (tmp_path / 'seed0002.png').read_text() == 'mine' and not (tmp_path / 'seed0000.png').exists()
    assert command(*about, '--overwrite') == 0
    assert load_image(tmp_path / 'seed0002.png').shape == (16, 16, 3)


def test_without_a_name_nothing_is_written_over(workdir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(f'--workdir={workdir}', '--seeds=1') == command(f'--workdir={workdir}', '--seeds=1') == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['samples-2.png', 'samples.png']


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['--checkpoint=later'], "not 'later'"),
        (['--checkpoint=4'], 'no checkpoint 4; there are the steps 3, 7'),
        (['--checkpoint=best'], 'no checkpoint best'),
        (['--which=ema'], 'no averaged weights'),
        (['--which=both'], '--which'),
        (['--seeds=3-1'], "--seeds=0-99,105 with whole numbers from 0, got '3-1'"),
        (['--classes=cat'], 'without classes'),
        (['--output=a.txt'], 'neither a folder'),
        (['--output=/proc/a'], '/proc/a'),
        (['--format=files', '--output=a.png'], '--format=grid'),
        (['--batch_size=0'], 'expected batch_size to be a whole number from 1, got 0'),
        (['--neighbours=x', '--output=a.npz', '--batch_size=8'], '--neighbours makes a sheet'),
        (['--seeds=0-9999', '--scale=64'], '10,000 pictures of 1024 x 1024 are too many'),
        (['--seed=3'], 'did you mean seeds'),
    ],
)
def test_mistakes_are_told_in_a_line(workdir, tmp_path, monkeypatch, args, said, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(f'--workdir={workdir}', *args) == 2
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_run_is_told(tmp_path, capsys):
    assert command(f'--workdir={tmp_path}') == 2 and 'keeps no checkpoint' in capsys.readouterr().err
    assert command(f'--workdir={tmp_path / "none"}') == 2 and 'no folder' in capsys.readouterr().err


def test_stopped_it_exits_with_130_and_leaves_no_half_file(workdir, tmp_path, monkeypatch, capsys):
    def stopped(self, given):
        raise KeyboardInterrupt

    monkeypatch.setattr('stylegen.dcgan.load.Generator.draw', stopped)
    for name in ('a.png', 'a.npz'):
        assert command(f'--workdir={workdir}', f'--output={tmp_path / name}') == 130
    assert not list(tmp_path.iterdir()) and 'stopped' in capsys.readouterr().err


def test_the_packed_generator_draws_nearly_the_same(tmp_path):
    for classes in ((), CLASSES):
        generator = tiny(classes=classes, path=tmp_path / 'checkpoint')
        (tmp_path / 'checkpoint').write_bytes(b'weights')
        digests = {shipped.pack_generator(generator, tmp_path / name) for name in ('a.npz', 'b.npz')}
        assert digests == {digest_of(tmp_path / 'a.npz')}
        packed = shipped.load_packed(tmp_path / 'a.npz')
        assert (packed.step, packed.which, packed.plan) == (7, 'live', generator.plan)
        given = latents(range(20), 8), labels_of(generator, range(20))
        assert 0 < np.abs(packed(*given) - generator(*given)).max() < 0.01


def test_it_works_at_once_with_the_generator_that_ships(tmp_path, monkeypatch, capsys):
    ours = tmp_path / 'ours.npz'
    monkeypatch.setattr(shipped, 'SHIPPED', dict.fromkeys(shipped.EMBEDDED, ours))
    assert command() == 2 and 'has no generator' in capsys.readouterr().err
    generator = tiny(path=tmp_path / 'checkpoint')
    (tmp_path / 'checkpoint').write_bytes(b'weights')
    shipped.pack_generator(generator, ours)
    assert command(f'--output={tmp_path / "a.png"}', '--seeds=0-3') == 0
    assert read_settings(tmp_path / 'a.png')['weights']['origin'] == 'embedded'
    assert command('--checkpoint=5') == 2 and 'for others give the --workdir' in capsys.readouterr().err
    ours.with_suffix('.sha256').write_text('0' * 64)
    assert command() == 2 and 'is damaged' in capsys.readouterr().err


def test_a_file_that_is_no_packed_generator_is_refused(tmp_path):
    (tmp_path / 'a.npz').write_bytes(b'PK nothing')
    np.savez(tmp_path / 'b.npz', x=np.zeros(3))
    for name in ('a.npz', 'b.npz', 'c.npz'):
        with pytest.raises(UserError, match='no packed generator'):
            shipped.load_packed(tmp_path / name)


def test_what_float16_cannot_hold_is_not_packed(tmp_path):
    generator = tiny(path=tmp_path / 'checkpoint')
    (tmp_path / 'checkpoint').write_bytes(b'weights')
    kernel = next(variable for variable in generator.model.variables if len(variable.shape) > 1)
    kernel.assign(kernel + 1e5)
    with pytest.raises(ValueError, match='does not fit float16'):
        shipped.pack_generator(generator, tmp_path / 'a.npz')


def test_the_generators_that_ship_draw_different_pictures_at_once(tmp_path):
    output = tmp_path / 'samples.png'
    assert run('sample', '--seeds=0-15', f'--output={output}', '--quiet', program='dcgan') == 0
    assert load_image(output).shape == (4 * 64 + 3 * 2, 4 * 64 + 3 * 2, 3)
    for name, side in (('caltech64', 64), ('cifar10', 32)):
        generator = open_generator(embedded=name)
        (pictures,) = sample(generator, range(16))
        assert pictures.shape == (16, side, side, 3)
        apart = np.abs(pictures[:, None] - pictures).mean((2, 3, 4))
        assert apart[~np.eye(16, dtype=bool)].min() > 0.03 and 0.1 < pictures.mean() < 0.9


def test_the_classes_of_the_generator_that_ships_look_different():
    generator = open_generator()
    flowers, cars = (
        np.concatenate(list(sample(generator, range(8), labels_of(generator, range(8), name))))
        for name in ('sunflowers', 'cars')
    )
    saturation = [float(np.ptp(pictures, 3).mean()) for pictures in (flowers, cars)]
    assert saturation[0] > 5 * saturation[1]  # yellow flowers; all cars of Caltech-101 are grey photographs
