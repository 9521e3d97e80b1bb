"""One loop that knows neither tuner nor objective."""
