"""``python -m bcp``."""

from bcp.cli.app import main

if __name__ == "__main__":
    main()
