"""Push a model, its card and its records to the Hugging Face hub in one commit."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
    validate_repo_id,
)

from fairforget.errors import InputError, first_line
from fairforget.models.saving import find_missing_part
from fairforget.records.paths import AFTER, BEFORE, MODEL, RECORD

WRITTEN = re.compile(
    rf"(({BEFORE}|{AFTER})/)?{re.escape(RECORD)}"
    r"|model(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
)
"""Files that an upload may have and a later one lack: records and weights."""


def check_push(repo_id: str) -> None:
    """Check the repository name and the token before hours of work.

    Raises:
        InputError: the name is not valid on the hub, or there is no token.
    """
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise InputError(
            f"--push_to_hub {repo_id!r} is not a valid hub name; give NAME or OWNER/NAME, of "
            "letters, digits, '-', '_' and '.'"
        ) from error
    if not get_token():
        raise InputError(
            "--push_to_hub: no token for the hub; run `hf auth login`, or set HF_TOKEN"
        )


def push_to_hub(directory: Path, repo_id: str) -> str:
    """Upload an unlearning run; the repository is created if it does not exist.

    The token is that of the environment or of `hf auth login`. All changes are in one commit, so
    an interrupted upload changes nothing on the hub. Records and weights of an earlier upload that
    this run does not have are deleted; all other files there stay.

    Args:
        directory: output of `fairforget unlearn`.
        repo_id: `OWNER/NAME`, or `NAME` for the user's own repository.

    Returns:
        The URL of the commit.

    Raises:
        InputError: the model is incomplete, or the hub cannot be reached or refuses; gives the
            reason. Local files stay.
    """
    check_push(repo_id)
    if missing := find_missing_part(directory / MODEL):
        raise InputError(
            f"--push_to_hub {repo_id}: {directory / MODEL} has no {missing}; put the model back, "
            "or unlearn again"
        )
    files = dict(_list_files(directory))
    quiet = are_progress_bars_disabled()
    disable_progress_bars()  # they stay on the terminal after the upload
    try:
        api = HfApi()
        name = api.create_repo(repo_id, exist_ok=True).repo_id
        stale = _stale_files(api.list_repo_files(name), files)
        commit = api.create_commit(
            name,
            [
                *(CommitOperationAdd(path, local) for path, local in files.items()),
                *(CommitOperationDelete(path, is_folder=False) for path in stale),
            ],
            commit_message="Upload from FairForget",
        )
    except Exception as error:  # versions differ in their HTTP client and its errors
        raise InputError(
            f"--push_to_hub {repo_id}: {_describe_error(error)}. The run is kept in {directory}; "
            "repeat the command to push it"
        ) from error
    finally:
        if not quiet:
            enable_progress_bars()
    return str(commit.commit_url)


def _list_files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file's path in the repository and its local path."""
    model = directory / MODEL
    for path in sorted(model.rglob("*")):
        relative = path.relative_to(model)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix(), path
    for folder in ("", BEFORE, AFTER):
        path = directory / folder / RECORD
        if path.is_file():
            yield path.relative_to(directory).as_posix(), path


def _stale_files(uploaded: Iterable[str], files: Container[str]) -> list[str]:
    """Return the records and weights in a repository that are not among the files of a run."""
    return [path for path in uploaded if WRITTEN.fullmatch(path) and path not in files]


def _describe_error(error: Exception) -> str:
    """Return one line, without signed URLs."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        message = error.server_message or error.response.reason_phrase
        line = " ".join(str(message).split())[:200]
        return f"the hub answered {status}: {line or 'no reason given'}"
    if type(error).__module__.startswith("httpx"):
        return f"the hub cannot be reached ({type(error).__name__})"
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line[:200].rstrip('.')}"
