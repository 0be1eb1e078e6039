"""Times training steps of Hugging Face Transformers on PyTorch: the other side of `src/step-worker.ts`.

One step is what a training loop does with a batch that is already in memory: forward in training mode, backward, clipping
by the global norm, and AdamW. Making the masks and the negatives is not timed.
"""

import json
import math
import time
from collections import defaultdict

import torch
import transformers
from peer import Machine, arguments, peak_rss_bytes, serve
from safetensors.torch import load_file
from tasks import TASKS


def read_batches(path):
    """The batches that Babble has written: its names, preceded by the batch's number."""
    batches = defaultdict(dict)
    for name, tensor in load_file(path).items():
        number, field = name.split(".", 1)
        batches[int(number)][field] = tensor
    return [batches[number] for number in sorted(batches)]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--config", required=True, help="a file like those of bench/configs")
    parser.add_argument("--batches", required=True, help="a file of batches that Babble has written")
    parser.add_argument("--weights", help="start from the model of this directory")
    parser.add_argument("--optimizer", choices=["fused", "default"], default="default", help="which AdamW of PyTorch")
    args = parser.parse_args()
    with open(args.config, encoding="utf-8") as file:
        spec = json.load(file)
    machine = Machine(args)
    torch.manual_seed(0)

    task = TASKS[spec["task"]](spec, args.weights).train().to(machine.device)
    training = spec["training"]
    parameters = [parameter for parameter in task.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=training["learningRate"],
        betas=tuple(training["betas"]),
        eps=training["eps"],
        weight_decay=training["weightDecay"],
        fused=True if args.optimizer == "fused" else None,
    )
    # Lengths stay on the host, where CTC's own kernel wants them.
    batches = [
        {name: value if name == "input_lengths" else value.to(machine.device) for name, value in inputs.items()}
        for inputs in map(task.arguments, read_batches(args.batches))
    ]
    forward = torch.compile(task) if args.compile else task
    done = 0

    def step():
        with machine.cast():
            loss = forward(**batches[done % len(batches)])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, training["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss, norm

    def timed_step():
        nonlocal done
        start = time.perf_counter()
        loss, norm = step()
        host_seconds = time.perf_counter() - start
        value = loss.item()
        machine.wait()
        seconds = time.perf_counter() - start
        done += 1
        if not math.isfinite(value):
            raise ValueError(f"the loss of step {done} is {value}: lower the learning rate of the configuration")
        timing = {"seconds": seconds, "loss": value, "gradNorm": norm.item(), "peakRssBytes": peak_rss_bytes()}
        # On the CPU PyTorch computes before it comes back.
        return {**timing, "hostSeconds": host_seconds} if machine.device.type == "cuda" else timing

    def answer(request):
        if request["do"] == "prepare":
            return {"firstStepSeconds": timed_step()["seconds"]}
        return {"steps": [timed_step() for _ in range(request["count"])]}

    introduction = {
        "name": f"{machine.describe(args)}, transformers {transformers.__version__}",
        "threads": torch.get_num_threads(),
        "parameters": sum(parameter.numel() for parameter in task.parameters()),
    }
    serve(introduction, answer)


if __name__ == "__main__":
    main()
