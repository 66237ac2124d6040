"""The programs with which `style.py` compares ours. They are reimplemented with the parts that take time.

They are TensorFlow's tutorial (tensorflow.org/tutorials/generative/style_transfer) with its 30 x total variation, the
Keras example (keras.io/examples/generative/neural_style_transfer), which passes content, style and picture through the
network together in every step, and a plain loop in PyTorch with channels last. Each calls the clock after every step.
"""

STYLE_LAYERS = tuple(f'block{n}_conv1' for n in range(1, 6))
CONTENT_LAYER = 'block5_conv2'
LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


def vgg(weights):
    """Returns Keras's network up to the layers, for pictures that are preprocessed."""
    from stylegen.utils.backend import keras

    base = keras.applications.VGG19(weights=None, include_top=False)
    base.load_weights(weights)
    return keras.Model(base.input, [base.get_layer(name).output for name in LAYERS])


def tutorial_loss(extract, content, style, layers, content_layer):
    """Returns the tutorial's loss as a function of a picture in [0, 1]; `extract` gives the features."""
    from stylegen.utils.backend import tf

    def gram(x):
        shape = tf.shape(x)
        return tf.linalg.einsum('bijc,bijd->bcd', x, x) / tf.cast(shape[1] * shape[2], tf.float32)

    wanted = [gram(extract(style[None])[name]) for name in layers]
    kept = extract(content[None])[content_layer]

    def loss(image):
        features = extract(image)
        total = tf.add_n([tf.reduce_mean((gram(features[n]) - w) ** 2) for n, w in zip(layers, wanted, strict=True)])
        total *= 1e-2 / len(layers)
        total += 1e4 * tf.reduce_mean((features[content_layer] - kept) ** 2)
        return total + 30 * tf.reduce_sum(tf.image.total_variation(image))

    return loss


def keras_extract(weights):
    from stylegen.utils.backend import keras, tf

    model = vgg(weights)

    def extract(image):
        seen = model(keras.applications.vgg19.preprocess_input(tf.convert_to_tensor(image) * 255.0))
        return dict(zip(LAYERS, seen, strict=True))

    return extract


def tutorial_steps(extract, content, style, layers, content_layer, steps, tick):
    """Runs the tutorial's loop and returns the picture."""
    from stylegen.utils.backend import keras, tf

    loss_of = tutorial_loss(extract, content, style, layers, content_layer)
    image = tf.Variable(content[None])
    optimizer = keras.optimizers.Adam(0.02, beta_1=0.99, epsilon=1e-1)

    @tf.function
    def train_step(image):
        with tf.GradientTape() as tape:
            loss = loss_of(image)
        optimizer.apply_gradients([(tape.gradient(loss, image), image)])
        image.assign(tf.clip_by_value(image, 0.0, 1.0))

    tick()
    for _ in range(steps):
        train_step(image)
        tick()
    return image.numpy()


def tutorial(content, style, weights, steps, clock):
    tutorial_steps(keras_extract(weights), content, style, STYLE_LAYERS, CONTENT_LAYER, steps, clock.tick)


def keras(content, style, weights, steps, clock):
    from stylegen.utils.backend import keras as k
    from stylegen.utils.backend import tf

    model = vgg(weights)
    side = len(content)
    prepared = [tf.constant(k.applications.vgg19.preprocess_input(x[None] * 255.0)) for x in (content, style)]

    def gram(x):
        flat = tf.reshape(tf.transpose(x, (2, 0, 1)), (tf.shape(x)[2], -1))
        return tf.matmul(flat, flat, transpose_b=True)

    def variation(x):
        down = tf.square(x[:, :-1, :-1] - x[:, 1:, :-1])
        across = tf.square(x[:, :-1, :-1] - x[:, :-1, 1:])
        return tf.reduce_sum(tf.pow(down + across, 1.25))

    @tf.function
    def gradient(image):
        with tf.GradientTape() as tape:
            features = dict(zip(LAYERS, model(tf.concat([*prepared, image], 0)), strict=True))
            content_of, _, ours_of = tf.unstack(features[CONTENT_LAYER])
            loss = 2.5e-8 * tf.reduce_sum(tf.square(ours_of - content_of))
            for name in STYLE_LAYERS:
                _, wanted, made = tf.unstack(features[name])
                loss += 2e-7 * tf.reduce_sum(tf.square(gram(wanted) - gram(made))) / (36.0 * side**4)
            loss += 1e-6 * variation(image)
        return tape.gradient(loss, image)

    optimizer = k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(100.0, 100, 0.96))
    image = tf.Variable(prepared[0])
    clock.tick()
    for _ in range(steps):
        optimizer.apply_gradients([(gradient(image), image)])
        clock.tick()


def pytorch(content, style, weights, steps, clock):
    import torch

    from stylegen.utils.backend import keras as k

    source = k.applications.VGG19(weights=None, include_top=False)
    source.load_weights(weights)
    layers = []
    for layer in source.layers:
        if isinstance(layer, k.layers.Conv2D):
            kernel, bias = layer.get_weights()
            convolution = torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], 3, padding=1)
            convolution.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
            convolution.bias.data = torch.tensor(bias)
            layers.append((layer.name, torch.nn.Sequential(convolution, torch.nn.ReLU(inplace=True))))
        elif isinstance(layer, k.layers.MaxPooling2D):
            layers.append((layer.name, torch.nn.MaxPool2d(2)))
        if layer.name == CONTENT_LAYER:
            break
    network = torch.nn.Sequential(*(module for _, module in layers)).to(memory_format=torch.channels_last)
    network.requires_grad_(False)
    mean = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)

    def features(image):
        found, x = {}, (image * 255 - mean).contiguous(memory_format=torch.channels_last)
        for (name, _), module in zip(layers, network, strict=True):
            x = module(x)
            found[name] = x
        return found

    def gram(x):
        flat = x.flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]

    with torch.no_grad():
        kept, wanted = (torch.tensor(x.transpose(2, 0, 1)[None].copy()) for x in (content, style))
        image = kept.clone().contiguous(memory_format=torch.channels_last)
        kept = features(kept)[CONTENT_LAYER]
        wanted = {name: gram(x) for name, x in features(wanted).items() if name in STYLE_LAYERS}
    image.requires_grad_()
    optimizer = torch.optim.Adam([image], 0.02, (0.99, 0.999), 0.1)
    clock.tick()
    for _ in range(steps):
        optimizer.zero_grad()
        seen = features(image)
        loss = sum(torch.mean((gram(seen[n]) - wanted[n]) ** 2) for n in STYLE_LAYERS) * 1e-2 / 5
        loss = loss + 1e4 * torch.mean((seen[CONTENT_LAYER] - kept) ** 2)
        across, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
        loss = loss + 30 * (across.abs().sum() + down.abs().sum())
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        clock.tick()
