"""`python -m billing_cli` is `billing`."""

from billing_cli.cli.app import main

if __name__ == "__main__":
    main()
