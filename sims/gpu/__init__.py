"""Replicates in batches on one GPU: CuPy's arrays, and CUDA kernels of our own (``cuda/*.cu``)."""

from .batch import Batch, bytes_of_replicate, in_batches
from .device import Backend, CudaDevice, Device, chosen, open_device
from .limit import Limits, max_margins
from .training import Recorded, descend, flow

__all__ = [
    "Backend",
    "Batch",
    "CudaDevice",
    "Device",
    "Limits",
    "Recorded",
    "bytes_of_replicate",
    "chosen",
    "descend",
    "flow",
    "in_batches",
    "max_margins",
    "open_device",
]
