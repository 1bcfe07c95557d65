"""The families of graphs, one module each, in the order in which help texts list them."""

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType

from geometric_memory.graphs.family import Family

_CLASSES = (
    "star:Star",
    "grid:Grid",
    "cycle:Cycle",
    "irregular:Irregular",
    "custom:Custom",
    "tree:Tree",
    "torus:Torus",
    "hypercube:Hypercube",
    "erdos_renyi:ErdosRenyi",
    "barabasi_albert:BarabasiAlbert",
    "watts_strogatz:WattsStrogatz",
    "stochastic_block:StochasticBlock",
)

FAMILIES: Mapping[str, type[Family]] = MappingProxyType(
    {family.name: family for family in (resolve_name(f"{__name__}.{c}") for c in _CLASSES)}
)
"""Every family by name."""
