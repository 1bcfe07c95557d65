"""A GPU for machines without one: tensors that compute on the CPU and report another device.

A `Pretended` tensor holds a tensor of the CPU, carries the dispatch keys of cuda or mps and reports
that device, in C++ too. So all that lies above the kernels is the real thing: autograd, autocast
with its lists of operators, the choice of overloads. `Device` meets every operator below autograd;
it refuses what the device would refuse, and notes what would make the host wait.

Two things in C++ know more of a device than its name. Autograd asks for its streams: it gets those
of `meta`, which are none. The backward pass, and the choice of an attention kernel, look for its
driver: while they run, C++ sees `meta` as the device.
"""

import ctypes
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
import torchgen
import yaml
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

import geometric_memory

SOURCE = str(Path(geometric_memory.__file__).parent)
LIBRARY = next(Path(torch.__file__).with_name("lib").glob("*c10.*"))
STREAMS = "_ZN3c104impl26device_guard_impl_registryE"
"""c10::impl::device_guard_impl_registry: who knows the streams of each kind of device."""
NUMBERS = {"cuda": 1, "mps": 13, "meta": 14}
"""Of c10::DeviceType; there are 21."""
DECLARATIONS = Path(torchgen.__path__[0], "packaged/ATen/native/native_functions.yaml")
aten = torch.ops.aten
SEARCHING = (
    "torch.autograd._engine_run_backward",
    "geometric_memory.models.layers.scaled_dot_product_attention",
)
"""Functions that look for the driver of a device."""
DEVICE_OF = torch.ops.prim.device.default
COPIES = {aten.copy_.default, aten._to_copy.default}
WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""Tags of operators that return a value to the host, or whose shape is one."""
MASKED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
"""Operators that wait only if an index is a mask, to know how many places it has."""
BLIND_ADAM = {aten._fused_adamw_.default, aten._fused_adamw_.tensor_lr}
"""Ignore `found_inf` on mps (issue 186360 of PyTorch)."""


class DeviceError(AssertionError):
    """Something that the pretended device cannot do."""


class Pretended(Tensor):
    """A tensor of the pretended device."""

    held: Tensor
    """The values, on the CPU."""
    kind: str
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def of(held: Tensor, kind: str) -> "Pretended":
        """Return `held` as a tensor of the device `kind`."""
        with torch.inference_mode(False):
            seen = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device="meta")
            made = Tensor._make_subclass(
                Pretended, seen, False, dispatch_device=True,
                device_for_backend_keys=torch.device(kind, 0),
            )  # fmt: skip
        made.held, made.kind = held, kind
        return made

    @property
    def device(self) -> torch.device:
        return torch.device(self.kind, 0)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def new_tensor(self, data: Any) -> Tensor:
        return torch.tensor(data, dtype=self.dtype).to(self.device)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is DEVICE_OF:
            return args[0].device
        raise DeviceError(f"{func}: used after its device")


class Device(TorchDispatchMode):
    """A pretended device; while it is active, tensors can be made on it and used."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.hidden = False
        """Whether C++ sees `meta` now."""
        self.used: set[OpOverload] = set()
        """Operators that ran on the device."""
        self.waits: list[str] = []
        """What the host waited for, and where in our code."""

    @contextmanager
    def hiding(self) -> Iterator[None]:
        """Let C++ see `meta`; a backward pass stays in this thread."""
        self.hidden = True
        try:
            with torch.autograd.set_multithreading_enabled(False):
                yield
        finally:
            self.hidden = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is DEVICE_OF:
            return torch.device("meta" if self.hidden else self.kind, 0)
        kwargs = dict(kwargs or {})
        given = [x for x in _leaves((*args, *kwargs.values())) if isinstance(x, Tensor)]
        target = kwargs.get("device")
        if not (self._is_mine(target) or any(isinstance(x, Pretended) for x in given)):
            return func(*args, **kwargs)
        if _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        leaves = target is not None and not self._is_mine(target)
        self._check(func, given)
        if self._waits(func, args, kwargs, given, leaves=leaves):
            self.waits.append(f"{func} in {_place()}")
        self.used.add(func)
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        if self.kind == "mps" and func in BLIND_ADAM:
            kwargs["found_inf"] = None
        result = func(*_mapped(_held, args), **{k: _mapped(_held, v) for k, v in kwargs.items()})
        written = _written(func)
        if written is not None:
            return kwargs[written] if isinstance(written, str) else args[written]
        return result if leaves else _mapped(self._wrapped, result)

    def _is_mine(self, target: torch.device | None) -> bool:
        return target is not None and target.type in (self.kind, "meta")

    def _check(self, func: OpOverload, given: list[Tensor]) -> None:
        for stranger in (x for x in given if not isinstance(x, Pretended) and func not in COPIES):
            if stranger.dim() or not stranger.is_cpu:
                message = f"{func}: a tensor of {stranger.device} among those of {self.kind}"
                raise DeviceError(f"{message}, {_place()}")
        if not has_kernel(func, self.kind):
            raise DeviceError(f"{func}: {self.kind} has no kernel for it, {_place()}")

    def _waits(self, func, args, kwargs, given, *, leaves) -> bool:
        if func in COPIES and not kwargs.get("non_blocking"):
            return leaves or not all(isinstance(x, Pretended) for x in given)
        if func in MASKED:
            return any(x is not None and x.dtype == torch.bool for x in args[1])
        return not WAITING.isdisjoint(func.tags)

    def _wrapped(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if self.kind == "mps" and value.dtype == torch.float64:
            raise DeviceError(f"mps has no float64, {_place()}")
        return Pretended.of(value, self.kind)


class Generator(torch.Generator):
    """A generator of the CPU, whatever device is asked for."""

    def __new__(cls, device: object = None) -> "Generator":
        return super().__new__(cls)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)([_mapped(change, part) for part in value])
    return change(value)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Pretended) else value


