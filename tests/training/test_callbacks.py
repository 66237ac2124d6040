"""Alarms, logs, events and checkpoints know nothing of what is trained."""

import types

import numpy as np
import pytest

from stylegen.dcgan.alarms import Alarm
from stylegen.training import Events, Log, Periodic, Schedule, Speed
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.logs import read_events, read_log
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError


def test_an_alarm_rings_once_after_so_many_looks_and_again_after_a_recovery():
    alarm = Alarm(0.5, 2, grace=1)
    values = [(1, 0.1), (2, 0.1), (3, 0.1), (4, 0.1), (5, 0.9), (6, 0.1), (7, 0.1)]
    assert [alarm(*value) for value in values] == [False, False, True, False, False, False, True]
    assert alarm.last_good_step == 5


def test_what_is_no_number_does_not_count_as_low():
    assert not Alarm(0.5, 1)(1, float('nan'))


def test_a_log_goes_back_to_a_step_and_leaves_a_row_that_was_cut_off(tmp_path):
    log = Log(tmp_path, ('loss',))
    for step in (10, 20, 30):
        log.add(step, {'loss': step / 100})
    for rest in ('4', '40,0.4', '40,0.4\0\r\n'):  # the second is whole but for the end of its number
        with open(log.path, 'a', newline='') as file:
            file.write(rest)
        assert [row['step'] for row in read_log(log.path)] == ['10', '20', '30']
        log.remove_after(30)
    assert [row['step'] for row in Log(tmp_path, ('loss',), 20).rows()] == ['10', '20']
    assert read_log(tmp_path / 'none.csv') == []


def test_tensorboard_gets_the_same(tmp_path):
    log = Log(tmp_path, ('loss', 'gain'), tensorboard=True)
    for step in (1, 7):
        log.add(step, {'loss': step / 4, 'gain': -step})
    (path,) = (tmp_path / 'tensorboard').glob('events.*')
    found = []
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        found += [(event.step, value.tag, float(tf.make_ndarray(value.tensor))) for value in event.summary.value]
    assert found == [(1, 'loss', 0.25), (1, 'gain', -1), (7, 'loss', 1.75), (7, 'gain', -7)]


def test_events_are_lines_in_order(tmp_path):
    events = Events(tmp_path)
    assert read_events(events.path) == []
    events.add('begun', 0)
    with open(events.path, 'a') as file:
        file.write('{"step": 3, "ev')  # a process that was killed
    events.add('rollback', 7, to=5)
    events.add('resumed', 9)
    found = [(event['event'], event['step'], event.get('to')) for event in read_events(events.path)]
    assert found == [('begun', 0, None), ('rollback', 7, 5), ('resumed', 9, None)]


def test_speed_is_that_since_the_last_look():
    now = [0.0]
    speed = Speed(64, clock=lambda: now[0])
    speed.start(100)
    now[0] = 2.0
    assert speed(110) == 320
    now[0] = 3.0
    assert speed(111) == 64


def test_the_best_is_replaced_by_a_better_one_only(tmp_path):
    kept = Checkpoints(tmp_path)
    assert [kept.save_best({}, {}, score) for score in (3.0, 5.0, 2.0, float('nan'))] == [True, False, True, False]
    assert kept.best_score() == 2.0


@pytest.mark.parametrize(('which', 'text'), [('last', 'keeps no checkpoint; train'), ('best', 'best'), (7, 'steps')])
def test_a_missing_checkpoint_is_told(tmp_path, which, text):
    with pytest.raises(UserError, match=text):
        Checkpoints(tmp_path).load(which)


def test_a_damaged_checkpoint_is_told(tmp_path):
    Checkpoints(tmp_path).save(3, {}, {})
    Checkpoints(tmp_path).path(3).write_bytes(b'PK half')
    with pytest.raises(UserError, match='damaged; remove it'):
        Checkpoints(tmp_path).load()


def test_files_of_other_names_are_no_checkpoints(tmp_path):
    kept = Checkpoints(tmp_path, keep=2)
    for step in (3, 5):
        kept.save(step, {}, {'x': step})
    for name in ('step-00000005-backup.npz', 'step-x.npz', 'step-.npz'):
        (kept.folder / name).write_bytes(b'')
    assert kept.steps() == [3, 5] and kept.load()[1]['x'] == 5 == kept.resume({})['x']
    kept.save(7, {}, {})
    assert kept.steps() == [5, 7] and (kept.folder / 'step-x.npz').exists()
    with pytest.raises(UserError, match="not 'later'"):
        kept.path('later')


def test_an_alarm_counts_from_the_first_step_below_its_bound_and_begins_anew_when_it_is_told():
    alarm = Alarm(0.5, 2)
    assert alarm.last_good_step == 0 and not alarm(1, 0.1) and alarm(2, 0.1)
    assert not alarm(3, 0.5) and alarm.last_good_step == 3  # the bound itself is well
    assert not alarm(4, 0.1)
    alarm.reset()
    assert not alarm(5, 0.1) and alarm(6, 0.1)


def test_rows_and_events_that_are_none_are_left_out(tmp_path):
    rows = b'step,loss\nten,0.1\n20\n30,0.3\n,0.4\n50,\xff\n60,0.6\0\n'
    (tmp_path / 'log.csv').write_bytes(rows)
    assert [row['step'] for row in read_log(tmp_path / 'log.csv')] == ['30', '50']
    (tmp_path / 'events.jsonl').write_bytes(b'7\n"text"\n[1]\n{"step": 1}\n{"text": "\xff"}\nnull\n')
    assert read_events(tmp_path / 'events.jsonl') == [{'step': 1}, {'text': '\ufffd'}]


def followed(works, batches, begin=0, last=100, every=25, per_call=1, wrong_from=None):
    """What a schedule does in `batches` steps from `begin` on: (name, step), looks among it."""
    done = []
    model = types.SimpleNamespace(steps=types.SimpleNamespace(numpy=lambda: np.int64(begin)), stop_training=False)

    def look(step):
        done.append(('look', step))
        model.stop_training = wrong_from is not None and step >= wrong_from

    periodics = [Periodic(n, lambda step, name=name: done.append((name, step)), at_end) for name, n, at_end in works]
    schedule = Schedule(periodics, look, last, every)
    schedule.set_model(model)
    schedule.set_params({'steps': batches})
    schedule.on_train_begin()
    for first in range(0, batches, per_call):
        schedule.on_train_batch_end(first + per_call - 1)
        if model.stop_training:
            break
    return done


def test_work_is_done_at_multiples_after_a_look_and_some_of_it_at_the_end():
    works = [('a', 4, True), ('b', 6, False), ('never', 0, True)]
    assert followed(works, 11, last=11, every=5) == [
        ('look', 4), ('a', 4), ('look', 5), ('look', 6), ('b', 6), ('look', 8), ('a', 8), ('look', 10),
        ('look', 11), ('a', 11),
    ]  # fmt: skip


def test_a_run_that_goes_on_counts_from_where_it_was_and_ends_where_it_should():
    works = [('a', 4, True)]
    assert followed(works, 5, begin=6, last=11, every=50) == [('look', 8), ('a', 8), ('look', 11), ('a', 11)]
    assert followed(works, 5, begin=6, last=11, every=50, per_call=4) == [
        ('look', 10), ('a', 10), ('look', 11), ('a', 11),
    ]  # fmt: skip


def test_no_work_is_done_once_something_is_wrong():
    assert followed([('a', 4, True)], 12, last=12, every=100, wrong_from=7) == [('look', 4), ('a', 4), ('look', 8)]
    assert followed([], 12, last=12, every=5, wrong_from=4) == [('look', 5)]
