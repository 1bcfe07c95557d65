"""What each open tab has on show; the oldest tab gives way when there are too many."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.record import Record

MOST_SESSIONS = 12


@dataclass(frozen=True)
class Finished:
    """A record that grows no more."""

    shown: Record

    def record(self) -> Record:
        """Return the record."""
        return self.shown

    def stop(self) -> None:
        """Do nothing: nothing runs."""

    def leave(self) -> None:
        """Do nothing: nothing runs."""


@dataclass(frozen=True)
class Watched:
    """The training of another tab, which does not end when this one leaves it."""

    training: LiveTraining

    def record(self) -> Record:
        """Return what there is now."""
        return self.training.record()

    def stop(self) -> None:
        """Ask the training to end."""
        self.training.stop()

    def leave(self) -> None:
        """Do nothing: the other tab looks at it."""


@dataclass
class Session:
    """One tab: what it shows, and what it has pinned beside that."""

    shown: LiveTraining | Finished | Watched | None = None
    pinned: Record | None = None

    def show(self, source: LiveTraining | Finished | Watched) -> None:
        """Show `source` in place of what was shown, which is stopped."""
        self.leave()
        self.shown = source

    def leave(self) -> None:
        """End what still runs: it will not be looked at any more."""
        if self.shown is not None:
            self.shown.leave()


class Sessions:
    """All tabs of the process."""

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self) -> str:
        """Return the name of a new session; the one that was silent longest may have to go."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._sessions[name] = Session()
            gone = []
            while len(self._sessions) > self._most:
                gone.append(self._sessions.popitem(last=False)[1])
        for session in gone:
            session.leave()
        return name

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, name: str | None) -> Session | None:
        """Return a session, or None when it has gone; to be asked for keeps it alive."""
        with self._lock:
            if name is None or name not in self._sessions:
                return None
            self._sessions.move_to_end(name)
            return self._sessions[name]

    def trainings(self) -> dict[str, LiveTraining]:
        """Return the trainings of all tabs by name."""
        with self._lock:
            shown = [session.shown for session in self._sessions.values()]
        return {one.name: one for one in shown if isinstance(one, LiveTraining)}

    def close(self) -> None:
        """Stop everything."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.leave()
