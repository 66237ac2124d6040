"""A job refuses an impossible output before its work, saves pictures and the state on time, and continues a run."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylegen import images
from stylegen.images import io
from stylegen.networks.pretrained import WeightsSource
from stylegen.runs import jobs, records
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.locks import folder_lock
from stylegen.utils.npz import write_state
from tests.conftest import photo

WEIGHTS = WeightsSource('cache/net.h5', 'abc', 'download')
FLAGS = SimpleNamespace(save_every=None, sidecar=False, depth=8)


class Counting(jobs.Job):
    """A job of twelve steps, which calls `on_step` after every `call` steps."""

    call, begun = 3, 0

    def work(self, state):
        self.begun = self.steps_done = 0 if state is None else int(state['number'])
        for number in range(self.begun + self.call, 13, self.call):
            self.on_step(number)
        return photo(8, 8)

    def progress_of(self, step):
        return jobs.JobProgress(step, 12, step, f'step {step}', 0.0)

    def state_arrays(self, step):
        return {'number': step}

    def picture(self, step):
        return photo(8, 8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(output, *, weights=WEIGHTS, flags=FLAGS, seed=1, **options):
    settings = {'seed': seed, 'weights': str(weights.path)}
    record = records.record('test', settings, {'photo.png': '123'}, weights)
    target = Output(Path(output)) if output else Output.from_flag(None, 'out.png')
    return Counting(target, record, flags, Console(quiet=True), **options)


def test_the_memory_is_that_of_the_state_where_it_has_one(folder):
    assert jobs.saved_memory('auto', folder) == 'auto'
    for settings, memory in (({'max_memory': '3GB'}, '3GB'), ({'seed': 1}, 'auto')):  # the second is of another program
        write_state(folder / 'state.npz', {'settings': settings}, {'step': 1})
        assert jobs.saved_memory('auto', folder) == memory and jobs.saved_memory('1GB', folder) == '1GB'


@pytest.mark.parametrize('call', [1, 3, 5])
def test_pictures_are_saved_every_n_steps_also_if_a_call_makes_another_number_of_steps(folder, call):
    made = job(folder / 'out.png', flags=SimpleNamespace(save_every=4, sidecar=False, depth=8))
    made.call = call
    made.run()
    numbers = {1: (4, 8, 12), 3: (6, 9, 12), 5: (5, 10)}[call]
    assert sorted(folder.glob('out-*')) == [folder / f'out-{number:04}.png' for number in numbers]


def test_an_intermediate_picture_fixes_a_default_name(folder):
    def begun(every=None):
        made = job(None, flags=SimpleNamespace(save_every=every, sidecar=False, depth=8))
        made.call = 6
        return made

    first, second, third = begun(6), begun(6), begun()
    assert [one.output.name for one in (first, second, third)] == ['out.png'] * 3
    for one in (first, second, third):
        one.run()
    assert [one.output.name for one in (first, second, third)] == ['out.png', 'out-2.png', 'out-3.png']
    ways = ['out-0006.png', 'out-0012.png', 'out-2-0006.png', 'out-2-0012.png', 'out-2.png', 'out-3.png', 'out.png']
    assert sorted(path.name for path in folder.iterdir()) == ways
    fourth = begun(6)
    (folder / 'out-4-0012.png').write_text('theirs')  # a file of another run
    fourth.run()
    assert fourth.output.name == 'out-5.png' and (folder / 'out-4-0012.png').read_text() == 'theirs'


def test_a_picture_too_long_for_the_format_is_refused_before_the_work(folder):
    with pytest.raises(UserError, match='WEBP holds at most 16383 pixels a side; save as PNG'):
        job(folder / 'out.webp', shape=(20, 16_384, 3))
    job(folder / 'out.webp', shape=(20, 16_383, 3))


def stopped(monkeypatch, **options):
    """Runs a job that is stopped at step 6 and saves its state."""
    monkeypatch.setattr(jobs, 'SAVE_SECONDS', 0)
    follow = jobs.Job.on_step

    def stopping(self, step):
        follow(self, step)
        if step == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs.Job, 'on_step', stopping)
        job('out.png', workdir='run', **options).run()


def test_a_run_continues_with_the_same_weights_also_from_another_path(folder, monkeypatch):
    monkeypatch.setattr(io, 'save_image', lambda path, *args, **kwargs: path)
    stopped(monkeypatch)
    monkeypatch.setattr(records, 'versions', lambda: {'numpy': '99.0'})
    other = dataclasses.replace(WEIGHTS, sha256='def')
    with pytest.raises(UserError, match=r'another sha256 of the weights \(abc then, def now\)'):
        job('out.png', workdir='run', weights=other).run()
    with pytest.raises(UserError, match=r'another seed \(1 then, 2 now\)'):
        job('out.png', workdir='run', seed=2).run()
    again = job('out.png', workdir='run', weights=WeightsSource('moved/net.h5', 'abc', 'cache'))
    again.run()
    assert again.begun == 6 and not (folder / 'run').exists()


def test_two_jobs_cannot_use_one_workdir_at_once(folder):
    late = job('out.png', workdir='run')
    with folder_lock('run'), pytest.raises(UserError, match='is at work in run'):
        late.run()
    assert late.run() and np.asarray(images.load_image('out.png')).shape == (8, 8, 3)