@cache
def _is_composite(func: OpOverload) -> bool:
    """Whether an operator is made of others; without autograd it comes here whole."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


@cache
def _written(func: OpOverload) -> str | int | None:
    """Return which argument an operator writes to and returns, if any."""
    if not any(r.alias_info and r.alias_info.is_write for r in func._schema.returns):
        return None
    arguments = enumerate(func._schema.arguments)
    written = ((i, a) for i, a in arguments if a.alias_info and a.alias_info.is_write)
    return next(a.name if a.kwarg_only else i for i, a in written)


def _place() -> str:
    """Return the line of our code that is being run."""
    frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(SOURCE)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "outside of our code"


@cache
def _declarations() -> Mapping[str, Mapping[str, Any]]:
    entries = yaml.load(DECLARATIONS.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {entry["func"].partition("(")[0]: entry for entry in entries}


@cache
def has_kernel(func: OpOverload, kind: str) -> bool:
    """Whether PyTorch declares a kernel of `func` for the device, its own or a general one."""
    name = str(func).removeprefix("aten.").removesuffix(".default")
    entry = _declarations()[_declarations()[name].get("structured_delegate", name)]
    keys = {key.strip() for keys in entry.get("dispatch", {}) for key in keys.split(",")}
    general = not keys or any(key.startswith("Composite") for key in keys)
    return general or kind.upper() in keys or (kind == "cuda" and "ufunc_inner_loop" in entry)


@contextmanager
def pretending(kind: str) -> Iterator[Device]:
    """Make PyTorch believe that this machine has the device `kind`, cuda or mps."""
    streams = (ctypes.c_void_p * 21).in_dll(ctypes.CDLL(str(LIBRARY)), STREAMS)
    if streams[NUMBERS[kind]]:
        pytest.skip(f"this build of PyTorch is for {kind}, whose streams are not to be replaced")
    answers = {
        "torch.cuda.is_available": kind == "cuda",
        "torch.backends.mps.is_available": kind == "mps",
        "torch.cuda.is_bf16_supported": True,
        "torch.cuda.get_device_capability": (9, 0),
        "torch.cuda.get_device_name": "a pretended GPU",
        "torch.cuda.mem_get_info": (2**34, 2**34),
        "torch.cuda._lazy_init": None,
        "torch.__future__.get_overwrite_module_params_on_conversion": True,
    }
    device = Device(kind)
    with pytest.MonkeyPatch.context() as patch:
        for name, answer in answers.items():
            patch.setattr(name, lambda *args, answer=answer, **kwargs: answer)
        patch.setattr("torch.Generator", Generator)
        for name in SEARCHING:
            patch.setattr(name, device.hiding()(resolve_name(name)))
        streams[NUMBERS[kind]] = streams[NUMBERS["meta"]]
        try:
            with device:
                yield device
        finally:
            streams[NUMBERS[kind]] = None
