"""Websites on real servers, behind the gateway."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.docker.services.content_stand import Front

SITE = {"name": "Boutique", "locale": "de-DE", "currency": "EUR", "settings": {"theme.colour": "#aa3300", "beta": True}}


def test_the_default_site_is_there_and_stays(front: Front) -> None:
    """Anybody may ask which site a host is, in whatever case; the default one cannot be removed."""
    assert front.call("GET", "websites/by-host/LOCALHOST").document["site"] == "main"
    assert "main" in [site["site"] for site in front.call("GET", "websites").document["items"]]
    assert front.call("DELETE", "websites/main", token=front.administrator()).status == 409


def test_a_site_is_created_changed_announced_and_removed(front: Front) -> None:
    """201 then 200; what PATCH leaves out stays; each change is broadcast; removed, its hosts are free."""
    token = front.administrator()
    hosts = {"hosts": ["Shop.example.com"]}
    with front.hearing("site.changed") as heard:
        assert front.call("PUT", "websites/de", SITE | hosts, token=token).status == 201
        assert front.call("PUT", "websites/de", SITE | hosts, token=token).status == 200
        closed = front.call("PATCH", "websites/de", {"maintenance": True}, token=token).document
        assert [payload["maintenance"] for _, payload in heard.until(3)] == [False, False, True]
    assert closed == SITE | {"site": "de", "hosts": ["shop.example.com"], "maintenance": True}
    assert front.call("GET", "websites/by-host/shop.example.com").document == closed
    assert front.call("DELETE", "websites/de", token=token).status == 204
    assert front.call("DELETE", "websites/de", token=token).status == 404
    assert front.call("GET", "websites/by-host/shop.example.com").status == 404


def test_a_host_belongs_to_one_site(front: Front) -> None:
    """Of several sites created at once for one host one is; the others leave nothing behind."""
    token = front.administrator()
    body = SITE | {"hosts": ["wanted.example.com"]}
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda n: front.call("PUT", f"websites/wants-{n}", body, token=token).status, range(4))
    assert sorted(answers) == [201, 409, 409, 409]
    assert front.rows("websites", "SELECT COUNT(*) FROM sites WHERE code LIKE 'wants-%'") == ((1,),)


def test_only_who_may_configures(front: Front) -> None:
    """A stranger is 401, a customer 403, a code that is none 422."""
    assert front.call("PUT", "websites/x", SITE).status == 401
    assert front.call("PUT", "websites/x", SITE, token=front.newcomer()["access_token"]).status == 403
    assert front.call("PUT", "websites/Not_A_Code", SITE, token=front.administrator()).status == 422
    nested = SITE | {"settings": {"deep": {"er": 1}}}
    assert front.call("PUT", "websites/x", nested, token=front.administrator()).status == 422
