"""`python -m fairforget`."""

from fairforget.cli import main

main()
