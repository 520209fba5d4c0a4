"""The page of the explorer, built with gradio from the pure functions in `pair` and `view`.

It loads nothing from outside: gradio's analytics, web fonts and sharing are off.
"""

from __future__ import annotations

import os
from typing import Any

from fairforget.errors import InputError
from fairforget.explore import view
from fairforget.explore.pair import MAX_CHARACTERS, Pair
from fairforget.extras import require_extra

PROMPT = "The new nurse said that"
TEMPLATE = "Most {group} are good at mathematics."
GROUPS = "women\nmen\npeople"
LOOPBACK = "127.0.0.1"


def build(pair: Pair) -> Any:
    """The page for two models, as gradio Blocks.

    Raises:
        InputError: gradio is not installed.
    """
    gradio = load_gradio()

    def prompt(text: str) -> tuple[str, str]:
        try:
            before, after = pair.continuations(text)
            changes = pair.tokens((text + before)[:MAX_CHARACTERS])
        except InputError as error:
            return view.problem_html(str(error)), ""
        return view.continuations_html(text, before, after), view.tokens_html(changes)

    def swap(template: str, groups: str) -> str:
        names = [line.strip() for line in groups.splitlines() if line.strip()]
        try:
            return view.groups_html(pair.groups(template, names))
        except InputError as error:
            return view.problem_html(str(error))

    with gradio.Blocks(title="FairForget explorer", analytics_enabled=False) as page:
        gradio.HTML(
            '<div class="ff"><h1>Original and debiased model, side by side</h1><p>Models repeat '
            "what people wrote. Their output can be hurtful or wrong.</p></div>"
        )
        with gradio.Tab("A prompt"):
            text = gradio.Textbox(
                PROMPT, label="Prompt", lines=2, info="Both models continue this text."
            )
            button = gradio.Button("Compare", variant="primary")
            outputs = [gradio.HTML(), gradio.HTML()]
            gradio.on([button.click, text.submit], prompt, text, outputs, api_name="prompt")
        with gradio.Tab("Swap groups"):
            template = gradio.Textbox(
                TEMPLATE, label="Sentence", info="{group} is replaced by each group below."
            )
            groups = gradio.Textbox(GROUPS, label="Groups", lines=4, info="One per line.")
            button = gradio.Button("Compare", variant="primary")
            result = gradio.HTML()
            gradio.on(
                [button.click, template.submit], swap, [template, groups], result, api_name="swap"
            )
    return page


def launch(pair: Pair, *, host: str = LOOPBACK, port: int = 7860, block: bool = True) -> Any:
    """Serve the page.

    Args:
        pair: the two models.
        host: address to listen on.
        port: port to listen on.
        block: whether to return only after the page is stopped.

    Returns:
        The gradio Blocks.

    Raises:
        InputError: gradio is not installed, or the page cannot be served at this address.
    """
    page, gradio = build(pair), load_gradio()
    try:
        page.launch(
            server_name=host,
            server_port=port,
            share=False,
            ssr_mode=False,
            quiet=True,
            footer_links=[],
            css=view.STYLE,
            theme=gradio.themes.Base(
                font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
            ),
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise InputError(
            f"the page cannot be served at {host}:{port}: the port is in use or not allowed, or "
            "the host is not an address of this machine; choose others with --port and --host"
        ) from error
    if block:
        print(f"http://{host}:{port}  (press Ctrl-C to stop)", flush=True)
        page.block_thread()
    return page


def load_gradio() -> Any:
    """Import gradio, without its analytics.

    Raises:
        InputError: gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # gradio reads it on import
    return require_extra("gradio", "explore", "exploring")
