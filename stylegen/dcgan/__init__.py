"""Deep convolutional generative adversarial networks (Radford, Metz, Chintala 2016): train, resume, watch, sample."""
