"""Accounts payable: reads the invoices in mailbox and folder, matches them, asks about exceptions, pays what agrees.

Rules alone decide what may be paid (`tools.matching`); people approve payments and say what becomes of exceptions, but
no answer turns an exception into a payment. An invoice is paid once, whatever runs at the same time: the ERP registers
its number and its share of the order before the bank is asked, and the bank knows each effect by its id.

Runs again from the top after a restart and gets the same answers from the desk, so it reads no clock, draws no lots and
does no I/O of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, assert_never

import msgspec
from agents.payables.mailroom import Attached, Letter, close_letter, open_letters
from tools.decision import Ask, Pay, Reason, Reject
from tools.document import Finding, Invoice
from tools.duplicates import Filed, within_folder
from tools.matching import Case, decide, identify
from tools.outcome import Outcome, state_of_answer, summary
from tools.records import Company, Match, Order, Receipts, Supplier
from tools.wording import money, shown

import deputy


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One invoice that could be read, with what the books say; `key` is its number as the register compares it."""

    case: Case
    supplier: str | None = None
    key: str | None = None


async def run(task: str, desk: deputy.Desk) -> str:
    """Process every letter of the mailbox and, unless a letter began it, every file of the folder `invoices`.

    The task's words change nothing.
    """
    today = (await desk.now()).date()
    company = msgspec.convert(await desk.call("erp.get_company"), Company)
    letters, trouble = await open_letters(desk)
    arrived = await desk.arrival()
    by_mail = arrived is not None and arrived["kind"] == "mail"  # then the folder waits for its own time
    files: list[str] = [] if by_mail else [entry["name"] for entry in await desk.call("list_invoices")]
    attached = [(letter, one) for letter in letters for one in letter.attached]
    found: list[Paper | Outcome] = await desk.together(
        *(gather_attached(desk, letter, one, company, today) for letter, one in attached),
        *(gather(desk, file, company, today) for file in files),
    )
    addresses = {p.case.file: _address(p) for p in found if isinstance(p, Paper)}
    cases = _with_twins(found)
    of_letter: dict[str, list[Case | Outcome]] = {letter.place: [] for letter in letters}
    for (letter, _), case in zip(attached, cases, strict=False):
        of_letter[letter.place].append(case)
    seen: list[tuple[list[Outcome], str]] = await desk.together(
        *(see_through(desk, letter, of_letter[letter.place], addresses) for letter in letters),
        see_folder(desk, cases[len(attached) :]),
    )
    lines = [line for _, line in seen if line]
    text = summary([outcome for outcomes, _ in seen for outcome in outcomes])
    return "\n".join([text, *(["", "Letters", *lines] if lines else []), *(["", trouble] if trouble else [])])


async def see_through(
    desk: deputy.Desk, letter: Letter, cases: Sequence[Case | Outcome], addresses: Mapping[str, str]
) -> tuple[list[Outcome], str]:
    """Settle the invoices of one letter, then answer and file it; it waits for no other letter."""
    outcomes: list[Outcome] = await desk.together(*(settle(desk, case) for case in cases))
    return outcomes, await close_letter(desk, letter, outcomes, addresses)


async def see_folder(desk: deputy.Desk, cases: Sequence[Case | Outcome]) -> tuple[list[Outcome], str]:
    """Settle the invoices of the folder."""
    return await desk.together(*(settle(desk, case) for case in cases)), ""


def _address(paper: Paper) -> str:
    """Where our books say that the supplier writes from."""
    return next((s.email or "" for s in paper.case.suppliers if s.id == paper.supplier), "")


def _with_twins(found: Sequence[Paper | Outcome]) -> list[Case | Outcome]:
    """The cases, each with what of the same folder may be the same invoice."""
    filed = [
        Filed(file=p.case.file, sha256=p.case.sha256, invoice=p.case.invoice, supplier=p.supplier, key=p.key)
        for p in found
        if isinstance(p, Paper)
    ]
    twins = within_folder(filed)
    return [replace(p.case, twins=twins[p.case.file]) if isinstance(p, Paper) else p for p in found]


# --- learning about one file ------------------------------------------------------------------------------------------


