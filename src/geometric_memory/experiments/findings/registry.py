"""All findings."""

from geometric_memory.experiments.findings.capacity import CAPACITY
from geometric_memory.experiments.findings.edit import EDIT
from geometric_memory.experiments.findings.effects import EFFECTS
from geometric_memory.experiments.findings.prediction import PREDICTION
from geometric_memory.experiments.findings.self_edges import SELF_EDGE_MAP

FINDINGS = {
    finding.name: finding for finding in (SELF_EDGE_MAP, EFFECTS, PREDICTION, EDIT, CAPACITY)
}
