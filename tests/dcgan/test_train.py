"""A run comes to the same bits however often it is stopped, and keeps what it has."""

import errno
import json
import signal

import numpy as np
import pytest

from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.training import train
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_events, read_log
from stylegen.utils.errors import UserError
from stylegen.utils.files import DiskFull
from tests.conftest import process
from tests.dcgan.sets import TINY, folder, small_set, state

FLAGS = ['--image_size=16', '--g_width=4', '--d_width=4', '--latent_dim=8', '--batch_size=4', '--seed=3',
         '--checkpoint_every=4', '--sample_every=4', '--samples=4', '--log_every=4', '--deterministic',
         '--evaluate_every=0']  # fmt: skip


def command(data, workdir, fault=''):
    """Twelve steps in a process of their own; its exit code and what it said."""
    before = f'from tests.dcgan import faults; faults.{fault}' if fault else ''
    child = process(
        'train', f'--data={data}', f'--workdir={workdir}', '--steps=12', *FLAGS, program='dcgan', before=before
    )
    output, errors = child.communicate(timeout=200)
    return child.returncode, output + errors


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The data, and all that a run of 12 steps came to that nothing disturbed."""
    place = tmp_path_factory.mktemp('whole')
    data = folder(place / 'data')
    code, said = command(data, place / 'run')
    assert code == 0, said
    return data, place / 'run'


def test_stopped_again_and_again_is_bit_for_bit_the_same(whole, tmp_path):
    data, expected = whole
    for fault, code, left in [
        ('die_after(6)', -signal.SIGKILL, 4),
        ('die_saving(8)', -signal.SIGKILL, 4),
        ('interrupt_after(10)', 130, 10),
        ('nothing()', 0, 12),
    ]:
        ended, said = command(data, tmp_path, fault)
        assert ended == code, said
        assert Checkpoints(tmp_path).steps()[-1] == left
    assert state(Checkpoints(tmp_path).path()) == state(Checkpoints(expected).path())
    assert not list(tmp_path.glob('checkpoints/.*')), 'what the killed save left is cleared away'
    assert [row['step'] for row in read_log(tmp_path / 'log.csv')] == ['4', '8', '12']


def small(tmp_path, **options):
    """Arguments of a tiny run."""
    return {'workdir': tmp_path / 'run', **TINY, 'samples': 4, 'steps': 4, 'evaluate_every': 0, **options}


def test_a_run_leaves_its_settings_samples_and_film(whole):
    _, run = whole
    assert (run / 'training.gif').exists()
    assert sorted(path.name for path in (run / 'samples').iterdir()) == [
        f'step-{step:08d}.png' for step in (0, 4, 8, 12)
    ]
    settings = json.loads((run / 'settings.json').read_text())
    assert len(settings['data']['sha256']) == 64 and settings['settings']['batch_size'] == 4
    assert 'tensorflow' in settings['packages']


def test_another_seed_gives_other_weights_and_is_refused_in_the_same_place(tmp_path):
    data = small_set(tmp_path / 'data')
    train(data, **small(tmp_path))
    with pytest.raises(UserError, match=r'another .*seed \(0 then, 1 now\).*give the same'):
        train(data, **small(tmp_path, seed=1))
    other = train(data, **small(tmp_path, seed=1, workdir=tmp_path / 'other'))
    assert state(other.checkpoints.path()) != state(Checkpoints(tmp_path / 'run').path())


def test_other_pictures_are_refused(tmp_path):
    train(small_set(tmp_path / 'a'), **small(tmp_path))
    now = small_set(tmp_path / 'b', count=9)
    with pytest.raises(UserError, match=r'data \(24 pictures of \S+/a then, 9 pictures of \S+/b now\); give the same'):
        train(now, **small(tmp_path))
    (tmp_path / 'run' / 'settings.json').unlink()
    with pytest.raises(UserError, match=r'data \(others then, 9 pictures of \S+/b now\); give the same'):
        train(now, **small(tmp_path))


def test_several_steps_a_call_come_to_the_same(tmp_path):
    data = small_set(tmp_path / 'data')
    states = []
    for each in (1, 5):  # 12 is no multiple of 5
        run = train(data, **small(tmp_path, steps=12, steps_per_execution=each, workdir=tmp_path / str(each)))
        assert run.step == 12
        states.append(state(run.checkpoints.path()))
    assert states[0] == states[1]


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    data = small_set(tmp_path / 'data')
    train(data, **small(tmp_path))
    before = state(Checkpoints(tmp_path / 'run').path())
    monkeypatch.setattr(np, 'savez', lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, 'no space')))
    with pytest.raises(DiskFull, match='the disk is full'):
        train(data, **small(tmp_path, steps=8))
    monkeypatch.undo()
    assert Checkpoints(tmp_path / 'run').steps()[-1] == 4 and state(Checkpoints(tmp_path / 'run').path()) == before


def test_only_the_last_checkpoints_are_kept(tmp_path):
    run = train(small_set(tmp_path / 'data'), **small(tmp_path, steps=5, checkpoint_every=1, keep=2))
    assert run.checkpoints.steps() == [4, 5]


@pytest.mark.parametrize('conditional', [False, True])
def test_a_sample_depends_on_its_seed_alone(tmp_path, conditional):
    run = train(small_set(tmp_path / 'data'), **small(tmp_path, conditional=conditional, ema=0.5, learning_rate=0.02))
    generator = load_generator(run.workdir)
    assert generator.which == 'ema' and generator.step == 4
    seeds, labels = range(9), np.arange(9) % 2 if conditional else None
    z = latents(seeds, generator.latent_dim)
    together = generator(z, labels)
    for some in ([5], [2, 3, 4]):
        assert np.array_equal(generator(z[some], labels[some] if conditional else None), together[some])
    assert np.array_equal(latents([7], 8)[0], latents(range(9), 8)[7])
    live = load_generator(run.workdir, which='live')(z, labels)
    assert not np.allclose(live, together, atol=1e-3)


def test_not_a_number_is_named_and_the_run_goes_back_with_half_the_rate(tmp_path):
    data, said = small_set(tmp_path / 'data'), []
    train(data, **small(tmp_path))

    def poison(report):
        if report.step == 6 and not said:
            gan.generator.trainable_variables[0].assign(np.nan * gan.generator.trainable_variables[0])

    from stylegen.dcgan import run as module

    made = module.Training.__init__

    def noted(self, *args, **kwargs):
        nonlocal gan
        made(self, *args, **kwargs)
        gan = self.gan

    gan = None
    module.Training.__init__ = noted
    try:
        again = train(data, **small(tmp_path, steps=8, log_every=1, callback=poison, warn=said.append))
    finally:
        module.Training.__init__ = made
    assert again.step == 8 and float(again.gan.rate_scale) == 0.5
    assert 'is not finite at step 7; back to step 4 with 0.5 of the learning rate' in said[0]
    assert [event['event'] for event in read_events(again.events.path)] == ['resumed', 'rollback']
    assert [row['step'] for row in again.log.rows()][-4:] == ['5', '6', '7', '8']


def test_a_run_that_never_becomes_finite_is_given_up(tmp_path):
    said = []
    with pytest.raises(ArithmeticError, match=r'after the learning rate was halved 3 times'):
        train(small_set(tmp_path / 'data'), **small(tmp_path, learning_rate=1e38, warn=said.append))
    assert len(said) == 3
    kept = Checkpoints(tmp_path / 'run').load()[1]
    assert all(np.isfinite(array).all() for array in kept.values())


def frozen(monkeypatch, gan_type):
    """Makes every generator give one picture whatever the latents."""
    monkeypatch.setattr(gan_type, 'call', lambda self, given: 0 * self.sampler(given, training=False) + 0.3)


@pytest.mark.parametrize('action', ['warn', 'stop', 'rollback'])
def test_a_generator_of_one_picture_raises_the_alarm(tmp_path, monkeypatch, action):
    from stylegen.dcgan import monitor, run
    from stylegen.dcgan.alarms import Alarm
    from stylegen.dcgan.gan import DCGAN

    monkeypatch.setattr(monitor, 'Alarm', lambda low, looks, grace=0: Alarm(low, looks, 2 if grace else 0))
    monkeypatch.setattr(run, 'DIVERSITY_COUNT', 4)
    frozen(monkeypatch, DCGAN)
    said = []
    arguments = small(tmp_path, steps=8, collapse_every=1, on_collapse=action, warn=said.append, checkpoint_every=1)
    if action == 'warn':
        train(small_set(tmp_path / 'data'), **arguments)
        assert len(said) == 1
    elif action == 'stop':
        with pytest.raises(ArithmeticError, match='on_collapse=stop'):
            train(small_set(tmp_path / 'data'), **arguments)
    else:
        with pytest.raises(ArithmeticError, match='halved 3 times'):
            train(small_set(tmp_path / 'data'), **arguments)
        assert len(said) == 3
    events = [json.loads(line) for line in (tmp_path / 'run' / 'events.jsonl').read_text().splitlines()]
    first = events[0]
    assert first['event'] == 'generator collapsed' and first['step'] == 4 and first['action'] == action
    assert "0% of the data's diversity at step 4" in first['text']


def test_the_best_is_kept_and_can_be_loaded(tmp_path):
    run = train(
        small_set(tmp_path / 'data'),
        **small(tmp_path, steps=6, evaluate_every=2, pictures=8, learning_rate=0.02, keep=1),
    )
    rows = run.quality.rows()
    scores = {int(row['step']): float(row['fid_mini']) for row in rows}
    assert list(scores) == [2, 4, 6]
    best = load_generator(run.workdir, checkpoint='best')
    assert scores[best.step] == min(scores.values())
    assert [row['best'] for row in rows] == ['1' if scores[s] == min(list(scores.values())[: i + 1]) else '0'
                                              for i, s in enumerate(scores)]  # fmt: skip


@pytest.fixture
def fetches(monkeypatch):
    """Every tensor whose value Python asks for, but Keras's flag whether there was another batch, which is no device's.

    There are two ways to a value: Python's own, and NumPy's, by which Keras makes numbers of a step's results.
    """
    import keras.src.backend as of_keras

    from stylegen.utils.backend import tf

    seen = []

    def told(tensor):
        if tensor.dtype != 'bool':
            seen.append(tensor)

    kind = next(kind for kind in type(tf.constant(0)).__mro__ if '_numpy' in vars(kind))
    python, numpy = kind._numpy, of_keras.convert_to_numpy
    monkeypatch.setattr(kind, '_numpy', lambda self: told(self) or python(self))
    monkeypatch.setattr(of_keras, 'convert_to_numpy', lambda value: told(value) or numpy(value))
    return seen


def test_a_training_asks_the_device_for_numbers_only_where_work_is_due(tmp_path, fetches):
    counts = []
    options = {'log_every': 30, 'sample_every': 0, 'checkpoint_every': 60, 'collapse_every': 0, 'steps': 60}
    train(small_set(tmp_path / 'data'), **small(tmp_path, **options), callback=lambda _: counts.append(len(fetches)))
    first, second = counts
    assert second - first <= 6  # looks at 50 and 60, and what a report asks for: 0.2 a step


def test_what_is_not_finite_stops_a_run_before_any_work_and_the_first_step_is_named(tmp_path, monkeypatch):
    """Looked for at step 25 or where work is due; here that is a sheet at step 8, three steps after the first."""
    from stylegen.dcgan.gan import DCGAN
    from stylegen.dcgan.run import Training
    from stylegen.training import Interrupts

    done, said = [], []
    sheet = Training.sheet
    monkeypatch.setattr(Training, 'sheet', lambda self, step: done.append(step) or sheet(self, step))

    def poisoned(self, batch, logs=None):
        if batch == 3 and not said:
            layer = self.model.generator.trainable_variables[0]
            layer.assign(np.nan * layer)

    monkeypatch.setattr(Interrupts, 'on_train_batch_end', poisoned)
    run = train(
        small_set(tmp_path / 'data'),
        **small(tmp_path, steps=12, sample_every=8, log_every=12, checkpoint_every=12, warn=said.append),
    )
    assert isinstance(run.gan, DCGAN) and run.step == 12
    assert len(said) == 1 and 'is not finite at step 5; back to step 0 with 0.5' in said[0]
    assert done == [0, 8, 12]  # 8 of the second time
