"""How many cells fit: shapes, what one needs, and what is set aside."""

from small_sweeps import QUICK

from geometric_memory.sweeps.cells import make_cell
from geometric_memory.sweeps.pieces import cell_need, make_pieces
from geometric_memory.work.memory import Budget, free
from geometric_memory.work.piece import PROCESS_BYTES, measure


def test_seeds_and_rates_need_the_same_memory_and_widths_do_not():
    first = make_cell(QUICK)
    alike = make_cell({**QUICK, "seed": 8, "path_finetuning_learning_rate": 0.5})
    wider = make_cell({**QUICK, "embedding_dimension": 64})
    shapes = [piece.shape for piece in make_pieces([first, alike, wider])]
    assert shapes[0] == shapes[1] != shapes[2]


def test_a_larger_model_needs_more(folder):
    small, large = (
        cell_need(cells=[make_cell({**QUICK, "embedding_dimension": width})]) for width in (16, 512)
    )
    # A layer and its embeddings: 12 d^2 weights, with gradients and two moments of 4 bytes each.
    assert large["cpu"] - small["cpu"] > 16 * 12 * (512**2 - 16**2)
    assert small["cpu"] > PROCESS_BYTES
    assert not folder.path.exists()


def test_what_cannot_be_measured_runs_and_shows_what_is_wrong():
    (piece,) = make_pieces([make_cell({**QUICK, "graph_type": "custom", "graph_file": "gone.txt"})])
    assert measure(piece) == {}


def test_what_runs_is_set_aside_until_it_ends():
    budget = Budget({"cpu": 10})
    budget.take({"cpu": 6})
    assert budget.fits({"cpu": 4})
    assert not budget.fits({"cpu": 5})
    budget.take({"cpu": 6}, -1)
    assert budget.fits({"cpu": 10})
    assert not budget.fits({"cpu": 11})
    assert budget.fits({"device that cannot tell": 10**18})


def test_a_part_of_what_is_free_is_planned_with():
    assert 0 < free()["cpu"] < 10**14
