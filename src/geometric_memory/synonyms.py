"""Synonyms: what people type, and the names and values of settings that mean it.

A name that is not known leads to what is known and means the same, else to the name of which it
is a typing error or the last words, else nowhere: a wild guess misleads.
"""

import difflib
from collections.abc import Collection

SYNONYMS = {
    "path_finetuning_learning_rate": "lr rate learning_rate step_size",
    "edge_memorization_learning_rate": "lr rate learning_rate step_size",
    "embedding_rate_factor": "embedding_learning_rate embedding_lr embedding_rate",
    "path_finetuning_epochs": "epoch epochs num_epochs n_epochs max_epochs",
    "edge_memorization_epochs": "epoch epochs num_epochs n_epochs max_epochs",
    "path_finetuning_batch_size": "bs batch batch_size",
    "edge_memorization_batch_size": "bs batch batch_size",
    "path_finetuning_warmup_steps": "warmup warmup_steps",
    "edge_memorization_warmup_steps": "warmup warmup_steps",
    "max_steps": "steps num_steps n_steps iters max_iters iterations",
    "optimizer_weight_decay": "wd decay l2",
    "stop_at_path_accuracy": "stop stop_at target_accuracy early_stopping",
    "device": "gpu cuda cpu mps accelerator",
    "precision": "dtype amp fp16 bf16 fp32 mixed_precision",
    "seed": "random_state manual_seed",
    "transformer_layer_count": "layer layers num_layers n_layers n_layer depth",
    "embedding_dimension": "width dim d_model n_embd embed_dim embedding_dim hidden_size",
    "attention_head_count": "head heads num_heads n_heads n_head",
    "position_count": "block_size context_length max_length seq_len n_positions",
    "dropout_rate": "dropout",
    "model_family": "model arch architecture",
    "graph_type": "graph",
    "graph_file": "edges edge_list file",
    "star_degree": "arms degree",
    "path_length": "length arm_length",
    "total_nodes": "nodes num_nodes n_nodes",
    "grid_cols": "grid_columns",
    "dataset_root": "data data_dir",
    "experiment_log_root": "out output output_dir out_dir log_dir save_dir",
    "run_name": "name",
    "keep_checkpoints": "checkpoints_kept save_total_limit",
    "enable_wandb": "wandb",
    # Of the sections of the tiny graphs.
    "learning_rate": "lr rate step_size",
    "width": "dim d_model n_embd embedding_dim embedding_dimension hidden_size",
    "steps": "epochs num_steps max_steps iterations",
    # Of subcommands.
    "convert": "export import save",
    # Values.
    "cuda": "gpu nvidia",
    "mps": "metal apple",
    "fp32": "float32 float 32 full",
    "bf16": "bfloat16 16",
    "on": "true yes 1",
    "off": "false no 0",
    "gpt": "transformer nanogpt",
    "star": "path_star tree_star",
    "cycle": "ring",
    "grid": "lattice",
}
"""Every name or value, and the words that mean it, the likeliest name first."""
LEAST_LIKENESS = 0.75
"""Of a typing error: twice the letters in common over all letters of both."""


def nearest_names(name: str, known: Collection[str]) -> list[str]:
    """Return the names among `known` that `name` stands for; none where that would be a guess."""
    asked = _plain(name)
    names = {_plain(each): each for each in known}
    meant = [names[n] for n, words in SYNONYMS.items() if n in names and asked in words.split()]
    if meant:
        return meant
    typed = difflib.get_close_matches(asked, list(names), n=1, cutoff=LEAST_LIKENESS)
    typed = typed or [each for each in names if sorted(each) == sorted(asked)]
    ending = [each for each in names if each.endswith(f"_{asked}")]
    found = typed or (ending if len(ending) == 1 else [])
    return [names[each] for each in found]


def hint(name: str, known: Collection[str]) -> str:
    """Return `; did you mean NAME?`, or nothing where no name among `known` is near."""
    found = nearest_names(name, known)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def unknown_name(name: str, known: Collection[str], word: str = "setting") -> str:
    """Return the sentence that refuses `name`, a `word`, and offers what it may stand for."""
    return f"unknown {word} {name}{hint(name, known)}"


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()
