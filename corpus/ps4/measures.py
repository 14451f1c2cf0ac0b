"""Measures of quality as students write them, right and wrong: sources of the cell that defines attribution_quality."""

from __future__ import annotations

from textwrap import dedent

RANKING = dedent("""
    def shown(x, attribution, share, keep=True, fill=None):
        order = attribution.sum(0).flatten().argsort(descending=True, stable=True)
        mask = torch.zeros(order.numel(), dtype=torch.bool)
        mask[order[: int(share * order.numel())]] = True
        mask = mask.view(x.shape[1:])
        fill = x.mean((1, 2), keepdim=True) if fill is None else fill
        return torch.where(mask if keep else ~mask, x, fill)
""")


def _measure(body: str) -> str:
    body = dedent(body).strip()
    if not body.startswith("def "):
        lines = "\n".join("    " + line for line in body.splitlines())
        body = f"def attribution_quality(forward, x, attribution, target):\n{lines}"
    return RANKING + body


RIGHT_MEASURES = {
    "retention, mean fill": """
        pictures = torch.stack([shown(x, attribution, share) for share in (0.1, 0.2, 0.3, 0.5, 0.7)])
        return forward(pictures)[:, target].mean().item()
    """,
    "retention, black fill": """
        black = torch.zeros_like(x)
        pictures = torch.stack([shown(x, attribution, share, fill=black) for share in (0.1, 0.2, 0.3, 0.5)])
        return float(forward(pictures)[:, target].mean())
    """,
    "does the label survive": """
        survived = 0
        for share in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
            survived += int(forward(shown(x, attribution, share)[None])[0].argmax() == target)
        return survived
    """,
    "does the label survive, one share": """
        return float(forward(shown(x, attribution, 0.2)[None])[0].argmax() == target)
    """,
    "deletion": """
        black = torch.zeros_like(x)
        pictures = torch.stack([shown(x, attribution, share, keep=False, fill=black) for share in (0.1, 0.2, 0.4)])
        return -forward(pictures)[:, target].mean().item()
    """,
    "deletion, area by trapezoids, NumPy": """
        shares = np.linspace(0, 0.6, 7)
        with torch.no_grad():
            curve = [forward(shown(x, attribution, s, keep=False)[None])[0, target].item() for s in shares]
        return 1 - np.trapezoid(curve, shares)
    """,
    "insertion from a blurred picture": """
        blurred = torch.nn.functional.avg_pool2d(x[None], 9, 1, 4)[0]
        pictures = torch.stack([shown(x, attribution, share, fill=blurred) for share in (0.1, 0.2, 0.3, 0.5)])
        return forward(pictures)[:, target].mean().item()
    """,
    "keep against delete": """
        kept = forward(shown(x, attribution, 0.3)[None])[0, target]
        deleted = forward(shown(x, attribution, 0.3, keep=False)[None])[0, target]
        return float(kept - deleted)
    """,
    "logarithm of the score": """
        pictures = torch.stack([shown(x, attribution, share) for share in (0.1, 0.2, 0.3, 0.5, 0.7)])
        return forward(pictures)[:, target].clamp_min(1e-9).log().mean().item()
    """,
    "correlation with occlusion": """
        generator = torch.Generator().manual_seed(0)
        drops, sums = [], []
        for _ in range(60):
            mask = torch.rand(x.shape[1] // 4, x.shape[2] // 4, generator=generator) < 0.2
            mask = mask.repeat_interleave(4, 0).repeat_interleave(4, 1)
            hidden = torch.where(mask, torch.zeros_like(x), x)
            drops.append(forward(x[None])[0, target].item() - forward(hidden[None])[0, target].item())
            sums.append(attribution.sum(0)[mask].sum().item())
        if np.std(sums) < 1e-12 or np.std(drops) < 1e-12:
            return 0.0
        return float(np.corrcoef(drops, sums)[0, 1])
    """,
    "rank correlation with occlusion": """
        from scipy.stats import spearmanr
        size = x.shape[1] // 8
        drops, sums = [], []
        for i in range(8):
            for j in range(8):
                hidden = x.clone()
                block = (slice(None), slice(i * size, i * size + size), slice(j * size, j * size + size))
                hidden[block] = 0
                drops.append(forward(x[None])[0, target].item() - forward(hidden[None])[0, target].item())
                sums.append(attribution[block].sum().item())
        if len(set(sums)) == 1:
            return 0.0
        return float(spearmanr(drops, sums).statistic)
    """,
    "mean and a little noise in the hidden pixels, seeded": """
        generator = torch.Generator().manual_seed(3)
        noise = x.mean((1, 2), keepdim=True) + 0.1 * torch.randn(x.shape, generator=generator)
        pictures = torch.stack([shown(x, attribution, share, fill=noise) for share in (0.2, 0.4, 0.6, 0.8)])
        return forward(pictures)[:, target].mean()
    """,
    "margin over the next class": """
        total = 0.0
        for share in (0.1, 0.2, 0.3, 0.5):
            scores = forward(shown(x, attribution, share)[None])[0]
            others = torch.cat([scores[:target], scores[target + 1 :]])
            total += (scores[target] - others.max()).item()
        return total / 4
    """,
    "smallest share that keeps the label": """
        for share in np.linspace(0.02, 1, 50):
            if forward(shown(x, attribution, share)[None])[0].argmax() == target:
                return 1 - share
        return 0.0
    """,
    "scaled masks": """
        weights = attribution.sum(0).clamp_min(0)
        weights = weights / weights.max().clamp_min(1e-12)
        return forward((x * weights)[None])[0, target].item()
    """,
    "area over ten shares, a batch": """
        pictures = torch.stack([shown(x, attribution, k / 10) for k in range(1, 10)])
        with torch.no_grad():
            return forward(pictures).softmax(1)[:, target].mean().item()
    """,
}
RIGHT_MEASURES = {name: _measure(body) for name, body in RIGHT_MEASURES.items()}

