"""Sets Keras's own defaults for calls that take neither data format nor dtype. Importing this imports Keras.

A `keras.json` or the calling program may have set other defaults. Our own layers state their data format and dtype.
"""

import contextlib
from collections.abc import Iterator

from stylegen.utils.backend import keras
from stylegen.utils.process_settings import ProcessSetting

LAYOUT = 'channels_last'  # TensorFlow's CPU convolutions support no other
DTYPE = 'float32'
EPSILON = 1e-7

_SETTINGS = (
    (ProcessSetting(keras.config.image_data_format, keras.config.set_image_data_format), LAYOUT),
    (ProcessSetting(keras.config.floatx, keras.config.set_floatx), DTYPE),
    (ProcessSetting(keras.config.epsilon, keras.config.set_epsilon), EPSILON),
)


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Within the block Keras creates layers and variables with its original defaults.

    Data format, dtype and epsilon belong to the whole process, so models that another thread builds meanwhile get them
    too. The dtype policy belongs to the current thread.
    """
    policy = keras.config.dtype_policy()
    with contextlib.ExitStack() as stack:
        for setting, value in _SETTINGS:
            stack.enter_context(setting.at(value))
        stack.callback(keras.config.set_dtype_policy, policy)
        keras.config.set_dtype_policy(DTYPE)
        yield
