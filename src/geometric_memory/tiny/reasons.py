"""Why a published number lies where ours does not: a sentence each, from what can be checked."""

from geometric_memory.tiny.comparison import Row

LONG = 5000
CURVE_QUANTITIES = ("first_complete", "level_at_complete")
CHAOTIC_RATE = 10


def reason(row: Row) -> str:
    """Return the sentence for a published value outside the interval of one run."""
    section = row.section
    if row.equals_seed:
        return "Ours is the same at seed 7, which is an unusual seed."
    if row.matches_seed:
        return (
            "Within half a percent of ours at seed 7: seeds scatter less in fp32 than the bf16 of "
            "the published run moves the number."
        )
    if row.quantity in CURVE_QUANTITIES and section.steps >= LONG:
        return "Read off a drawn curve of 10,000 steps, whose first steps the drawing had thinned."
    if row.rounded is not None:
        return _rounded(row)
    if section.learning_rate >= CHAOTIC_RATE:
        return "A learning rate of 10 is chaotic: rounding decides the end."
    if row.quantity == "loss":
        return "The published run was trained in bf16, whose rounding holds the loss above fp32's."
    if section.width == 512 and not section.frozen:
        return (
            "Not repeated in bf16 here; in reruns of the release's code on the cycle at this width "
            "bf16 alone moved the end as far."
        )
    return "The published run was trained in bf16; not repeated in bf16 here."


def _rounded(row: Row) -> str:
    low, high = row.rounded_interval
    told = f"{low:.3g} to {high:.3g}"
    if row.inside_rounded:
        return f"Rounding: inside the interval of bf16, in which it was trained ({told})."
    if row.quantity == "loss":
        return f"The published run was trained in bf16 on a GPU; bf16 here ends at {told}."
    return f"Outside in bf16 on a processor as well ({told}): not explained; published on a GPU."
