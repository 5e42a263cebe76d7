"""MySQL administration as root over the server's local socket, by its own client inside its container.

Remote root does not exist on the documented servers, so there is no other way in. Neither a password nor a statement is
ever an argument: both would show in the process list.
"""

from __future__ import annotations

import re

from sim.errors import Refused, RigError, Unreachable
from sim.servers.endpoint import Exec

# printf is the shell's own, so the statement passes from its environment to the client's input and nowhere else.
# The last line tells a whole answer from one that the engine lost on the way: an empty one is evidence, too.
_END = "sim: end of answer"
_SCRIPT = (
    "printf '%s' \"$SIM_SQL\" | "
    "mysql --protocol=socket --user=root --batch --skip-column-names --default-character-set=utf8mb4 "
    f"&& echo '{_END}'"
)
_READS = ("SELECT", "SHOW")
_READINGS = 3
_ERROR = re.compile(r"^ERROR (\d+) \(\w+\)(?: at line \d+)?: (.*)$", re.MULTILINE)
_CANNOT_CONNECT = range(2000, 3000)
_NO_SUCH_GRANT = "1141"


class LocalAdmin:
    def __init__(self, server: str, root_password: str, execute: Exec) -> None:
        self._server = server
        self._root_password = root_password
        self._execute = execute

    def rows(self, sql: str) -> tuple[tuple[str, ...], ...]:
        """Run ``sql``; the rows it gave. Raises Refused, or Unreachable when the server is not there."""
        for _ in range(_READINGS):
            code, output = self._run(sql)
            answer, end, _ = output.partition(_END)
            if end or not sql.startswith(_READS):
                return tuple(
                    tuple(_unescaped(cell) for cell in line.split("\t")) for line in answer.splitlines() if line
                )
        raise RigError(
            f"What mysql said inside {self._server} was lost {_READINGS} times.", evidence=f"{code} {output}"
        )

    def _run(self, sql: str) -> tuple[int, str]:
        environment = {"MYSQL_PWD": self._root_password, "SIM_SQL": sql}
        code, output = self._execute(self._server, ("sh", "-c", _SCRIPT), environment)
        error = _ERROR.search(output)
        if error is not None:
            number, message = int(error.group(1)), error.group(2)
            if number in _CANNOT_CONNECT:
                raise Unreachable(f"{self._server} gave no answer on its local socket.", evidence=message)
            raise Refused(f"{self._server} refused root ({number}).", str(number), evidence=message)
        if code != 0:
            raise RigError(f"The mysql client inside {self._server} failed (exit code {code}).", evidence=output[-300:])
        return code, output

    def grants(self, user: str, host: str) -> tuple[str, ...]:
        try:
            return tuple(row[0] for row in self.rows(f"SHOW GRANTS FOR {quoted_account(user, host)}"))
        except Refused as refusal:
            if refusal.code == _NO_SUCH_GRANT:
                return ()
            raise

    def create_account(self, user: str, password: str, schema: str) -> None:
        account = quoted_account(user, "%")
        # In a grant's schema an underscore is a wildcard unless escaped.
        pattern = quoted_identifier(schema).replace("_", r"\_")
        self.rows(
            f"CREATE USER {account} IDENTIFIED BY {quoted_text(password)};\n"
            f"GRANT ALL PRIVILEGES ON {pattern}.* TO {account};\n"
        )

    def drop_account(self, user: str) -> None:
        self.rows(f"DROP USER IF EXISTS {quoted_account(user, '%')}")


def quoted_text(value: str) -> str:
    """``value`` as an SQL string, safe in every SQL mode. Raises RigError for a character that would not be."""
    if not value.isprintable() or "\\" in value:
        raise RigError("A value for MySQL holds a backslash or a control character.", evidence=repr(value[:1]))
    return "'" + value.replace("'", "''") + "'"


def quoted_identifier(name: str) -> str:
    """``name`` between backticks. Raises RigError unless it is made of letters, digits, ``_``, ``$`` and ``-``."""
    if not re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", name):
        raise RigError(f"Not a MySQL identifier: {name!r}.")
    return f"`{name}`"


def quoted_account(user: str, host: str) -> str:
    """``'user'@'host'``."""
    return f"{quoted_text(user)}@{quoted_text(host)}"


def _unescaped(cell: str) -> str:
    """Undo the escapes of ``--batch``."""
    return re.sub(r"\\([ntr0\\])", lambda m: {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(m[1], m[1]), cell)
