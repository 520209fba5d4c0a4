"""`fairforget explore`: original and unlearned model side by side, in a browser."""

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
    """Type a prompt, or swap groups in a sentence, and see what both models expect.

    Args:
        directory: What `unlearn` or `demo` wrote.
        port: Where the page is served.
        host: Who can see it; by default only this machine.
        device: Such as cpu or cuda; by default an accelerator if there is one.
        trust_remote_code: Run Python code that comes with the model.
    """
    from fairforget.errors import InputError
    from fairforget.explore import launch
    from fairforget.explore.app import load_gradio
    from fairforget.explore.pair import load_pair

    if not 1 <= port <= LAST_PORT:
        raise InputError(f"--port {port}: a port is a number from 1 to {LAST_PORT}")
    load_gradio()
    launch(
        load_pair(directory, device=device, trust_remote_code=trust_remote_code),
        host=host,
        port=port,
    )
