"""`fairforget explore`: the original and the debiased model side by side, in a browser."""

from __future__ import annotations

from pathlib import Path

LAST_PORT = 65535


def explore_command(
    directory: Path,
    *,
    port: int = 7860,
    host: str = "127.0.0.1",
    device: str | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Compare the original and the debiased model in the browser: on a prompt, or across groups.

    Args:
        directory: Output directory of unlearn or demo.
        port: Port to serve the page on.
        host: Address to listen on. The default is reachable from this machine only.
        device: Device such as cpu or cuda. Default: an accelerator if there is one.
        trust_remote_code: Run Python code that comes with the model.
    """
    from fairforget.errors import InputError
    from fairforget.explore import launch
    from fairforget.explore.app import load_gradio
    from fairforget.explore.pair import load_pair

    if not 1 <= port <= LAST_PORT:
        raise InputError(f"--port is {port}; it must be between 1 and {LAST_PORT}")
    load_gradio()
    launch(
        load_pair(directory, device=device, trust_remote_code=trust_remote_code),
        host=host,
        port=port,
    )
