"""Times single ops on PyTorch: the other side of `src/ops/worker.ts`.

Tensors are in PyTorch's own layout (channels before time); values are those that the other contestants make.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from peer import Machine, arguments, serve


def mix(values):
    """MurmurHash3's finaliser on uint32, as in `src/ops/inputs.ts`."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def hashed(count, seed):
    offset = np.uint32((seed * 0x9E3779B9) % 2**32)
    return mix(np.arange(count, dtype=np.uint32) + offset)


class Inputs:
    def __init__(self, device):
        self.device = device

    def tensor(self, shape, seed, scale=1.0):
        bits = hashed(math.prod(shape), seed) >> np.uint32(8)
        values = (bits.astype(np.float64) / 2**23 - 1) * math.sqrt(3)
        values = values.astype(np.float32)
        if scale != 1.0:
            values *= np.float32(scale)
        return torch.from_numpy(values.reshape(shape)).to(self.device)

    def channels_first(self, shape, seed):
        """The values of a [batch, time, channels] tensor, as [batch, channels, time]."""
        return self.tensor(shape, seed).transpose(1, 2).contiguous()

    def labels(self, batch, labels, vocabulary, seed):
        steps = 1 + hashed(batch * labels, seed).astype(np.int64) % (vocabulary - 2)
        values = np.zeros((batch, labels), np.int64)
        for row in range(batch):
            value = 0
            for column in range(labels):
                step = int(steps[row * labels + column])
                value = step if column == 0 else 1 + (value - 1 + step) % (vocabulary - 1)
                values[row, column] = value
        return torch.from_numpy(values).to(self.device)


def value_and_gradients(function, inputs, dy):
    """A call that gives the value of `function` and its gradients for a given gradient of the value."""
    for tensor in inputs:
        tensor.requires_grad_(True)

    def call():
        value = function(*inputs)
        return [value, *torch.autograd.grad(value, inputs, dy.to(value.dtype))]

    return call


def matmul(work, make, wrap):
    m, k, n = work["m"], work["k"], work["n"]
    a = make.tensor([k, m] if work["transposeA"] else [m, k], 1)
    b = make.tensor([n, k] if work["transposeB"] else [k, n], 2)
    function = wrap(lambda x, y: (x.T if work["transposeA"] else x) @ (y.T if work["transposeB"] else y))
    return lambda: [function(a, b)]


def conv1d(work, make, wrap):
    stride, groups = work["stride"], work["groups"]
    low, high = work["padding"]
    x = make.channels_first([work["batch"], work["time"], work["inChannels"]], 1)
    w = make.tensor([work["outChannels"], work["inChannels"] // groups, work["kernel"]], 2)
    # PyTorch pads both sides alike; frames too many are dropped at the end, as in Transformers.
    drop = (low - high) // stride
    if work["pass"] == "forward":

        def forward(x, w):
            y = F.conv1d(x, w, None, stride, low, 1, groups)
            return y[:, :, :-drop] if drop else y

        function = wrap(forward)
        return lambda: [function(x, w)]
    frames = (work["time"] + low + high - work["kernel"]) // stride + 1
    dy = make.channels_first([work["batch"], frames, work["outChannels"]], 3)
    mask = [work["pass"] == "inputGradient", work["pass"] == "weightGradient", False]

    def gradient(dy, x, w):
        padded = F.pad(dy, (0, drop)) if drop else dy
        results = torch.ops.aten.convolution_backward(
            padded, x, w, None, [stride], [low], [1], False, [0], groups, mask
        )
        return results[0] if mask[0] else results[1]

    function = wrap(gradient)
    return lambda: [function(dy, x, w)]


def attention(work, make, wrap):
    shape = [work["batch"], work["heads"], work["time"], work["width"]]
    q, k, v, dy = (make.tensor(shape, seed) for seed in (1, 2, 3, 4))
    function = wrap(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, dropout_p=work["dropout"]))
    if work["pass"] == "forward":
        return lambda: [function(q, k, v)]
    return value_and_gradients(function, [q, k, v], dy)


def elementwise(function):
    def build(work, make, wrap):
        x, dy = make.tensor(work["shape"], 1), make.tensor(work["shape"], 2)
        return value_and_gradients(wrap(lambda x: function(x, work)), [x], dy)

    return build


def layer_norm(work, make, wrap):
    channels = work["shape"][-1:]
    x, weight, bias, dy = (make.tensor(s, i + 1) for i, s in enumerate([work["shape"], channels, channels, work["shape"]]))
    return value_and_gradients(wrap(lambda x, w, b: F.layer_norm(x, channels, w, b, 1e-5)), [x, weight, bias], dy)


def group_norm(work, make, wrap):
    channels = work["shape"][-1:]
    x, dy = make.channels_first(work["shape"], 1), make.channels_first(work["shape"], 4)
    weight, bias = make.tensor(channels, 2), make.tensor(channels, 3)
    return value_and_gradients(wrap(lambda x, w, b: F.group_norm(x, work["groups"], w, b, 1e-5)), [x, weight, bias], dy)


def gumbel_quantizer(work, make, wrap):
    from transformers import Wav2Vec2Config
    from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2GumbelVectorQuantizer

    config = Wav2Vec2Config(
        conv_dim=[work["inputSize"]] * 7,
        num_codevectors_per_group=work["entries"],
        num_codevector_groups=work["groups"],
        codevector_dim=work["codevectorDim"],
    )
    module = Wav2Vec2GumbelVectorQuantizer(config).to(make.device).train()
    module.temperature = 2.0
    parameters = [module.codevectors, module.weight_proj.weight, module.weight_proj.bias]
    with torch.no_grad():
        for seed, (parameter, scale) in enumerate(zip(parameters, [1.0, work["inputSize"] ** -0.5, 1.0])):
            parameter.copy_(make.tensor(list(parameter.shape), seed + 2, scale))
    x = make.tensor([work["batch"], work["time"], work["inputSize"]], 1).requires_grad_(True)
    dy = make.tensor([work["batch"], work["time"], work["codevectorDim"]], 5)
    forward = wrap(lambda x: module(x))

    def call():
        codevectors, perplexity = forward(x)
        loss = (codevectors * dy).sum() + perplexity
        return [codevectors, perplexity, *torch.autograd.grad(loss, [x, *parameters])]

    return call


def ctc(work, make, wrap):
    logits = make.tensor([work["batch"], work["time"], work["vocabulary"]], 1).requires_grad_(True)
    targets = make.labels(work["batch"], work["labels"], work["vocabulary"], 2)
    input_lengths = torch.full((work["batch"],), work["time"], dtype=torch.long)
    target_lengths = torch.full((work["batch"],), work["labels"], dtype=torch.long)

    def loss(logits):
        log_probs = torch.log_softmax(logits.float(), -1).transpose(0, 1)
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="sum")

    function = wrap(loss)

    def call():
        value = function(logits)
        return [value, *torch.autograd.grad(value, [logits])]

    return call


