"""The `sepconv` command: `sepconv --help` lists its verbs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sepconv import __version__
from sepconv.cli.errors import CommandError
from sepconv.cli.verbs import VERBS
from sepconv.errors import ConfigError, SepconvError

CLEAN, FINDINGS, FAILED, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "Keras's SeparableConv1D from config files: check them, look at them, run them."
EPILOG = "exit status: 0 clean, 1 findings, 2 usage, input/output or internal error"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    arguments = parsed(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal of another encoding gets escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = arguments.verb(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)
    except CommandError as failure:
        return _told(str(failure), failure.status)
    except ConfigError as error:
        print(str(error).rstrip(), file=sys.stderr)
        return FINDINGS
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _told(f"{where}{error.strerror or error}", FAILED)
    except MemoryError as error:
        return _told(f"not enough memory: {error}", FAILED)
    except (SepconvError, ImportError) as error:
        return _told(str(error), FAILED)
    except Exception as error:
        if os.environ.get("SEPCONV_DEBUG"):
            raise
        return _told(
            f"internal error: {type(error).__name__}: {error}\n"
            f"SEPCONV_DEBUG=1 shows where; please report it with the file that led to it",
            FAILED,
        )


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; without any, show the help; a verb's usage where it knows them not."""
    top = parser()
    arguments, unknown = top.parse_known_args(argv)
    if "own" not in arguments:
        top.print_help(sys.stderr)
        raise SystemExit(FAILED)
    if unknown:
        arguments.own.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each verb adds its own part."""
    top = argparse.ArgumentParser("sepconv", description=DESCRIPTION, epilog=EPILOG)
    top.add_argument("--version", action="version", version=f"sepconv {__version__}")
    verbs = top.add_subparsers(metavar="VERB", title="verbs")
    for verb in VERBS:
        own = verbs.add_parser(verb.name, help=verb.help, description=verb.help, epilog=EPILOG)
        verb.arguments(own)
        own.set_defaults(verb=verb.run, own=own)
    return top


def _told(message: str, status: int) -> int:
    print(f"sepconv: {message}", file=sys.stderr)
    return status
