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
    """Adam for gradients of the whole batch, in one operation for each variable.

    Keras's own would add the gradients over the replicas, and makes a dozen passes over each variable.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        with keras_defaults():  # the dtype of the learning rate cannot be passed
            super().__init__(*args, **kwargs)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Changes a variable and its moments (Kingma and Ba 2015, section 2, the last lines), as Keras's own does."""
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def means_over_replicas(scalars: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the means over all replicas; a value that is not finite on one replica makes the mean not finite."""
    means = mean_over_replicas(tf.stack([tf.cast(value, tf.float32) for value in scalars.values()]))
    return dict(zip(scalars, tf.unstack(means), strict=True))
