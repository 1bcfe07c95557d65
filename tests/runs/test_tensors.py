"""Tensors in files: which of them are not of finite numbers."""

import pytest
import torch

from geometric_memory.files.tensors import nonfinite


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_what_is_not_finite_is_named_and_nothing_else(kind):
    largest = torch.finfo(kind).max
    tensors = {
        "whole numbers": torch.arange(4), "none": torch.zeros(0, dtype=kind),
        "large": torch.full((100,), largest, dtype=kind),  # whose sum is infinite
        "both": torch.tensor([torch.inf, -torch.inf], dtype=kind),
        "one": torch.zeros(50, dtype=kind).index_fill(0, torch.tensor([7]), torch.nan),
        "last": torch.tensor([1.0, torch.inf], dtype=kind), "plain": torch.randn(9).to(kind),
    }  # fmt: skip
    assert nonfinite(tensors) == ["both", "one", "last"]
