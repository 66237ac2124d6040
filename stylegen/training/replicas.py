"""Within a step that several replicas take together, under `tf.distribute`: what they have to agree on."""

from typing import Any

from stylegen.utils.backend import keras, tf
from stylegen.utils.keras_defaults import keras_defaults


def mean_over_replicas(values: Any) -> Any:
    """The mean of a tensor, or of each of a list, over all replicas: the same bits on each. To be called by all."""
    replicas = tf.distribute.get_replica_context()
    if replicas.num_replicas_in_sync == 1:
        return values
    return replicas.all_reduce(tf.distribute.ReduceOp.MEAN, values)


class UnreducedAdam(keras.optimizers.Adam):
    """Adam for gradients that are those of the whole batch already: Keras's own adds them up over the replicas."""

    def __init__(self, *args: Any, **kwargs: Any):
        with keras_defaults():  # the learning rate's dtype is no argument
            super().__init__(*args, **kwargs)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars
