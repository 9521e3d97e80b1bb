"""Luthier: from a pre-trained model and a file of examples to a specialised model that is proven better."""
