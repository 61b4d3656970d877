"""W4 in PyTorch: importance-weighted log p(x), samples in chunks of 500 (its best). Modes: `f32`, `bf16`."""

import sys

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks._clock import num_cores, serve
from benchmarks._data import mnist

NUM_SAMPLES, CHUNK, LATENT_DIM = 5000, 500, 50


def main(mode: str, weights: str, num_images: int) -> None:
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    with np.load(weights) as arrays:
        layers = [(torch.from_numpy(arrays[f"w{i}"]), torch.from_numpy(arrays[f"b{i}"])) for i in range(6)]
    encoder, decoder = layers[:3], layers[3:]
    dtype = torch.bfloat16 if mode == "bf16" else torch.float32
    decoder = [(weight.to(dtype), bias.to(dtype)) for weight, bias in decoder]
    images = torch.from_numpy((mnist(10_000)[:num_images] > 127).astype(np.float32))

    def dense(layer: tuple[torch.Tensor, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(layer[1], x.to(layer[0].dtype), layer[0])

    def log_weights(x: torch.Tensor, loc: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        scale = torch.exp(0.5 * log_variance)
        noise = torch.randn(CHUNK, LATENT_DIM)
        z = loc + scale * noise
        hidden = torch.tanh(dense(decoder[1], torch.tanh(dense(decoder[0], z))))
        logits = dense(decoder[2], hidden).float()
        target = x.expand_as(logits)
        log_likelihood = -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)
        # log p(z) - log q(z | x): the constants cancel
        return log_likelihood + 0.5 * (noise * noise - z * z).sum(1) + 0.5 * log_variance.sum()

    @torch.no_grad()
    def repetition() -> dict[str, float]:
        hidden = torch.tanh(dense(encoder[1], torch.tanh(dense(encoder[0], images))))
        locs, log_variances = dense(encoder[2], hidden).chunk(2, 1)
        found = []
        for x, loc, log_variance in zip(images, locs, log_variances, strict=True):
            chunks = [log_weights(x, loc, log_variance) for _ in range(NUM_SAMPLES // CHUNK)]
            found.append(torch.logsumexp(torch.cat(chunks), 0) - np.log(NUM_SAMPLES))
        return {"log_evidence": float(torch.stack(found).mean())}

    serve(repetition)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
