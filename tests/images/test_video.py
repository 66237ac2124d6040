"""Clips in, frame by frame; MP4 out, with the sound of the original."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

from stylegen.images import save_animation, video
from stylegen.images.clip_alpha import Layout, layout_of
from stylegen.images.video import COPIED, Clip, ffmpeg_program, open_clip
from stylegen.utils.errors import UserError
from stylegen.utils.notes import Note

GREYS = np.linspace(0.1, 0.9, 12)


def ffmpeg(*arguments):
    done = subprocess.run([ffmpeg_program(), '-nostdin', '-v', 'error', '-y', *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def frames(height=24, width=32, count=12):
    """Frame i is grey GREYS[i], its left half darker."""
    for grey in GREYS[:count]:
        frame = np.full((height, width, 3), grey, np.float32)
        frame[:, : width // 2] -= 0.1
        yield frame


def clip_with_sound(path, *codec, seconds=2.0, rate='25', sound=2.0, size='64x48'):
    sources = '-f', 'lavfi', '-i', f'testsrc2=size={size}:rate={rate}:duration={seconds}'
    sources += '-f', 'lavfi', '-i', f'sine=frequency=440:sample_rate=44100:duration={sound}'
    ffmpeg(*sources, '-c:v', 'libx264', '-pix_fmt', 'yuv420p', *(codec or ('-c:a', 'aac')), str(path))
    return path


def heard(path):
    """The sound of a file, mono, 44100 Hz."""
    data = ffmpeg('-i', str(path), '-map', '0:a:0', '-ac', '1', '-ar', '44100', '-f', 'f32le', '-')
    return np.frombuffer(data, np.float32)


def pitch(sound):
    middle = sound[len(sound) // 4 : -len(sound) // 4]
    return np.abs(np.fft.rfft(middle)).argmax() * 44100 / len(middle)


def test_frames_come_back_in_order_as_floats(tmp_path):
    clip = open_clip(save_animation(tmp_path / 'a.mp4', frames(), fps=12))
    assert (clip.width, clip.height, clip.fps, clip.frames, clip.sound) == (32, 24, 12, 12, None)
    read = list(clip.read())
    assert len(read) == 12 and read[0].shape == (24, 32, 3) and read[0].dtype == np.float32
    for frame, made in zip(read, frames(), strict=True):
        assert np.abs(frame - made)[:, [0, 10, 20, 31]].max() < 0.03
    for first in (1, 7, 12):
        rest = list(clip.read(first))
        assert len(rest) == 12 - first and all(np.array_equal(a, b) for a, b in zip(rest, read[first:], strict=True))


def test_a_clip_is_read_as_players_show_it(tmp_path):
    plain = clip_with_sound(tmp_path / 'plain.mp4', rate='30000/1001', seconds=0.5, size='64x48')
    ffmpeg('-display_rotation', '90', '-i', str(plain), '-c', 'copy', str(tmp_path / 'turned.mp4'))
    ffmpeg('-i', str(plain), '-vf', 'setsar=3/2', str(tmp_path / 'wide.mp4'))
    upright, turned, wide = (open_clip(tmp_path / name) for name in ('plain.mp4', 'turned.mp4', 'wide.mp4'))
    assert upright.fps == 30000 / 1001 and upright.frames == 15
    assert (upright.width, upright.height) == (64, 48)
    assert (turned.width, turned.height) == (48, 64) and (wide.width, wide.height) == (96, 48)
    first = next(upright.read())
    assert np.array_equal(next(turned.read()), np.rot90(first))
    assert np.abs(next(wide.read())[:, ::3] - first[:, ::2]).mean() < 0.05


def test_odd_sides_and_names_are_read(tmp_path):
    path = tmp_path / '-a: odd %d.mkv'
    ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=33x25:rate=5:duration=1', '-c:v', 'ffv1', f'file:{path}')
    clip = open_clip(path)
    assert (clip.width, clip.height) == (33, 25) and len(list(clip.read())) == 5


def shown_at(path):
    """The seconds at which the frames of a clip are shown."""
    listing = ffmpeg('-i', str(path), '-map', '0:V:0', '-c', 'copy', '-f', 'framecrc', '-').decode()
    unit = eval(listing.partition('#tb 0: ')[2].split()[0])
    return sorted(int(line.split(',')[2]) * unit for line in listing.splitlines() if line and line[0] != '#')


@pytest.mark.parametrize(
    ('name', 'codec'),
    [
        ('a.mov', ['qtrle']),
        ('b.mov', ['prores_ks', '-pix_fmt', 'yuva444p10le']),
        ('c.webm', ['libvpx-vp9', '-pix_fmt', 'yuva420p']),
        ('d.webm', ['libvpx', '-pix_fmt', 'yuva420p', '-auto-alt-ref', '0']),
        ('e.mov', ['qtrle', '-pix_fmt', 'rgb24']),
    ],
)
def test_transparent_parts_of_a_clip_are_white(tmp_path, name, codec):
    source = 'color=c=red:size=64x48:rate=10:duration=0.3,format=rgba,geq=r=200:g=0:b=0:a=if(lt(X\\,32)\\,255\\,0)'
    ffmpeg('-f', 'lavfi', '-i', source, '-c:v', *codec, str(tmp_path / name))
    (*_, frame) = open_clip(tmp_path / name).read()
    opaque, hidden = frame[8:-8, 8:24].mean((0, 1)), frame[8:-8, 40:56].mean((0, 1))
    np.testing.assert_allclose(opaque, [200 / 255, 0, 0], atol=0.03)
    np.testing.assert_allclose(hidden, [1, 1, 1] if name != 'e.mov' else opaque, atol=0.03)


def test_a_clip_of_variable_rate_keeps_its_frames_and_their_times(tmp_path):
    times = np.cumsum([0, *[1 / 30] * 4, 0.2, 0.05, *[1 / 24] * 4, 0.1])
    path = save_animation(tmp_path / 'a.mp4', frames(), 30, times=[*times, times[-1] + 0.25])
    np.testing.assert_allclose(shown_at(path), times[:12], atol=2e-5)
    clip = open_clip(path)
    np.testing.assert_allclose(clip.times, [*times, times[-1] + 0.25], atol=2e-5)
    assert clip.frames == 12 and clip.fps == pytest.approx(12 / clip.times[-1])
    greys = [frame[:, 20:].mean() for frame in clip.read()]
    np.testing.assert_allclose(greys, GREYS, atol=0.02)
    assert len(list(clip.read(7))) == 5
    again = save_animation(tmp_path / 'b.mp4', clip.read(), clip.fps, times=clip.times)
    np.testing.assert_allclose(shown_at(again), times[:12], atol=2e-5)


@pytest.mark.parametrize('rate', ['24000/1001', '25', '30000/1001', '60'])
def test_a_constant_rate_is_kept_to_the_last_frame(tmp_path, rate):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mkv', rate=rate))  # whose stamps are whole milliseconds
    assert clip.times is None and clip.fps == eval(rate)
    made = save_animation(tmp_path / 'b.mp4', clip.read(), clip.fps)
    np.testing.assert_allclose(shown_at(made), np.arange(clip.frames) / eval(rate), atol=1e-4)


def test_reading_can_be_left_at_any_frame(tmp_path, monkeypatch):
    clip, started, popen = open_clip(clip_with_sound(tmp_path / 'a.mp4')), [], subprocess.Popen
    monkeypatch.setattr(
        video.subprocess, 'Popen', lambda *args, **kw: started.append(popen(*args, **kw)) or started[-1]
    )
    reader = clip.read()
    next(reader)
    assert started[0].poll() is None  # ffmpeg waits for us: the pipe is full, the clip is not read ahead into memory
    reader.close()
    assert started[0].poll() is not None


def test_sound_is_copied_bit_for_bit(tmp_path):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mp4'))
    assert clip.sound == 'aac' and clip.sound in COPIED
    result = save_animation(tmp_path / 'b.mp4', clip.read(), clip.fps, sound=clip)
    made = open_clip(result)
    assert (made.sound, made.frames, made.fps) == ('aac', 50, 25)
    packets = [ffmpeg('-i', str(path), '-map', '0:a', '-c', 'copy', '-f', 'md5', '-') for path in (clip.path, result)]
    assert packets[0] == packets[1]
    assert pitch(heard(result)) == pytest.approx(440, abs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.mp4', 'b.mp4']
    assert open_clip(save_animation(tmp_path / 'c.mp4', clip.read(), clip.fps)).sound is None  # the control


@pytest.mark.parametrize('kind', ['mkv', 'mp4', 'ts'])
@pytest.mark.parametrize('delay', [0.52, -0.52])
@pytest.mark.parametrize('steady', [True, False])
def test_sound_that_begins_before_or_after_the_frames_stays_in_step(tmp_path, kind, delay, steady):
    """A picture turns white where a tone begins, after one second; then the frames begin `delay` after the sound."""
    changes = '-f', 'lavfi', '-i', "color=black:size=32x32:rate=25:duration=2,geq=lum='255*gte(T,1)':cb=128:cr=128"
    tone = '-f', 'lavfi', '-i', "aevalsrc='gte(t,1)*sin(2*PI*440*t)':sample_rate=44100:duration=2"
    late = lambda by: ('-itsoffset', str(max(0, by)))
    rate = () if steady else ('-vf', "select='not(eq(n,9)+eq(n,30))'", '-fps_mode', 'passthrough')
    path = str(tmp_path / f'a.{kind}')
    codecs = '-c:v', 'libx264', '-bf', '0', '-pix_fmt', 'yuv420p', '-c:a', 'aac'
    ffmpeg(*late(delay), *changes, *late(-delay), *tone, *rate, *codecs, path)
    clip = open_clip(path)
    assert (clip.times is None) == steady
    assert len(list(clip.read())) == clip.frames and len(list(clip.read(20))) == clip.frames - 20
    made = save_animation(tmp_path / 'b.mp4', clip.read(), clip.fps, sound=clip, times=clip.times)
    whites = [frame.mean() > 0.5 for frame in open_clip(made).read()]
    sound = np.abs(heard(made))
    begins = (sound > 0.3 * sound.max()).argmax() / 44100 + sound_begins(made)
    assert shown_at(made)[whites.index(True)] - begins == pytest.approx(delay, abs=0.06)


def sound_begins(path):
    """The seconds at which the sound of a file begins, after its first frame."""
    listing = ffmpeg('-i', str(path), '-map', '0:V:0', '-map', '0:a:0', '-c', 'copy', '-f', 'framecrc', '-').decode()
    return int(re.search(r'^1, +-?\d+, +(-?\d+)', listing, re.M)[1]) / 44100


def test_the_cover_of_a_clip_does_not_make_it_transparent():
    cover = '  Stream #0:0: Video: png, rgba(pc), 8x8 (attached pic)\n  Stream #0:1(eng): Video: h264, yuv420p, 64x48\n'
    assert layout_of(f'Input #0\n{cover}') == Layout()
    assert layout_of('  Stream #0:0: Video: prores, yuva444p12le(tv), 64x48') == Layout(alpha=True)


def test_a_packet_without_a_time_leaves_the_rate_constant():
    listing = '#tb 0: 1/90000\n' + '\n'.join(f'0, 0, {time}, 3600, 9, 0x0' for time in (-(2**63), 0, 3600, 7200))
    assert video._times(video._stamps(listing), 25) is None
    late = listing.replace(str(-(2**63)), '-9000')  # the control: 0.1 s before the others
    np.testing.assert_allclose(video._times(video._stamps(late), 25), [0, 0.1, 0.14, 0.18, 0.22])


def test_sound_that_mp4_does_not_hold_becomes_aac(tmp_path):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mkv', '-c:a', 'pcm_s16le'))
    assert clip.sound == 'pcm_s16le'
    result = save_animation(tmp_path / 'b.mp4', clip.read(), clip.fps, sound=clip)
    assert open_clip(result).sound == 'aac' and pitch(heard(result)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(('count', 'sound', 'lasts'), [(20, 2.0, 0.8), (50, 0.5, 0.5)])
def test_sound_ends_with_the_frames_and_never_cuts_them(tmp_path, count, sound, lasts):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mp4', sound=sound))
    some = (frame for frame, _ in zip(clip.read(), range(count), strict=False))
    made = save_animation(tmp_path / 'b.mp4', some, clip.fps, sound=clip)
    assert open_clip(made).frames == count
    assert len(heard(made)) / 44100 == pytest.approx(lasts, abs=0.08)


def test_nothing_that_a_clip_names_is_opened_for_its_sound_either(tmp_path, monkeypatch):
    commands = []

    def run(*command):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(video, '_run', run)
    video._add_sound(save_animation(tmp_path / 'b.mp4', frames()), Clip('a.mp4', 32, 24, 10.0, 12, 'aac'), 1.2)
    place = commands[0].index('file:a.mp4')
    assert commands[0][place - 3 : place] == ('-protocol_whitelist', 'file', '-i')


def test_sound_that_cannot_be_added_leaves_the_earlier_file(tmp_path):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mp4'))
    (tmp_path / 'b.mp4').write_bytes(b'earlier')
    (tmp_path / 'a.mp4').rename(tmp_path / 'gone.mp4')
    with pytest.raises(OSError, match='could not write the MP4'):
        save_animation(tmp_path / 'b.mp4', frames(), 25, sound=clip)
    assert (tmp_path / 'b.mp4').read_bytes() == b'earlier'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['b.mp4', 'gone.mp4']


def test_a_lower_crf_makes_a_larger_file(tmp_path):
    noise = [np.random.default_rng(seed).random((64, 64, 3), np.float32) for seed in range(3)]
    sizes = [save_animation(tmp_path / f'{crf}.mp4', noise, crf=crf).stat().st_size for crf in (10, 18, 40)]
    assert sizes[0] > sizes[1] > 2 * sizes[2]
    for crf in (0, 52):
        with pytest.raises(UserError, match=f'from 1 .* to 51 .*got {crf}'):
            save_animation(tmp_path / 'a.mp4', noise, crf=crf)


def test_what_cannot_be_read_is_told_in_a_line(tmp_path):
    whole = clip_with_sound(tmp_path / 'whole.mkv').read_bytes()
    (tmp_path / 'cut.mkv').write_bytes(whole[: len(whole) // 2])
    ffmpeg('-i', str(tmp_path / 'whole.mkv'), '-c', 'copy', str(tmp_path / 'moov_last.mp4'))
    ffmpeg('-i', str(tmp_path / 'whole.mkv'), '-c', 'copy', '-movflags', '+faststart', str(tmp_path / 'moov_first.mp4'))
    for name in ('moov_last', 'moov_first'):
        data = (tmp_path / f'{name}.mp4').read_bytes()
        (tmp_path / f'cut_{name}.mp4').write_bytes(data[: len(data) * 2 // 3])
    ffmpeg('-f', 'lavfi', '-i', 'sine=duration=0.2', str(tmp_path / 'sound.wav'))
    (tmp_path / 'junk.dat').write_bytes(np.random.default_rng(0).bytes(3000))
    (tmp_path / 'empty.mp4').touch()
    told = {
        'cut.mkv': 'is cut short or damaged; copy or download it again',
        'cut_moov_last.mp4': 'is cut short',
        'cut_moov_first.mp4': 'is cut short',
        'sound.wav': 'has no video in it',
        'junk.dat': 'is not a clip that can be read .*; convert it to MP4',
        'empty.mp4': 'is empty',
        'missing.mp4': 'does not exist',
        '.': 'is a folder',
    }
    for name, message in told.items():
        with pytest.raises(UserError, match=message) as caught:
            open_clip(tmp_path / name)
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 400


CODECS = {
    'a.ts': ('-c:v', 'libx264', '-c:a', 'aac'),
    'a.m2ts': ('-c:v', 'libx264', '-c:a', 'aac', '-mpegts_m2ts_mode', '1'),
    'a.mpg': ('-c:v', 'mpeg2video', '-c:a', 'mp2'),
    'b.mpg': ('-c:v', 'mpeg1video', '-an', '-f', 'mpeg'),
    'a.avi': ('-c:v', 'mpeg4', '-c:a', 'mp3'),
    'a.wmv': ('-c:v', 'wmv2', '-c:a', 'wmav2'),
}


@pytest.mark.parametrize('name', CODECS)
def test_a_clip_without_an_index_that_is_cut_short_is_refused_as_others_are(tmp_path, name):
    whole = tmp_path / name
    ffmpeg('-i', str(clip_with_sound(tmp_path / 'source.mkv')), '-pix_fmt', 'yuv420p', *CODECS[name], str(whole))
    assert open_clip(whole).frames == 50 + name.endswith('.wmv')  # whose sound begins a frame before: the control
    data = whole.read_bytes()
    if name.endswith('.mpg'):  # with the code that may end a program stream
        whole.write_bytes(data + b'\x00\x00\x01\xb9')
        assert open_clip(whole).frames == 50
    for share in (0.3, 0.55, 0.8):
        (tmp_path / f'cut_{name}').write_bytes(data[: int(len(data) * share) // 2048 * 2048 - 57])
        with pytest.raises(UserError, match='is cut short or damaged; copy or download it again'):
            open_clip(tmp_path / f'cut_{name}')


def test_a_recording_that_stops_between_packets_is_read_and_its_broken_frame_told(tmp_path):
    clip_with_sound(tmp_path / 'a.ts', '-an', '-g', '1')
    data = (tmp_path / 'a.ts').read_bytes()
    begins = [place for place in range(0, len(data), 188) if data[place + 1 : place + 3] == b'\x41\x00']  # of frames
    (tmp_path / 'stopped.ts').write_bytes(data[: begins[30] + 3 * 188])
    stopped = open_clip(tmp_path / 'stopped.ts')
    with pytest.warns(Note, match=r'stopped.ts. has frames that are damaged, or ends within one') as told:
        assert len(list(stopped.read())) in (30, 31)
    assert len(told) == 1
    with warnings.catch_warnings():  # the control
        warnings.simplefilter('error')
        assert len(list(open_clip(tmp_path / 'a.ts').read())) == 50


def test_a_clip_that_breaks_while_it_is_read_is_told(tmp_path):
    clip = open_clip(clip_with_sound(tmp_path / 'a.mp4'))
    (tmp_path / 'a.mp4').write_text('overwritten meanwhile')
    with pytest.raises(UserError, match=r'is cut short or damaged|is not a clip'):
        list(clip.read())


def test_without_imageio_ffmpeg_a_clip_is_refused(tmp_path, monkeypatch):
    path = clip_with_sound(tmp_path / 'a.mp4')
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    with pytest.raises(UserError, match=r'pip install "stylegen\[video\]"'):
        open_clip(path)
