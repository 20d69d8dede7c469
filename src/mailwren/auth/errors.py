"""What users, passwords and logins can go wrong with. No protocol words: the server turns these into its answers.

AuthError
├── UserExists                  the name or alias is taken, by a user or a group
├── NoSuchUser                  for the command line; a login never tells
├── NoSuchGroup                 no group of that name
├── InvalidUserName             a name that nobody can have; the text says why
├── InvalidPassword             a password that nobody can have; the text says why
├── DirectoryUnavailable        the user database is locked, full or damaged: try again later
├── AuthenticationFailed        unknown user, wrong password, disabled user: told apart nowhere
│   └── AuthorizationRefused    the password is right, but the user asked to be somebody else
├── AuthenticationUnavailable   nobody's fault: too many checks waiting, or the directory is unavailable
└── MalformedExchange           the client broke the rules of its SASL mechanism
"""


class AuthError(Exception):
    """Base of everything here; the text is fit for users."""


class UserExists(AuthError):
    """The name is taken, by a user or by a user's alias."""


class NoSuchUser(AuthError):
    """No user of that name."""


class NoSuchGroup(AuthError):
    """No group of that name."""


class InvalidUserName(AuthError):
    """A name that no user can have; the text says why."""


class InvalidPassword(AuthError):
    """A password that no user can have; the text says why."""


class DirectoryUnavailable(AuthError):
    """The user database cannot be read or written now."""


class AuthenticationFailed(AuthError):
    """The credentials are not right. The text is always the same, so that nothing can be learnt from it."""

    def __init__(self, text: str = "The user name or the password is not right.") -> None:
        super().__init__(text)


class AuthorizationRefused(AuthenticationFailed):
    """The credentials are right, but not for acting as the other user that was asked for (RFC 4616 §2)."""

    def __init__(self) -> None:
        super().__init__("This user may not act as another user.")


class AuthenticationUnavailable(AuthError):
    """Credentials cannot be checked now; says nothing about them and must not count as a failure."""

    def __init__(self, text: str = "Logging in is not possible at the moment, please try again shortly.") -> None:
        super().__init__(text)


class MalformedExchange(AuthError):
    """The client broke the rules of its SASL mechanism; the text says how."""
