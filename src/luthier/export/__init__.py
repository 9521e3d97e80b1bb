"""A trained model as files others can load."""
