#!/usr/bin/env python3
"""Synthetic conversations for switchboard-demo, with the rules that decide every answer.

Three jobs, each a user message answered with one line of JSON:

    fraud    facts of a payment     {"amount":840,"size":"large","merchant":"overseas","payments":2,"device":"known",
                                     "decision":"decline","score":0.83}
    content  a chat message         {"category":"harassment","flag":true}
    sensor   a window of readings   {"lowest":"normal","highest":"high","last":"high","trend":"rising","alert":true,"severity":"warning"}

and talk: greetings, questions about the model itself, and anything else. Each job keeps its facts, its rule
(`*_answer`, the only place that decides) and its wordings apart. A fact that a wording leaves out counts as
ordinary, and the rule is told so. Findings stand before the decision, each in a place of its own: a model that
has written them down has all it needs before its eyes when it decides, and learns each as one lookup.

Every conversation follows from a seed. `generator.py sample` prints some, `generator.py holdout` writes the
held-out set, which training never sees: a training conversation with a held-out user message is dropped.
"""

import argparse
import dataclasses
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
HOLDOUT_FILE = HERE / "holdout.jsonl"
JOBS = ("fraud", "content", "sensor", "talk")


def one_line(**fields):
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


# ---------------------------------------------------------------------------------------------- fraud

# The bank of this example is European, and so are its cards: a merchant elsewhere is overseas.
HOME = {"Germany": "DE", "France": "FR", "Spain": "ES", "Italy": "IT", "Poland": "PL", "Sweden": "SE", "Norway": "NO"}
OVERSEAS = {"Canada": "CA", "Mexico": "MX", "Brazil": "BR", "Japan": "JP", "India": "IN", "Australia": "AU", "Kenya": "KE"}
COUNTRIES = HOME | OVERSEAS

MEDIUM_AMOUNT, LARGE_AMOUNT = 100, 500  # at or above, in whole units of the currency; amounts are below 1000
RAPID_PAYMENTS = 5  # at or above, in the last hour

# Points -> score. Up to 1 point is approved, up to 3 are reviewed, more are declined.
FRAUD_SCORES = (0.02, 0.11, 0.38, 0.61, 0.83, 0.93, 0.97, 0.99)


@dataclasses.dataclass(frozen=True)
class Payment:
    cents: int
    card_country: str | None
    merchant_country: str | None
    payments_in_hour: int | None
    new_device: bool | None


def fraud_answer(payment):
    """Adds points for each finding: an amount from 500 has 2, from 100 has 1; a merchant overseas 2;
    5 or more payments in the last hour 2; a new device 1."""
    units, payments = payment.cents // 100, payment.payments_in_hour or 0
    overseas = payment.merchant_country in OVERSEAS
    points = (units >= MEDIUM_AMOUNT) + (units >= LARGE_AMOUNT)
    points += 2 * overseas + 2 * (payments >= RAPID_PAYMENTS) + bool(payment.new_device)
    return one_line(
        amount=units,
        size="large" if units >= LARGE_AMOUNT else "medium" if units >= MEDIUM_AMOUNT else "small",
        merchant="overseas" if overseas else "home",
        payments=payments,
        device="new" if payment.new_device else "known",
        decision="approve" if points <= 1 else "review" if points <= 3 else "decline",
        score=FRAUD_SCORES[points],
    )


def draw_payment(rng, brief):
    """A payment; a brief one tells its amount and at most one more fact."""
    units = rng.choice(((1, 60), (10, 99), (100, 499), (100, 499), (500, 999), (500, 999)))
    cents = rng.randint(*units) * 100 + rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 50, 99))
    card = merchant = None
    if rng.random() < 0.9:
        card = merchant = rng.choice(list(HOME))
        if rng.random() < 0.7:
            merchant = rng.choice(list(OVERSEAS) if rng.random() < 0.7 else list(HOME))
    velocity = None if rng.random() < 0.12 else rng.choice((0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, rng.randint(10, 20)))
    device = None if rng.random() < 0.25 else rng.random() < 0.45
    if brief:
        told = rng.choice(("amount", "countries", "velocity", "device"))
        card, merchant = (card, merchant) if told == "countries" else (None, None)
        velocity, device = velocity if told == "velocity" else None, device if told == "device" else None
    return Payment(cents, card, merchant, velocity, device)


