"""What the PyTorch contestants share: options, device and precision, and the clock; with the protocol of `protocol.py`."""

import argparse
import time
from contextlib import nullcontext

import torch
from protocol import decline, peak_rss_bytes, say, serve

__all__ = ["Machine", "arguments", "decline", "peak_rss_bytes", "say", "serve"]


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="threads inside an op (default: PyTorch's own choice)")
    parser.add_argument("--compile", action="store_true", help="under torch.compile")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="bf16: autocast to bfloat16")
    return parser


class Machine:
    """The device a contestant computes on."""

    def __init__(self, args):
        if args.threads:
            torch.set_num_threads(args.threads)
        if args.device == "cuda" and not torch.cuda.is_available():
            decline("PyTorch finds no CUDA device.")
        # Babble multiplies float32 matrices in full precision on every device: no TF32 here either.
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        self.device = torch.device(args.device)
        self.precision = args.precision

    def cast(self):
        """The context that forward passes run under."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, call):
        """Result and seconds of a call, from tensors on the device until its results are there."""
        start = time.perf_counter()
        result = call()
        self.wait()
        return result, time.perf_counter() - start

    def describe(self, args):
        where = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        return f"PyTorch {torch.__version__} on {where}" + (", torch.compile" if args.compile else "")
