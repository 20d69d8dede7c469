"""`mailwren deliver`: one message from a pipe, for MTAs and filters that call a delivery agent."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mailwren.cli.access import open_store, open_users
from mailwren.cli.data_folder import existing_data
from mailwren.cli.options import ConfigOption, DataOption, read_config
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.delivery.pipe import PipeOutcome


def deliver(
    context: typer.Context,
    *,
    recipients: Annotated[
        list[str], typer.Argument(metavar="RECIPIENT…", help="Users' names or addresses.", show_default=False)
    ],
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender", "-f", metavar="ADDRESS", help='The envelope\'s sender; "" for none.', show_default=False
        ),
    ] = None,
    mailbox: Annotated[
        str,
        typer.Option(
            "--mailbox",
            metavar="NAME",
            help="An existing mailbox to deliver into, instead of INBOX.",
            show_default=False,
        ),
    ] = "",
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Deliver the message on standard input. Works with and without a running server.

    The exit status is one of sysexits.h, as Postfix's pipe(8) and others understand it: 0 delivered, 67 no such user,
    73 over quota for good, 75 try again later; any of 64 to 77 but 75: refused. Any other trouble is 75 as well, so
    that no mail is lost.
    """
    from mailwren.cli.failures import explain
    from mailwren.delivery.pipe import ExitStatus

    try:
        settings = read_config(context, data, config)
        existing_data(settings)
        outcome = asyncio.run(_deliver(settings, recipients, sender, mailbox))
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        print(f"4.3.0 {failure.message}", file=sys.stderr)
        raise typer.Exit(ExitStatus.TEMPORARY) from error
    for line in outcome.lines:
        print(line)
    raise typer.Exit(outcome.exit_status)


async def _deliver(config: Config, recipients: list[str], sender: str | None, mailbox: str) -> "PipeOutcome":
    """Read standard input and deliver it."""
    from mailwren.delivery.configured import delivery_settings
    from mailwren.delivery.delivery import Delivery
    from mailwren.delivery.pipe import deliver_stream

    with open_users(config) as directory:
        async with open_store(config) as store:
            delivery = Delivery(store, directory, delivery_settings(config), lambda: datetime.now(UTC))
            return await deliver_stream(
                sys.stdin.buffer,
                delivery,
                recipients,
                sender=sender,
                mailbox=mailbox,
                message_size=config.message_size_limit,
                spool_folder=config.data,
            )
