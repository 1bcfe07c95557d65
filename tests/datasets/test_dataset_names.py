"""Names of the families that the release does not know (the published ones: see the sums)."""

import pytest

from geometric_memory.datasets.manifest import published_names


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"graph_type": "tree"}, "tree_branching_2_depth_4_nodes_31_path_6_seed_0"),
        ({"graph_type": "torus"}, "torus_rows_50_cols_50_nodes_2500_path_6_seed_0"),
        ({"graph_type": "hypercube"}, "hypercube_dimension_4_nodes_16_path_6_seed_0"),
        (
            {"graph_type": "erdos_renyi", "total_nodes": 9, "random_seed": 5},
            "erdos_renyi_probability_0.1_nodes_9_path_6_seed_5",
        ),
        (
            {"graph_type": "watts_strogatz", "total_nodes": 9},
            "watts_strogatz_neighbours_4_rewiring_0.1_nodes_9_path_6_seed_0",
        ),
        (
            {"graph_type": "stochastic_block", "total_nodes": 9},
            "stochastic_block_blocks_4_within_0.5_between_0.02_nodes_9_path_6_seed_0",
        ),
        (
            {"graph_type": "barabasi_albert", "total_nodes": 9},
            "barabasi_albert_attachment_2_nodes_9_path_6_seed_0",
        ),
    ],
)
def test_stems_carry_the_parameters(configure, settings, name):
    names = published_names(configure(**settings))
    assert names.prefix == name + "_sd_00_fb_11"
    assert names.folder.name == settings["graph_type"] + "_graphs"


def test_a_custom_stem_is_the_sanitized_file_stem_with_sizes(configure, tmp_path):
    graph = tmp_path / ("wörld .. map" + "x" * 99 + ".txt")
    graph.write_text("a b\nb c\n")
    names = published_names(configure(graph_type="custom", graph_file=str(graph), path_length=3))
    stem = names.prefix.removesuffix("_nodes_3_edges_2_path_3_seed_0_sd_00_fb_11")
    assert stem == ("w_rld_map" + "x" * 99)[:60]
    assert names.folder.name == "custom_graphs"


def test_the_bits_of_the_prefix(configure):
    config = configure(
        graph_type="irregular",
        include_start_node_in_path_finetuning=True,
        use_directional_edge_pretraining=True,
        add_backward_edges=True,
    )
    names = published_names(config)
    assert names.prefix == "irregular_graph_nodes_16_edges_20_sd_11_fb_01"
    assert names.older_file("train", 12) == names.prefix + "_train_12.txt"
    assert names.file("pretrain", 0, self_edges=True) == names.prefix + "_selfedge_1_pretrain.txt"
