"""The table of feature networks: what each expects, and the files with its weights."""

from dataclasses import dataclass

from stylegen.utils.errors import unknown

CLASSES = 'classes'  # the name of the layer that applies the classifier to the last map
IMAGENET_CLASSES = 1000
FALLBACK = 'mini'  # this network needs no download


@dataclass(frozen=True)
class WeightsFile:
    """A published weights file.

    Attributes:
        folder: The folder under `pretrained.URL_BASE`, or a whole address.
        name: The file's published name, which is also its name in the cache.
        digest: The published MD5 (32 digits), SHA-1 (40) or SHA-256 (64); None if none is published.
        megabytes: The size of the file, 1 MB = 10^6 bytes.
    """

    folder: str
    name: str
    digest: str | None
    megabytes: int


@dataclass(frozen=True)
class Network:
    """A row of the table.

    Attributes:
        name: What the user types; for a `.keras` file its path.
        description: One line.
        factory: The function in keras.applications; '' for networks that are built here and for `.keras` files.
        preprocessing: 'caffe', 'bvlc', 'tf', 'bytes' (pixels times 255, the rest is in the model) or 'unit' (nothing).
        min_size: The smallest side of an image that reaches the last layer, in pixels.
        files: The published weights, without and with the classifier; none for the embedded networks.
        classifier: Whether it has a classifier.
    """

    name: str
    description: str
    factory: str
    preprocessing: str
    min_size: int
    files: tuple[WeightsFile, ...] = ()
    classifier: bool = True

    @property
    def megabytes(self) -> int:
        """The size of the download in MB; 0 if the weights ship with the package."""
        return self.files[0].megabytes if self.files else 0


def _published(folder: str, *files: tuple[str, str | None, int]) -> tuple[WeightsFile, ...]:
    return tuple(WeightsFile(folder, *file) for file in files)


_KERAS = 'tensorflow/keras-applications/'
_TAIL = 'weights_tf_dim_ordering_tf_kernels'
_BVLC = 'http://dl.caffe.berkeleyvision.org/'  # digests from Caffe's models/bvlc_*/readme.md

_ROWS = (
    Network('mini', 'ships with stylegen; VGG-like, 13 layers, robust features', '', 'unit', 16),
    Network('small_vgg', 'ships with stylegen; taught by VGG-16 to see as it does', '', 'unit', 16, classifier=False),
    Network(
        'vgg16',
        'the 13 convolutions of VGG-16 (Simonyan and Zisserman 2014)',
        'VGG16',
        'caffe',
        32,
        _published(
            _KERAS + 'vgg16/',
            (f'vgg16_{_TAIL}_notop.h5', '6d6bbae143d832006294945121d1f1fc', 59),
            (f'vgg16_{_TAIL}.h5', '64373286793e3c8b2b4e3219cbf3544b', 553),
        ),
    ),
    Network(
        'vgg19',
        'the 16 convolutions of VGG-19, the network of Gatys et al.',
        'VGG19',
        'caffe',
        32,
        _published(
            _KERAS + 'vgg19/',
            (f'vgg19_{_TAIL}_notop.h5', '253f8cb515780f3b799900260a226db6', 80),
            (f'vgg19_{_TAIL}.h5', 'cbe5617147190e668d6c5d5026f83318', 575),
        ),
    ),
    Network(
        'inception_v3',
        'Inception v3 (Szegedy et al. 2015), the usual network of DeepDream',
        'InceptionV3',
        'tf',
        75,
        _published(
            _KERAS + 'inception_v3/',
            (f'inception_v3_{_TAIL}_notop.h5', 'bcbd6486424b2319ff4ef7d526e38f63', 88),
            (f'inception_v3_{_TAIL}.h5', '9a0d58056eeedaa3f26cb7ebd46da564', 96),
        ),
    ),
    Network(
        'googlenet',
        "GoogLeNet (Szegedy et al. 2014) of Caffe, the network of Google's DeepDream",
        '',
        'bvlc',
        31,
        _published(_BVLC, ('bvlc_googlenet.caffemodel', '405fc5acd08a3bb12de8ee5e23a96bec22f08204', 54)),
    ),
    Network(
        'alexnet',
        'AlexNet (Krizhevsky et al. 2012) of Caffe, 5 convolutions',
        '',
        'bvlc',
        39,
        _published(_BVLC, ('bvlc_alexnet.caffemodel', '9116a64c0fbe4459d18f4bb6b56d647b63920377', 244)),
    ),
    Network(
        'resnet50',
        'ResNet-50 (He et al. 2015)',
        'ResNet50',
        'caffe',
        32,
        _published(
            _KERAS + 'resnet/',
            (f'resnet50_{_TAIL}_notop.h5', '4d473c1dd8becc155b73f8504c6f6626', 95),
            (f'resnet50_{_TAIL}.h5', '2cb95161c43110f7111970584f804107', 103),
        ),
    ),
    Network(
        'mobilenet_v2',
        'MobileNet v2 (Sandler et al. 2018), width 1.0: the smallest download',
        'MobileNetV2',
        'tf',
        32,
        _published(
            _KERAS + 'mobilenet_v2/',
            (f'mobilenet_v2_{_TAIL}_1.0_224_no_top.h5', None, 9),
            (f'mobilenet_v2_{_TAIL}_1.0_224.h5', None, 14),
        ),
    ),
    Network(
        'efficientnet_b0',
        'EfficientNet B0 (Tan and Le 2019)',
        'EfficientNetB0',
        'bytes',
        32,
        _published(
            'keras-applications/',
            ('efficientnetb0_notop.h5', '50bc09e76180e00e4465e1a485ddc09d', 17),
            ('efficientnetb0.h5', '902e53a9f72be733fc0bcb005b3ebbac', 21),
        ),
    ),
    Network(
        'convnext_tiny',
        'ConvNeXt Tiny (Liu et al. 2022)',
        'ConvNeXtTiny',
        'bytes',
        32,
        _published(
            _KERAS + 'convnext/',
            ('convnext_tiny_notop.h5', 'd547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1', 112),
            ('convnext_tiny.h5', '8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff', 115),
        ),
    ),
)

NETWORKS: dict[str, Network] = {row.name: row for row in _ROWS}


def network_row(name: str) -> Network:
    """Returns the row of a network. For the path of a `.keras` file it creates one.

    Such a file takes RGB in [0, 1]; its preprocessing, if any, is inside the model.

    Raises:
        UserError: The network is unknown. The error names similar ones.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if name.endswith('.keras'):
        return Network(name, 'a saved Keras model', '', 'unit', 1)
    raise unknown('network', name, [*NETWORKS, 'PATH.keras'])
