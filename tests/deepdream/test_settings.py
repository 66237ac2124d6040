"""Settings of DeepDream: one record says them, for the flags, for Python and for what a result carries."""

import inspect
import json

import pytest

from stylegen import images
from stylegen.cluster.settings import ClusterSettings
from stylegen.deepdream import Dreamer, DreamSettings, command_settings, dream, settings, visualize, zoom_frames
from stylegen.deepdream.__main__ import define_flags
from stylegen.deepdream.command_line import CONTRADICTIONS, MODES, UNUSED, CommandLine
from stylegen.deepdream.presets import FRAME_DEFAULTS, PRESETS, defaults_of_network
from stylegen.runs import jobs
from tests.conftest import photo, run

FLAGS = (  # records whose fields are flags, in the order in which they are asked
    command_settings.PictureSettings, settings.DreamSettings, settings.NoiseSettings, command_settings.FilmSettings,
    command_settings.DreamResultSettings, ClusterSettings,
)  # fmt: skip


def command_line(*args, recorded=None):
    return CommandLine.of(define_flags().parse(['x', *args]), recorded)


def test_every_field_is_a_flag_with_its_default():
    flags, seen = define_flags().parse(['x']), set()
    for record in FLAGS:
        for name, value in record().recorded().items():
            if name not in seen:
                assert (flags[name].value or None) == (value or None), name
            seen.add(name)
    former = {about.formerly for record in FLAGS for about in record.abouts().values()}
    assert seen == set(flags) - former - {'quiet', 'debug', 'help'}
    without = settings.VisualizeSettings.defaults().keys() - settings.NoiseSettings.defaults().keys()
    assert not any(settings.VisualizeSettings.abouts()[name].flag for name in without), 'they are for Python alone'


def test_help_has_every_flag_under_its_heading():
    flags = define_flags()
    assert [*flags.groups] == [*command_settings.HEADINGS, 'Messages'] and all(flags.groups.values())
    text = flags.help('stylegen-deepdream')
    for record in FLAGS:
        assert all(f'--{name}' in text for name in record.defaults())


def test_a_dreamer_and_the_functions_show_their_arguments():
    own = ['guides', 'regions']
    assert [*inspect.signature(Dreamer).parameters] == [*own, *DreamSettings.defaults(), 'settings']
    parameters = inspect.signature(dream).parameters
    assert [*parameters] == ['image', *own, 'mask', 'start', 'callback', *DreamSettings.defaults(), 'settings']
    assert parameters['steps'].default == DreamSettings().steps == 10
    assert inspect.signature(visualize).parameters['steps'].default == 128
    assert inspect.signature(zoom_frames).parameters['zoom'].default == 1.5
    for function in (dream, Dreamer.__init__, visualize, zoom_frames):
        assert '{settings}' not in function.__doc__ and 'Default: ' in function.__doc__


def test_the_settings_of_a_dreamer_are_complete(tiny):
    dreamer = Dreamer(network='mini', octaves=4, max_memory='2GB', precision='float32')
    defaults = {**defaults_of_network('mini'), 'octaves': 4}
    assert dreamer.settings == DreamSettings(
        network='mini', layers={'block5_conv1': 1.0}, max_memory='2GB', precision='float32', **defaults
    )
    assert dreamer.network_note.startswith('mini')
    again = Dreamer(settings=dreamer.settings)
    assert again.settings == dreamer.settings
    auto = Dreamer(network='mini').settings
    assert auto.max_memory.endswith('MB') and auto.precision in ('float32', 'mixed_bfloat16', 'mixed_float16')
    guided = Dreamer(network=tiny, guides=[photo(40, 40)], guide_layers=['b']).settings
    assert (guided.network, guided.layers, guided.guide_layers) == ('tiny', None, {'b': 1.0})


