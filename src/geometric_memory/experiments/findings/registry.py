"""All findings."""

from geometric_memory.errors import ConfigurationError
from geometric_memory.experiments.findings.capacity import CAPACITY
from geometric_memory.experiments.findings.edit import EDIT
from geometric_memory.experiments.findings.effects import EFFECTS
from geometric_memory.experiments.findings.finding import Finding
from geometric_memory.experiments.findings.prediction import PREDICTION
from geometric_memory.experiments.findings.self_edges import SELF_EDGE_MAP
from geometric_memory.settings import unknown_name

FINDINGS = {
    finding.name: finding for finding in (SELF_EDGE_MAP, EFFECTS, PREDICTION, EDIT, CAPACITY)
}


def chosen_findings(names: list[str]) -> tuple[Finding, ...]:
    """Return the findings of `names`, all of them when there are none.

    Raises:
        ConfigurationError: naming every unknown one, with the nearest there is.
    """
    problems = [
        unknown_name(name, FINDINGS).replace("setting", "finding") + " (geomem findings --list)"
        for name in names
        if name not in FINDINGS
    ]
    if problems:
        raise ConfigurationError(problems)
    return tuple(FINDINGS[name] for name in dict.fromkeys(names)) or tuple(FINDINGS.values())
