"""`billing`, and `python -m billing_cli`."""

import os
import signal
import sys

_PARTLY_DONE = 5
_QUESTION = "_BILLING_COMPLETE"


def main() -> None:
    """Runs the command line and exits with the documented code; a traceback never reaches the terminal.

    SIGTERM is a Ctrl-C at any time. Without a handler it would do nothing at all to the first process of a container.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from billing_cli.cli.streams import settle_process

        settle_process(sys.argv[1:])
        from billing_cli.cli.app import complete, run

        # The shell's question, which is no run: nothing may be said on stderr.
        code = complete() if os.environ.get(_QUESTION) else run(sys.argv[1:])
    except KeyboardInterrupt:
        # It came before the command line could say so itself.
        sys.stderr.write("billing: Interrupted.\n")
        code = _PARTLY_DONE
    if code == _PARTLY_DONE:
        # Python remembers some interrupts although they were caught, and would end by SIGINT in place of this code;
        # nor is anybody left to wait for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
