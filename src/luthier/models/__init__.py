"""Pre-trained models and their codecs."""
