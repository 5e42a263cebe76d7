"""Auth on real servers, behind the gateway: who comes, stays, goes, and what becomes of their tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.docker.services.content_stand import Front
from tests.docker.services.gateway_stand import eventually


def test_a_newcomer_registers_signs_in_and_is_known(front: Front) -> None:
    """An address is taken whatever its case; who registers is told to the others; /me says who one is."""
    with front.hearing("user.registered") as heard:
        newcomer = front.newcomer()
        assert heard.until(1)[0][1]["user_id"] == newcomer["user_id"]
    again = {"email": newcomer["email"].upper(), "password": "another password", "name": "Thief"}
    assert front.call("POST", "auth/register", again).status == 409
    me = front.call("GET", "auth/me", token=newcomer["access_token"])
    assert (me.document["email"], me.document["roles"]) == (newcomer["email"], ["customer"])
    renamed = front.call("PATCH", "auth/me", {"name": "Ann'; -- 😀"}, token=newcomer["access_token"])
    assert renamed.status == 200
    assert front.call("GET", "auth/me", token=newcomer["access_token"]).document["name"] == "Ann'; -- 😀"


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(front: Front) -> None:
    """Same status, same words; after five failures 429 says how long to wait, the right password included."""
    newcomer = front.newcomer()
    wrong = {"email": newcomer["email"], "password": "not this one"}
    unknown = {"email": f"x{newcomer['email']}", "password": "not this one"}
    refused = [front.call("POST", "auth/login", body) for body in (wrong, unknown)]
    assert [answer.status for answer in refused] == [401, 401]
    assert refused[0].document["detail"] == refused[1].document["detail"]
    for _ in range(4):
        front.call("POST", "auth/login", wrong)
    throttled = front.call("POST", "auth/login", wrong | {"password": newcomer["password"]})
    assert throttled.status == 429
    assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    assert front.call("POST", "auth/login", unknown).status == 401


def test_a_refresh_token_used_twice_ends_its_session(front: Front) -> None:
    """Each is good for one use; a second use is a theft, and whoever holds the newest tokens is signed out too."""
    first = front.newcomer()
    second = front.call("POST", "auth/refresh", {"refresh_token": first["refresh_token"]}).document
    assert front.call("GET", "auth/me", token=second["access_token"]).status == 200
    assert front.call("POST", "auth/refresh", {"refresh_token": first["refresh_token"]}).status == 401
    assert front.call("POST", "auth/refresh", {"refresh_token": second["refresh_token"]}).status == 401
    eventually(lambda: front.call("GET", "auth/me", token=second["access_token"]).status == 401)


def test_of_many_who_refresh_at_once_one_is_served(front: Front) -> None:
    """The token's row is locked: rotation cannot fork a session."""
    token = front.newcomer()["refresh_token"]
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda _: front.call("POST", "auth/refresh", {"refresh_token": token}).status, range(6))
    assert sorted(answers) == [200, 401, 401, 401, 401, 401]


def test_signing_out_ends_the_access_token_everywhere(front: Front) -> None:
    """The gateway hears of it and refuses the token long before it expires, on routes of other services as well."""
    newcomer = front.newcomer()
    assert front.call("POST", "auth/logout", token=newcomer["access_token"]).status == 204
    assert front.call("GET", "auth/me", token=newcomer["access_token"]).status == 401

    def vote() -> int:
        return front.call("POST", "questions/none/votes", {"helpful": True}, token=newcomer["access_token"]).status

    eventually(lambda: vote() == 401)
    assert front.call("POST", "auth/refresh", {"refresh_token": newcomer["refresh_token"]}).status == 401


