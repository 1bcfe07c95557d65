"""All studies: the claims in the order of the paper, and what it leaves open."""

from geometric_memory.studies.capacity import CAPACITY
from geometric_memory.studies.complexity import COMPLEXITY
from geometric_memory.studies.context_map import CONTEXT_MAP
from geometric_memory.studies.edit import EDIT
from geometric_memory.studies.effects import EFFECTS
from geometric_memory.studies.identity import IDENTITY
from geometric_memory.studies.memory_claims import MEMORY_CLAIMS
from geometric_memory.studies.path_claims import PATH_CLAIMS
from geometric_memory.studies.prediction import PREDICTION
from geometric_memory.studies.rank import RANK
from geometric_memory.studies.scaling import SCALING
from geometric_memory.studies.self_edges import SELF_EDGES
from geometric_memory.studies.start import START
from geometric_memory.studies.tiny_claims import TINY_CLAIMS
from geometric_memory.studies.unused_map import UNUSED_MAP

CLAIMS = {study.name: study for study in (*PATH_CLAIMS, *MEMORY_CLAIMS, *TINY_CLAIMS, COMPLEXITY)}
FINDINGS = {
    study.name: study
    for study in (
        UNUSED_MAP, START, RANK, SELF_EDGES, EFFECTS, PREDICTION, EDIT, CAPACITY, IDENTITY,
        CONTEXT_MAP, SCALING,
    )
}  # fmt: skip
