"""TensorFlow and Keras, brought in at one place: with fast convolutions on, and without the start-up chatter.

Importing this computes nothing and leaves the devices alone; `prepare_devices` comes before the first operation.

Modules that compute say `from stylegen.utils.backend import keras, tf`; modules that only describe never import it.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator

from stylegen.utils import streams
from stylegen.utils.errors import UserError, unknown

# TensorFlow turns oneDNN on by itself only for processors with AVX-512 VNNI. On AVX2 its convolutions are faster too:
# 1.26x for a dream step (experiments/benchmarks/backend.py).
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')


_silencing = threading.RLock()  # file 2 is the whole process's: a thread must not put back what another one put there


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Holds back what C++ writes to file descriptor 2; shows it after all if the body fails. One thread at a time."""
    streams.reserve()
    streams.flush()
    with _silencing, tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            with contextlib.suppress(OSError):  # nobody reads it
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@functools.cache
def _free_on_card() -> int | None:
    """Bytes that are free on the first GPU that may be used, as the driver says; None where it says nothing.

    Asked once, before TensorFlow's first operation takes its part.
    """
    program = shutil.which('nvidia-smi')
    if not program:
        return None
    first = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')[0].strip()
    command = [program, '--query-gpu=memory.free', '--format=csv,noheader,nounits', f'--id={first or 0}']
    try:
        return int(subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.split()[0]) << 20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def _import():
    chosen = os.environ.get('KERAS_BACKEND')
    os.environ['KERAS_BACKEND'] = 'tensorflow'  # read while Keras is imported: before a user's choice and a keras.json
    try:
        import keras
    finally:
        if chosen is None:
            del os.environ['KERAS_BACKEND']
        else:
            os.environ['KERAS_BACKEND'] = chosen
    import tensorflow

    if keras.backend.backend() != 'tensorflow':
        raise UserError(
            f'Keras runs on {keras.backend.backend()} here; set KERAS_BACKEND=tensorflow before importing it'
        )
    return keras, tensorflow


if os.environ.get('STYLEGEN_DEBUG'):
    keras, tf = _import()
else:
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # stays: TensorFlow's libraries read it when they first speak
    with silent_stderr():
        keras, tf = _import()


_preparing = threading.Lock()


def prepare_devices() -> None:
    """Lets the memory that TensorFlow takes of a GPU grow as it is needed; by default it takes nearly all at once.

    To be called before the first operation, by whatever computes or makes a network; importing does none of it, so that
    `tf.config` is still free. What the user has settled stays: TF_FORCE_GPU_ALLOW_GROWTH, logical devices, growth.
    """
    with _preparing:
        _prepare_once()


@functools.cache
def _prepare_once() -> None:
    _free_on_card()
    with silent_stderr():  # it says what it has to say about CUDA
        gpus = tf.config.list_physical_devices('GPU')
    if 'TF_FORCE_GPU_ALLOW_GROWTH' in os.environ:
        return
    with contextlib.suppress(ValueError, RuntimeError):  # the user's own operations came first: it is too late
        logical, growing = tf.config.get_logical_device_configuration, tf.config.experimental.get_memory_growth
        if any(logical(gpu) is not None or growing(gpu) is not None for gpu in gpus):
            return  # for all: TensorFlow wants it the same on every GPU
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    prepare_devices()
    return bool(tf.config.list_physical_devices('GPU'))


def gpu_memory() -> int | None:
    """Bytes free on the first GPU before the first operation; None where there is none, or the driver is silent."""
    return _free_on_card() if has_gpu() else None


def use_xla(jit: str) -> bool:
    """Whether to compile with XLA, for `jit` in auto, on, off.

    auto is on for a GPU and off for a CPU, where TensorFlow's oneDNN convolutions beat XLA's: a dream is 4 x as fast by
    them with AVX2, a step of a DCGAN 1.2 x with AVX-512 (experiments/benchmarks/backend.py, dcgan.py).
    """
    prepare_devices()
    choices = {'auto': has_gpu, 'on': lambda: True, 'off': lambda: False}
    if jit not in choices:
        raise unknown('jit', jit, choices)
    return choices[jit]()


def fast_precision() -> str:
    """'mixed_bfloat16' where its convolutions are about twice as fast as those of float32, and 'float32' elsewhere.

    That is on a GPU of compute capability 8 or more, and without a GPU on a processor with AVX512_BF16 (measured: a
    gradient through mini 2.0 times, through inception_v3 1.9 times as fast) or AMX. Known on Linux only.
    """
    prepare_devices()
    if gpus := tf.config.list_physical_devices('GPU'):
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get('compute_capability', (0, 0)) for gpu in gpus
        ]
        return 'mixed_bfloat16' if min(capabilities) >= (8, 0) else 'float32'
    return 'mixed_bfloat16' if _processor_flags() & {'avx512_bf16', 'amx_bf16'} else 'float32'


def _processor_flags() -> set[str]:
    try:
        with open('/proc/cpuinfo') as lines:
            return next((set(line.split(':')[1].split()) for line in lines if line.startswith('flags')), set())
    except OSError:
        return set()