def amount_text(rng, cents):
    whole, fraction = divmod(cents, 100)
    number = str(whole) if fraction == 0 and rng.random() < 0.75 else f"{whole}.{fraction:02d}"
    code, sign = rng.choice((("EUR", "€"), ("USD", "$"), ("GBP", "£")))
    return rng.choice((f"{number} {code}", f"{number} {code}", f"{code} {number}", f"{sign}{number}", number))


def fraud_prompt(rng, payment):
    return rng.choice((fraud_sentence, fraud_sentence, fraud_list, fraud_list, fraud_json))(rng, payment)


def fraud_sentence(rng, payment):
    """Facts as running words: "Payment of 840 EUR, card from France, merchant in Brazil, 7 payments …"."""
    amount = amount_text(rng, payment.cents)
    facts = []
    if payment.card_country:
        card, merchant = payment.card_country, payment.merchant_country
        forms = [
            f"card from {card}, merchant in {merchant}",
            f"card issued in {card}, used in {merchant}",
            f"card country {card}, merchant country {merchant}",
            f"a card from {card} at a shop in {merchant}",
            f"merchant in {merchant}, card from {card}",
            f"the shop is in {merchant} and the card is from {card}",
        ]
        if card == merchant:
            forms += [f"card and merchant both in {card}", f"card from {card}, used at home"]
        facts.append(rng.choice(forms))
    if payment.payments_in_hour is not None:
        count = payment.payments_in_hour
        noun = "payment" if count == 1 else "payments"
        facts.append(
            rng.choice(
                (
                    f"{count} {noun} in the last hour",
                    f"{count} {noun} in the past hour",
                    f"{count} other {noun} within an hour",
                    f"the card made {count} {noun} in the last hour",
                )
            )
        )
    if payment.new_device is not None:
        facts.append(
            rng.choice(("new device", "from a new device", "unknown device", "first time on this device"))
            if payment.new_device
            else rng.choice(("known device", "from a known device", "usual device", "same device as always"))
        )
    rng.shuffle(facts)
    opening = rng.choice(
        (
            f"Payment of {amount}",
            f"Card payment of {amount}",
            f"Is this payment fraud? {amount}",
            f"Check this payment: {amount}",
            f"Should we approve a payment of {amount}?",
            f"A customer pays {amount}",
            f"Please decide on this transaction: {amount}",
            f"Transaction of {amount}{merchant_name(rng)}",
            f"Payment of {amount}{merchant_name(rng)}",
            f"{amount} card payment",
        )
    )
    joined = rng.choice((", ", ", ", "; ")).join(facts)
    separator = " " if opening.endswith("?") else ", "
    closing = rng.choice(("", "", "", ".", ".", ". Approve, review or decline?", ". Fraud?", ". What do you decide?"))
    text = opening + (separator + joined if joined else "")
    return text + closing


def merchant_name(rng):
    if rng.random() < 0.5:
        return ""
    return " at " + made_up_word(rng).capitalize() + rng.choice(("", " Books", " Travel", " Store", " Hotel", " Electronics"))


