"""Near pairs against far ones in the embeddings of many members at once."""

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.node_pairs import NodePairs, statistics


def geometry_of(
    tables: Float[np.ndarray, "members nodes dim"], pairs: NodePairs
) -> tuple[list[float], list[float]]:
    """Return the rank correlation with hops, and the AUC of 2 hops against more, per member."""
    found = [
        statistics(pairs, pairs.distances(table - table.mean(axis=0)))
        for table in tables.astype(np.float64)
    ]
    return [correlation for correlation, _ in found], [auc for _, auc in found]
