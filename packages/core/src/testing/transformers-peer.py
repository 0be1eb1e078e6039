"""The Python side of transformers-peer.ts: loads what Babble saved, and saves what Babble then loads. Usage: FOLDER."""

import json
import os
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.logging.set_verbosity_error()
torch.manual_seed(0)
folder = sys.argv[1]
with open(os.path.join(folder, "peer.json")) as file:
    peer = json.load(file)
inputs = load_file(os.path.join(folder, "inputs.safetensors"))


def run(model, output):
    model.eval()
    with torch.no_grad():
        return getattr(model(**inputs), output).contiguous()


def load_theirs():
    """Every directory that Babble saved: what is missing or left over, its precision, and what the model gives."""
    report = {}
    for name in sorted(os.listdir(os.path.join(folder, "babble"))):
        path = os.path.join(folder, "babble", name)
        with open(os.path.join(path, "config.json")) as file:
            architecture = json.load(file)["architectures"][0]
        kind = peer["load_as"].get(architecture, architecture)
        model, info = getattr(transformers, kind).from_pretrained(path, output_loading_info=True)
        report[name] = {
            "missing": sorted(info["missing_keys"]),
            "unexpected": sorted(info["unexpected_keys"]),
            "mismatched": sorted(map(str, info["mismatched_keys"])),
            "dtype": str(model.dtype),
            "labels": list(model.config.id2label.values()),
            "ids": model.config.label2id,
        }
        save_file({"output": run(model.float(), peer["outputs"][kind])}, os.path.join(folder, f"{name}.output.safetensors"))
        if os.path.exists(os.path.join(path, "vocab.json")):
            processor = transformers.Wav2Vec2Processor.from_pretrained(path)
            tokenizer, extractor = processor.tokenizer, processor.feature_extractor
            report[name]["processor"] = {
                "ids": tokenizer("AB|A").input_ids,
                "text": tokenizer.decode([5, 5, 0, 6, 4, 5]),
                "pad": tokenizer.pad_token_id,
                "rate": extractor.sampling_rate,
                "mean": float(abs(extractor([1.0, 2.0, 3.0], sampling_rate=16000).input_values[0].mean())),
            }
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump(report, file)


def save_ours():
    """Models of Transformers in all the layouts that it has or had."""
    for size, fields in peer["sizes"].items():
        for name, output in peer["outputs"].items():
            model = getattr(transformers, name)(getattr(transformers, peer["config"])(**fields))
            # Fresh norms are ones and zeros, which would hide a mix-up.
            for parameter in model.parameters():
                parameter.data += 0.05 * torch.randn_like(parameter)
            path = os.path.join(folder, "transformers", f"{name}-{size}")
            model.save_pretrained(path)
            save_file({"output": run(model, output)}, path + ".output.safetensors")
            model.save_pretrained(path + "-sharded", max_shard_size="20KB")
            state = model.state_dict()
            model.config.save_pretrained(path + "-bin")
            torch.save(state, os.path.join(path + "-bin", "pytorch_model.bin"))
            # As Transformers 4.29 and older wrote it.
            older = {
                key.replace("parametrizations.weight.original0", "weight_g").replace(
                    "parametrizations.weight.original1", "weight_v"
                ): value
                for key, value in state.items()
            }
            model.config.save_pretrained(path + "-bin-older")
            torch.save(
                older, os.path.join(path + "-bin-older", "pytorch_model.bin"), _use_new_zipfile_serialization=False
            )
            halves = {key: value.half() for key, value in state.items()}
            os.makedirs(path + "-half")
            model.config.save_pretrained(path + "-half")
            save_file(halves, os.path.join(path + "-half", "model.safetensors"), {"format": "pt"})


load_theirs()
save_ours()
