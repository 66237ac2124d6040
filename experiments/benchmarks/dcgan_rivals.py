"""The training loops with which dcgan.py compares ours. They are reimplemented with the parts that take time.

Each loop takes the path of an .npz of pictures and a function to call after every step. It trains without end.
"""

from functools import partial

import numpy as np

NETWORKS, BATCH = 'cifar32', 64
PARAMETERS = (1_068_928, 663_296)


def check_parameters(*counts):
    if counts != PARAMETERS:
        raise ValueError(f'the networks have {counts} parameters, not {PARAMETERS}')


def tutorial(path, tick, precision='float32', norm='ours', eager=False):
    """Runs the loop of the tutorial on our networks, with Keras's own convolutions."""
    from stylegen.dcgan.image_layers import ImageToMaps, MapsToImage
    from stylegen.dcgan.plan import make_plan
    from stylegen.training.normalization import BatchNorm
    from stylegen.utils.backend import keras, tf

    def layer(original):
        if norm == 'keras' and isinstance(original, BatchNorm):
            return keras.layers.BatchNormalization(momentum=original.momentum, epsilon=original.epsilon)
        kind = {MapsToImage: keras.layers.Conv2DTranspose, ImageToMaps: keras.layers.Conv2D}
        return kind.get(type(original), type(original)).from_config(original.get_config())

    generator, discriminator = (
        keras.models.clone_model(network, clone_function=layer)
        for network in make_plan(preset=NETWORKS, precision=precision).networks()
    )
    check_parameters(*(sum(int(np.prod(v.shape)) for v in n.trainable_variables) for n in (generator, discriminator)))
    g_optimizer, d_optimizer = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(images):
        noise = tf.random.normal([BATCH, generator.inputs[0].shape[-1]])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            generated = generator(noise, training=True)
            real, fake = discriminator(images, training=True), discriminator(generated, training=True)
            g_loss = entropy(tf.ones_like(fake), fake)
            d_loss = entropy(tf.ones_like(real), real) + entropy(tf.zeros_like(fake), fake)
        for tape, loss, network, optimizer in (
            (g_tape, g_loss, generator, g_optimizer),
            (d_tape, d_loss, discriminator, d_optimizer),
        ):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    step = train_step if eager else tf.function(train_step)
    pixels = scaled(path)
    data = tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).batch(BATCH, drop_remainder=True).repeat()
    for images in data:
        step(images)
        tick()


def scaled(path):
    """Returns the pictures in [-1, 1]."""
    with np.load(path) as stored:
        return stored['images'].astype(np.float32) / 127.5 - 1


def torch_networks(torch):
    """Returns the generator and the discriminator of `cifar32`, written as in the example."""
    nn = torch.nn

    def convolution(kind, before, after, stride=2, padding=1):
        made = kind(before, after, 4, stride, padding, bias=False)
        nn.init.normal_(made.weight, 0, 0.02)
        return made

    def norm(channels):
        made = nn.BatchNorm2d(channels)
        nn.init.normal_(made.weight, 1, 0.02)
        return made

    up, down = partial(convolution, nn.ConvTranspose2d), partial(convolution, nn.Conv2d)
    generator = nn.Sequential(
        *(up(100, 256, 1, 0), norm(256), nn.ReLU(True)),
        *(up(256, 128), norm(128), nn.ReLU(True)),
        *(up(128, 64), norm(64), nn.ReLU(True)),
        *(up(64, 3), nn.Tanh()),
    )
    discriminator = nn.Sequential(
        *(down(3, 64), nn.LeakyReLU(0.2, True)),
        *(down(64, 128), norm(128), nn.LeakyReLU(0.2, True)),
        *(down(128, 256), norm(256), nn.LeakyReLU(0.2, True)),
        *(down(256, 1, 1, 0), nn.Sigmoid(), nn.Flatten(0)),
    )
    check_parameters(*(sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)))
    return generator, discriminator


def pytorch(path, tick, last=False, compiled=False, bfloat16=False):
    """Runs the loop of the example."""
    import torch

    layout = torch.channels_last if last else torch.contiguous_format
    generator, discriminator = (network.to(memory_format=layout) for network in torch_networks(torch))
    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (generator, discriminator))
    if compiled:
        generator, discriminator = torch.compile(generator), torch.compile(discriminator)
    pixels = torch.tensor(scaled(path).transpose(0, 3, 1, 2).copy()).contiguous(memory_format=layout)
    entropy, one, zero = torch.nn.BCELoss(), torch.ones(BATCH), torch.zeros(BATCH)

    def judged(images, wanted):
        with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
            shares = discriminator(images)
        loss = entropy(shares.float(), wanted)
        loss.backward()
        return shares.mean().item()

    def step(images):
        discriminator.zero_grad()
        judged(images, one)
        with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
            fake = generator(torch.randn(BATCH, 100, 1, 1))
        judged(fake.detach(), zero)
        d_adam.step()
        generator.zero_grad()
        judged(fake, one)
        g_adam.step()

    while True:
        step(pixels[torch.randint(len(pixels), (BATCH,))])
        tick()
