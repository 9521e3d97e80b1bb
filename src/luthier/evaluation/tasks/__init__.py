"""What each kind of model is asked to do with the test rows, whichever arm asks."""
