"""`python -m linkage` is the same as the command `linkage`."""

from linkage.cli.main import main

main()
