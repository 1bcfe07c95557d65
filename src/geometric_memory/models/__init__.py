"""Models: hidden states in, logits out; no loss, metrics or generation inside."""
