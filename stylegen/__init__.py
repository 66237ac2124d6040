"""Image synthesis in TensorFlow/Keras: DeepDream, neural style transfer, DCGAN."""

__version__ = '0.1.0'