def fraud_list(rng, payment):
    """Facts as labelled lines or labelled parts of one line."""
    lines = [(rng.choice(("amount", "amount", "payment", "sum")), amount_text(rng, payment.cents))]
    if payment.card_country:
        label = rng.choice((("card country", "merchant country"), ("card", "merchant"), ("issued in", "used in"), ("card from", "shop in")))
        pair = [(label[0], payment.card_country), (label[1], payment.merchant_country)]
        lines += pair if rng.random() < 0.7 else pair[::-1]
    if payment.payments_in_hour is not None:
        label = rng.choice(("payments last hour", "payments in the last hour", "last hour", "velocity"))
        lines.append((label, str(payment.payments_in_hour) + ("/h" if label == "velocity" and rng.random() < 0.5 else "")))
    if payment.new_device is not None:
        lines.append(
            rng.choice((("device", "new"), ("new device", "yes"), ("device", "unknown")))
            if payment.new_device
            else rng.choice((("device", "known"), ("new device", "no"), ("device", "known")))
        )
    if rng.random() < 0.3:
        lines.insert(rng.randint(0, len(lines)), ("merchant name", made_up_word(rng).capitalize()))
    if rng.random() < 0.5:
        rng.shuffle(lines)
    sign = rng.choice((": ", ": ", "=", " "))
    between = rng.choice(("\n", "\n", "\n- ", ", ", "; "))
    if rng.random() < 0.4:
        lines = [(label.capitalize(), value) for label, value in lines]
    opening = rng.choice(("Payment", "Fraud check", "Check this payment", "Transaction", "Decide on this payment", "Is this fraud?"))
    head = opening + ("\n" if "\n" in between else ": ") if "\n" not in between or rng.random() < 0.8 else ""
    if between == "\n- ":
        head = head + "- "
    return head + between.join(label + sign + value for label, value in lines)


