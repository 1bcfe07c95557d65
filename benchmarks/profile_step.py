"""Where the time of one step at the headline size goes, by kind of work.

python benchmarks/profile_step.py [--precision bf16] [--batch 2048]
"""

from collections import defaultdict

import torch
from headline import job_parser, path_star, timed, trainer_of
from torch.profiler import ProfilerActivity, profile

from geometric_memory.training.machine import keep_freed_memory

KINDS = {
    "matrix products": ("mm", "addmm", "addmm_", "bmm", "baddbmm"),
    "softmax and maxima over the vocabulary": ("_softmax", "max"),
    "attention": ("_scaled_dot_product", "lerp", "sigmoid"),
    "GELU": ("gelu",),
    "norms": ("native_layer_norm",),
    "casts and copies": ("copy_", "cat", "clone"),
    "optimizer": ("_fused_adamw_", "linalg_vector_norm"),
    "gather and scatter": ("embedding", "index", "gather", "scatter"),
    "zeros": ("fill_", "zero_"),
    "sums, products, other element-wise": ("mul", "add", "sub", "sum", "div"),
}


def main() -> None:
    """Profile one step and print a table."""
    parser = job_parser(__doc__)
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args()
    keep_freed_memory()
    config, task = path_star(options, precision=options.precision)
    trainer = trainer_of(config, task)
    first, second = (batch for batch, _ in zip(trainer.batches().epoch(0), range(2), strict=False))
    trainer.train_step(first)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        seconds = timed(lambda: trainer.train_step(second))
    spent: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        spent[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    spent["Python, dispatch and the rest"] += seconds - sum(spent.values())
    print(f"{options.precision}, {torch.get_num_threads()} threads: {seconds:.3f} s")
    for kind, share in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{kind:45s}{1e3 * share:8.1f} ms{100 * share / seconds:7.1f} %")


def kind_of(operator: str) -> str:
    """Return the kind of work of a profiled operator."""
    name = operator.removeprefix("aten::")
    for kind, prefixes in KINDS.items():
        exact = kind in ("matrix products",)
        if name in prefixes or (not exact and name.startswith(prefixes)):
            return kind
    return "Python, dispatch and the rest"


if __name__ == "__main__":
    main()
