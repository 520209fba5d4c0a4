"""Push to the Hugging Face hub: the model, its card and the records, in one commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
    validate_repo_id,
)

from fairforget.errors import InputError, first_line
from fairforget.records.paths import AFTER, BEFORE, MODEL, RECORD


def check_push(repo_id: str) -> None:
    """Find out what can be known before hours of work: the name's form, and a token.

    Raises:
        InputError: the name is none of the hub's form, or nobody is logged in.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise InputError(
            f"--push_to_hub {repo_id!r} is no name of the hub's form; give NAME or OWNER/NAME, of "
            "letters, digits, '-', '_' and '.'"
        ) from error
    if not get_token():
        raise InputError(
            "--push_to_hub: there is no token for the hub; run `hf auth login`, or set HF_TOKEN"
        )


def push_to_hub(directory: Path, repo_id: str) -> str:
    """Upload an unlearning run; the repository is made if there is none.

    The token is that of the environment or of `hf auth login`. All files come in one commit, so
    the hub has all or nothing.

    Args:
        directory: what `fairforget unlearn` wrote.
        repo_id: `OWNER/NAME`, or `NAME` of one's own.

    Returns:
        The address of the commit.

    Raises:
        InputError: the hub cannot be reached or refuses; says why. Nothing changes locally.
    """
    check_push(repo_id)
    files = dict(_files(directory))
    quiet = are_progress_bars_disabled()
    disable_progress_bars()  # its bars outlive their upload
    try:
        api = HfApi()
        name = api.create_repo(repo_id, exist_ok=True).repo_id
        commit = api.create_commit(
            name,
            [CommitOperationAdd(path, local) for path, local in files.items()],
            commit_message="Upload from FairForget",
        )
    except Exception as error:  # its versions raise their HTTP client's errors, and many others
        raise InputError(
            f"--push_to_hub {repo_id}: {_reason(error)}. All is kept in {directory}; the same "
            "command tries again"
        ) from error
    finally:
        if not quiet:
            enable_progress_bars()
    return str(commit.commit_url)


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Path in the repository, local path."""
    model = directory / MODEL
    for path in sorted(model.rglob("*")):
        place = path.relative_to(model)
        if path.is_file() and not any(part.startswith(".") for part in place.parts):
            yield place.as_posix(), path
    for folder in ("", BEFORE, AFTER):
        path = directory / folder / RECORD
        if path.is_file():
            yield path.relative_to(directory).as_posix(), path


def _reason(error: Exception) -> str:
    """One line, without addresses that carry a signature."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        said = error.server_message or error.response.reason_phrase
        return f"the hub answered {status}: {' '.join(str(said).split())[:200] or 'no reason'}"
    if type(error).__module__.startswith("httpx"):
        return f"the hub cannot be reached ({type(error).__name__})"
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line[:200].rstrip('.')}"