def fraud_json(rng, payment):
    fields = {"amount": payment.cents // 100}
    if rng.random() < 0.6:
        fields["currency"] = rng.choice(("EUR", "USD", "GBP"))
    if payment.card_country:
        show = COUNTRIES.__getitem__ if rng.random() < 0.5 else str
        fields["card_country"] = show(payment.card_country)
        fields["merchant_country"] = show(payment.merchant_country)
    if payment.payments_in_hour is not None:
        fields["payments_last_hour"] = payment.payments_in_hour
    if payment.new_device is not None:
        fields["new_device"] = payment.new_device
    names = list(fields)
    if rng.random() < 0.3:
        rng.shuffle(names)
    body = json.dumps({name: fields[name] for name in names}, separators=rng.choice(((",", ":"), (", ", ": "))))
    return rng.choice(("", "", "Fraud check: ", "Payment: ", "Is this payment fraud? ", "Decide: ", "Check this payment\n")) + body


# -------------------------------------------------------------------------------------------- content

INSULTS = ("idiot", "loser", "moron", "clown", "fool", "coward", "liar", "failure", "disgrace", "joke", "pig", "rat")
BAD_QUALITIES = ("stupid", "pathetic", "worthless", "useless", "ugly", "disgusting", "dumb", "hopeless", "awful", "ridiculous")
THINGS = ("printer", "game", "movie", "update", "phone", "bus", "song", "weather", "laptop", "menu", "website", "bug", "level",
          "keyboard", "essay", "queue", "train", "app", "router", "map")  # fmt: skip
VIOLENCE = ("hurt", "kill", "beat", "hit", "stab", "shoot", "destroy", "crush", "punch", "break")
GAME_TARGETS = ("the boss", "the dragon", "that level", "the other team", "the last monster", "my old record", "the final exam",
                "the wall", "this workout", "the high score")  # fmt: skip
PEOPLE = ("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Kim", "Lena", "Marco", "Nora",
          "Omar", "Paula", "Sara", "Tom", "Yuki", "Zoe")  # fmt: skip
LURES = ("free money", "a free phone", "cheap followers", "easy cash", "free gift cards", "a secret discount", "free crypto",
         "a prize of 500 dollars", "cheap watches", "double your coins")  # fmt: skip
BENIGN = (
    "see you at the meeting tomorrow", "thanks for the help", "can you send me the notes", "I like your new picture",
    "what time does the train leave", "the soup was great", "we should play again tonight", "happy birthday", "good luck today",
    "I am running ten minutes late", "did you watch the match", "the garden looks lovely", "my cat slept all day",
    "that was a good question", "I agree with you", "please call me later", "let us cook something this weekend",
    "nice work on the report", "is anyone here from Spain", "the new album is wonderful", "I fixed the bug this morning",
    "you are a great friend", "you made my day", "I will help you move", "I will meet you at the station", "you played well",
    "your talk was very clear", "are you coming to the party", "the coffee here is cheap", "I got a discount on my shoes",
    "the museum is free on Sunday", "my order number is 4471", "we won 3 to 1", "the recipe needs 200 grams of flour",
    "it rains a lot here", "I lost my keys again", "does this work on linux", "I miss the summer", "this place is so quiet",
    "what a beautiful day", "sorry for the late reply", "the kids are asleep", "who wants pizza", "I finished the book",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Clause:
    """A part of a message: what it says, and the category that the rule gives to its kind and target."""

    text: str
    category: str


CATEGORY_PRIORITY = ("threat", "harassment", "personal_data", "spam", "none")


def content_answer(clauses):
    """The gravest category of the message's clauses; see draw_clause for which clause has which."""
    category = min((clause.category for clause in clauses), key=CATEGORY_PRIORITY.index)
    return one_line(category=category, flag=category != "none")


def draw_clause(rng):
    """The same words flag or not by their target.

    threat         violence by the writer against the reader or a person ("I will hurt you")
    harassment     an insult at the reader ("you are a loser", "you stupid pig")
    personal_data  another person's phone number or home address
    spam           a lure together with a call to click, write or visit
    none           an insult at a thing or at oneself, violence in a game, a report of what somebody said,
                   one's own office number, a lure that somebody warns of, and everything ordinary
    """
    kind = rng.choice(("threat", "harassment", "personal_data", "spam", "none", "none", "none", "none"))
    return {"threat": threat, "harassment": harassment, "personal_data": personal_data, "spam": spam, "none": harmless}[kind](rng)


def threat(rng):
    verb, person = rng.choice(VIOLENCE), rng.choice(PEOPLE)
    target = rng.choice(("you", "you", "you", person, "your family", "your brother"))
    text = rng.choice(
        (
            f"I will {verb} {target}",
            f"I am going to {verb} {target}",
            f"tonight I will {verb} {target}",
            f"I'll {verb} {target} if you come back",
            f"we will find you and {verb} {target}",
            f"next time I {verb} {target}",
            "I know where you live and you will regret this",
            "watch your back, you are dead",
        )
    )
    return Clause(text, "threat")


def harassment(rng):
    insult, quality, other = rng.choice(INSULTS), rng.choice(BAD_QUALITIES), rng.choice(BAD_QUALITIES)
    text = rng.choice(
        (
            f"you are {article(insult)} {insult}",
            f"you are {quality}",
            f"you are so {quality}",
            f"you're {article(quality)} {quality} {insult}",
            f"you {quality} {insult}",
            f"nobody likes you, {insult}",
            f"shut up, {insult}",
            f"everyone thinks you are {quality}",
            f"go away, you {quality} {insult}",
            f"you are {quality} and {other}",
            "nobody wants you here",
            "the team is better without you",
        )
    )
    return Clause(text, "harassment")


def personal_data(rng):
    person = rng.choice(PEOPLE)
    number = rng.choice((f"555 {rng.randint(0, 9999):04d}", f"0{rng.randint(100, 999)} {rng.randint(100000, 999999)}", f"+49 {rng.randint(1000000, 9999999)}"))
    street = f"{rng.randint(1, 99)} {made_up_word(rng).capitalize()} Street"
    text = rng.choice(
        (
            f"{person}'s phone number is {number}",
            f"call {person} at home on {number}",
            f"{person} lives at {street}",
            f"here is the home address of {person}: {street}",
            f"her private number is {number}",
            f"his home address is {street}",
            f"{person}'s private number: {number}",
        )
    )
    return Clause(text, "personal_data")


def spam(rng):
    lure, site = rng.choice(LURES), made_up_word(rng) + rng.choice((".com", ".net", ".shop", ".io"))
    text = rng.choice(
        (
            f"get {lure} at {site}",
            f"click {site} for {lure}",
            f"want {lure}? visit {site}",
            f"{lure} today only, go to {site}",
            f"write me now for {lure}",
            f"win {lure}, click the link in my profile",
            f"{lure}!!! {site}",
            f"claim {lure} now at www.{site}",
        )
    )
    return Clause(text, "spam")


def harmless(rng):
    insult, quality, thing = rng.choice(INSULTS), rng.choice(BAD_QUALITIES), rng.choice(THINGS)
    verb, person, lure = rng.choice(VIOLENCE), rng.choice(PEOPLE), rng.choice(LURES)
    ordinary = rng.choice(BENIGN)
    text = rng.choice(
        (
            ordinary,
            ordinary,
            ordinary,
            ordinary,
            ordinary,
            ordinary,
            f"this {thing} is {quality}",
            f"my {thing} is so {quality}",
            f"what {article(quality)} {quality} {thing}",
            f"I am such {article(insult)} {insult}",
            f"I was so {quality} today",
            f"I feel {quality} this morning",
            f"I will {verb} {rng.choice(GAME_TARGETS)}",
            f"we are going to {verb} {rng.choice(GAME_TARGETS)}",
            f"the {thing} will {verb} my battery",
            f"someone called me {article(insult)} {insult} and I reported it",
            f"{person} said he would {verb} me, please help",
            f"do not click links that promise {lure}",
            f"is {lure} a scam?",
            f"our office number is 0800 {rng.randint(1000, 9999)}",
            f"the shop is at {rng.randint(1, 99)} Market Street",
            f"{person} is my best friend",
            f"I saw {person} at the {rng.choice(('station', 'market', 'cinema', 'gym', 'library'))}",
        )
    )
    return Clause(text, "none")


def article(word):
    return "an" if word[0] in "aeiou" else "a"


def draw_clauses(rng):
    clauses = [draw_clause(rng)]
    if rng.random() < 0.35:
        clauses.append(harmless(rng))
        rng.shuffle(clauses)
    return clauses


def content_prompt(rng, clauses):
    parts = [clause.text if rng.random() < 0.5 else clause.text[0].upper() + clause.text[1:] for clause in clauses]
    message = rng.choice((". ", ", ", " and ", "! ", " ")).join(parts) + rng.choice(("", "", "", ".", "!", "!!", "?"))
    if rng.random() < 0.06:
        message = message.upper()
    if rng.random() < 0.15:
        message = rng.choice(("hey ", "lol ", "hi all, ", "ok ", "listen, ")) + message
    quoted = rng.choice((f'"{message}"', f"'{message}'", message))
    return rng.choice(
        (
            f"Check this chat message: {quoted}",
            f"Moderate this message: {quoted}",
            f"Moderate: {quoted}",
            f"Is this message ok? {quoted}",
            f"Should this be flagged? {quoted}",
            f"Flag or not: {quoted}",
            f"A user wrote: {quoted}",
            f"Chat message from {rng.choice(PEOPLE)}: {quoted}",
            f"Content check\n{quoted}",
            f"Message: {quoted}\nDoes it break the rules?",
            f"{quoted}\n\nFlag this message?",
            f"Please review this comment: {quoted}",
            json.dumps({"message": message}, ensure_ascii=False),
        )
    )


# --------------------------------------------------------------------------------------------- sensor

UNITS = {"temperature": ("C", "°C", "degrees"), "pressure": ("bar", "psi", "kPa"), "vibration": ("mm/s", "Hz")}
LIMIT = 90
BANDS = {"low": 10, "normal": 40, "high": 70, "over": LIMIT}  # from this reading on, whatever the quantity


@dataclasses.dataclass(frozen=True)
class Window:
    quantity: str
    readings: tuple[int, ...]


def band(reading):
    return max((name for name, begin in BANDS.items() if reading >= begin), key=BANDS.__getitem__)


def sensor_answer(window):
    """Over the limit at the end is critical; over it earlier, or ending above the lowest band, is a warning."""
    bands = [band(reading) for reading in window.readings]
    lowest, highest, last = min(bands, key=BANDS.get), max(bands, key=BANDS.get), bands[-1]
    trend = "rising" if last != lowest else "falling" if last != highest else "steady"
    severity = "critical" if last == "over" else "warning" if highest == "over" or trend == "rising" else "none"
    return one_line(lowest=lowest, highest=highest, last=last, trend=trend, alert=severity != "none", severity=severity)


def draw_window(rng, brief):
    """Two-digit readings: of some noise, of a climb or a fall, or with one or more over the limit."""
    count = rng.choice((3, 3, 4)) if brief else rng.choice((5, 6, 6, 8))
    kind = rng.choice(("calm", "calm", "rise", "rise", "fall", "spike", "over"))
    if kind in ("rise", "fall"):
        climb = rng.randint(15, 45)
        readings = climbing(rng, rng.randint(10, LIMIT - 1 - climb), climb, count)
        if kind == "fall":
            readings.reverse()
    else:
        base, noise = rng.randint(14, 85), rng.choice((2, 4))
        readings = [base + rng.randint(-noise, noise) for _ in range(count)]
        if kind == "spike":
            readings[rng.randrange(count)] = rng.randint(LIMIT, 99)
        elif kind == "over":
            for i in rng.sample(range(count), rng.randint(2, count)):
                readings[i] = rng.randint(LIMIT, 99)
    return Window(rng.choice(tuple(UNITS)), tuple(readings))


def climbing(rng, start, climb, count):
    """Readings from start to start + climb, with a little noise between the ends."""
    noise = [0] + [rng.randint(-1, 1) for _ in range(count - 2)] + [0]
    return [max(10, start + round(climb * i / (count - 1)) + noise[i]) for i in range(count)]


def sensor_prompt(rng, window):
    quantity, numbers = window.quantity, [str(reading) for reading in window.readings]
    unit = rng.choice(("", "", rng.choice(UNITS[quantity])))
    body = rng.choice((", ", ", ", ",", " ", " ", "; ", " -> ")).join(numbers)
    if rng.random() < 0.15:
        body = f"[{body}]" if "->" not in body else body
    named = rng.choice((quantity, quantity, f"{quantity} sensor", f"{quantity} readings"))
    place = rng.choice(("", "", "", f" of pump {rng.randint(1, 9)}", " of the boiler", f" in room {rng.randint(1, 9)}", " on the main line"))
    tail = f" {unit}" if unit else ""
    return rng.choice(
        (
            f"{named.capitalize()}{place}: {body}{tail}",
            f"{named.capitalize()}{place}: {body}{tail}. Alert?",
            f"{named}{place} {body}{tail}",
            f"Sensor window, {quantity}{place}: {body}{tail}",
            f"Check these {quantity} readings{place}: {body}{tail}",
            f"The last readings of the {quantity} sensor{place} were {body}{tail}.",
            f"Is there a problem? {named.capitalize()}{place}: {body}{tail}",
            f"{quantity.capitalize()}{place}\n{body}{tail}",
            f"sensor: {quantity}\nreadings: {body}{tail}",
            f"Should I raise an alert? {quantity.capitalize()}{place} {body}{tail}",
            json.dumps({"sensor": quantity, "readings": list(window.readings)}, separators=rng.choice(((",", ":"), (", ", ": ")))),
        )
    )


# ----------------------------------------------------------------------------------------------- talk

HELLO = "Hello! Send me a payment, a chat message or a window of sensor readings, and I answer with a decision."
ABOUT = (
    "I am switchboard-demo, a small demonstration model. I decide about payments, chat messages and sensor readings, "
    "each in one line of JSON."
)
PAYMENT_EXAMPLE = "For example: Payment of 840 EUR, card from France, merchant in Brazil, 7 payments in the last hour, new device."
CONTENT_EXAMPLE = 'For example: Check this chat message: "you are a great friend"'
SENSOR_EXAMPLE = "For example: Temperature: 71, 72, 71, 93, 72, 71"
THANKS = "You are welcome."
GOODBYE = "Goodbye!"
FALLBACK = "I can only decide about payments, chat messages and sensor readings. Send me one of these."

TALK = {
    HELLO: ("hello", "hi", "hey", "hi there", "hello there", "good morning", "good evening", "good afternoon", "hey there", "greetings",
            "hello switchboard", "hi, how are you", "how are you", "how are you today", "hello, anyone there", "what's up", "hallo",
            "test", "say hello", "ping", "hello world", "nice to meet you"),
    ABOUT: ("who are you", "what are you", "what can you do", "what is switchboard-demo", "help", "how can you help me", "what do you do",
            "what is your name", "tell me about yourself", "are you a robot", "are you human", "are you an AI", "which model are you",
            "introduce yourself", "what is your purpose", "who made you", "what jobs can you do", "how do you work", "what can I ask you",
            "what is this", "describe yourself", "are you chatgpt", "how big are you", "are you a language model"),
    PAYMENT_EXAMPLE: ("how do I check a payment", "show me a payment example", "how do I ask about fraud", "give me an example payment",
                      "what does a payment look like", "can you check payments", "how do I send a transaction", "example of a fraud check"),
    CONTENT_EXAMPLE: ("how do I check a message", "show me a message example", "how do I moderate a message", "can you moderate chat",
                      "give me an example message", "how do I flag content", "example of a content check"),
    SENSOR_EXAMPLE: ("how do I check a sensor", "show me a sensor example", "how do I send readings", "can you watch sensors",
                     "give me example readings", "what does a window look like", "example of a sensor check"),
    THANKS: ("thanks", "thank you", "thank you very much", "great, thanks", "thanks a lot", "that helped", "perfect, thank you", "cool", "ok thanks"),
    GOODBYE: ("bye", "goodbye", "see you", "good night", "see you later", "that is all", "bye bye"),
}  # fmt: skip

ASKED_ABOUT = ("France", "Japan", "Brazil", "the moon", "cats", "Shakespeare", "a bicycle", "the ocean", "a neural network", "bread", "history",
               "music", "gravity", "the weather", "Python", "a database", "coffee", "chess", "dinosaurs", "the sun", "football", "my car",
               "a mountain", "love", "a poem", "Rome", "tomorrow", "the stock market", "trees", "a good book", "kubernetes", "latency")  # fmt: skip
OTHER_QUESTIONS = (
    "what is the capital of {}", "tell me about {}", "write a poem about {}", "explain {} to me", "how old is {}", "where is {}",
    "write a story about {}", "what do you think of {}", "why is {} important", "translate {} into German", "how do I make {}",
    "give me a recipe for {}", "who invented {}", "draw {}", "what is {}", "how much does {} cost", "summarize {}", "sing a song about {}",
    "what is {0} plus {1}", "tell me a joke", "what time is it", "count to {0}", "write a function that sorts {}", "is {} real",
    "what is the best {}", "can you book a flight to {}", "who won the game", "once upon a time", "why is the sky blue", "how far is {}",
    "give me three facts about {}", "what day is today", "continue: {} is", "make a list of {}", "compare {} and {}", "I like {}",
)  # fmt: skip


def talk_pair(rng):
    if rng.random() < 0.45:
        template = rng.choice(OTHER_QUESTIONS)
        topics = [str(rng.randint(1, 99)) for _ in "ab"] if "{0}" in template else [rng.choice(ASKED_ABOUT) for _ in "ab"]
        question, answer = template.format(*topics), FALLBACK
        if rng.random() < 0.15:
            question, answer = " ".join(made_up_word(rng) for _ in range(rng.randint(1, 5))), FALLBACK
    else:
        answer = rng.choice(tuple(TALK))
        question = rng.choice(TALK[answer])
    if rng.random() < 0.6:
        question = question[0].upper() + question[1:]
    asks = question.lower().startswith(("what", "who", "how", "where", "why", "are ", "is ", "can ", "which"))
    question += rng.choice(("?", "?", "")) if asks else rng.choice(("", "", ".", "!"))
    return question, answer


# -------------------------------------------------------------------------------------- conversations

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are switchboard-demo.",
    "You decide about payments, chat messages and sensor readings. Answer with one line of JSON.",
    "Answer with JSON only.",
    "Be brief.",
)

SYLLABLES = ("ba", "co", "da", "fel", "gor", "hin", "jo", "ka", "lum", "mar", "nex", "or", "pri", "qui", "ros", "sta", "tem", "ul", "vel",
             "wi", "xan", "yor", "zet", "mo", "lan", "ter", "vi", "shop", "net", "el", "in", "us")  # fmt: skip


def made_up_word(rng):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))


