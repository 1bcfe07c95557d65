"""All claims, in the order of the paper."""

from geometric_memory.errors import ConfigurationError
from geometric_memory.experiments.claims.claim import Claim
from geometric_memory.experiments.claims.complexity import COMPLEXITY
from geometric_memory.experiments.claims.memory_claims import MEMORY_CLAIMS
from geometric_memory.experiments.claims.path_claims import PATH_CLAIMS
from geometric_memory.experiments.claims.tiny_claims import TINY_CLAIMS
from geometric_memory.settings import unknown_name

CLAIMS = {claim.name: claim for claim in (*PATH_CLAIMS, *MEMORY_CLAIMS, *TINY_CLAIMS, COMPLEXITY)}


def chosen_claims(names: list[str]) -> tuple[Claim, ...]:
    """Return the claims of `names`, all of them when there are none.

    Raises:
        ConfigurationError: naming every unknown one, with the nearest there is.
    """
    problems = [
        unknown_name(name, CLAIMS).replace("setting", "claim") + " (geomem reproduce --list)"
        for name in names
        if name not in CLAIMS
    ]
    if problems:
        raise ConfigurationError(problems)
    return tuple(CLAIMS[name] for name in dict.fromkeys(names)) or tuple(CLAIMS.values())