def test_a_new_password_ends_the_other_sessions(front: Front) -> None:
    """This session goes on, the other does not; the old password opens nothing."""
    here = front.newcomer()
    there = front.sign_in(here["email"], here["password"])
    change = {"current_password": "not it", "new_password": "a newer password"}
    assert front.call("POST", "auth/password", change, token=here["access_token"]).status == 403
    change["current_password"] = here["password"]
    assert front.call("POST", "auth/password", change, token=here["access_token"]).status == 204
    assert front.call("POST", "auth/refresh", {"refresh_token": there["refresh_token"]}).status == 401
    assert front.call("POST", "auth/refresh", {"refresh_token": here["refresh_token"]}).status == 200
    old = {"email": here["email"], "password": here["password"]}
    assert front.call("POST", "auth/login", old).status == 401
    front.sign_in(here["email"], "a newer password")


def test_roles_are_given_and_taken(front: Front) -> None:
    """What is given comes with the next token, what is taken goes with this one; the last administrator stays."""
    administrator, newcomer = front.administrator(), front.newcomer()
    roles = f"auth/users/{newcomer['user_id']}/roles"
    assert front.call("PUT", roles, {"roles": ["support"]}, token=newcomer["access_token"]).status == 403
    unknown = front.call("PUT", roles, {"roles": ["king"]}, token=administrator)
    assert (unknown.status, unknown.document["unknown"]) == (422, ["king"])
    assert front.call("PUT", roles, {"roles": ["customer", "support"]}, token=administrator).status == 200
    support = front.sign_in(newcomer["email"], newcomer["password"])
    assert front.call("GET", "contacts", token=support["access_token"]).status == 200
    assert front.call("PUT", roles, {"roles": ["customer"]}, token=administrator).status == 200
    eventually(lambda: front.call("GET", "contacts", token=support["access_token"]).status == 401)
    refreshed = front.call("POST", "auth/refresh", {"refresh_token": support["refresh_token"]}).document
    assert front.call("GET", "contacts", token=refreshed["access_token"]).status == 403
    me = front.call("GET", "auth/me", token=administrator).document["user_id"]
    assert front.call("PUT", f"auth/users/{me}/roles", {"roles": []}, token=administrator).status == 409
    assert front.call("GET", f"auth/users/{me}", token=administrator).document["roles"] == ["administrator", "customer"]


def test_users_are_listed_page_by_page(front: Front) -> None:
    """Following ``next`` sees every user once, in the order of their addresses."""
    token = front.administrator()
    front.newcomer()
    emails: list[str] = []
    after = ""
    while True:
        page = front.call("GET", "auth/users", token=token, limit="2", after=after).document
        emails += [user["email"] for user in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert emails == sorted(set(emails))
    assert len(emails) == front.rows("auth", "SELECT COUNT(*) FROM users")[0][0]


def test_the_database_holds_no_token_and_no_password(front: Front) -> None:
    """What a thief of the database could sign in with is in no table, the remembered answers included."""
    newcomer = front.newcomer()
    dumped = repr(
        [
            front.rows("auth", f"SELECT * FROM {table}")  # noqa: S608 - the names are the server's own
            for (table,) in front.rows("auth", "SHOW TABLES")
        ]
    )
    assert newcomer["email"] in dumped
    for secret in (newcomer["refresh_token"], newcomer["access_token"], newcomer["password"]):
        assert secret not in dumped


def test_the_gateway_alone_learns_what_is_revoked(front: Front) -> None:
    """A route between services is not published."""
    assert front.call("GET", "auth/revocations", token=front.administrator()).status == 404


def test_without_redis_people_sign_in_all_the_same(front: Front) -> None:
    """The cache paused: tokens come from the database, failures are not counted; afterwards they are again."""
    newcomer = front.newcomer()
    wrong = {"email": newcomer["email"], "password": "not this one"}
    front.redis.container.pause()
    try:
        tokens = front.sign_in(newcomer["email"], newcomer["password"])
        assert front.call("GET", "auth/me", token=tokens["access_token"]).status == 200
        refused = [front.call("POST", "auth/login", wrong).status for _ in range(6)]
        assert refused == [401] * 6
    finally:
        front.redis.container.unpause()
    eventually(lambda: front.call("POST", "auth/login", wrong).status == 429, 30)
