"""Work that one of several processes does for all."""

from __future__ import annotations

import pytest

from fairforget.errors import InputError
from fairforget.machine.processes import is_first, run_on_first

from .two_processes import run_in_two


def refuse() -> None:
    raise InputError("the directory belongs to another run")


def _refused() -> tuple[str, list[bool]]:
    done: list[bool] = []
    run_on_first(lambda: done.append(is_first()))
    try:
        run_on_first(refuse)
    except InputError as error:
        return str(error), done
    return "", done


@pytest.mark.processes
def test_what_the_first_process_refuses_is_refused_by_all() -> None:
    message = "the directory belongs to another run"
    assert run_in_two(_refused) == [(message, [True]), (message, [])]


def test_one_process_raises_its_error() -> None:
    with pytest.raises(InputError, match="another run"):
        run_on_first(refuse)
