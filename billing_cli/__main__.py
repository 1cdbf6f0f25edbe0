"""`billing`, and `python -m billing_cli`."""

import sys


def main() -> None:
    """Runs the command line and exits with the documented code; a traceback never reaches the terminal."""
    try:
        from billing_cli.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # It came before the command line could say so itself.
        sys.stderr.write("billing: Interrupted.\n")
        code = 5
    sys.exit(code)


if __name__ == "__main__":
    main()
