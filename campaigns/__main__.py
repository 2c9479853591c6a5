"""`python -m campaigns` is the `campaigns` command."""

from campaigns.cli.main import main

if __name__ == "__main__":
    main()
