"""One file per command; each holds a typer `app` whose callback returns an Answer."""
