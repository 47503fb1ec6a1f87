"""HTML of the sandbox's pages: all values escaped, a nonce per page for style and script, usable on a phone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape

import msgspec
from aiohttp import web

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d4d9e2; --accent: #1a56db; --on-accent: #fff;
  --bad: #b3261e; --ground: #f3f5f9 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf3; --paper: #1b212b; --line: #3a4352; --accent: #6f9bff; --on-accent: #0b1220;
    --bad: #ff9a8f; --ground: #11151c }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1rem; min-height: 100vh; display: grid; place-items: start center;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
main { width: 100%; max-width: 24rem; padding: 1.25rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: .75rem }
h1 { font-size: 1.2rem; margin: 0 0 .5rem }
p { margin: 0 0 1rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0 0 1rem }
dt { opacity: .7 } dd { margin: 0; text-align: right }
label { display: block; margin-bottom: .25rem }
input { width: 100%; font: inherit; padding: .6rem; margin-bottom: 1rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--ground); color: inherit; letter-spacing: .2em }
button { width: 100%; font: inherit; padding: .7rem; margin-bottom: .5rem; border-radius: .5rem; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: inherit }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
.problem { color: var(--bad) } .small { font-size: .8rem; opacity: .7; margin: .25rem 0 0 }
iframe.hidden { display: none }
"""
_SUBMIT = "document.getElementById('forward').submit();"
_BUTTON = '<button class="main">Continue</button>'
_READING_SECONDS = 3


def html_page(title: str, content: str, script: str = "", *, polls: bool = False, status: int = 200) -> web.Response:
    """Return a page; `content` is HTML with escaped values. If it `polls`, its script may fetch from this server."""
    nonce = secrets.token_urlsafe(12)
    code = f'<script nonce="{nonce}">{script}</script>' if script else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style nonce="{nonce}">{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main>{code}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; frame-src http: https:; "
        "base-uri 'none'" + ("; connect-src 'self'" if polls else "")
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(text=html, content_type="text/html", status=status, headers=headers)


def error_page(text: str, status: int = 400) -> web.Response:
    """Return a page that says what is wrong."""
    return html_page("That did not work", f'<p class="problem">{escape(text)}</p>', status=status)


def form(action: str, fields: Mapping[str, str], content: str = "", *, id_: str = "", target: str = "") -> str:
    """Return a form that posts fields; `content` is HTML inside it."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    id_attribute = f' id="{escape(id_)}"' if id_ else ""
    target_attribute = f' target="{escape(target)}"' if target else ""
    return f'<form method="post" action="{escape(action)}"{id_attribute}{target_attribute}>{hidden}{content}</form>'


def autosubmit_page(url: str, fields: Mapping[str, str]) -> web.Response:
    """Return a page that posts fields to another address at once, or by a button if scripts are off."""
    button = f"<noscript>{_BUTTON}</noscript>"
    return html_page("One moment", f"<p>Taking you back …</p>{form(url, fields, button, id_='forward')}", _SUBMIT)


def notice_page(title: str, text: str, url: str, fields: Mapping[str, str]) -> web.Response:
    """Return a page with a text that posts fields to another address by a button or after a few seconds."""
    content = f"<p>{escape(text)}</p>{form(url, fields, _BUTTON, id_='forward')}"
    return html_page(title, content, f"setTimeout(() => {{ {_SUBMIT} }}, {_READING_SECONDS * 1000});")


def post_message_page(data: Mapping[str, str]) -> web.Response:
    """Return a page that posts a browser `message` event with these data to the page that frames or opened it."""
    literal = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    script = f"(window.opener || window.parent).postMessage({literal}, '*');"
    return html_page("Thank you", "<p>You can go back to the shop.</p>", script)
