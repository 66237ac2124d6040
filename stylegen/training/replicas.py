"""What several replicas share within a step, under `tf.distribute`."""

from typing import Any

from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import keras_defaults


def mean_over_replicas(values: Any) -> Any:
    """Returns the mean of a tensor, or of each of a list, over all replicas: the same bits on each.

    All replicas must call it.
    """
    replicas = tf.distribute.get_replica_context()
    if replicas.num_replicas_in_sync == 1:
        return values
    return replicas.all_reduce(tf.distribute.ReduceOp.MEAN, values)


class UnreducedAdam(keras.optimizers.Adam):
    """Adam for gradients of the whole batch. Keras's own would add them over the replicas."""

    def __init__(self, *args: Any, **kwargs: Any):
        with keras_defaults():  # the dtype of the learning rate cannot be passed
            super().__init__(*args, **kwargs)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars
