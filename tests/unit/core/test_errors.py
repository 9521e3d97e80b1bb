"""Every error has its exit code and says what to do."""

from __future__ import annotations

import pytest

from luthier.core import errors


@pytest.mark.parametrize(
    ("kind", "builtin", "code"),
    [
        (errors.RecipeError, ValueError, 2),
        (errors.DataError, ValueError, 2),
        (errors.MaskError, errors.DataError, 2),
        (errors.ModelError, ValueError, 2),
        (errors.RunError, RuntimeError, 2),
        (errors.ParityError, RuntimeError, 1),
        (errors.Diverged, ArithmeticError, 1),
        (errors.Interrupted, errors.LuthierError, 3),
    ],
)
def test_errors_have_codes_and_builtin_relatives(
    kind: type[errors.LuthierError], builtin: type[Exception], code: int
) -> None:
    assert issubclass(kind, builtin)
    assert kind("x").exit_code == code


def test_a_missing_package_names_the_command_that_installs_it() -> None:
    text = str(errors.missing("wandb", "trackers", "Writing W&B files"))
    assert text == "Writing W&B files needs 'wandb'. Install it: pip install 'luthier[trackers]'"