def adamw(work, make, wrap):
    shapes = [shape for shape, count in work["shapes"] for _ in range(count)]
    parameters = [torch.nn.Parameter(make.tensor(shape, index)) for index, shape in enumerate(shapes)]
    for index, parameter in enumerate(parameters):
        parameter.grad = make.tensor(list(parameter.shape), index + 1000)
    optimizer = torch.optim.AdamW(
        parameters, lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01, fused=True if work["fused"] else None
    )
    step = wrap(optimizer.step)

    def call():
        step()
        return []

    call.inspect = lambda: [parameters[0], parameters[-1]]
    return call


def scale(work, make, wrap):
    x = make.tensor([work["elements"]], 1)
    function = wrap(lambda x: x * 2)
    return lambda: [function(x)]


BUILDERS = {
    "scale": scale,
    "matmul": matmul,
    "conv1d": conv1d,
    "attention": attention,
    "layerNorm": layer_norm,
    "groupNorm": group_norm,
    "gelu": elementwise(lambda x, work: F.gelu(x)),
    "softmax": elementwise(lambda x, work: torch.softmax(x, -1)),
    "dropout": elementwise(lambda x, work: F.dropout(x, work["p"], training=True)),
    "gumbelQuantizer": gumbel_quantizer,
    "ctc": ctc,
    "adamw": adamw,
}


def main():
    args = arguments(__doc__).parse_args()
    machine = Machine(args)
    wrap = torch.compile if args.compile else (lambda function: function)
    prepared = None

    def run():
        with machine.cast():
            return machine.timed(prepared)

    def checksums():
        results, _ = run()
        if hasattr(prepared, "inspect"):
            results = prepared.inspect()
        return [float(result.detach().abs().double().mean()) for result in results]

    def answer(request):
        nonlocal prepared
        if request["do"] == "prepare":
            prepared = None
            torch._dynamo.reset()
            work = request["work"]
            prepared = BUILDERS[work["kind"]](work, Inputs(machine.device), wrap)
            _, first = run()
            _, second = run()
            return {"prepareSeconds": first, "callSeconds": second, "checksums": checksums()}
        if request["do"] == "time":
            run()
            return {"seconds": [run()[1] for _ in range(request["calls"])]}
        prepared = None
        return {}

    serve({"name": machine.describe(args), "threads": torch.get_num_threads()}, answer)


if __name__ == "__main__":
    main()
