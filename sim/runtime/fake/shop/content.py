"""Questions, websites and contacts in memory: what a shop publishes, and the forms strangers send."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sim.runtime.fake.shop.model import Call, Handler, page
from sim.services.contacts import api as contacts
from sim.services.contract.events import NotificationRequested, SiteChanged, TicketRequested
from sim.services.contract.problem import Problem, not_found
from sim.services.questions import api as questions
from sim.services.websites import api as websites


def handlers() -> Mapping[str, Handler]:
    return {
        questions.LIST.name: _questions,
        questions.SHOW.name: _question,
        questions.CATEGORIES.name: _categories,
        questions.CREATE.name: _ask,
        questions.DELETE.name: _unask,
        questions.VOTE.name: _vote,
        websites.LIST.name: _sites,
        websites.SHOW.name: _site,
        websites.SHOW_BY_HOST.name: _site_of_host,
        websites.PUT.name: _put_site,
        websites.CHANGE.name: _change_site,
        websites.DELETE.name: _delete_site,
        contacts.SEND.name: _send,
        contacts.LIST.name: _forms,
        contacts.SHOW.name: _form,
        contacts.CHANGE.name: _change_form,
    }


def _questions(call: Call) -> questions.QuestionPage:
    held: list[questions.Question] = sorted(call.rows("questions").values(), key=lambda q: q.position)
    word = call.query.q.lower()
    kept = [q for q in held if call.query.category in {"", q.category} and word in f"{q.question} {q.answer}".lower()]
    return questions.QuestionPage(*page(kept, call.query.limit, call.query.after))


def _question(call: Call) -> questions.Question:
    found: questions.Question | None = call.rows("questions").get(call.path["question_id"])
    if found is None:
        raise not_found("This question")
    return found


def _categories(call: Call) -> questions.CategoryList:
    held = [q.category for q in call.rows("questions").values()]
    return questions.CategoryList(tuple(questions.CategoryCount(c, held.count(c)) for c in sorted(set(held))))


def _ask(call: Call) -> questions.Question:
    body: questions.QuestionBody = call.body
    if any(q.slug == body.slug for q in call.rows("questions").values()):
        raise Problem(409, "This slug is taken.")
    question_id = call.shop.new_id()
    asked = questions.Question(
        question_id, body.slug, body.category, body.question, body.answer, body.position, helpful=0, unhelpful=0
    )
    call.rows("questions")[question_id] = asked
    return asked


def _unask(call: Call) -> None:
    del call.rows("questions")[_question(call).question_id]


def _vote(call: Call) -> questions.Question:
    question = _question(call)
    votes: dict[str, bool] = call.rows(f"votes of {question.question_id}")
    votes[call.caller.user_id] = call.body.helpful
    helpful = sum(votes.values())
    counted = msgspec.structs.replace(question, helpful=helpful, unhelpful=len(votes) - helpful)
    call.rows("questions")[question.question_id] = counted
    return counted


def _sites(call: Call) -> websites.SitePage:
    kept = sorted((s for s in call.rows("sites").values() if s.site > call.query.after), key=lambda s: str(s.site))
    items = tuple(kept[: call.query.limit])
    return websites.SitePage(items, items[-1].site if len(kept) > len(items) else None)


def _site(call: Call) -> websites.Site:
    found: websites.Site | None = call.rows("sites").get(call.path["site"])
    if found is None:
        raise not_found("This site")
    return found


def _site_of_host(call: Call) -> websites.Site:
    for site in call.rows("sites").values():
        if call.path["host"].lower() in site.hosts:
            return site  # type: ignore[no-any-return] # the table holds sites
    raise not_found("A site of this host")


def _put_site(call: Call) -> websites.Site | tuple[int, websites.Site]:
    code, body = call.path["site"], call.body
    hosts = tuple(host.lower() for host in body.hosts)
    if any(set(hosts) & set(s.hosts) for s in call.rows("sites").values() if s.site != code):
        raise Problem(409, "A host belongs to another site.")
    new = code not in call.rows("sites")
    site = websites.Site(code, body.name, body.locale, body.currency, hosts, body.maintenance, body.settings)
    _keep_site(call, site)
    return (201, site) if new else site


def _change_site(call: Call) -> websites.Site:
    site = _site(call)
    changes = {n: v for n in site.__struct_fields__[1:] if (v := getattr(call.body, n)) is not msgspec.UNSET}
    return _keep_site(call, msgspec.structs.replace(site, **changes))


def _keep_site(call: Call, site: websites.Site) -> websites.Site:
    call.rows("sites")[site.site] = site
    call.emit("site.changed", SiteChanged(site.site, site.name, site.locale, site.currency, site.maintenance))
    return site


def _delete_site(call: Call) -> None:
    del call.rows("sites")[_site(call).site]


def _send(call: Call) -> contacts.Receipt:
    body: contacts.SendForm = call.body
    form_id, now = call.shop.new_id(), call.shop.calendar()
    receipt = contacts.Receipt(form_id, body.topic, "open", now)
    if body.website:
        return receipt
    call.rows("forms")[form_id] = contacts.Form(
        form_id, body.name, body.email, body.topic, body.subject, body.message, "open", now, now
    )
    call.emit("notification.contact", NotificationRequested(body.email, "contact-received", form_id, {}))
    if body.topic == "support":
        call.emit("ticket.requested", TicketRequested(form_id, body.email, body.subject, body.message))
    return receipt


def _forms(call: Call) -> contacts.FormPage:
    query: contacts.ListForms = call.query
    kept = [
        form
        for form in reversed(call.rows("forms").values())
        if query.topic in {None, form.topic} and query.state in {None, form.state}
    ]
    return contacts.FormPage(*page(kept, query.limit, query.after))


def _form(call: Call) -> contacts.Form:
    found: contacts.Form | None = call.rows("forms").get(call.path["form_id"])
    if found is None:
        raise not_found("This form")
    return found


def _change_form(call: Call) -> contacts.Form:
    form = msgspec.structs.replace(_form(call), state=call.body.state, updated_at=call.shop.calendar())
    call.rows("forms")[form.form_id] = form
    return form
