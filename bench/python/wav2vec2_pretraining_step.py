"""Times wav2vec 2.0 pre-training steps of Hugging Face Transformers on PyTorch, on the CPU in float32.

One step is what a training loop does with a batch that is already in memory: forward in training mode, backward, clipping
by the global norm, and AdamW. Making the masks and the negatives is not timed.

The process prints one JSON line when ready, and then obeys lines on standard input: {"steps": k} runs k steps and answers
with k JSON lines {"seconds", "loss", "peakRssBytes"}. It ends with its input.
"""

import argparse
import json
import math
import resource
import sys
import time

import numpy as np
import torch
import transformers
from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices, _sample_negative_indices

BATCHES = 4


def say(record):
    print(json.dumps(record), flush=True)


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make_batches(model, spec):
    """A few batches of standardised noise, of the shapes and mask statistics that real ones have."""
    config, batch = model.config, spec["batch"]
    samples = batch["seconds"] * batch["sampleRate"]
    frames = int(model._get_feat_extract_output_lengths(samples))
    generator = torch.Generator().manual_seed(1)
    for _ in range(BATCHES):
        masks = _compute_mask_indices((batch["size"], frames), config.mask_time_prob, config.mask_time_length)
        negatives = _sample_negative_indices((batch["size"], frames), config.num_negatives, masks)
        yield {
            "input_values": torch.randn(batch["size"], samples, generator=generator),
            "mask_time_indices": torch.from_numpy(masks),
            "sampled_negative_indices": torch.from_numpy(negatives),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="a file of bench/configs")
    parser.add_argument("--threads", type=int, help="threads inside an op (default: PyTorch's own choice)")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--optimizer", choices=["fused", "default"], default="default", help="which AdamW of PyTorch")
    args = parser.parse_args()
    with open(args.config, encoding="utf-8") as file:
        spec = json.load(file)
    if args.threads:
        torch.set_num_threads(args.threads)
    np.random.seed(0)
    torch.manual_seed(0)

    model = Wav2Vec2ForPreTraining(Wav2Vec2Config(**spec["model"])).train()
    training = spec["training"]
    model.set_gumbel_temperature(training["gumbelTemperature"])
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        parameters,
        lr=training["learningRate"],
        betas=tuple(training["betas"]),
        eps=training["eps"],
        weight_decay=training["weightDecay"],
        fused=True if args.optimizer == "fused" else None,
    )
    batches = list(make_batches(model, spec))
    forward = torch.compile(model) if args.compile else model

    def step(index):
        batch = batches[index % BATCHES]
        loss = forward(**batch).loss / batch["mask_time_indices"].sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, training["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    say(
        {
            "ready": True,
            "name": f"PyTorch {torch.__version__}, transformers {transformers.__version__}"
            + (", torch.compile" if args.compile else ""),
            "threads": torch.get_num_threads(),
            "parameters": sum(parameter.numel() for parameter in parameters),
        }
    )
    done = 0
    for line in sys.stdin:
        if not line.strip():
            continue
        for _ in range(json.loads(line)["steps"]):
            start = time.perf_counter()
            loss = step(done)
            seconds = time.perf_counter() - start
            if not math.isfinite(loss):
                raise SystemExit(f"the loss of step {done + 1} is {loss}: lower the learning rate of the configuration")
            say({"seconds": seconds, "loss": loss, "peakRssBytes": peak_rss_bytes()})
            done += 1


if __name__ == "__main__":
    main()
