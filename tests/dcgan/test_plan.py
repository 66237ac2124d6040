"""A plan says all that a run is trained with, and refuses what does not go together."""

import pytest

from stylegen.dcgan.plan import FORMER_NAMES, Plan, compared, idle_options, make_plan, place_of
from stylegen.dcgan.presets import PRESETS
from stylegen.dcgan.settings import OF_PRESET
from stylegen.training.checkpoints import Checkpoints
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json

EARLIER = {  # as earlier versions kept it: what differs from the defaults
    'preset': 'cifar32', 'size': [32, 32], 'channels': 3, 'classes': [], 'generator': {'width': 96, 'seed': 0},
    'discriminator': {'seed': 1}, 'training': {'loss': 'non_saturating', 'flip': True, 'seed': 0}, 'batch_size': 64,
    'precision': 'float32',
}  # fmt: skip


@pytest.mark.parametrize('preset', PRESETS)
def test_nothing_is_left_to_defaults_that_may_change(preset):
    plan = make_plan(preset=preset)
    for name in OF_PRESET:
        part, argument = place_of(name)
        assert name == 'batch_size' or argument in getattr(plan, part), name
    assert plan.generator['kernel'] == plan.discriminator['kernel'] and plan.training['learning_rate'] > 0


def test_the_networks_and_the_training_have_seeds_of_their_own():
    plan = make_plan(seed=3)
    assert [plan.generator['seed'], plan.discriminator['seed'], plan.training['seed']] == [6, 7, 3]
    assert Plan.of(as_json(plan.as_settings())) == plan


def test_a_run_may_have_other_steps_unless_its_learning_rate_falls_over_them():
    assert make_plan(steps=100) == make_plan(steps=200) and make_plan(steps=100, g_width=None) == make_plan(steps=100)
    falling = [make_plan(steps=steps, decay='linear').training['decay_steps'] for steps in (100, 200)]
    assert falling == [100, 200]


@pytest.mark.parametrize('preset', ['mnist28', 'cifar32_strong'])
def test_a_plan_with_the_former_names_of_arguments_is_the_same_plan(preset):
    plan = make_plan(preset=preset)
    former = as_json(plan.as_settings())
    for part, names in FORMER_NAMES.items():
        for old, new in names.items():
            former[part][old] = former[part].pop(new)
    assert Plan.of(former) == plan
    assert compared(former) == compared(as_json(plan.as_settings()))


def test_a_run_of_an_earlier_version_goes_on(tmp_path):
    kept = Checkpoints(tmp_path)
    kept.save(3, EARLIER, {'x': 1.0})
    same = make_plan(g_width=96, flip=True)
    assert kept.resume(same.as_settings(), compared)['x'] == 1


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'g_width': 32}, r'another g_width \(96 then, 32 now\); give'),
        ({'d_width': 96}, r'another d_width \(64 then, 96 now\); give'),
        ({'learning_rate': 0.1}, r'another learning_rate \(0.0002 then, 0.1 now\); give'),
        ({'seed': 1}, r'another seed \(0 then, 1 now\); give'),
        ({'decay': 'linear', 'steps': 9}, r'another decay \(none then, linear now\), steps \(0 then, 9 now\); give'),
    ],
)
def test_what_is_another_run_is_named_as_it_is_typed(tmp_path, options, said):
    Checkpoints(tmp_path).save(3, EARLIER, {})
    with pytest.raises(UserError, match=said):
        Checkpoints(tmp_path).resume(
            as_json(make_plan(**{'g_width': 96, 'flip': True} | options).as_settings()), compared
        )


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'label_smoothing': 1.0}, 'expected label_smoothing to be a number from 0 to below 1, got 1'),
        ({'beta_1': 1.0}, 'beta_1'),
        ({'beta_2': 1.0}, 'beta_2'),
        ({'r1': 1.0}, '--d_norm=none or --d_norm=spectral'),
        ({'augment': 'colour'}, "unknown augmentation 'colour'; did you mean color"),
        ({'updates': 'simultaneous', 'd_steps': 2}, 'simultaneous updates allow one discriminator step'),
        ({'preset': 'mnist28', 'd_steps': 2}, 'simultaneous updates allow one discriminator step'),
    ],
)
def test_what_does_not_go_together_is_refused(options, said):
    with pytest.raises(UserError, match=said):
        make_plan(**options)


@pytest.mark.parametrize(
    ('options', 'idle'),
    [
        ({'gradient_penalty': 10.0}, {'gradient_penalty': 'it is for --loss=wasserstein_gp'}),
        ({'penalty_every': 4}, {'penalty_every': 'it is for --r1 or --loss=wasserstein_gp'}),
        (
            {'loss': 'hinge', 'label_smoothing': 0.1},
            {'label_smoothing': 'it is for --loss=non_saturating or --loss=least_squares'},
        ),
        ({'loss': 'wasserstein_gp', 'd_norm': 'none', 'gradient_penalty': 5.0, 'penalty_every': 4}, {}),
        ({'r1': 1.0, 'd_norm': 'spectral', 'penalty_every': 4}, {}),
    ],
)
def test_what_changes_nothing_is_taken_and_known(options, idle):
    plan = make_plan(**options)
    assert idle_options(plan, options) == idle and plan.build()
