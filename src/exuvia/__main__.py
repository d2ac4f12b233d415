"""``python -m exuvia``: the command line, where its script is not on the PATH."""

from exuvia.cli import main

if __name__ == "__main__":
    main()
