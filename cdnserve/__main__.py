"""`python -m cdnserve`: the command line, where no script is installed."""

from cdnserve.cli.main import main

if __name__ == "__main__":
    main(prog_name="cdnserve")
