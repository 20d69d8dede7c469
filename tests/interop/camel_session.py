"""One session of Camel, Evolution's library, against a real server; what it saw is printed as JSON.

The system's own Python runs it, which has the bindings: this file uses nothing of the project. Arguments: a folder, the
port, and what is done: ``first``, ``again`` (after others changed something), ``stay`` (until others have).
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_gi: Any = importlib.import_module("gi")
_gi.require_version("Camel", "1.2")
Camel: Any = importlib.import_module("gi.repository.Camel")
GLib: Any = importlib.import_module("gi.repository.GLib")
_PATIENCE = 20.0
_FLAGS = {"SEEN": "\\Seen", "ANSWERED": "\\Answered", "FLAGGED": "\\Flagged"}


class Session(Camel.Session):  # type: ignore[misc] # made at run time
    """Knows the password."""

    def do_authenticate_sync(self, service: Any, mechanism: str | None, cancellable: Any) -> bool:
        """Log in."""
        service.set_password("secret")
        answer: bool = service.authenticate_sync(mechanism, cancellable) == Camel.AuthenticationResult.ACCEPTED
        return answer


def wait(condition: Callable[[], bool]) -> bool:
    """Let Camel work until a condition holds; whether it does."""
    context = GLib.MainContext.default()
    end = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < end:
        context.iteration(False)
        time.sleep(0.01)
    return condition()


def connected(folder: Path, port: int) -> Any:
    """A store that is logged in."""
    Camel.init(str(folder), False)
    Camel.provider_init()
    session = Session(user_data_dir=str(folder / "data"), user_cache_dir=str(folder / "cache"))
    session.set_online(True)
    store = session.add_service("anna", "imapx", Camel.ProviderType.STORE)
    settings = store.ref_settings()
    for name, value in {
        "host": "127.0.0.1",
        "port": port,
        "user": "anna",
        "security-method": Camel.NetworkSecurityMethod.NONE,
        "use-qresync": True,
        "send-client-id": True,
    }.items():
        settings.set_property(name, value)
    assert store.set_online_sync(True, None)
    assert store.connect_sync(None)
    store.anchor = session  # which the store does not keep alive
    return store


def contents(folder: Any) -> list[list[Any]]:
    """The messages as Camel knows them, by UID; its list of UIDs is freed too early for Python."""
    rows: list[list[Any]] = []
    for uid in range(1, 10):
        info = folder.get_message_info(str(uid))
        if info is None:
            continue
        flags = [word for name, word in _FLAGS.items() if info.get_flags() & getattr(Camel.MessageFlags, name)]
        rows.append([uid, info.get_subject(), *flags])
    return rows


def first(store: Any) -> dict[str, Any]:
    """Read, flag, search, copy, move, make and unmake mailboxes."""
    store.get_folder_info_sync(None, Camel.StoreGetFolderInfoFlags.RECURSIVE, None)
    inbox = store.get_folder_sync("INBOX", 0, None)
    inbox.refresh_info_sync(None)
    seen: dict[str, Any] = {"before": contents(inbox)}
    seen["read"] = inbox.get_message_sync("1", None).get_subject()
    both = Camel.MessageFlags.SEEN | Camel.MessageFlags.ANSWERED
    inbox.get_message_info("1").set_flags(both, both)
    inbox.get_message_info("2").set_user_flag("$Work", True)
    inbox.synchronize_sync(False, None)
    archive = store.get_folder_sync("Archive", 0, None)
    inbox.transfer_messages_to_sync(["2"], archive, False, None)
    inbox.transfer_messages_to_sync(["3"], archive, True, None)
    inbox.synchronize_sync(True, None)
    seen["found"] = len(inbox.search_by_expression('(match-all (body-contains "Größe"))', None))
    store.create_folder_sync(None, "Größe & Co", None)
    store.rename_folder_sync("Größe & Co", "台北", None)
    seen["quota"] = inbox.get_quota_info_sync(None) is not None
    seen["after"] = contents(inbox)
    return seen


def again(store: Any) -> dict[str, Any]:
    """Look what is different."""
    inbox = store.get_folder_sync("INBOX", 0, None)
    before = contents(inbox)
    inbox.refresh_info_sync(None)
    return {"cached": before, "messages": contents(inbox)}


def stay(store: Any) -> dict[str, Any]:
    """Wait for what the server tells: a message arrives, then one goes away."""
    inbox = store.get_folder_sync("INBOX", 0, None)
    inbox.refresh_info_sync(None)
    count = inbox.get_message_count()
    print("ready", flush=True)
    arrived = wait(lambda: inbox.get_message_count() == count + 1)
    print("arrived", flush=True)
    gone = wait(lambda: inbox.get_message_count() == count)
    return {"arrived": arrived, "gone": gone, "messages": contents(inbox)}


def main() -> None:
    """Do what the arguments say."""
    folder, port, task = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    store = connected(folder, port)
    seen = {"first": first, "again": again, "stay": stay}[task](store)
    store.disconnect_sync(True, None)
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