def test_what_a_command_line_asks_for_is_json_that_asks_for_it_again():
    args = ['a.jpg', 'b.jpg', '--layers=a:1,b[3,5]:0.5', '--guide=g.jpg', '--region=m.png=a:1', '--shift=0.1,-0.2']
    asked = command_line(*args, '--strength=0.2', '--mask=m.png', '--size=300')
    recorded = json.loads(json.dumps(asked.recorded()))
    assert recorded['input'] == ['a.jpg', 'b.jpg'] and recorded['layers'] == 'a:1,b[3,5]:0.5'
    assert recorded['region'] == ['m.png=a:1'] and recorded['shift'] == '0.1,-0.2'
    again = command_line(recorded=recorded)
    for name in ('mode', 'pictures', 'dream', 'film'):
        assert getattr(again, name) == getattr(asked, name), name
    assert again.recorded() == asked.recorded()


def test_the_form_of_recorded_inputs_stays():
    of = lambda *args: command_line(*args).recorded()['input']
    assert (of(), of('a.jpg'), of('a.jpg', 'b.jpg')) == (None, 'a.jpg', ['a.jpg', 'b.jpg'])
    for value in (None, 'a.jpg', ['a.jpg', 'b.jpg']):
        assert command_line(recorded={'input': value}).recorded()['input'] == value


@pytest.fixture
def result_of_before(tmp_path, monkeypatch):
    """The settings that earlier versions wrote into a picture, where it dreamt on photo.png."""
    monkeypatch.chdir(tmp_path)
    images.save_image('photo.png', photo(40, 48))
    return {
        'input': 'photo.png', 'size': None, 'mask': None, 'network': 'mini', 'weights': None, 'precision': 'float32',
        'layers': 'block2_conv1:1', 'classes': None, 'guide': [], 'guide_layers': None, 'region': [],
        'balance': 'signal', 'measure': 'auto', 'octaves': 1, 'octave_scale': 1.5, 'steps': 1, 'strength': 0.15,
        'step_size': None, 'norm': 'mean_abs', 'smoothing': 'none', 'variation': 0.0, 'jitter': 32, 'color': 'free',
        'wrap': False, 'max_memory': '4GB', 'jit': 'auto', 'parameterization': 'fourier', 'count': 1, 'diversity': 0.0,
        'zoom': None, 'rotation': 0.0, 'shift': '0,0', 'seconds': 5.0, 'fps': 24.0, 'blend': 0.7, 'explore': None,
        'seed': 3,
    }  # fmt: skip


def test_a_picture_made_before_there_were_records_replays(result_of_before, monkeypatch):
    assert run('photo.png', '--output=now.png', '--network=mini', '--layers=block2_conv1', '--octaves=1', '--steps=1',
               '--seed=3', '--precision=float32', '--max_memory=4GB', '--quiet') == 0  # fmt: skip
    record = images.read_settings('now.png')
    values = {name: value for name, value in result_of_before.items() if name != 'balance'}
    assert record['settings'] == values | {'gradient_normalization': 'layer'}
    images.save_image('before.png', photo(40, 48), settings=record | {'settings': result_of_before})
    assert run('--replay=before.png', '--output=again.png', '--quiet') == 0
    assert (images.load_image('again.png') == images.load_image('now.png')).all()
    assert images.read_settings('again.png') == record


def test_presets_and_tables_of_the_command_line_name_fields():
    fields = {name for record in FLAGS for name in record.defaults()}
    for preset in PRESETS.values():
        assert DreamSettings.of_record(preset) and set(preset) <= set(DreamSettings.defaults())
    assert set(FRAME_DEFAULTS) | set(defaults_of_network('mini')) <= set(DreamSettings.defaults())
    assert set(MODES) == set(UNUSED) == set(CONTRADICTIONS)
    assert {name for names in (*UNUSED.values(), *CONTRADICTIONS.values()) for name in names} <= fields


def test_a_run_that_goes_on_keeps_the_memory_it_began_with(result_of_before, monkeypatch):
    args = ['photo.png', '--network=mini', '--octaves=1', '--steps=2', '--quiet', '--workdir=run', '--output=out.png']
    follow = jobs.Job.on_step

    def stop(self, step):
        follow(self, step)
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs.Job, 'on_step', stop)
    assert run(*args) == 130
    monkeypatch.setattr(jobs.Job, 'on_step', follow)
    monkeypatch.setattr('stylegen.utils.memory.free_memory', lambda: 2**29)
    assert run(*args) == 0 and images.read_settings('out.png')['settings']['max_memory'].endswith('MB')
