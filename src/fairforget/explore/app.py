"""The page of the explorer, built with gradio from the pure functions in `pair` and `view`.

It loads nothing from outside: gradio's analytics, web fonts and sharing are off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fairforget.corpora.builtin.lexicon import DOMAINS, terms_by_group
from fairforget.errors import InputError
from fairforget.explore import view
from fairforget.explore.pair import MAX_CHARACTERS, Pair
from fairforget.extras import require_extra

PROMPT = "The new nurse said that"
TEMPLATE = "Most {group} are good at mathematics."
OPENING = "Yesterday I met some {group}, and they"
DOMAIN = "gender"
LOOPBACK = "127.0.0.1"
OWN_NAMES = (LOOPBACK, "localhost", "[::1]")
"""Names by which this machine refers to itself."""
ONE_AT_A_TIME = {"concurrency_id": "models", "concurrency_limit": 1}
"""Of all events: generating text changes settings of the models for a moment."""


def build(pair: Pair) -> Any:
    """The page for two models, as gradio Blocks.

    Raises:
        InputError: gradio is not installed.
    """
    gradio = load_gradio()
    with gradio.Blocks(title="FairForget explorer", analytics_enabled=False) as page:
        gradio.HTML(
            '<div class="ff"><h1>Original and debiased model, side by side</h1><p>Models repeat '
            "what people wrote. Their output can be hurtful or wrong.</p></div>"
        )
        with gradio.Tab("Continuations"):
            _add_continuations(gradio, pair)
        with gradio.Tab("Continuations by group"):
            _add_groups(
                gradio,
                "Prompt with a group",
                OPENING,
                "Both models continue this prompt once for each group; {group} is replaced by the "
                "group.",
                lambda prompt, groups: view.group_texts_html(pair.group_texts(prompt, groups)),
                "group_continuations",
            )
        with gradio.Tab("Likelihoods by group"):
            _add_groups(
                gradio,
                "Sentence",
                TEMPLATE,
                "Both models score this sentence once for each group; {group} is replaced by the "
                "group.",
                lambda sentence, groups: view.groups_html(pair.groups(sentence, groups)),
                "group_likelihoods",
            )
    return page


def _add_continuations(gradio: Any, pair: Pair) -> None:
    """Add a prompt that both models continue."""

    def run(text: str) -> tuple[str, str]:
        try:
            before, after = pair.continuations(text)
            changes = pair.tokens((text + before)[:MAX_CHARACTERS])
        except InputError as error:
            return view.problem_html(str(error)), ""
        return view.continuations_html(text, before, after), view.tokens_html(changes)

    text = gradio.Textbox(PROMPT, label="Prompt", lines=2, info="Both models continue this text.")
    button = gradio.Button("Compare", variant="primary")
    outputs = [gradio.HTML(), gradio.HTML()]
    gradio.on(
        [button.click, text.submit], run, text, outputs, api_name="continuations", **ONE_AT_A_TIME
    )


def _add_groups(
    gradio: Any,
    label: str,
    template: str,
    info: str,
    compare: Callable[[str, list[str]], str],
    endpoint: str,
) -> None:
    """Add the inputs and the result of a comparison across groups."""

    def run(template: str, groups: str) -> str:
        names = [line.strip() for line in groups.splitlines() if line.strip()]
        try:
            return compare(template, names)
        except InputError as error:
            return view.problem_html(str(error))

    text = gradio.Textbox(template, label=label, info=info)
    domain = gradio.Dropdown(
        list(DOMAINS),
        value=DOMAIN,
        label="Bias domain",
        info="Selecting a domain fills in its groups below.",
    )
    groups = gradio.Textbox(list_groups(DOMAIN), label="Groups", lines=4, info="One per line.")
    domain.change(list_groups, domain, groups, api_visibility="private")
    button = gradio.Button("Compare", variant="primary")
    events, inputs = [button.click, text.submit], [text, groups]
    gradio.on(events, run, inputs, gradio.HTML(), api_name=endpoint, **ONE_AT_A_TIME)


def list_groups(domain: str) -> str:
    """The groups of a bias domain in the built-in corpus, one per line, followed by "people"."""
    groups = [terms[0].plural for terms in terms_by_group(domain).values()]
    return "\n".join([*groups, "people"])


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
    if host.count(":") > 1 and not host.startswith("["):  # an IPv6 address
        host = f"[{host}]"
    _exempt_from_proxies(host)
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
            max_file_size=1,  # nothing is uploaded
            app_kwargs=_accept_own_name() if host in OWN_NAMES else None,
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


def _accept_own_name() -> dict[str, Any]:
    """Return options that reject other host names, as a guard against DNS rebinding."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    return {"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=OWN_NAMES)]}


def _exempt_from_proxies(host: str) -> None:
    """Let gradio's own requests to the page go past an HTTP proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        exempt = [os.environ.get(name, ""), "localhost", LOOPBACK, host.strip("[]")]
        os.environ[name] = ",".join(filter(None, exempt))


def load_gradio() -> Any:
    """Import gradio, without its analytics.

    Raises:
        InputError: gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # gradio reads it on import
    return require_extra("gradio", "explore", "exploring")
