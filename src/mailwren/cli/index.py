"""`mailwren index …`: how far the search indexes are, and building them anew. The server may run."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mailwren.cli.access import open_users
from mailwren.cli.accounts import account_of, accounts_by_name
from mailwren.cli.data_folder import existing_data
from mailwren.cli.failures import CommandRefused
from mailwren.cli.group import new_group
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, read_config
from mailwren.cli.output import clean, notice, print_json, print_table, size_text
from mailwren.cli.progress import Advance, progress_bar
from mailwren.config.settings import Config

index = new_group(help="Search indexes: how far they are, and building them anew. A server may run meanwhile.")

Users = Annotated[
    list[str] | None, typer.Option("--user", metavar="NAME", help="Only this user's or team's; repeatable.")
]


@index.command("status")
def index_status(
    context: typer.Context,
    *,
    user: Users = None,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show how much of the mail is indexed; what is not is searched all the same, only slower."""
    from mailwren.search.index.status import index_status as look
    from mailwren.store.errors import StoreError

    settings = read_config(context, data, config)
    rows, facts, failed = [], [], 0
    for name, folder in _accounts(settings, user or []):
        try:
            status = look(folder)
        except (StoreError, OSError) as error:
            failed += 1
            notice(f"{clean(name)}: {error}")
            continue
        done = "all" if status.indexed == status.messages else f"{status.indexed / status.messages:.0%}"
        counts = str(status.files), f"{status.documents:,}"
        rows.append((name, f"{status.messages:,}", done, size_text(status.octets), *counts))
        facts.append({"name": name, **asdict(status)})
    if as_json:
        print_json(facts)
    else:
        print_table(("account", "messages", "indexed", "size", "files", "with documents"), rows, right=(1, 2, 3, 4, 5))
    if failed:
        raise CommandRefused(f"{failed} accounts could not be read; `mailwren check` says more.")


@index.command("rebuild")
def rebuild_index(
    context: typer.Context,
    *,
    user: Users = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Throw indexes away and build them anew: all, or those of some users. Never needed, but never wrong either."""
    from mailwren.search.attached.extracting import extractor
    from mailwren.search.index.building import Indexer
    from mailwren.search.index.status import index_status as look
    from mailwren.store.errors import StoreError

    settings = read_config(context, data, config)
    failed = 0
    with extractor() or nullcontext() as documents:
        for name, folder in _accounts(settings, user or []):
            try:
                total = look(folder).messages
                with progress_bar("Indexing", total) as advance:
                    Indexer(folder, partial(_tell, advance, name), documents).run(anew=True, wait=True)
                status = look(folder)
            except (StoreError, OSError) as error:
                failed += 1
                notice(f"{clean(name)}: {error}")
            else:
                print(f"{clean(name)}: {status.indexed:,} messages, {size_text(status.octets)}")
    if failed:
        raise CommandRefused(f"{failed} accounts could not be indexed; `mailwren check` says more.")


def _tell(advance: Advance, name: str, done: int) -> None:
    advance(done, name)


def _accounts(config: Config, users: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """The accounts to look at: names and folders of those that have any mail."""
    from mailwren.store.sqlite.folders import DATABASE_NAME, account_folder

    existing_data(config)
    with open_users(config) as directory:
        chosen = {name: account_of(directory, name) for name in users} if users else accounts_by_name(directory)
    for name, account_id in sorted(chosen.items()):
        folder = account_folder(config.data, account_id)
        if (folder / DATABASE_NAME).is_file():
            yield name, folder
