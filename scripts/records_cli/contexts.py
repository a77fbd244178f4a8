"""Named services, in a file that only its owner can read: see `records context`."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from records_cli.auth import Auth
from records_cli.exit_codes import Exit
from records_cli.failure import Failure


@dataclass(frozen=True)
class Context:
    """A service and how to sign in to it. A context that is used applies as a whole."""

    url: str
    region: str | None = None
    profile: str | None = None
    auth: str | None = None
    token_command: str | None = None


@dataclass
class Contexts:
    """All contexts by name, and the name of the current one."""

    contexts: dict[str, Context] = field(default_factory=dict)
    current: str | None = None

    def get(self, name: str) -> Context:
        """Return a context. Raises Failure if there is none with this name."""
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none"
            raise Failure(
                f"there is no context {name!r}; known: {known}",
                f"add it: records context add {name} --url URL",
                Exit.BAD_INPUT,
            )
        return self.contexts[name]


def path() -> Path:
    """Return the file: config.json in $XDG_CONFIG_HOME/records, by default ~/.config/records."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "records" / "config.json"


def load() -> Contexts:
    """Return the contexts in the file, none without a file. Raises Failure if it is damaged."""
    try:
        content = json.loads(path().read_text(encoding="utf-8"))
        contexts = {name: _context(each) for name, each in content["contexts"].items()}
        return Contexts(contexts, content.get("current"))
    except FileNotFoundError:
        return Contexts()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Failure(
            f"{path()} is damaged: {error}", "correct it, or delete it and add the contexts again"
        ) from error


def _context(members: dict[str, str]) -> Context:
    """Return a context. Raises TypeError or ValueError if it is not one."""
    known = Context(**members)
    if not all(isinstance(each, str) for each in members.values()):
        raise TypeError("a value is not text")
    if known.auth is not None:
        Auth(known.auth)
    return known


def save(known: Contexts) -> None:
    """Replace the file atomically. Raises OSError if that fails."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    contexts = {
        name: {key: value for key, value in asdict(each).items() if value is not None}
        for name, each in known.contexts.items()
    }
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"current": known.current, "contexts": contexts}, out, indent=2)
        out.write("\n")
    unfinished.replace(file)
