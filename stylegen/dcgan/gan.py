"""The two networks trained against each other: one step, for Keras's `fit`."""

import numpy as np

from stylegen.dcgan.augment import adapted, augment, draws_of
from stylegen.dcgan.draws import Draws
from stylegen.dcgan.losses import adversarial, gradient_penalty, r1_penalty
from stylegen.dcgan.models import frozen_copy
from stylegen.dcgan.settings import NO_AUGMENTATION, choices_of, parse_policy
from stylegen.training.normalization import frozen_statistics, settle_statistics
from stylegen.training.replicas import UnreducedAdam, mean_over_replicas, means_over_replicas
from stylegen.training.spectral import power_iteration
from stylegen.utils.backend import keras, tf
from stylegen.utils.errors import unknown
from stylegen.utils.keras_defaults import DTYPE

DECAYS = {  # name -> the factor of the learning rate, as a function of the share of steps that are done
    'none': lambda done: tf.ones_like(done),
    'linear': lambda done: tf.maximum(1 - done, 0.0),
}
SETTLE_BATCH = 128
METRICS = ('d_loss', 'g_loss', 'd_real', 'd_fake', 'd_gradient', 'g_gradient')


class DCGAN(keras.Model):
    """A generator and a discriminator, their optimisers, and the average of the generator.

    All that a step depends on is in variables (`parts`) and the arguments; its random numbers are named by `seed`
    and the step.

    Args:
        generator, discriminator: Built models, see `stylegen.dcgan.models`.
        loss: One of `stylegen.dcgan.losses.ADVERSARIAL`.
        label_smoothing: 1 minus the target for real images.
        r1: Weight of half the R1 penalty on the discriminator (gamma of Mescheder et al. 2018); 0: none.
        gradient_penalty: Weight of the penalty of wasserstein_gp.
        penalty_every: Steps between penalties. The weight is multiplied by it (Karras et al. 2020, appendix B).
        augment: Augmentation of real and generated images before the discriminator, see `stylegen.dcgan.augment`.
        augment_target: Above 0, the probability of an augmentation rises while the mean sign of the logits of real
            images is above it, and falls while it is below, see `augment.adapted`. 0: it is 1.
        flip: Mirror half of the real images.
        ema: Share of the averaged generator that stays at each step; less at the first ones, (1 + t) / (10 + t) at
            step t. Its statistics are averaged as its weights are, until they are settled. 0: no average.
        updates: 'alternating' updates the generator with the updated discriminator, as the authors of the paper do;
            'simultaneous' takes both gradients from one pass, as TensorFlow's tutorial does. This is cheaper.
        d_steps: Steps of the discriminator for one of the generator; a batch has as many times the images.
        learning_rate, d_learning_rate: Learning rates of the generator and the discriminator; None: the same for both.
        beta_1, beta_2: Decays of the moments of both Adam optimisers.
        decay: How the learning rate falls, one of `DECAYS`, over `decay_steps`.
        seed: Seed of all random numbers.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: str = 'non_saturating',
        label_smoothing: float = 0.0,
        r1: float = 0.0,
        gradient_penalty: float = 10.0,
        penalty_every: int = 1,
        augment: str = NO_AUGMENTATION,
        augment_target: float = 0.0,
        flip: bool = False,
        ema: float = 0.999,
        updates: str = 'alternating',
        d_steps: int = 1,
        learning_rate: float = 2e-4,
        d_learning_rate: float | None = None,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        decay: str = 'none',
        decay_steps: int = 0,
        seed: int = 0,
    ):
        super().__init__(name='dcgan', dtype=DTYPE)  # with a mixed policy Keras would scale the loss
        for what, name, choices in (('updates', updates, choices_of('updates')), ('decay', decay, DECAYS)):
            if name not in choices:
                raise unknown(what, name, choices)
        self.losses_of = adversarial(loss)
        self.policy = ','.join(parse_policy(augment))
        self.augment_target = augment_target if self.policy else 0.0
        self.target, self.r1, self.flip, self.ema = 1 - label_smoothing, r1, flip, ema
        self.penalty_weight, self.penalty_every = gradient_penalty, penalty_every
        self.updates, self.d_steps, self.seed = updates, d_steps, seed
        self.rates = (learning_rate, learning_rate if d_learning_rate is None else d_learning_rate)
        self.decay, self.decay_steps = decay, max(decay_steps, 1)
        self.generator, self.discriminator = generator, discriminator
        self.latent_dim = generator.inputs[0].shape[-1]
        self.classes = generator.get_layer('label').input_dim if len(generator.inputs) > 1 else 0
        self.average = frozen_copy(generator) if ema else None
        self.g_optimizer, self.d_optimizer = (  # with names, because Keras would number them within the process
            UnreducedAdam(rate, beta_1, beta_2, name=f'{part}_adam')
            for rate, part in zip(self.rates, 'gd', strict=True)
        )
        self.g_optimizer.build(generator.trainable_variables)
        self.d_optimizer.build(discriminator.trainable_variables)
        self._add_state()
        self.built = True

    def _add_state(self) -> None:
        """Adds what the model knows of the run beside the two networks and their optimisers."""
        count = {'shape': (), 'trainable': False, 'aggregation': 'only_first_replica'}
        self.steps = self.add_weight(name='steps', dtype='int64', initializer='zeros', **count)
        self.rate_scale = self.add_weight(name='rate_scale', dtype='float32', initializer='ones', **count)
        minus = keras.initializers.Constant(-1)
        # the first step with a value that was not finite, and the index of this value in `checked`
        self.bad = self.add_weight(name='bad', dtype='int64', initializer=minus, **(count | {'shape': (2,)}))
        self.checked: list[str] = []
        # the probability of an augmentation, and the running mean of the sign of the logits of real images
        self.adapted = (
            self.add_weight(name='adapted', dtype='float32', initializer='zeros', **(count | {'shape': (2,)}))
            if self.augment_target
            else None
        )
        # sums of METRICS since the last reset, and the number of steps in them
        self.sums = self.add_weight(
            name='sums', shape=(len(METRICS) + 1,), dtype='float32', initializer='zeros', trainable=False
        )

    @property
    def sampler(self) -> keras.Model:
        """The averaged generator where there is one, else the live generator."""
        return self.average or self.generator

    def parts(self) -> dict[str, list]:
        """Returns all variables that a checkpoint keeps, by part."""
        parts = {
            'generator': self.generator.variables,
            'discriminator': self.discriminator.variables,
            'average': self.average.variables if self.average else [],
            'g_optimizer': self.g_optimizer.variables,
            'd_optimizer': self.d_optimizer.variables,
            'run': [self.steps, self.rate_scale, self.bad, *([] if self.adapted is None else [self.adapted])],
        }
        return {name: list(variables) for name, variables in parts.items() if variables}

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: all is built. Keras would average the bytes of a batch over the replicas here."""

    def means(self) -> dict[str, float]:
        """Returns the means of `METRICS` over all replicas since the last call."""
        *sums, count = self.sums.numpy().tolist()
        self.sums.assign(tf.zeros(self.sums.shape))
        return {name: total / max(count, 1) for name, total in zip(METRICS, sums, strict=True)}

    def settle(self, latents: np.ndarray) -> None:
        """Computes the batch statistics of the averaged generator from latents (N, latent_dim)."""
        if not self.average:
            return

        def batches():
            for start in range(0, len(latents), SETTLE_BATCH):
                part = tf.constant(latents[start : start + SETTLE_BATCH])
                yield [part, tf.range(len(part)) % self.classes] if self.classes else part

        settle_statistics(self.average, batches())

    def call(self, inputs: tf.Tensor | list[tf.Tensor]) -> tf.Tensor:
        """Maps latents, or [latents, labels], to images in [-1, 1]."""
        return self.sampler(inputs, training=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one step on uint8 images (d_steps * N, H, W, C) and labels, and returns the values of `METRICS`.

        Under `tf.distribute` all that is kept is that of the whole batch, and the same on every replica.
        """
        self._set_rates()
        pairs = [tf.split(part, self.d_steps) for part in data]
        replicas = tf.distribute.get_replica_context()
        shard, shards = replicas.replica_id_in_sync_group, replicas.num_replicas_in_sync
        for turn, (images, labels) in enumerate(zip(*pairs, strict=True)):
            step = self.steps * self.d_steps + turn
            draws = Draws(self.seed, step, images.shape[0] or tf.shape(images)[0], shard, shards)
            if turn < self.d_steps - 1:
                with frozen_statistics():
                    fake = self._generated(labels, draws)
                self._discriminator_step(self._prepared(images, draws), fake, labels, draws)
        with tf.GradientTape() as tape:  # both networks use this one pass through the generator
            fake = self._generated(labels, draws)
        values, checks, upstream = self._discriminator_step(self._prepared(images, draws), fake, labels, draws)
        if upstream is None:
            values['g_loss'], upstream = self._generator_loss(fake, labels, draws)
        variables = self.generator.trainable_variables
        gradients = tape.gradient(fake, variables, output_gradients=upstream)
        values['g_gradient'] = self._apply(self.g_optimizer, gradients, variables, checks, 'generator')
        checks |= {'generator loss': values['g_loss'], 'generated images': tf.reduce_sum(tf.abs(fake))}
        values, checks = means_over_replicas(values), means_over_replicas(checks)
        self._check(checks)
        sign, seen = values.pop('d_sign'), (images.shape[0] or tf.shape(images)[0]) * shards
        if self.adapted is not None:
            self.adapted.assign(adapted(self.adapted, sign, seen, self.augment_target))
        self._move_average()
        self.steps.assign_add(1)
        self.sums.assign_add(tf.stack([*(values[name] for name in METRICS), 1.0]))
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return {'d_loss': values['d_loss'][None]}  # Keras averages over the workers, and cannot average scalars
        return values

    def _prepared(self, images, draws):
        """Converts real images to [-1, 1] and mirrors half of them where `flip` is on."""
        if self.flip:
            mirrored = draws.uniform('flip') < 0.5
            images = tf.where(mirrored[:, None, None, None], tf.reverse(images, [2]), images)
        return tf.cast(images, tf.float32) / 127.5 - 1

    def _generated(self, labels, draws):
        latents = draws.normal('latents', (self.latent_dim,))
        given = [latents, labels] if len(self.generator.inputs) > 1 else latents
        return self.generator(given, training=True)

    def _logits(self, images, labels, draws, purpose):
        if self.policy:
            chance = None if self.adapted is None else self.adapted[0]
            numbers = draws.uniform(purpose, (draws_of(self.policy, chance is not None),))
            images = augment(images, numbers, self.policy, chance)
        given = [images, labels] if len(self.discriminator.inputs) > 1 else images
        return self.discriminator(given, training=True)

    def _discriminator_step(self, real, fake, labels, draws):
        """Updates the discriminator and returns metrics, values to check, and for simultaneous updates the gradient."""
        both = self.updates == 'simultaneous'
        power_iteration(self.discriminator)
        with tf.GradientTape(persistent=both) as tape:
            if both:
                tape.watch(fake)
            real_logits = self._logits(real, labels, draws, 'augment_real')
            fake_logits = self._logits(fake, labels, draws, 'augment_fake')
            loss = self.losses_of.discriminator(real_logits, fake_logits, self.target)
            total = loss + self._penalty(real, fake, labels, draws)
            g_loss = self.losses_of.generator(fake_logits)
        upstream = tape.gradient(g_loss, fake) if both else None
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(total, variables)
        checks = {'real logits': tf.reduce_sum(tf.abs(real_logits)), 'discriminator loss': total}
        norm = self._apply(self.d_optimizer, gradients, variables, checks, 'discriminator')
        real_share, fake_share = (tf.reduce_mean(tf.sigmoid(logits)) for logits in (real_logits, fake_logits))
        values = {'d_loss': loss, 'd_real': real_share, 'd_fake': fake_share, 'd_gradient': norm, 'g_loss': g_loss}
        values['d_sign'] = tf.reduce_mean(tf.sign(real_logits))
        return values, checks, upstream

    def _generator_loss(self, fake, labels, draws):
        """Returns the loss of the generator by the current discriminator, and its gradient at the images."""
        with frozen_statistics(), tf.GradientTape() as tape:
            tape.watch(fake)
            loss = self.losses_of.generator(self._logits(fake, labels, draws, 'augment_generator'))
        return loss, tape.gradient(loss, fake)

    def _penalty(self, real, fake, labels, draws):
        """Returns the gradient penalty. Every `penalty_every`-th step has one, with as many times the weight."""
        if not (self.r1 or self.losses_of.penalty):
            return 0.0

        def logits(images):
            return self._logits(images, labels, draws, 'augment_real')

        def cost():
            with frozen_statistics():
                penalty = 0.5 * self.r1 * r1_penalty(logits, real) if self.r1 else 0.0
                if self.losses_of.penalty:
                    share = draws.uniform('penalty')[:, None, None, None]
                    penalty += self.penalty_weight * gradient_penalty(logits, real, tf.stop_gradient(fake), share)
            return self.penalty_every * penalty

        if self.penalty_every == 1:
            return cost()
        return tf.cond(draws.step % self.penalty_every == 0, cost, lambda: 0.0)

    def _apply(self, optimizer, gradients, variables, checks, part):
        """Applies the mean gradients of all replicas, and adds their norms to `checks`."""
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # the gradient of an embedding is sparse
        gradients = mean_over_replicas(gradients)
        optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
        norms = [tf.sqrt(2 * tf.nn.l2_loss(tf.cast(gradient, tf.float32))) for gradient in gradients]
        names = [f'{part} gradient of {variable.path}' for variable in variables]
        checks |= dict(zip(names, norms, strict=True))
        return tf.norm(tf.stack(norms))

    def _check(self, checks):
        """Stores the first step and the first value that is not finite."""
        self.checked = list(checks)
        wrong = tf.logical_not(tf.math.is_finite(tf.stack([tf.cast(value, tf.float32) for value in checks.values()])))
        found = tf.stack([self.steps + 0, tf.argmax(wrong, output_type=tf.int64)])
        first = tf.logical_and(tf.reduce_any(wrong), self.bad[0] < 0)
        self.bad.assign(tf.where(first, found, self.bad + 0))

    def _set_rates(self):
        done = tf.cast(self.steps, tf.float32) / self.decay_steps
        share = DECAYS[self.decay](done) * self.rate_scale
        for optimizer, rate in zip((self.g_optimizer, self.d_optimizer), self.rates, strict=True):
            optimizer.learning_rate.assign(rate * share)

    def _move_average(self) -> None:
        if self.average is None:
            return
        step = tf.cast(self.steps, tf.float32)
        stays = tf.minimum(self.ema, (1 + step) / (10 + step))
        for mean, live in zip(self.average.variables, self.generator.variables, strict=True):
            mean.assign(mean + (1 - stays) * (live - mean))
