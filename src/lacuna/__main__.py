"""``python -m lacuna`` lists what can be asked for, ``python -m lacuna show table3`` what one of it consists of."""

from lacuna.catalogue.command import main
from lacuna.jobs.commands import command

if __name__ == "__main__":
    with command():
        main()
