"""All findings."""

from geometric_memory.studies.findings.capacity import CAPACITY
from geometric_memory.studies.findings.edit import EDIT
from geometric_memory.studies.findings.effects import EFFECTS
from geometric_memory.studies.findings.prediction import PREDICTION
from geometric_memory.studies.findings.self_edges import SELF_EDGE_MAP

FINDINGS = {
    finding.name: finding for finding in (SELF_EDGE_MAP, EFFECTS, PREDICTION, EDIT, CAPACITY)
}
