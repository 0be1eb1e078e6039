"""What the PyTorch contestants train: Transformers' models, each with the loss of the task of that name in `src/tasks`."""

from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors import safe_open
from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining

def build(model_class, config, weights):
    """A new model, or one with the parameters of a Hugging Face directory, in float32."""
    if weights is None:
        return model_class(config)
    # What is left over belongs to a head of the task's own, and is no news.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, found = model_class.from_pretrained(weights, config=config, dtype=torch.float32, output_loading_info=True)
    if found["missing_keys"]:
        raise ValueError(f"{weights} lacks {', '.join(sorted(found['missing_keys']))}")
    return model


class PreTraining(torch.nn.Module):
    """The contrastive and diversity losses over the number of masked frames."""

    def __init__(self, spec, weights=None):
        super().__init__()
        self.model = build(Wav2Vec2ForPreTraining, Wav2Vec2Config(**spec["model"]), weights)
        self.model.set_gumbel_temperature(spec["training"]["gumbelTemperature"])

    def arguments(self, batch):
        """What `forward` takes of a batch as Babble has it."""
        return {
            "input_values": batch["inputValues"],
            "mask_time_indices": batch["maskTimeIndices"].bool(),
            "sampled_negative_indices": batch["sampledNegativeIndices"].long(),
        }

    def forward(self, **batch):
        return self.model(**batch).loss / batch["mask_time_indices"].sum()


class MaskedPrediction(torch.nn.Module):
    """HuBERT's cross-entropy of the masked frames' clusters and its penalty on large features, over the number of masked frames.

    As in fairseq, only the masked frames are projected and scored. Which they are is worked out beforehand, so that a step
    neither waits for their number nor breaks the graph of torch.compile.
    """

    def __init__(self, spec, weights=None):
        super().__init__()
        model, training = spec["model"], spec["training"]
        self.model = build(HubertModel, HubertConfig(**model), weights)
        (classes,) = model["num_classes"]
        self.final_proj = torch.nn.Linear(model["hidden_size"], model["final_dim"])
        self.label_embs_concat = torch.nn.Parameter(torch.rand(classes, model["final_dim"]))
        self.temperature = model["logit_temperature"]
        self.feature_grad_mult = training["featureGradMult"]
        self.feature_penalty_weight = training["featurePenaltyWeight"]
        if weights is not None:
            own = dict(self.named_parameters())
            with safe_open(Path(weights) / "model.safetensors", "pt") as file, torch.no_grad():
                for name in ("final_proj.weight", "final_proj.bias", "label_embs_concat"):
                    own[name].copy_(file.get_tensor(name))

    def arguments(self, batch):
        mask = batch["maskTimeIndices"].bool()
        frames = mask.shape[1]
        return {
            "input_values": batch["inputValues"],
            "mask_time_indices": mask,
            "masked_frames": mask.flatten().nonzero().flatten(),
            "masked_targets": batch["targets"][:, :frames, 0][mask].long(),
        }

    def forward(self, input_values, mask_time_indices, masked_frames, masked_targets):
        model = self.model
        features = ScaleGradient.apply(model.feature_extractor(input_values), self.feature_grad_mult)
        penalty = features.float().pow(2).mean()
        hidden = model.feature_projection(features.transpose(1, 2))
        # As `_mask_hidden_states` does, whose assignment by a mask torch.compile cannot trace.
        hidden = torch.where(mask_time_indices[..., None], model.masked_spec_embed.to(hidden.dtype), hidden)
        hidden = model.encoder(hidden).last_hidden_state
        projected = self.final_proj(hidden.flatten(0, 1)[masked_frames])
        cosines = F.normalize(projected.float(), dim=-1) @ F.normalize(self.label_embs_concat.float(), dim=-1).T
        return F.cross_entropy(cosines / self.temperature, masked_targets) + self.feature_penalty_weight * penalty


class ScaleGradient(torch.autograd.Function):
    """The same values, with a gradient times `factor`."""

    @staticmethod
    def forward(ctx, values, factor):
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


class Ctc(torch.nn.Module):
    """Wav2Vec2ForCTC with masks that are made beforehand, its summed loss over the number of labels."""

    def __init__(self, spec, weights=None):
        super().__init__()
        self.model = build(Wav2Vec2ForCTC, Wav2Vec2Config(**spec["model"]), weights)
        if spec["training"]["freezeFeatureEncoder"]:
            self.model.freeze_feature_encoder()

    def arguments(self, batch):
        attention_mask = batch["attentionMask"].long()
        return {
            "input_values": batch["inputValues"],
            "attention_mask": attention_mask,
            "mask_time_indices": batch["maskTimeIndices"].bool(),
            "input_lengths": self.model._get_feat_extract_output_lengths(attention_mask.sum(-1)),
            "labels": batch["labels"].long(),
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


TASKS = {"pretraining": PreTraining, "masked-prediction": MaskedPrediction, "ctc": Ctc}