async def gather(desk: deputy.Desk, file: str, company: Company, today: date) -> Paper | Outcome:
    """Read one file and look up everything that the books say about it; or tell why that cannot be done."""
    try:
        return await _looked_up(desk, file, await desk.call("read_invoice", name=file), company, today)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return _unchecked(file, _words(problem))


async def gather_attached(
    desk: deputy.Desk, letter: Letter, attached: Attached, company: Company, today: date
) -> Paper | Outcome:
    """The same for what is attached to a letter; one whose sender nobody vouches for is never paid."""
    if attached.problem:
        return _unchecked(attached.label, attached.problem)
    given = {"name": attached.name, "content": attached.content, "encoding": attached.encoding}
    try:
        read: Mapping[str, Any] = await desk.call("read_attached_invoice", **given)
        found = await _looked_up(desk, attached.label, read, company, today)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return _unchecked(attached.label, _words(problem))
    if letter.certain or isinstance(found, Outcome):
        return found
    sentence = f"It came by mail, and our mail server does not vouch that {shown(letter.sender or 'anybody')} sent it."
    doubt = Finding(rule="sender", sentence=sentence)
    return replace(found, case=replace(found.case, findings=(*found.case.findings, doubt)))


def _unchecked(file: str, why: str) -> Outcome:
    return Outcome(file=file, state="held", reasons=(f"It could not be checked: {why}",))


async def _looked_up(
    desk: deputy.Desk, file: str, read: Mapping[str, Any], company: Company, today: date
) -> Paper | Outcome:
    if (refused := read["refused"]) is not None:
        return Outcome(file=file, state="rejected", reasons=(f"{refused['why']} [{refused['code']}]",))
    case = Case(
        file=file,
        sha256=read["sha256"],
        invoice=msgspec.convert(read["invoice"], Invoice),
        findings=msgspec.convert(read["findings"], tuple[Finding, ...]),
        company=company,
        today=today,
    )
    return await _with_books(desk, case)


async def _with_books(desk: deputy.Desk, case: Case) -> Paper:
    party = case.invoice.supplier
    given = {"vat_id": party.vat_id, "legal_id": party.legal_id, "endpoint": party.endpoint, "name": party.name}
    found = await desk.call("erp.get_supplier", **{field: text for field, text in given.items() if text})
    case = replace(case, suppliers=msgspec.convert(found["suppliers"], tuple[Supplier, ...]))
    if case.invoice.order is not None:
        case = await _with_order(desk, case, case.invoice.order)
    supplier = identify(case.invoice, case.suppliers)
    if supplier is None:
        return Paper(case=case)
    known = await desk.call(
        "erp.find_invoice",
        supplier=supplier.id,
        number=case.invoice.number,
        sha256=case.sha256,
        amount=_amount(max(case.invoice.totals.payable, Decimal(0))),
        currency=case.invoice.currency,
        issued=case.invoice.issued.isoformat(),
    )
    case = replace(case, matches=msgspec.convert(known["matches"], tuple[Match, ...]))
    return Paper(case=case, supplier=supplier.id, key=known["key"])


async def _with_order(desk: deputy.Desk, case: Case, number: str) -> Case:
    found = await desk.call("erp.get_order", number=number)
    if not found["found"]:
        return case
    order = msgspec.convert(found["order"], Order)
    receipts = msgspec.convert(await desk.call("erp.get_receipts", order=order.number), Receipts)
    return replace(case, order=order, receipts=receipts)


# --- settling one file ------------------------------------------------------------------------------------------------


async def settle(desk: deputy.Desk, case: Case | Outcome) -> Outcome:
    """Decide about one invoice and see it through; each is a branch of its own and waits for no other."""
    if isinstance(case, Outcome):
        return case
    decision = decide(case)
    match decision:
        case Pay():
            return await pay(desk, case, decision)
        case Ask():
            return await ask(desk, case, decision)
        case Reject():
            before = all(reason.code == "seen-before" for reason in decision.reasons)
            state = "dealt with before" if before else "rejected"
            return Outcome(file=case.file, state=state, invoice=case.invoice, reasons=_sentences(decision.reasons))
        case _:
            assert_never(decision)


