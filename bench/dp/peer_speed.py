"""Runs in Opacus' environment: examples per second of its private training of one network."""

import importlib.metadata
import json
import math
import statistics
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn import functional

warnings.filterwarnings("ignore")
TOKENS, WORDS, WIDTH, HEADS, INNER, BLOCKS = 64, 5000, 64, 4, 256, 2
SAMPLES = {"logistic": 1024, "mlp": 256, "cnn": 256, "transformer": 64}


class Convolutional(nn.Module):
    """Opacus' own MNIST example."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 8, 2, padding=3), nn.Conv2d(16, 32, 4, 2)
        self.fc1, self.fc2 = nn.Linear(512, 32), nn.Linear(32, 10)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x.reshape(-1, 1, 28, 28))), 2, 1)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2, 1)
        return self.fc2(functional.relu(self.fc1(x.reshape(-1, 512))))


class Block(nn.Module):
    """Attention and a wide layer, each after a normalisation."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.n0, self.n1 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.f0, self.f1 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x):
        inner, split = self.n0(x), WIDTH // HEADS

        def heads(z):
            return z.reshape(*x.shape[:2], HEADS, split).transpose(1, 2)

        q, k, v = heads(self.q(inner)), heads(self.k(inner)), heads(self.v(inner))
        meet = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(split), -1)
        x = x + self.o((meet @ v).transpose(1, 2).reshape(x.shape).contiguous())
        return x + self.f1(functional.gelu(self.f0(self.n1(x))))


class Transformer(nn.Module):
    """Two blocks over word and place embeddings."""

    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Embedding(WORDS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.n, self.c = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x):
        places = torch.arange(TOKENS).repeat(len(x), 1)
        h = self.e(x) + self.p(places)
        for block in self.blocks:
            h = block(h)
        return self.c(self.n(h).mean(1))


def network(name, n):
    """The module and its data."""
    draw = torch.Generator().manual_seed(1)
    if name == "transformer":
        x = torch.randint(0, WORDS, (n, TOKENS), generator=draw)
        return Transformer(), x, torch.randint(0, 2, (n,), generator=draw)
    if name == "logistic":
        module, width, classes = nn.Linear(100, 2), 100, 2
    elif name == "mlp":
        module = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                               nn.Linear(128, 10))  # fmt: skip
        width, classes = 784, 10
    else:
        module, width, classes = Convolutional(), 784, 10
    x = torch.randn(n, width, generator=draw)
    return module, x, torch.randint(0, classes, (n,), generator=draw)


def main(name, mode, n, seconds):
    """Print one JSON object."""
    from opacus import PrivacyEngine

    torch.set_num_threads(2)
    torch.manual_seed(0)
    module, x, y = network(name, n)
    sample = SAMPLES[name]
    optimizer, loss = torch.optim.SGD(module.parameters(), lr=0.05), nn.CrossEntropyLoss()
    rows = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(rows, batch_size=sample, shuffle=True)
    options = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "grad_sample_mode": mode}
    if mode == "ew":
        options["batch_first"] = True
    engine = PrivacyEngine()
    if mode == "ghost":
        module, optimizer, loss, _ = engine.make_private(
            module=module, optimizer=optimizer, criterion=loss, data_loader=loader, **options
        )
    else:
        module, optimizer, _ = engine.make_private(
            module=module, optimizer=optimizer, data_loader=loader, **options
        )
    optimizer.attach_step_hook(lambda _: None)  # the accountant's history is not timed
    times, end = [], None
    while end is None or time.perf_counter() < end:
        started = time.perf_counter()
        taken = (torch.rand(n) < sample / n).nonzero(as_tuple=True)[0]
        optimizer.zero_grad()
        loss(module(x[taken]), y[taken]).backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
        if len(times) == 5 and end is None:
            times, end = [], time.perf_counter() + seconds
    versions = {name: importlib.metadata.version(name) for name in ("torch", "opacus")}
    print(json.dumps({"examples_per_second": sample / statistics.median(times),
                      "versions": versions}))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
