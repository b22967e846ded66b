"""``python -m arlearn.cli``."""

from arlearn.cli import main

if __name__ == "__main__":
    main()
