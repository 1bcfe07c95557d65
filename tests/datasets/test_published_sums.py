"""The published file names and SHA-256 sums of several data sets.

All come from the published release, except those of 10,000 arms of 10 nodes: these are what
this package wrote first, so they guard against change, not against a difference.
"""

import hashlib

import pytest

from geometric_memory.cli.dataset import main

# options | prefix | what follows the prefix: SHA-256
PUBLISHED = (
    (
        "--graph_type star --star_degree 4 --star_subtree_degree 1 --path_length 5 "
        "--add_forward_edges --add_backward_edges --random_seed 7",
        "star_deg_4_deg_tree_1_path_5_nodes_17_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "c4590b10cf34a87708bfa42c4c4750465d9f33240e7a47f71fc0f67a666c6d83",
            "0_test_1.txt": "07c38c1b1bb319c563f58465ba66f7b498c398a2a8c311a0dee637e042510bb0",
            "0_train_3.txt": "cb4f045b0fad2c7ca5550df75bbf1554c70b9f135856f819d8c5064197431a2d",
            "1_pretrain.txt": "1cb6b9173e018b1ad13346cbb4a430ef4d9b8857241b93b381693014b4fbd919",
        },
    ),
    (
        "--graph_type star --star_degree 5000 --star_subtree_degree 1 --path_length 5 "
        "--add_forward_edges --add_backward_edges --random_seed 0",
        "star_deg_5000_deg_tree_1_path_5_nodes_20001_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "8e3b9843b0a886a5fd70bcc171b24d044ad479bd0d3a90410ac2076adfc7481a",
            "0_test_1250.txt": "3d95d1af615d15b4023447e1a6155282376c894d206dce7e8aa45c2068d68bff",
            "0_train_3750.txt": "0da2eea26d9a2770c035c1811915647b71bc21a43b67f69450b414851d982d67",
            "1_pretrain.txt": "740ab20132f0e7a249769ab410b8dfe20e56a821c034e84b930fb8770249fc9e",
        },
    ),
    (
        "--graph_type star --star_degree 10000 --star_subtree_degree 1 --path_length 6 "
        "--add_forward_edges --add_backward_edges --random_seed 0",
        "star_deg_10000_deg_tree_1_path_6_nodes_50001_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "a84597fe5d523c0301bfc4bc9c27e12b5b22967daac8b77453f0e00c3b863133",
            "0_test_2500.txt": "cc6380ad3b64e9b4f03186b5781e81b0a450f4511e329a1c403657d9acf92671",
            "0_train_7500.txt": "26e552c10edf0c38c763d59f3eac7531e9a7c2e0f822c62baa9211fa9669ef37",
            "1_pretrain.txt": "c5ce910d28468c8acf83fe34396d3dd1de51a1aa39e867377bd34fe144ef57a6",
        },
    ),
    (
        "--graph_type star --star_degree 10 --path_length 6 --add_backward_edges "
        "--add_self_edges --train_split_ratio 0.9 --random_seed 123",
        "star_deg_10_deg_tree_1_path_6_nodes_51_sd_00_fb_01_selfedge_",
        {
            "0_pretrain.txt": "3836523eafa87d59a54ac3f8b582247ef7797589314396c8c0e9687fd97137ec",
            "0_test_1.txt": "c992c2d22ce10bb4f8e9253de1f62379f1da7042d9f0cd322f38abadbb4540a0",
            "0_train_9.txt": "9c0851e2a52f67453d6dced7bf07f87431453186604d353ff6f90e2480a00de5",
            "1_pretrain.txt": "2c780051101e778e4b9cd2aa45d3c2ad96a67ca46b5c16e4ad7918685b76eec4",
        },
    ),
    (
        "--graph_type star --star_degree 9 --path_length 5 --add_forward_edges "
        "--add_backward_edges --include_start_node_in_path_finetuning --random_seed 7",
        "star_deg_9_deg_tree_1_path_5_nodes_37_sd_10_fb_11_selfedge_",
        {
            "0_pretrain.txt": "70d3dcbda3e19fb6df783fe6ac204286b0f2ea6d448f500add4befcfc876f217",
            "0_test_3.txt": "b2282e87f269b40224e709a339c80bce8476996653cb3a6f88c8adb5fa38e52c",
            "0_train_6.txt": "f1b6d902f8f5925592638c6d881e7621a42ccedf36a4f935298caed723936f42",
            "1_pretrain.txt": "54aa0d1e0f9178ae7fe842a5ae90e8d567a94bdfa8449f7140557da5743f78b1",
        },
    ),
    (
        "--graph_type star --star_degree 6 --path_length 4 --total_nodes 30 "
        "--add_forward_edges --add_backward_edges --random_seed 1",
        "star_deg_6_deg_tree_1_path_4_nodes_30_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "aaf43c8c9ceb85d3a308dcbd81ca615a1ddc3a161c61a2c19b5aba0de4782c3f",
            "0_test_2.txt": "c2851fd7997d602723b0ae5e96fbe2b322a09380b4911a49776afd5cb2d823fe",
            "0_train_4.txt": "e40f41bd46a2aa3786c61371815d06aa6dc8414b969092548d52d6f452edd6b4",
            "1_pretrain.txt": "191793e41a655586ad857eecb91bfc2a59344545f0a9ad4c7ba48add5b65a4c2",
        },
    ),
    (
        "--graph_type star --star_degree 7 --star_subtree_degree 3 --path_length 4 "
        "--split_subtree_holdout --add_forward_edges --add_backward_edges "
        "--random_seed 1",
        "star_deg_7_deg_tree_3_path_4_nodes_92_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "52d96de88eed13e238e90a46bbc6144d82df1a93c5a83e7df97992ba12945aca",
            "0_test_18.txt": "04a19864f03f9800961b6af91bfea81724e4d4914120c2a6093df4f96876a278",
            "0_train_45.txt": "e14faaa58423cfcafb729e87355c65436e99c0ff7c3ea6a0d0b4cd3a3a97f12e",
            "1_pretrain.txt": "6e785bd582d09c38160ca1cdc9834c2067f7dc716a58b3e6dd1c0314eba9eb2c",
        },
    ),
    (
        "--graph_type grid --grid_rows 3 --grid_cols 6 --path_length 4 "
        "--add_forward_edges --train_split_ratio 0.5 --random_seed 1",
        "grid_rows_3_cols_6_nodes_18_sd_00_fb_10_selfedge_",
        {
            "0_pretrain.txt": "0c62eeaa3bd709f650e6d0c22237ea13509d6e7cc9515047bcd32eb796daa90b",
            "0_test_9.txt": "2191515a3d9e2f98e037d2f39f955d945e342452ef1efdbfd748b5e844b2524d",
            "0_train_9.txt": "51286320268feae8bf6a13f7b1e073cac3f47b7d79942b0243b8a31a97c1748a",
            "1_pretrain.txt": "806a0b65e2f8cf47f41f2ea3cfdcaf5e89e751d1ddebae0ee3238a38c127a492",
        },
    ),
    (
        "--graph_type cycle --total_nodes 40 --path_length 8 --add_backward_edges "
        "--train_split_ratio 0.5 --random_seed 123",
        "cycle_N_40_sd_00_fb_01_selfedge_",
        {
            "0_pretrain.txt": "0ff271e1c77e98ed706699f94efdd5de8f25d2c3983adade9c62a552b5305757",
            "0_test_20.txt": "ae74c12efc8b3c8d24165f5b45df0318f3fcf2a5d61bc45909bc8cab2ddae0ff",
            "0_train_20.txt": "f53687e00f49f7ae4787acbc762d67c16aa949cdc4590d2559159ad3a4f4e30b",
            "1_pretrain.txt": "08aeb4d83830f21a7700256d904b9e85b7e26efe9b1717c792ca2b6b7e1987aa",
        },
    ),
    (
        "--graph_type irregular --path_length 8 --add_forward_edges "
        "--train_split_ratio 0.9 --random_seed 0",
        "irregular_graph_nodes_16_edges_20_sd_00_fb_10_selfedge_",
        {
            "0_pretrain.txt": "de5a179cfa5384bcac0ff3995752c8b65a450f0449c3f9acef1e3c91f2cb435c",
            "0_test_2.txt": "9bac16a20347a93b06cb835b1b6a2c5d4ca64f3e75d6de552aa4347365122b4e",
            "0_train_14.txt": "f9e50f6049b142f59fb1b6fc026500a54c778a55b5b187152b04284e803d51b4",
            "1_pretrain.txt": "025ba88bffde1a8fa532843d10a85be9ce23916d38d44cef3a152643562f1567",
        },
    ),
    (
        "--graph_type star --star_degree 10000 --star_subtree_degree 1 --path_length 10 "
        "--add_forward_edges --add_backward_edges --random_seed 0",
        "star_deg_10000_deg_tree_1_path_10_nodes_90001_sd_00_fb_11_selfedge_",
        {
            "0_pretrain.txt": "40b716fc53fe9fc466dfec916ca9c87c69662af464c213befcb4f26e5da2a6f8",
            "0_test_2500.txt": "250db5dba1e5230528ce0d34e83d222469c2eff8c0b13b0894ec19f441d81f4a",
            "0_train_7500.txt": "adc1870dcaadefcb81d27848e604d9aa750ef957b8e2dc974300891e2c28ef6e",
            "1_pretrain.txt": "cac5e77318e748f8f7501a9d802b9da341becccb48f2b49c7c426d73119a92d9",
        },
    ),
)


@pytest.mark.parametrize(("options", "prefix", "sums"), PUBLISHED, ids=[p[1] for p in PUBLISHED])
def test_files_have_the_published_sums(tmp_path, options, prefix, sums):
    assert main([*options.split(), "--dataset_root", str(tmp_path)]) == 0
    family = options.split()[1]
    folder = tmp_path / f"{family}_graphs_randomized"
    written = {
        name: hashlib.sha256((folder / f"{prefix}{name}").read_bytes()).hexdigest() for name in sums
    }
    assert written == sums
