"""Imports TensorFlow and Keras in one place, with fast convolutions and without start-up messages.

Importing this module computes nothing and does not touch the devices. Call `prepare_devices` before the first
operation.

Modules that compute import `keras` and `tf` from here. Modules that only describe settings never import this module.
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

# By default TensorFlow uses oneDNN only on processors with AVX-512 VNNI. Its convolutions are faster on AVX2 too:
# 1.26x for a dream step (experiments/benchmarks/backend.py).
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')


_stderr_lock = threading.RLock()  # all threads share file descriptor 2


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Holds back what C++ code writes to file descriptor 2. One thread at a time may use it.

    If the body fails, the text is written after all.
    """
    streams.open_standard_files()
    streams.flush()
    with _stderr_lock, tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            with contextlib.suppress(OSError):  # stderr has no reader
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@functools.cache
def _free_gpu_memory() -> int | None:
    """Returns the free bytes of the first usable GPU as its driver reports them; None if it reports nothing.

    The value is read once, before TensorFlow's first operation allocates memory.
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
    os.environ['KERAS_BACKEND'] = 'tensorflow'  # Keras reads it at import, before keras.json
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
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # keep it: TensorFlow's libraries read it at their first message
    with silent_stderr():
        keras, tf = _import()


_prepare_lock = threading.Lock()


def prepare_devices() -> None:
    """Lets TensorFlow's GPU memory grow as needed. By default TensorFlow reserves nearly all of it at once.

    Call it before the first operation, in every function that computes or builds a network. Importing this module does
    not call it, so a user can still configure `tf.config`. It keeps the user's own settings: TF_FORCE_GPU_ALLOW_GROWTH,
    logical devices and memory growth.
    """
    with _prepare_lock:
        _prepare_once()


@functools.cache
def _prepare_once() -> None:
    _free_gpu_memory()
    with silent_stderr():  # TensorFlow prints messages about CUDA here
        gpus = tf.config.list_physical_devices('GPU')
    if 'TF_FORCE_GPU_ALLOW_GROWTH' in os.environ:
        return
    with contextlib.suppress(ValueError, RuntimeError):  # too late: an operation has run already
        logical, growing = tf.config.get_logical_device_configuration, tf.config.experimental.get_memory_growth
        if any(logical(gpu) is not None or growing(gpu) is not None for gpu in gpus):
            return  # TensorFlow needs the same setting on every GPU
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)


def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU."""
    prepare_devices()
    return bool(tf.config.list_physical_devices('GPU'))


def gpu_memory() -> int | None:
    """Returns the bytes that were free on the first GPU before the first operation, or None if they are unknown."""
    return _free_gpu_memory() if has_gpu() else None


def use_xla(jit: str) -> bool:
    """Returns whether to compile with XLA, for `jit` in 'auto', 'on' or 'off'.

    'auto' is on for a GPU and off for a CPU. On a CPU TensorFlow's oneDNN convolutions are faster than XLA's: 4 times
    for a dream with AVX2, 1.2 times for a step of a DCGAN with AVX-512 (experiments/benchmarks/backend.py, dcgan.py).

    XLA compiles anew in each process. The environment's TF_XLA_FLAGS=--tf_xla_persistent_cache_directory=FOLDER keeps
    what it compiled.

    Raises:
        UserError: `jit` has another value.
    """
    prepare_devices()
    choices = {'auto': has_gpu, 'on': lambda: True, 'off': lambda: False}
    if jit not in choices:
        raise unknown('jit', jit, choices)
    return choices[jit]()


def fast_precision() -> str:
    """Returns 'mixed_bfloat16' where its convolutions take about half the time of float32, and 'float32' elsewhere.

    They do on a GPU of compute capability 8 or more, and without a GPU on a processor with AMX or AVX512_BF16
    (measured: a gradient through mini is 2.0 times, through inception_v3 1.9 times as fast). The processor is known on
    Linux only.
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