async def ask(desk: deputy.Desk, case: Case, exception: Ask) -> Outcome:
    """Let a person say what becomes of an exception. None of the answers leads to a payment."""
    outcome = Outcome(file=case.file, state="held", invoice=case.invoice, reasons=_sentences(exception.reasons))
    try:
        answer = await desk.ask_person(exception.question, options=list(exception.options))
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return _because(outcome, f"Nobody said what shall become of it: {_words(problem)}")
    state = state_of_answer(answer)
    if state is None:
        return _because(
            outcome, f"The answer was {shown(answer, 200)!r}; an unmatched invoice is never paid, so it is held."
        )
    return replace(outcome, state=state)


async def pay(desk: deputy.Desk, case: Case, order: Pay) -> Outcome:
    """Register the invoice, pay it, and note the payment."""
    outcome = Outcome(file=case.file, state="held", invoice=case.invoice, reasons=_sentences(order.notes))
    try:
        claim = await _register(desk, case, order)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return _because(outcome, f"It could not be registered: {_words(problem)}")
    if claim["status"] == "already_registered":
        return replace(_because(outcome, claim["sentence"]), state="dealt with before")
    if claim["status"] != "registered":
        reason = Reason(code=claim["status"], sentence=claim["sentence"])
        return await ask(desk, case, Ask(question=_unregistered(case, reason), reasons=(*order.notes, reason)))
    entry: str = claim["invoice"]["id"]
    try:
        payment = await desk.call(
            "bank.pay",
            iban=order.iban,
            amount=_amount(order.amount),
            currency=order.currency,
            name=order.name[:70],
            reference=order.reference,
        )
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return await _unpaid(desk, outcome, entry, f"It matches, but was not paid: {_words(problem)}")
    return await _paid(desk, outcome, entry, order, payment)


async def _register(desk: deputy.Desk, case: Case, order: Pay) -> Mapping[str, Any]:
    return await desk.call(
        "erp.register_invoice",
        supplier=order.supplier,
        number=case.invoice.number,
        order=order.order,
        amount=_amount(order.amount),
        currency=order.currency,
        issued=case.invoice.issued.isoformat(),
        file=case.file,
        sha256=case.sha256,
        lines=[{"line": line.line, "quantity": f"{line.quantity:f}"} for line in order.lines],
        charges=_amount(order.charges),
    )


def _unregistered(case: Case, reason: Reason) -> str:
    invoice = case.invoice
    amount = money(invoice.totals.payable, invoice.currency)
    which = f"Invoice {shown(invoice.number)} of {shown(invoice.supplier.name)} over {amount}"
    why = f"matched when it was read, but other invoices came first:\n- {reason.sentence}"
    return f"{which} (file {shown(case.file)!r}) {why}\nWhat shall become of it?"


async def _unpaid(desk: deputy.Desk, outcome: Outcome, entry: str, why: str) -> Outcome:
    try:
        await desk.call("erp.mark_refused", invoice_id=entry, reason=why)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        why = f"{why} The ERP could not be told: {_words(problem)}"
    return _because(outcome, why)


async def _paid(
    desk: deputy.Desk, outcome: Outcome, entry: str, order: Pay, payment: Mapping[str, Any] | None
) -> Outcome:
    """`payment` is as the bank answered; a person who settled a doubt by hand may have left it out."""
    known = payment or {}
    number = str(known.get("payment_id") or "settled by hand")
    amount = Decimal(str(known.get("amount") or order.amount))
    outcome = replace(outcome, state="paid", paid=amount, payment=number)
    if amount != order.amount:
        sentence = f"{money(amount, order.currency)} was paid of {money(order.amount)}, as the approver changed it."
        outcome = _because(outcome, sentence)
    try:
        noted = await desk.call("erp.mark_paid", invoice_id=entry, payment_id=number, amount=_amount(amount))
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return _because(outcome, f"It is paid, but the ERP could not be told: {_words(problem)}")
    if noted["status"] != "paid":
        return _because(outcome, f"It is paid, but the ERP says: {noted['sentence']}")
    return outcome


# --- words ------------------------------------------------------------------------------------------------------------


def _amount(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _sentences(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    return tuple(reason.sentence for reason in reasons)


def _because(outcome: Outcome, sentence: str) -> Outcome:
    return replace(outcome, reasons=(*outcome.reasons, sentence))


def _words(problem: deputy.ToolFailed | deputy.Denied) -> str:
    text = problem.error if isinstance(problem, deputy.ToolFailed) else problem.reason
    return shown(text, 300)