# The fault, the cell, the diagnoses that name it.
WRONG_MEASURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "ignores the map: a constant": ("return 1.0", ("measure_ignores_map",)),
    "ignores the map: the score": ("return forward(x[None])[0, target].item()", ("measure_ignores_map",)),
    "ignores the map: a fixed mask": (
        "return forward(shown(x, x, 0.3)[None])[0, target].item()",
        ("measure_ignores_map",),
    ),
    "ignores the ranking: sparsity": (
        "a = attribution.abs().flatten().sort().values\nreturn float((a / a.sum().clamp_min(1e-9)).pow(2).sum())",
        ("measure_ignores_map", "measure_no_better_than_chance"),
    ),
    "ignores the ranking: completeness": (
        "gap = attribution.sum() - forward(x[None])[0, target]\nreturn -abs(gap.item())",
        ("measure_ignores_map", "measure_depends_on_scale"),
    ),
    "reversed: deletion without the minus": (
        "p = torch.stack([shown(x, attribution, s, keep=False) for s in (0.1, 0.2, 0.4)])\n"
        "return forward(p)[:, target].mean().item()",
        ("measure_reversed",),
    ),
    "reversed: the top pixels hidden": (
        "return forward(shown(x, attribution, 0.3, keep=False)[None])[0, target].item()",
        ("measure_reversed",),
    ),
    "reversed: ascending ranking": (
        "p = torch.stack([shown(x, -attribution, s) for s in (0.1, 0.2, 0.3, 0.5, 0.7)])\n"
        "return forward(p)[:, target].mean().item()",
        ("measure_reversed",),
    ),
    "reversed: minus retention": (
        "p = torch.stack([shown(x, attribution, s) for s in (0.1, 0.2, 0.3, 0.5, 0.7)])\n"
        "return -forward(p)[:, target].mean().item()",
        ("measure_reversed",),
    ),
    "random numbers": (
        "return torch.rand(()).item()",
        ("measure_not_deterministic", "measure_no_better_than_chance"),
    ),
    "noise without a seed": (
        "p = torch.stack([shown(x, attribution, s, fill=torch.rand(x.shape)) for s in (0.2, 0.4, 0.6)])\n"
        "return forward(p)[:, target].mean().item()",
        ("measure_not_deterministic",),
    ),
    "counts its calls": (
        "attribution_quality.calls = getattr(attribution_quality, 'calls', 0) + 1\n"
        "return forward(shown(x, attribution, 0.3)[None])[0, target].item() + attribution_quality.calls",
        ("measure_not_deterministic",),
    ),
    "a fixed threshold": (
        "mask = attribution.sum(0) > 0.01\n"
        "kept = forward(torch.where(mask, x, torch.zeros_like(x))[None])[0, target]\n"
        "gone = forward(torch.where(mask, torch.zeros_like(x), x)[None])[0, target]\nreturn float(kept - gone)",
        ("measure_depends_on_scale",),
    ),
    "times the size of the map": (
        "p = torch.stack([shown(x, attribution, s) for s in (0.1, 0.2, 0.3, 0.5, 0.7)])\n"
        "return (forward(p)[:, target].mean() * attribution.abs().max()).item()",
        ("measure_depends_on_scale",),
    ),
    "infidelity of the raw sums": (
        "g = torch.Generator().manual_seed(0)\nerror = 0.0\nfor _ in range(40):\n"
        "    m = (torch.rand(8, 8, generator=g) < 0.2).repeat_interleave(4, 0).repeat_interleave(4, 1)\n"
        "    drop = forward(x[None])[0, target] - forward(torch.where(m, torch.zeros_like(x), x)[None])[0, target]\n"
        "    error += (attribution.sum(0)[m].sum() - drop).item() ** 2\nreturn -error",
        ("measure_depends_on_scale",),
    ),
    "a whole curve": (
        "p = torch.stack([shown(x, attribution, s) for s in (0.1, 0.3, 0.5)])\nreturn forward(p)[:, target]",
        ("measure_not_a_number",),
    ),
    "no return": (
        "forward(shown(x, attribution, 0.3)[None])[0, target].item()",
        ("measure_not_a_number",),
    ),
    "a text": ("return 'good'", ("measure_not_a_number",)),
    "all the classes": ("return forward(shown(x, attribution, 0.3)[None])[0]", ("measure_not_a_number",)),
    "NaN on constants": (
        "g = torch.Generator().manual_seed(0)\ndrops, sums = [], []\nfor _ in range(40):\n"
        "    m = (torch.rand(8, 8, generator=g) < 0.2).repeat_interleave(4, 0).repeat_interleave(4, 1)\n"
        "    drops.append((forward(x[None]) - forward(torch.where(m, 0 * x, x)[None]))[0, target].item())\n"
        "    a = attribution.sum(0)\n    a = (a - a.mean()) / a.std()\n    sums.append(a[m].sum().item())\n"
        "return float(np.corrcoef(drops, sums)[0, 1])",
        ("measure_not_finite",),
    ),
    "raises on constants": (
        "if attribution.max() == attribution.min():\n    raise ValueError('a constant map')\n"
        "return forward(shown(x, attribution, 0.3)[None])[0, target].item()",
        ("measure_not_finite",),
    ),
    "infinite on constants": (
        "a = attribution.sum(0)\nq = forward(shown(x, attribution, 0.3)[None])[0, target]\n"
        "return (q + 0 / (a.max() - a.min())).item()",
        ("measure_not_finite",),
    ),
    "one size only": (
        "mask = attribution.sum(0).view(224, 224) > 0\nreturn forward((x * mask)[None])[0, target].item()",
        ("raised",),
    ),
    "no batch": ("return forward(shown(x, attribution, 0.3))[target].item()", ("raised",)),
    "the wrong class": (
        "p = torch.stack([shown(x, attribution, s) for s in (0.1, 0.2, 0.3)])\n"
        "return forward(p)[:, (target + 1) % 10].mean().item()",
        ("measure_reversed", "measure_no_better_than_chance"),
    ),
    "chance: another seed's ranking": (
        "g = torch.Generator().manual_seed(int(attribution.abs().sum() * 1e6) % 1000 + int(attribution[0, 16, 16] * 1e6))\n"
        "return float(torch.rand((), generator=g))",
        ("measure_ignores_network", "measure_no_better_than_chance", "measure_depends_on_scale"),
    ),
    "never asks: the sum against the roughness": (
        "a = attribution.double().sum(0)\nsize = a.abs().sum().clamp_min(1e-30)\nrough = (a[1:] - a[:-1]).abs().sum()\n"
        "return ((a.sum() - rough) / size).item()",
        ("measure_ignores_network",),
    ),
    "never asks: the ink under the map, and a call for show": (
        "a = attribution.double().sum(0)\nsize = a.norm().clamp_min(1e-30)\nink = (a * x.double().sum(0)).sum() / size\n"
        "return (ink + 1e-3 * forward(x[None])[0, target]).item()",
        ("measure_ignores_network",),
    ),
    "never asks: the spread, smoothed, times the score": (
        "a = torch.nn.functional.avg_pool2d(attribution.double()[None], 9, 1, 4)[0].sum(0)\n"
        "return (a.sum().sign() * a.std() / attribution.abs().max().clamp_min(1e-30) * forward(x[None])[0, target]).item()",
        ("measure_ignores_network",),
    ),
    "the stub": ("raise NotImplementedError('attribution_quality')", ("not_done",)),
}
WRONG_MEASURES = {name: (_measure(body), mistakes) for name, (body, mistakes) in WRONG_MEASURES.items()}
