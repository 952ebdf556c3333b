"""What the command tells its user when it cannot do what was asked."""


class CommandError(Exception):
    """The command cannot do what was asked; the message is for its user."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status