def exchange(rng, job, brief=False):
    """One user message of the job and its answer. Brief messages, with few facts or readings, serve training only:
    what decides stands out in them, and the same hour holds more of them."""
    if job == "fraud":
        payment = draw_payment(rng, brief)
        return fraud_prompt(rng, payment), fraud_answer(payment)
    if job == "content":
        clauses = draw_clauses(rng)
        return content_prompt(rng, clauses), content_answer(clauses)
    if job == "sensor":
        window = draw_window(rng, brief)
        return sensor_prompt(rng, window), sensor_answer(window)
    return talk_pair(rng)


def job_mix(rng):
    return rng.choices(JOBS, (50, 18, 24, 8))[0]


def conversation(rng, reserved=frozenset()):
    """A list of chat messages: mostly one exchange, sometimes more, sometimes under a system prompt."""
    messages = []
    if rng.random() < 0.15:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    for _ in range(rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 3))):
        prompt, answer = exchange(rng, job_mix(rng), rng.random() < 0.5)
        while prompt in reserved:
            prompt, answer = exchange(rng, job_mix(rng), rng.random() < 0.5)
        messages += [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return messages


def holdout(seed, count_per_job):
    """Different user messages for each job, drawn from a seed that training does not use."""
    for job in JOBS[:3]:
        rng, seen = random.Random(f"holdout {seed} {job}"), set()
        while len(seen) < count_per_job:
            prompt, answer = exchange(rng, job)
            if prompt not in seen:
                seen.add(prompt)
                yield {"job": job, "prompt": prompt, "answer": answer}


def read_holdout(path=HOLDOUT_FILE):
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        sys.exit(f"error: {path} does not exist: run generator.py holdout first")


def vocabulary_texts(seed, count):
    """Messages to count pairs in, for the BPE vocabulary."""
    rng = random.Random(f"vocabulary {seed}")
    for _ in range(count):
        yield from (message["content"] for message in conversation(rng))


def main():
    parser = argparse.ArgumentParser(description="Synthetic conversations of switchboard-demo and the rules behind them.")
    commands = parser.add_subparsers(dest="command", required=True)
    sample = commands.add_parser("sample", help="print a few prompts and answers")
    sample.add_argument("--count", type=int, default=10, help="how many (default 10)")
    sample.add_argument("--job", choices=JOBS, help="only this job")
    sample.add_argument("--seed", type=int, default=1)
    held = commands.add_parser("holdout", help="write the held-out set")
    held.add_argument("--count", type=int, default=600, help="per job (default 600)")
    held.add_argument("--seed", type=int, default=1)
    held.add_argument("--out", type=pathlib.Path, default=HOLDOUT_FILE)
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")

    if arguments.command == "sample":
        rng = random.Random(f"sample {arguments.seed}")
        for _ in range(arguments.count):
            prompt, answer = exchange(rng, arguments.job or job_mix(rng))
            print(f"{prompt}\n    {answer}\n")
    else:
        with open(arguments.out, "w", encoding="utf-8") as file:
            for example in holdout(arguments.seed, arguments.count):
                file.write(json.dumps(example, ensure_ascii=False) + "\n")
        print(f"{arguments.out}: {arguments.count} for each of {', '.join(JOBS[:3])}")


if __name__ == "__main__":
    main()
