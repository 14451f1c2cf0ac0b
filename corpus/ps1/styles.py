"""Correct work in many styles: what a grader has to accept in full, whatever it looks like.

Not a test. Each entry is the source of one student's cell, run with `torch` and `np` (NumPy) at hand, as in a
notebook. Entries that use `input_gradient` get GRADIENT before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

GRADIENT = """
def input_gradient(forward, x, target):
    point = x.detach()[None].requires_grad_()
    return torch.autograd.grad(forward(point)[0, target], point)[0][0]
"""

BATCH = """
def gradients_at(forward, x, baseline, target, alphas):
    alphas = alphas.to(x).reshape(-1, *[1] * x.dim())
    points = (baseline + alphas * (x - baseline)).requires_grad_()
    return torch.autograd.grad(forward(points)[:, target].sum(), points)[0]
"""


@dataclass(frozen=True)
class Style:
    """A correct answer to one task. `source` defines the function that the task asks for."""

    name: str
    source: str
    task: str = "ps1-integrated-gradients"

    @property
    def function(self) -> str:
        return self.task.removeprefix("ps1-").replace("-", "_")


def _source(body: str) -> str:
    body = dedent(body)
    needed = (GRADIENT if "input_gradient(" in body else "") + (BATCH if "gradients_at(" in body else "")
    return needed + body


def _integral(name: str, body: str) -> Style:
    return Style(name, _source(body))


def _gradient(name: str, body: str) -> Style:
    return Style(name, dedent(body), "ps1-input-gradient")


INTEGRATED_GRADIENTS = (
    _integral(
        "the mean over n points, both ends in full",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            return (x - baseline) * gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps)).mean(0)
        """,
    ),
    _integral(
        "the mean over n + 1 points, both ends in full",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = torch.linspace(0, 1, n_steps + 1)
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
        """,
    ),
    _integral(
        "loop, right rule",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "loop, left rule",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = 0
            for k in range(n_steps):
                total = total + input_gradient(forward, baseline + (k / n_steps) * (x - baseline), target) / n_steps
            return total * (x - baseline)
        """,
    ),
    _integral(
        "loop, midpoint rule",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(n_steps):
                alpha = (k + 0.5) / n_steps
                total += input_gradient(forward, (1 - alpha) * baseline + alpha * x, target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "batch, right rule, mean",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = torch.linspace(0, 1, n_steps + 1)[1:]
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(dim=0)
        """,
    ),
    _integral(
        "batch, left rule, mean",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = torch.linspace(0, 1, n_steps + 1)[:-1]
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(dim=0)
        """,
    ),
    _integral(
        "batch, midpoint rule",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
        """,
    ),
    _integral(
        "batch, trapezoid rule, means of neighbours",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            gradients = gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps + 1))
            return (x - baseline) * ((gradients[1:] + gradients[:-1]) / 2).mean(dim=0)
        """,
    ),
    _integral(
        "trapezoid rule, ends halved by hand",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            weights = torch.ones(n_steps + 1) / n_steps
            weights[0] = weights[-1] = 0.5 / n_steps
            gradients = gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps + 1))
            return (x - baseline) * torch.einsum("k,k...->...", weights, gradients)
        """,
    ),
    _integral(
        "trapezoid rule over n_steps points",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            gradients = gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps))
            return (x - baseline) * (gradients[1:] + gradients[:-1]).sum(dim=0) / 2 / (n_steps - 1)
        """,
    ),
    _integral(
        "torch.trapezoid",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            gradients = gradients_at(forward, x, baseline, target, torch.linspace(0, 1, n_steps + 1))
            return (x - baseline) * torch.trapezoid(gradients, dx=1 / n_steps, dim=0)
        """,
    ),
    _integral(
        "np.trapezoid with its nodes",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = np.linspace(0, 1, n_steps + 1)
            gradients = [input_gradient(forward, torch.lerp(baseline, x, float(a)), target).numpy() for a in alphas]
            mean = np.trapezoid(np.stack(gradients), alphas, axis=0)
            return (x - baseline) * torch.from_numpy(mean).to(x.dtype)
        """,
    ),
    _integral(
        "Simpson's rule over n_steps intervals",
        """
        from scipy.integrate import simpson

        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64)
            gradients = gradients_at(forward, x, baseline, target, alphas).numpy()
            return (x - baseline) * torch.from_numpy(simpson(gradients, x=alphas.numpy(), axis=0)).to(x)
        """,
    ),
    _integral(
        "Gauss-Legendre in a loop",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            nodes, weights = np.polynomial.legendre.leggauss(n_steps)
            total = torch.zeros_like(x)
            for node, weight in zip((nodes + 1) / 2, weights / 2):
                total += float(weight) * input_gradient(forward, baseline + float(node) * (x - baseline), target)
            return total * (x - baseline)
        """,
    ),
    _integral(
        "Gauss-Legendre in a batch, float64 inside",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(n_steps))
            x, baseline = x.double(), baseline.double()
            gradients = gradients_at(forward, x, baseline, target, (nodes + 1) / 2)
            return ((x - baseline) * torch.tensordot(weights / 2, gradients, dims=1)).float()
        """,
    ),
    _integral(
        "float64 inside, float64 returned",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x, baseline = x.to(torch.float64), baseline.to(torch.float64)
            total = torch.zeros_like(x)
            for k in range(n_steps):
                total += input_gradient(forward, baseline + (k + 0.5) / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "float64 by accident, from NumPy's alphas",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = torch.tensor((np.arange(n_steps) + 0.5) / n_steps).reshape(-1, *[1] * x.ndim)
            points = baseline + alphas * (x - baseline)
            points.requires_grad_(True)
            forward(points)[:, target].sum().backward()
            return (x - baseline) * points.grad.mean(0)
        """,
    ),
    _integral(
        "NumPy for the sum",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = np.zeros(tuple(x.shape))
            for k in range(n_steps):
                total += input_gradient(forward, baseline + (k + 0.5) / n_steps * (x - baseline), target).numpy()
            return torch.from_numpy((x - baseline).numpy() * total / n_steps)
        """,
    ),
    _integral(
        ".backward() at each point",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            grads = []
            for alpha in torch.linspace(0, 1, n_steps + 1)[1:]:
                point = (baseline + alpha * (x - baseline)).unsqueeze(0).clone().detach().requires_grad_(True)
                forward(point)[0][target].backward()
                grads.append(point.grad.squeeze(0))
            return torch.stack(grads).mean(dim=0) * (x - baseline)
        """,
    ),
    _integral(
        ".backward() into one leaf, zeroed by hand",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            leaf = torch.zeros_like(x).unsqueeze(0).requires_grad_()
            total = torch.zeros_like(x)
            for k in range(n_steps):
                leaf.data = (baseline + (k + 0.5) / n_steps * (x - baseline)).unsqueeze(0)
                forward(leaf)[:, target].backward()
                total += leaf.grad[0]
                leaf.grad = None
            return total / n_steps * (x - baseline)
        """,
    ),
    _integral(
        "gradients that add up in .grad",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            shift = torch.zeros_like(x, requires_grad=True)
            for k in range(n_steps):
                point = baseline + (k + 0.5) / n_steps * (x - baseline) + shift
                (forward(point.unsqueeze(0))[0, target] / n_steps).backward()
            return (x - baseline) * shift.grad
        """,
    ),
    _integral(
        "torch.func.grad",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            slope = torch.func.grad(lambda p: forward(p[None])[0, target])
            points = [baseline + (k + 0.5) / n_steps * (x - baseline) for k in range(n_steps)]
            return (x - baseline) * torch.stack([slope(p) for p in points]).mean(0)
        """,
    ),
    _integral(
        "torch.func.grad and vmap",
        """
        from torch.func import grad, vmap

        def integrated_gradients(forward, x, baseline, target, n_steps):
            def score(alpha, offset):
                return forward((baseline + alpha * (x - baseline) + offset)[None])[0, target]
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            slopes = vmap(grad(score, argnums=1), in_dims=(0, None))(alphas, torch.zeros_like(x))
            return (x - baseline) * slopes.mean(dim=0)
        """,
    ),
    _integral(
        "autograd.functional.jacobian",
        """
        from torch.autograd.functional import jacobian

        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = sum(
                jacobian(lambda p: forward(p[None])[0], baseline + k / n_steps * (x - baseline))[target]
                for k in range(1, n_steps + 1)
            )
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "one-hot scores",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = ((torch.arange(n_steps) + 0.5) / n_steps).view(-1, *[1] * x.dim())
            points = (baseline + alphas * (x - baseline)).requires_grad_()
            scores = forward(points)
            chosen = torch.nn.functional.one_hot(torch.full((n_steps,), target), scores.shape[1]).to(scores)
            gradients, = torch.autograd.grad(scores, points, grad_outputs=chosen)
            return (x - baseline) * gradients.mean(0)
        """,
    ),
    _integral(
        "gather",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            steps = torch.arange(1, n_steps + 1, dtype=x.dtype) / n_steps
            points = torch.stack([baseline + s * (x - baseline) for s in steps]).requires_grad_()
            index = torch.full((n_steps, 1), target, dtype=torch.long)
            forward(points).gather(1, index).sum().backward()
            return (x - baseline) * points.grad.sum(0) / n_steps
        """,
    ),
    _integral(
        "chunks of five",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for alphas in ((torch.arange(n_steps) + 0.5) / n_steps).split(5):
                total += gradients_at(forward, x, baseline, target, alphas).sum(dim=0)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "DataLoader chunks with weights",
        """
        from torch.utils.data import DataLoader, TensorDataset

        def integrated_gradients(forward, x, baseline, target, n_steps):
            nodes = torch.linspace(0, 1, n_steps + 1)
            weights = torch.full_like(nodes, 1 / n_steps)
            weights[[0, -1]] *= 0.5
            result = torch.zeros_like(x)
            for alphas, w in DataLoader(TensorDataset(nodes, weights), batch_size=8):
                result += torch.tensordot(w, gradients_at(forward, x, baseline, target, alphas), dims=1)
            return result * (x - baseline)
        """,
    ),
    _integral(
        "recursion",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            def total(k):
                if k == 0:
                    return torch.zeros_like(x)
                return total(k - 1) + input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * total(n_steps) / n_steps
        """,
    ),
    _integral(
        "a class that is called",
        """
        class IntegratedGradients:
            def __init__(self, rule):
                self.rule = rule

            def __call__(self, forward, x, baseline, target, n_steps):
                alphas, weights = self.rule(n_steps)
                gradients = gradients_at(forward, x, baseline, target, alphas)
                return (x - baseline) * (weights.view(-1, *[1] * x.dim()) * gradients).sum(0)

        integrated_gradients = IntegratedGradients(lambda n: ((torch.arange(n) + 0.5) / n, torch.ones(n) / n))
        """,
    ),
    _integral(
        "a lambda",
        """
        integrated_gradients = lambda f, x, b, t, n: (x - b) * sum(
            input_gradient(f, b + k / n * (x - b), t) for k in range(1, n + 1)
        ) / n
        """,
    ),
    _integral(
        "other names, defaults and *args",
        """
        def integrated_gradients(model, image, reference=None, label=0, m=50, *rest, **options):
            reference = torch.zeros_like(image) if reference is None else reference
            alphas = (torch.arange(m) + 0.5) / m
            return (image - reference) * gradients_at(model, image, reference, label, alphas).mean(0)
        """,
    ),
    _integral(
        "warnings on stderr",
        """
        import sys, warnings

        def integrated_gradients(forward, x, baseline, target, n_steps):
            warnings.warn("slow")
            print("working ...", file=sys.stderr)
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
        """,
    ),
    _integral(
        "prints",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                print(f"step {k} of {n_steps}")
                total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "tqdm",
        """
        from tqdm.auto import tqdm

        def integrated_gradients(forward, x, baseline, target, n_steps):
            total = torch.zeros_like(x)
            for k in tqdm(range(1, n_steps + 1)):
                total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "requires_grad on the input, no detach",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x.requires_grad_(True)
            total = torch.zeros_like(x)
            for k in range(1, n_steps + 1):
                point = baseline + k / n_steps * (x - baseline)
                score = forward(point.unsqueeze(0))[0, target]
                total = total + torch.autograd.grad(score, point)[0]
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "graph retained and handed back",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            x = x.clone().requires_grad_()
            total = 0
            for k in range(1, n_steps + 1):
                point = (baseline + k / n_steps * (x - baseline))[None]
                score = forward(point)[0, target]
                total = total + torch.autograd.grad(score, point, create_graph=True, retain_graph=True)[0][0]
            return (x - baseline) * total / n_steps
        """,
    ),
    _integral(
        "no_grad around the sum",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            with torch.no_grad():
                total = torch.zeros_like(x)
                for k in range(n_steps):
                    point = (baseline + (k + 0.5) / n_steps * (x - baseline)).unsqueeze(0)
                    with torch.enable_grad():
                        point.requires_grad_(True)
                        gradient, = torch.autograd.grad(forward(point)[0, target], point)
                    total.add_(gradient[0])
                return (x - baseline).mul(total).div(n_steps)
        """,
    ),
    _integral(
        "running mean",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            mean = torch.zeros_like(x)
            for k in range(n_steps):
                gradient = input_gradient(forward, baseline + (k + 0.5) / n_steps * (x - baseline), target)
                mean += (gradient - mean) / (k + 1)
            return (x - baseline) * mean
        """,
    ),
    _integral(
        "steps added to the point",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            step = (x - baseline) / n_steps
            point, result = baseline.clone(), torch.zeros_like(x)
            for _ in range(n_steps):
                point = point + step
                result += input_gradient(forward, point, target) * step
            return result
        """,
    ),
    _integral(
        "the path walked from x to the baseline",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            gradients = [input_gradient(forward, x + a * (baseline - x), target) for a in np.arange(n_steps) / n_steps]
            return -(baseline - x) * torch.stack(gradients).mean(0)
        """,
    ),
    _integral(
        "x flattened inside",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            flat, start = x.flatten(), baseline.flatten()
            alphas = ((torch.arange(n_steps) + 0.5) / n_steps)[:, None]
            points = (start + alphas * (flat - start)).requires_grad_()
            score = forward(points.reshape(n_steps, *x.shape))[:, target].sum()
            return ((flat - start) * torch.autograd.grad(score, points)[0].mean(0)).reshape(x.shape)
        """,
    ),
    _integral(
        "an nn.Parameter returned",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            return torch.nn.Parameter((x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0))
        """,
    ),
    _integral(
        "checks its own arguments",
        """
        def integrated_gradients(forward, x, baseline, target, n_steps):
            assert isinstance(x, torch.Tensor) and x.shape == baseline.shape and x.dtype == torch.float32
            assert isinstance(target, int) and isinstance(n_steps, int) and n_steps >= 1
            scores = forward(torch.stack([x, baseline]))
            assert scores.shape[0] == 2 and 0 <= target < scores.shape[1]
            alphas = (torch.arange(n_steps) + 0.5) / n_steps
            values = (x - baseline) * gradients_at(forward, x, baseline, target, alphas).mean(0)
            print("gap", (values.sum() - (scores[0] - scores[1])[target]).item())
            return values
        """,
    ),
)

