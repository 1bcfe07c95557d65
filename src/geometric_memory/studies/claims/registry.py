"""All claims, in the order of the paper."""

from geometric_memory.studies.claims.complexity import COMPLEXITY
from geometric_memory.studies.claims.memory_claims import MEMORY_CLAIMS
from geometric_memory.studies.claims.path_claims import PATH_CLAIMS
from geometric_memory.studies.claims.tiny_claims import TINY_CLAIMS

CLAIMS = {claim.name: claim for claim in (*PATH_CLAIMS, *MEMORY_CLAIMS, *TINY_CLAIMS, COMPLEXITY)}
