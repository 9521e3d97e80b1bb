"""Errors, configs, registry, events, atomic files, named random streams. No torch below this line."""
