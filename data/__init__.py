"""A folder of scripts, which stands in the way of no package `data`, such as the release's."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)[1:]
