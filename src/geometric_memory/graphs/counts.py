"""How many nodes and paths a graph will have, from its settings alone."""

from geometric_memory.config import PUBLISHED_GRAPH_TYPES, GraphSettings

IRREGULAR_NODE_COUNT = 16


def expected_node_count(settings: GraphSettings) -> int | None:
    """Return the nodes that the settings imply; None for a custom graph, whose file decides."""
    match settings.graph_type:
        case "star":
            return settings.star_node_count if settings.total_nodes < 0 else settings.total_nodes
        case "grid" | "torus":
            return settings.grid_rows * settings.grid_cols
        case "irregular":
            return IRREGULAR_NODE_COUNT
        case "tree":
            branching = settings.tree_branching
            return (branching ** (settings.tree_depth + 1) - 1) // (branching - 1)
        case "hypercube":
            return 2**settings.hypercube_dimension
        case "custom":
            return None
        case _:
            return settings.total_nodes


def published_path_count(settings: GraphSettings) -> int | None:
    """Return the paths of a published family; None for the others, whose graph decides."""
    if settings.graph_type not in PUBLISHED_GRAPH_TYPES:
        return None
    if settings.graph_type == "star":
        return settings.star_degree * settings.star_subtree_degree ** (settings.path_length - 2)
    return expected_node_count(settings)
