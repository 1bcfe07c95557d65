"""The optional graph library, loaded only when a family or a file format needs it."""

from types import ModuleType

from geometric_memory.errors import ConfigurationError


def load_networkx() -> ModuleType:
    """Return networkx; raise `ConfigurationError` naming the extra when it is absent."""
    try:
        import networkx
    except ImportError as error:
        message = (
            "this graph needs networkx: install the extra `graphs` "
            "(pip install 'geometric-memory[graphs]')"
        )
        raise ConfigurationError([message]) from error
    return networkx