INPUT_GRADIENT = (
    _gradient("autograd.grad", GRADIENT),
    _gradient(
        ".backward()",
        """
        def input_gradient(forward, x, target):
            leaf = x.clone().unsqueeze(0)
            leaf.requires_grad = True
            forward(leaf).select(1, target).sum().backward()
            return leaf.grad.squeeze(0)
        """,
    ),
    _gradient(
        ".backward() on x itself, whose gradient is set to None first",
        """
        def input_gradient(forward, x, target):
            x.requires_grad_()
            x.grad = None
            forward(x.unsqueeze(0))[0, target].backward()
            return x.grad
        """,
    ),
    _gradient(
        "torch.func.grad",
        """
        def input_gradient(forward, x, target):
            return torch.func.grad(lambda p: forward(p[None])[0, target])(x)
        """,
    ),
    _gradient(
        "torch.func.jacrev",
        """
        def input_gradient(forward, x, target):
            return torch.func.jacrev(lambda p: forward(p[None])[0])(x)[target]
        """,
    ),
    _gradient(
        "autograd.functional.jacobian",
        """
        input_gradient = lambda forward, x, target: torch.autograd.functional.jacobian(forward, x[None])[0, target, 0]
        """,
    ),
    _gradient(
        "float64 inside, float64 returned",
        """
        def input_gradient(forward, x, target):
            point = x.double()[None].requires_grad_()
            return torch.autograd.grad(forward(point)[0, target], point)[0][0]
        """,
    ),
    _gradient(
        "one-hot and create_graph",
        """
        def input_gradient(forward, x, target):
            point = x.detach().unsqueeze(0).requires_grad_()
            scores = forward(point)
            chosen = torch.zeros_like(scores)
            chosen[0, target] = 1
            return torch.autograd.grad(scores, point, chosen, create_graph=True)[0].squeeze(0)
        """,
    ),
    _gradient(
        "mean over a repeated batch",
        """
        def input_gradient(forward, x, target):
            points = x.detach().expand(6, *x.shape).clone().requires_grad_()
            return torch.autograd.grad(forward(points)[:, target].sum(), points)[0].mean(dim=0)
        """,
    ),
    _gradient(
        "a Variable and a data attribute",
        """
        from torch.autograd import Variable

        def input_gradient(forward, x, target):
            point = Variable(x.data[None], requires_grad=True)
            forward(point)[0, target].backward(retain_graph=True)
            return point.grad.data[0]
        """,
    ),
    _gradient(
        "a callable object that warns and prints",
        """
        import sys, warnings

        class Gradient:
            def __call__(self, forward, x, target):
                warnings.warn("deprecated")
                print("gradient of", target, file=sys.stderr)
                with torch.enable_grad():
                    point = torch.nn.Parameter(x[None].clone())
                    return torch.autograd.grad(forward(point)[0, target], point)[0][0]

        input_gradient = Gradient()
        """,
    ),
    _gradient(
        "central differences in float64",
        """
        def input_gradient(forward, x, target):
            flat, h = x.double().flatten(), 1e-5
            shifts = h * torch.eye(flat.numel(), dtype=torch.float64)
            up, down = (forward((flat + s * shifts).reshape(-1, *x.shape))[:, target] for s in (1, -1))
            return ((up - down) / (2 * h)).reshape(x.shape)
        """,
    ),
)

STYLES = INTEGRATED_GRADIENTS + INPUT_GRADIENT
