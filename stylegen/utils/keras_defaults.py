"""Keras's own defaults, for what takes no layout and no dtype as an argument. Importing this imports Keras.

A `keras.json`, or the program that uses us, may have set others. What is ours says its layout and dtype itself.
"""

import contextlib
from collections.abc import Iterator

from stylegen.utils.backend import keras
from stylegen.utils.process_settings import ProcessSetting

LAYOUT = 'channels_last'  # of all maps: TensorFlow's convolutions on a CPU know no other
DTYPE = 'float32'
EPSILON = 1e-7

_SETTINGS = (
    (ProcessSetting(keras.config.image_data_format, keras.config.set_image_data_format), LAYOUT),
    (ProcessSetting(keras.config.floatx, keras.config.set_floatx), DTYPE),
    (ProcessSetting(keras.config.epsilon, keras.config.set_epsilon), EPSILON),
)


@contextlib.contextmanager
def keras_defaults() -> Iterator[None]:
    """Within the block Keras makes layers and variables as it does where nobody has set anything.

    Layout, dtype and epsilon belong to the whole process: models that another thread makes meanwhile get them too. The
    policy belongs to this thread.
    """
    policy = keras.config.dtype_policy()
    with contextlib.ExitStack() as stack:
        for setting, value in _SETTINGS:
            stack.enter_context(setting.at(value))
        stack.callback(keras.config.set_dtype_policy, policy)
        keras.config.set_dtype_policy(DTYPE)
        yield
