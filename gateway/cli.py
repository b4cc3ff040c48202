"""The command line: `gateway serve | sandbox | simulators | schema | check | explain`."""

import importlib
import os
from typing import Annotated, Any, Final, NoReturn

import typer

_SETTINGS_NOTE: Final = "Settings come from GATEWAY_* variables and the TOML file that GATEWAY_CONFIG names."

app = typer.Typer(
    name="gateway",
    help=f"One GraphQL schema over three REST APIs: deliveries, SMS and logistics. {_SETTINGS_NOTE}",
    no_args_is_help=True,
    add_completion=False,
    # Typer's own tracebacks can show local variables, and with them secrets.
    pretty_exceptions_enable=False,
    # Rich would take the defaults in brackets for its markup.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command that the arguments name."""
    app()


@app.command(
    short_help="Serve the gateway.",
    help=f"Serve the gateway. {_SETTINGS_NOTE} Options win over both. Exit code 2 means a wrong setting.",
)
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [GATEWAY_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.  [GATEWAY_PORT, 8000]")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; > 1 needs Redis.  [GATEWAY_WORKERS, 1]")] = None,
) -> None:
    """Serve the gateway until a signal says to stop."""
    given = {"GATEWAY_HOST": host, "GATEWAY_PORT": port, "GATEWAY_WORKERS": workers}
    # Worker processes inherit the environment, and the options with it.
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    _start("gateway.commands.serve", os.environ)


@app.command(short_help="Serve the gateway over simulated upstreams.")
def sandbox(
    port: Annotated[int | None, typer.Option(help="Port of the gateway.  [GATEWAY_PORT, 8000]")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 1,
    speed: Annotated[float, typer.Option(min=0, help="Sandbox seconds that pass in a second.")] = 10.0,
    webhooks: Annotated[bool, typer.Option(help="Whether the simulated logistics API sends webhooks.")] = True,
) -> None:
    """Serve the gateway over three simulated upstreams, on this machine alone and open to everybody on it."""
    _start("gateway.commands.sandbox", os.environ, port=port, seed=seed, speed=speed, webhooks=webhooks)


@app.command(short_help="Serve the simulated upstreams alone.")
def simulators(
    host: Annotated[str, typer.Option(help="Address to listen on. Whoever reaches it may change the records.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="First of five consecutive ports; 0 takes free ones.")] = 8101,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 1,
    speed: Annotated[float, typer.Option(min=0, help="Sandbox seconds that pass in a second.")] = 10.0,
) -> None:
    """Serve the three simulated upstreams without a gateway: deliveries, three hosts of SMS, logistics."""
    _start("gateway.commands.simulators", host=host, port=port, seed=seed, speed=speed)


@app.command()
def schema() -> None:
    """Print the schema that the gateway serves."""
    _start("gateway.commands.schema")


@app.command(short_help="Check the settings and the upstreams.")
def check() -> None:
    """Name every missing or wrong setting, then make one call to each upstream.

    Exit code 2 means a wrong setting, 1 that something else failed.
    """
    _start("gateway.commands.check", os.environ)


@app.command(short_help="Show what an operation waits for.")
def explain(  # noqa: PLR0913 - one for each option
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file with the operation; - is standard input.")],
    *,
    url: Annotated[str | None, typer.Option(help="The gateway's address.  [the local one, by GATEWAY_PORT]")] = None,
    key_file: Annotated[str | None, typer.Option(help="File with an API key.  [GATEWAY_EXPLAIN_KEY is one]")] = None,
    variables: Annotated[str | None, typer.Option(help="File with the variables, as JSON.")] = None,
    operation: Annotated[str | None, typer.Option(help="Name of the operation, where the file has several.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Estimate the calls, and run nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Run it here, over the settings, without a gateway that runs.")
    ] = False,
) -> None:
    """Run an operation, and draw its fields, its calls and what they waited for. A mutation makes its change.

    Exit code 2 means unusable input, 1 that the operation failed.
    """
    options = {"variables": variables, "operation": operation, "plan": plan, "as_json": as_json}
    _start("gateway.commands.explain", os.environ, file, url=url, key_file=key_file, in_process=in_process, **options)


def _start(module: str, *arguments: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - handed on as they are
    """Import a command's module and run it."""
    # Imported here, so that no command, nor --help, waits for what the others import.
    raise typer.Exit(importlib.import_module(module).run(*arguments, **options))
