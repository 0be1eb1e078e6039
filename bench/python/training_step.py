"""Times training steps of Hugging Face Transformers on PyTorch: the other side of `src/step-worker.ts`.

One step is what a training loop does with a batch that is already in memory: forward in training mode, backward, clipping
by the global norm, and AdamW. Making the masks and the negatives is not timed.
"""

import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from peer import Machine, arguments, peak_rss_bytes, serve
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices, _sample_negative_indices

BATCHES = 4


def lengths_of(batch):
    """Samples of each utterance, from the longest down to the shortest in equal steps, as in `src/batches.ts`."""
    longest = batch["seconds"] * batch["sampleRate"]
    shortest = batch.get("shortestSeconds", batch["seconds"]) * batch["sampleRate"]
    steps = max(1, batch["size"] - 1)
    return [round(longest + (shortest - longest) * item / steps) for item in range(batch["size"])]


class PreTraining(torch.nn.Module):
    """The contrastive and diversity losses over the number of masked frames."""

    def __init__(self, spec):
        super().__init__()
        self.model = Wav2Vec2ForPreTraining(Wav2Vec2Config(**spec["model"]))
        self.model.set_gumbel_temperature(spec["training"]["gumbelTemperature"])

    def batches(self, spec):
        """A few batches of standardised noise, of the shapes and mask statistics that real ones have."""
        config, batch = self.model.config, spec["batch"]
        samples = batch["seconds"] * batch["sampleRate"]
        frames = int(self.model._get_feat_extract_output_lengths(samples))
        generator = torch.Generator().manual_seed(1)
        for _ in range(BATCHES):
            masks = _compute_mask_indices((batch["size"], frames), config.mask_time_prob, config.mask_time_length)
            negatives = _sample_negative_indices((batch["size"], frames), config.num_negatives, masks)
            yield {
                "input_values": torch.randn(batch["size"], samples, generator=generator),
                "mask_time_indices": torch.from_numpy(masks),
                "sampled_negative_indices": torch.from_numpy(negatives),
            }

    def forward(self, **batch):
        return self.model(**batch).loss / batch["mask_time_indices"].sum()


class Ctc(torch.nn.Module):
    """Wav2Vec2ForCTC with masks that are made beforehand, its summed loss over the number of labels."""

    def __init__(self, spec):
        super().__init__()
        self.model = Wav2Vec2ForCTC(Wav2Vec2Config(**spec["model"]))
        if spec["training"]["freezeFeatureEncoder"]:
            self.model.freeze_feature_encoder()

    def batches(self, spec):
        config, batch = self.model.config, spec["batch"]
        lengths = lengths_of(batch)
        generator = torch.Generator().manual_seed(1)
        attention_mask = torch.zeros(batch["size"], max(lengths), dtype=torch.long)
        for row, length in enumerate(lengths):
            attention_mask[row, :length] = 1
        frames = self.model._get_feat_extract_output_lengths(torch.tensor(lengths))
        frame_mask = self.model._get_feature_vector_attention_mask(int(frames.max()), attention_mask)
        for _ in range(BATCHES):
            masks = _compute_mask_indices(
                (batch["size"], int(frames.max())), config.mask_time_prob, config.mask_time_length, frame_mask
            )
            yield {
                "input_values": torch.randn(batch["size"], max(lengths), generator=generator) * attention_mask,
                "attention_mask": attention_mask,
                "mask_time_indices": torch.from_numpy(masks),
                "input_lengths": frames,
                "labels": torch.randint(1, config.vocab_size, (batch["size"], batch["labels"]), generator=generator),
            }

    def forward(self, input_values, attention_mask, mask_time_indices, input_lengths, labels):
        model = self.model
        hidden = model.wav2vec2(input_values, attention_mask, mask_time_indices=mask_time_indices).last_hidden_state
        logits = model.lm_head(model.dropout(hidden))
        log_probs = torch.log_softmax(logits.float(), -1).transpose(0, 1)
        label_lengths = torch.full((labels.shape[0],), labels.shape[1], dtype=torch.long)
        total = F.ctc_loss(
            log_probs,
            labels,
            input_lengths,
            label_lengths,
            blank=model.config.pad_token_id,
            reduction="sum",
            zero_infinity=model.config.ctc_zero_infinity,
        )
        return total / labels.numel()


TASKS = {"pretraining": PreTraining, "ctc": Ctc}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--config", required=True, help="a file of bench/configs")
    parser.add_argument("--optimizer", choices=["fused", "default"], default="default", help="which AdamW of PyTorch")
    args = parser.parse_args()
    with open(args.config, encoding="utf-8") as file:
        spec = json.load(file)
    machine = Machine(args)
    np.random.seed(0)
    torch.manual_seed(0)

    task = TASKS[spec["task"]](spec).train().to(machine.device)
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
        {name: value if name == "input_lengths" else value.to(machine.device) for name, value in batch.items()}
        for batch in task.batches(spec)
    ]
    forward = torch.compile(task) if args.compile else task
    done = 0

    def step():
        with machine.cast():
            loss = forward(**batches[done % BATCHES])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, training["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def timed_step():
        nonlocal done
        start = time.perf_counter()
        loss = step()
        host_seconds = time.perf_counter() - start
        value = loss.item()
        machine.wait()
        seconds = time.perf_counter() - start
        done += 1
        if not math.isfinite(value):
            raise ValueError(f"the loss of step {done} is {value}: lower the learning rate of the configuration")
        timing = {"seconds": seconds, "loss": value, "peakRssBytes": peak_rss_bytes()}
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
