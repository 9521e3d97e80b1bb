"""Errors, configs, registry, events, atomic files, random streams. No torch here."""
