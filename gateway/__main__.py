"""`python -m gateway` is `headrace`."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
