"""Payments: the facts of one, the rule that decides, and the wordings that hide the facts."""

import dataclasses
import json
import re

from phrasing import roughened, say

# The bank of this example is European, and so are its cards: a merchant elsewhere is overseas.
HOME = {  # country: code, adjective, cities
    "Germany": ("DE", "German", "Berlin Munich Hamburg Cologne Frankfurt"),
    "France": ("FR", "French", "Paris Lyon Marseille Nice Toulouse"),
    "Spain": ("ES", "Spanish", "Madrid Barcelona Valencia Seville Malaga"),
    "Italy": ("IT", "Italian", "Rome Milan Naples Turin Venice"),
    "Poland": ("PL", "Polish", "Warsaw Krakow Gdansk"),
    "Sweden": ("SE", "Swedish", "Stockholm Malmo Gothenburg"),
    "Norway": ("NO", "Norwegian", "Oslo Bergen"),
    "Denmark": ("DK", "Danish", "Copenhagen Aarhus"),
    "Finland": ("FI", "Finnish", "Helsinki"),
    "Austria": ("AT", "Austrian", "Vienna Salzburg Graz"),
    "Switzerland": ("CH", "Swiss", "Zurich Geneva Basel Bern"),
    "Belgium": ("BE", "Belgian", "Brussels Antwerp"),
    "the Netherlands": ("NL", "Dutch", "Amsterdam Rotterdam Utrecht"),
    "Portugal": ("PT", "Portuguese", "Lisbon Porto"),
    "Ireland": ("IE", "Irish", "Dublin Cork"),
    "Greece": ("GR", "Greek", "Athens"),
    "Hungary": ("HU", "Hungarian", "Budapest"),
    "Romania": ("RO", "Romanian", "Bucharest"),
    "Croatia": ("HR", "Croatian", "Zagreb"),
    "Malta": ("MT", "Maltese", "Valletta"),
    "Luxembourg": ("LU", "Luxembourg", "Luxembourg"),
    "England": ("GB", "English", "London Manchester Leeds Liverpool Bristol"),
    "the UK": ("UK", "British", "London Birmingham Oxford"),
    "Scotland": ("GB", "Scottish", "Edinburgh Glasgow"),
    "Estonia": ("EE", "Estonian", "Tallinn"),
    "Bulgaria": ("BG", "Bulgarian", "Sofia"),
    "Slovakia": ("SK", "Slovak", "Bratislava"),
    "Slovenia": ("SI", "Slovenian", "Ljubljana"),
}
HOME["Czechia"] = ("CZ", "Czech", "Prague Brno")
OVERSEAS = {
    "the United States": ("US", "American", "Chicago Boston Seattle Houston"),
    "the US": ("US", "American", "Miami Dallas Denver"),
    "the USA": ("USA", "American", "Las_Vegas New_York Los_Angeles San_Francisco"),
    "Canada": ("CA", "Canadian", "Toronto Vancouver Montreal"),
    "Mexico": ("MX", "Mexican", "Cancun Mexico_City"),
    "Brazil": ("BR", "Brazilian", "Sao_Paulo Rio"),
    "Argentina": ("AR", "Argentinian", "Buenos_Aires"),
    "Chile": ("CL", "Chilean", "Santiago"),
    "Peru": ("PE", "Peruvian", "Lima"),
    "Colombia": ("CO", "Colombian", "Bogota"),
    "Venezuela": ("VE", "Venezuelan", "Caracas"),
    "Japan": ("JP", "Japanese", "Tokyo Osaka Kyoto"),
    "China": ("CN", "Chinese", "Beijing Shanghai Shenzhen"),
    "Hong Kong": ("HK", "Hong Kong", "Hong_Kong"),
    "Taiwan": ("TW", "Taiwanese", "Taipei"),
    "South Korea": ("KR", "Korean", "Seoul Busan"),
    "India": ("IN", "Indian", "Mumbai Delhi Bangalore"),
    "Pakistan": ("PK", "Pakistani", "Karachi Lahore"),
    "Bangladesh": ("BD", "Bangladeshi", "Dhaka"),
    "Thailand": ("TH", "Thai", "Bangkok Phuket"),
    "Vietnam": ("VN", "Vietnamese", "Hanoi Saigon"),
    "Indonesia": ("ID", "Indonesian", "Jakarta Bali"),
    "Malaysia": ("MY", "Malaysian", "Kuala_Lumpur"),
    "the Philippines": ("PH", "Philippine", "Manila"),
    "Singapore": ("SG", "Singapore", "Singapore"),
    "Australia": ("AU", "Australian", "Sydney Melbourne Perth"),
    "New Zealand": ("NZ", "New Zealand", "Auckland"),
    "Russia": ("RU", "Russian", "Moscow"),
    "Turkey": ("TR", "Turkish", "Istanbul Ankara Antalya"),
    "Israel": ("IL", "Israeli", "Tel_Aviv"),
    "Dubai": ("AE", "Dubai", "Dubai Abu_Dhabi"),
    "Saudi Arabia": ("SA", "Saudi", "Riyadh"),
    "Qatar": ("QA", "Qatari", "Doha"),
    "Egypt": ("EG", "Egyptian", "Cairo"),
    "Morocco": ("MA", "Moroccan", "Casablanca Marrakesh"),
    "Nigeria": ("NG", "Nigerian", "Lagos Abuja"),
    "Ghana": ("GH", "Ghanaian", "Accra"),
    "Kenya": ("KE", "Kenyan", "Nairobi"),
    "South Africa": ("ZA", "South African", "Cape_Town Johannesburg"),
    "Tanzania": ("TZ", "Tanzanian", "Zanzibar"),
    "Ethiopia": ("ET", "Ethiopian", "Addis_Ababa"),
}
COUNTRIES = HOME | OVERSEAS


def places():
    """Every code, country, adjective and city, once."""
    words = {}
    for country, (code, adjective, cities) in COUNTRIES.items():
        words |= dict.fromkeys((code, country.removeprefix("the "), adjective, *cities.replace("_", " ").split(" ")))
    return tuple(words)


MEDIUM_AMOUNT, LARGE_AMOUNT = 100, 500  # at or above, in whole units of the currency
RAPID_PAYMENTS = 5  # at or above, in the last hour

# Points -> share of frauds among the payments with so many, in the invented world of this example; `score` states it.
# Up to 1 point is approved, up to 3 are reviewed, more are declined.
FRAUD_SCORES = (0.02, 0.11, 0.38, 0.61, 0.83, 0.93, 0.97, 0.99)
OUTCOMES = 50  # how many payments alike the held-out set counts frauds among

CURRENCIES = (  # code, sign, words, weight
    ("EUR", "€", ("euros", "euro", "euros"), 12), ("USD", "$", ("dollars", "bucks", "US dollars", "dollar"), 8),
    ("GBP", "£", ("pounds", "quid", "pounds sterling"), 6), ("CHF", "Fr.", ("francs", "swiss francs"), 2),
    ("JPY", "¥", ("yen",), 1), ("SEK", "kr", ("kronor", "crowns"), 1), ("NOK", "kr", ("kroner",), 1), ("PLN", "zł", ("zloty",), 1),
    ("CAD", "C$", ("canadian dollars",), 1), ("AUD", "A$", ("australian dollars",), 1), ("INR", "₹", ("rupees",), 1),
    ("DKK", "kr", ("kroner",), 1), ("BRL", "R$", ("reais",), 1), ("TRY", "₺", ("lira",), 1),
)  # fmt: skip
MERCHANTS = (
    "Amazon Netflix Spotify IKEA Zara Lidl Aldi Tesco Carrefour Apple Google Steam Nike Adidas Uber Airbnb Booking.com eBay PayPal "
    "Walmart Costco Target BestBuy H&M Starbucks McDonald's Sephora Decathlon MediaMarkt Ryanair Lufthansa Shell BP Esso Disney+ "
    "Playstation Nintendo Etsy Zalando Sainsbury's Boots Primark Rewe Edeka Dominos Expedia Samsung Sony Microsoft Dell Rolex Gucci "
    "Prada Deliveroo Bolt Vodafone Telekom Patreon Kickstarter AliExpress Shein Temu Wish Coursera Udemy Hilton Marriott Ibis"
).split()
SHOPS = ("shop store merchant restaurant hotel website bar cafe pharmacy retailer bakery dealer boutique supermarket webshop bookstore "
         "casino airline supplier seller museum kiosk company club garage dentist hairdresser school").split()  # fmt: skip
NAMES = ("Anna Ben Carla David Emma Felix Grace Hugo Ines Jonas Kim Lena Marco Nora Omar Paula Sara Tom Yuki Zoe Peter Maria John Lukas "
         "Sofia Ahmed Wei Priya Olga Ivan Fatima Carlos Julia Mark Susan Linda Robert James Karl Eva Mia Leon Noah Chloe Pedro Aisha "
         "Jan Piotr Ewa Lars Ingrid Sven Pierre Marie Giulia Luca Hans Petra").split()  # fmt: skip
SURNAMES = ("Miller Smith Kowalski Garcia Rossi Weber Jensen Silva Dubois Novak Berg Okafor Tanaka Singh Lopez Meyer Brown Keller "
            "Horvat Larsen Costa Moreau").split()  # fmt: skip
GOODS = (
    "a laptop", "a phone", "a new phone", "shoes", "sneakers", "a bike", "groceries", "pizza", "a coffee", "coffee", "dinner", "lunch",
    "a book", "books", "a train ticket", "two tickets", "concert tickets", "a flight", "a hotel room", "a jacket", "a watch", "a TV",
    "a gift card", "gift cards", "a camera", "a game", "fuel", "a taxi", "petrol", "medicine", "flowers", "a sofa", "furniture", "a table",
    "headphones", "an iPhone", "toys", "clothes", "a dress", "jewellery", "a ring", "a car", "a used car", "car parts", "a washing machine",
    "a subscription", "insurance", "a haircut", "a parking ticket", "tyres", "a drill", "software", "a course", "a holiday", "rent",
    "electricity", "the water bill", "my phone bill", "a gym membership", "a donation", "school books", "wine", "beer", "a sandwich",
    "a bus ticket", "a repair", "tools", "paint", "a guitar", "a tablet", "a console", "an app", "coins in a game", "crypto",
)  # fmt: skip
KIN = ("a friend", "my friend", "my brother", "my sister", "my mum", "my son", "his landlord", "my landlord", "a stranger", "a supplier",
       "someone", "a colleague", "her daughter", "a company", "an online seller", "the plumber", "an unknown account")  # fmt: skip
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth")


@dataclasses.dataclass(frozen=True)
class Payment:
    """What a message tells: None where it is silent. `shop` is a name that says nothing about the country."""

    cents: int
    card_country: str | None = None
    merchant_country: str | None = None
    abroad: bool | None = None
    shop: str | None = None
    payments_in_hour: int | None = None
    new_device: bool | None = None

    def overseas(self):
        return self.merchant_country in OVERSEAS or bool(self.abroad)


def fraud_points(payment):
    """An amount from 500 has 2 points, from 100 has 1; a merchant overseas 2; 5 or more payments in the last hour 2;
    a new device 1. What is not told counts as ordinary."""
    units = payment.cents // 100
    points = (units >= MEDIUM_AMOUNT) + (units >= LARGE_AMOUNT)
    return points + 2 * payment.overseas() + 2 * ((payment.payments_in_hour or 0) >= RAPID_PAYMENTS) + bool(payment.new_device)


def answer(payment):
    units, points = payment.cents // 100, fraud_points(payment)
    fields = {
        "amount": units,
        "size": "large" if units >= LARGE_AMOUNT else "medium" if units >= MEDIUM_AMOUNT else "small",
        "merchant": "overseas" if payment.overseas() else "home",
        "payments": payment.payments_in_hour or 0,
        "device": "new" if payment.new_device else "known",
        "decision": "approve" if points <= 1 else "review" if points <= 3 else "decline",
        "score": FRAUD_SCORES[points],
    }
    return json.dumps(fields, separators=(",", ":"))


def draw(rng):
    """Amounts up to 25000, most below 1000; each fact is told in some of the messages only."""
    lowest, highest = rng.choice(((1, 60), (10, 99), (100, 499), (100, 499), (500, 999), (500, 999), (1000, 9999), (1000, 25000)))
    units = rng.randint(lowest, highest)
    if rng.random() < 0.3 and units > 10:
        units = units // 10 * 10 if units < 1000 else units // 100 * 100
    cents = units * 100 + (rng.choice((50, 99, 90, 95, rng.randint(1, 99))) if rng.random() < 0.25 else 0)
    card = merchant = abroad = shop = velocity = device = None
    many = rng.random() < 0.45  # facts
    if rng.random() < (0.85 if many else 0.5):
        merchant = rng.choice(tuple(OVERSEAS if rng.random() < 0.55 else HOME))
        card = rng.choice(tuple(HOME)) if rng.random() < 0.25 else None
        if card and rng.random() < 0.35:
            merchant = card
    elif rng.random() < 0.12:
        abroad = rng.random() < 0.7
    if rng.random() < 0.35:
        shop = rng.choice(MERCHANTS)
    if rng.random() < (0.6 if many else 0.15):
        velocity = rng.choice((0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, rng.randint(10, 30)))
    if rng.random() < (0.7 if many else 0.25):
        device = rng.random() < 0.55
    return Payment(cents, card, merchant, abroad, shop, velocity, device)


# ---------------------------------------------------------------------------------------------- facts in words


def number_text(rng, cents):
    whole, fraction = divmod(cents, 100)
    comma = rng.random() < 0.2
    digits = str(whole)
    if whole >= 1000 and rng.random() < 0.5:
        digits = digits[:-3] + ("." if comma else rng.choice(",,,,, '")) + digits[-3:]
    if fraction or rng.random() < 0.12:
        digits += ("," if comma else ".") + f"{fraction:02d}"
    return digits


def money(rng, cents, bare=False):
    number = number_text(rng, cents)
    if bare and rng.random() < 0.25:
        return number
    code, sign, words, _ = rng.choices(CURRENCIES, [c[3] for c in CURRENCIES])[0]
    shown = rng.choice(("{n} {c}", "{n} {c}", "{c} {n}", "{s}{n}", "{s}{n}", "{n}{s}", "{n} {s}", "{n} {w}", "{n} {w}", "{n}{c}", "{c}{n}"))
    code = code.lower() if rng.random() < 0.15 else code
    return shown.format(n=number, c=code, s=sign, w=rng.choice(words))


def city(rng, country):
    return rng.choice(COUNTRIES[country][2].split()).replace("_", " ")


def where(rng, country):
    """A country or one of its cities."""
    if rng.random() < 0.3:
        town = city(rng, country)
        return town if rng.random() < 0.75 else f"{town}, {country.removeprefix('the ')}"
    return country


def person(rng):
    name = rng.choice(NAMES)
    return name if rng.random() < 0.75 else f"{name} {rng.choice(SURNAMES)}"


def place(rng, payment):
    """Where the money goes, as the end of a clause: "", " at Tesco", " to a supplier in China"."""
    shop, slots = payment.shop, {"shop": SHOPS, "name": payment.shop or "", "kin": KIN, "person": person}
    if payment.merchant_country:
        slots["in"] = lambda r: where(r, payment.merchant_country)
        slots["adj"] = COUNTRIES[payment.merchant_country][1]
        if shop and rng.random() < 0.5:
            return say(rng, " <at|to|on|with> {name}< in|,| -|> {in}", slots)
        return say(
            rng,
            "< in {in}| in {in}| in {in}| at a <|small|big|new> {shop} in {in}| to a {shop} in {in}|, {in}| - {in}| to {in}| from {in}"
            "| at a {adj} {shop}| on a {adj} {shop}| to {kin} in {in}| to {person} in {in}|, merchant in {in}|, shipped to {in}| / {in}"
            "| with a {shop} in {in}|, the {shop} is in {in}|, merchant country {in}| <somewhere|right|over> in {in}>",
            slots,
        ).replace("  ", " ")
    if payment.abroad is not None:
        if payment.abroad:
            return say(rng, "< abroad| overseas| outside Europe| to an overseas {shop}| outside the EU| in another continent|, merchant overseas>", slots)
        return say(rng, "< at a local {shop}| at home| in a domestic {shop}| around the corner|, merchant at home|, domestic>", slots)
    if shop:
        return say(rng, " <at|to|on|at the|for|with|from|,|-> {name}", slots).replace(" ,", ",")
    return say(rng, "<||| at a <|local|small> {shop}| at the {shop}| to {kin}| to {person}| online>", slots).replace("  ", " ")


def device(rng, new):
    if new:
        return say(
            rng,
            "<<|a|on a|from a|with a|using a|brand> new <device|device|device|phone|laptop|computer|browser|tablet>"
            "|<|an|from an|on an> <unknown|unrecognised|unrecognized|unfamiliar|unseen> <device|device|phone|computer|browser>"
            "|<a |>device <we don't know|we do not know|never seen before|not seen before|we have never seen|we've not seen|he never used before>"
            "|first <time|use|payment|login> <on|from|with> this <device|phone|computer>|the <device|phone|laptop> is <new|unknown|not known|unfamiliar>"
            "|<from|with|on> a <phone|laptop|device> <never|not> used before|never seen this <device|phone> before|<new|unknown> device"
            "|<his|her|my|their> new <phone|laptop|tablet|device>|device <new|unknown>|new device: yes|device: new|device not recognised>",
        )
    return say(
        rng,
        "<<|a|on a|from a|with a|on the|the|from the> <known|known|usual|trusted|familiar|recognised|recognized|old|regular|registered> <device|device|device|phone|laptop|computer>"
        "|same <device|phone|computer|tablet> as <always|usual|before|ever>|<my|his|her|their> <own|usual|regular|old|normal> <phone|laptop|device|computer|tablet>"
        "|we know <the|this|his|her> <device|phone|laptop>|the <device|phone> is <known|trusted|familiar|the usual one>|known device"
        "|not a new device|no new device|new device: no|device: known|device known|from the <device|phone> <he|she|I> always <uses|use>>",
    )


def velocity(rng, count):
    hour = say(rng, "<in the <last|past> hour|in the <last|past> hour|within <an|the|one> hour|this hour|in <an|one> hour|last hour|in the <last|past> 60 minutes>")
    noun = "payment" if count == 1 else "payments"
    shown = NUMBER_WORDS[count] if count < len(NUMBER_WORDS) and rng.random() < 0.3 else str(count)
    if count == 0 and rng.random() < 0.7:
        return say(rng, "<no <other|previous|more|> payments {h}|nothing else {h}|no other payment {h}>", {"h": hour}).replace("  ", " ")
    forms = ["{n} {noun} {h}", "{n} {noun} {h}", "{n} {noun} {h}", "{n} <card|other> {noun} {h}", "<there were|we saw|we see|already|the card made|after> {n} {noun} {h}",
             "{n} {tx} {h}", "<|card> used {n} <time|times> {h}", "payments {h}: {n}", "velocity {n}", "{n} payments/h"]  # fmt: skip
    if count >= 2:
        ordinal = ORDINALS[count] if count < len(ORDINALS) and rng.random() < 0.5 else f"{count}{suffix(count)}"
        forms += [f"<the|his|her|my|already the|it's the> {ordinal} <payment|payment|purchase|transaction|charge> {{h}}", f"{ordinal} <payment|purchase> {{h}}"]
    noun_tx = "transactions" if count != 1 else "transaction"
    return say(rng, rng.choice(forms), {"n": shown, "noun": noun, "h": hour, "tx": noun_tx}).strip()


def suffix(count):
    return "th" if 10 < count % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")


# ---------------------------------------------------------------------------------------------- sentences

# The clause that holds the amount. STRONG ones speak of paying, so the amount may stand without a currency.
STRONG = (
    "<|a |the |this |one |another |card |online |suspicious |large |new ><payment|payment|transaction|purchase|charge|transfer|order|bill|invoice> <of|of|over|for> {amt}{for}{place}",
    "{who} <pays|paid|is paying|wants to pay|just paid|tries to pay|has paid|tried to pay|would like to pay|needs to pay> {amt}{for}{place}",
    "{who} <spent|spends|wants to spend|is spending|just spent> {amt}{on}{place}",
    "{who} <sent|wants to send|is sending|sends|transfers|transferred|wired|wants to wire|wants to transfer|gave> {amt} to {whom}{place}",
    "<send|pay|wire|transfer> {amt}< to {whom}|{for}>{place}",
    "<can i|may i|should i|could i|i want to|i would like to|i need to|i am going to|let me> <pay|send|spend|transfer|wire> {amt}< to {whom}|{for}|{for}>{place}",
    "<amount|amt|sum|payment|tx|charge|pay|purchase|transaction|total><:|: | | - |=>{amt}{place}",
    "{who} <was|got|has been|is being> charged {amt}{for}{place}",
    "<card|my card|his card|the card|customer's card> <charged|was charged|used for|was used for|is charged> {amt}{for}{place}",
)
WITH_CURRENCY = (
    "{amt}{for}{place}",
    "{amt}{place}",
    "{amt} <payment|purchase|transfer|order|charge|transaction|card payment|subscription|bill|withdrawal|invoice|booking>{place}",
    "<a|this|another|the|an> {amt} <payment|purchase|transfer|order|charge|transaction|card payment|bill|booking|refund>{for}{place}",
    "{who} <bought|buys|is buying|wants to buy|ordered|purchased|got|would like to buy|books|booked> {goods} for {amt}{place}",
    "<buying|bought|buy|order|purchase of|paying for|booking> {goods} <for|at|:> {amt}{place}",
    "{goods} for {amt}{place}",
    "{goods}<,|:| -|> {amt}{place}",
    "<withdrawal of|withdrew|cash withdrawal|cash advance of|atm withdrawal|took out> {amt}< from an ATM| at an ATM|>{place}",
    "<rent|electricity bill|phone bill|subscription|donation|salary|deposit|tuition|membership fee|insurance|renewal|taxi|fuel|hotel|groceries|lunch> <|of |for |: |- >{amt}{place}",
    "{who} <billed|charged|invoiced> <me|us|him|the customer> {amt}{for}{place}",
    "<there is|there's|i see|i noticed|we see|we have|we got|i have|we received|got> <a|an> <payment|charge|order|transfer|purchase|payment request|transaction> <of|for|over> {amt}{for}{place}",
    "{amt} to {whom}{place}",
    "{amt} <was|is|were> <paid|spent|sent|charged|debited>{for}{place}",
)
ASK_BEFORE = (
    "is this <|payment |transaction |a >fraud<?|:|,| ->", "fraud?", "fraud check<:|>", "<please |pls |can you |could you |hey, ><check|review|judge|decide on|look at|verify|assess|authorise|authorize> <this|this payment|the payment|this transaction|the transaction|it><:|,|>",
    "<should|can|do|may> <we|i> <approve|accept|decline|allow|block|let through|let pass|authorise|authorize|trust> <this|this payment|it>?<| ->", "<approve|allow|accept|pass|ok> or <decline|block|deny|reject|refuse>?", "decide:", "<new |>payment<:| ->",
    "<new |incoming |>transaction<:| ->", "what <do you think|should we do|do you decide|is your decision> <about|on|with> this<:|?| payment:>", "suspicious?", "<hi|hey|hello|good morning><,|!|> <is this ok|please check|can you check this|quick check><:|?>", "urgent:",
    "is this <legit|ok|okay|fine|safe|suspicious|normal|a scam><?|:>", "pls check", "payment", "tx {id}:", "transaction {id}:", "order #{id}:", "customer {id}:", "card ending {id}:", "POS", "case {id}:", "approve?", "allow", "approve", "decline?",
    "<just came in|incoming|someone paid>:", "help me decide<:|,>", "review<:|>",
)  # fmt: skip
ASK_AROUND = (
    "<should|can|do|may> <we|i> <approve|accept|decline|allow|block|authorise|refuse> {core}{facts}?", "is {core}{facts} <fraud|ok|okay|suspicious|legit|safe|risky|a scam|fine>?", "<would|will> you <approve|allow|accept|block|decline> {core}{facts}?",
    "<can you|could you|please> <check|review|tell me if|approve|authorise> {core}{facts}<|?| is fraud| is ok| is okay?>", "what <about|do you think of|do you think about|should I do with> {core}{facts}?", "i <am not sure about|wonder about|don't trust|did not make|want you to check> {core}{facts}",
    "<is it|would it be> <ok|okay|fine|safe|suspicious> <if|that> {core}{facts}?", "how risky is {core}{facts}?", "my customer says {core}{facts}", "<i think|maybe> {core}{facts} is <fraud|fine>, <what do you say|right|or not>?", "<allow|approve|block|decline> {core}{facts}",
)  # fmt: skip
ASK_AFTER = (
    "fraud?", "is that <ok|okay|fine|fraud|a scam|normal|suspicious>?", "<should|can> <we|I> <approve|accept|decline|block|allow> <it|this>?", "approve, review or decline?", "what do you <decide|think|say>?", "<ok|okay|legit|safe|suspicious|allowed>?",
    "approve or decline?", "please <decide|check|advise>", "what now?", "should I worry?", "thoughts?", "let it through?", "decision?", "thanks",
)  # fmt: skip


def prompt(rng, payment):
    kind = rng.random()
    if kind < 0.68:
        return roughened(rng, sentence(rng, payment))
    return listed(rng, payment) if kind < 0.84 else as_json(rng, payment)


def card_facts(rng, payment):
    """The country of the card, and of the merchant if told here; whether the merchant still has to be told."""
    card, merchant = payment.card_country, payment.merchant_country
    slots = {"c": card, "m": lambda r: where(r, merchant), "shop": SHOPS}
    if card == merchant and rng.random() < 0.4:
        return say(rng, "<card and merchant both in {c}|card and {shop} both from {c}|the card holder and the {shop} are in {c}>", slots)
    return say(
        rng,
        "<card from {c}, merchant in {m}|card issued in {c}, used in {m}|card country {c}, merchant country {m}|a card from {c} at a {shop} in {m}"
        "|merchant in {m}, card from {c}|the {shop} is in {m} and the card is from {c}|{c} card, {shop} in {m}|card {c}, merchant {m}|card from {c} used at a {shop} in {m}>",
        slots,
    )


def facts_of(rng, payment):
    facts = []
    if payment.payments_in_hour is not None:
        facts.append(velocity(rng, payment.payments_in_hour))
    if payment.new_device is not None:
        facts.append(device(rng, payment.new_device))
    return facts


def sentence(rng, payment):
    facts, core_payment = facts_of(rng, payment), payment
    if payment.card_country:
        facts.append(card_facts(rng, payment))
        core_payment = dataclasses.replace(payment, merchant_country=None, card_country=None)
    rng.shuffle(facts)
    strong = rng.random() < 0.5
    slots = {
        "amt": lambda r: money(r, payment.cents, bare=strong),
        "place": lambda r: place(r, core_payment),
        "for": lambda r: "" if r.random() < 0.65 else " for " + r.choice(GOODS),
        "on": lambda r: "" if r.random() < 0.5 else " on " + r.choice(GOODS),
        "goods": GOODS,
        "whom": lambda r: r.choice(KIN) if r.random() < 0.6 else person(r),
        "who": lambda r: say(r, "<a customer|the customer|my customer|someone|somebody|a guy|a user|a woman|he|she|I|we|client {i}|customer {i}|the client|my {kin}|{p}|{p}|{p}|a man|our buyer>",
                             {"i": lambda q: str(q.randint(1, 9999)), "p": person, "kin": ("wife", "mum", "boss", "husband", "dad", "son")}),
        "id": lambda r: str(r.randint(100, 99999)),
    }  # fmt: skip
    core = say(rng, rng.choice(STRONG if strong else WITH_CURRENCY), slots)
    glue = rng.choice((", ", ", ", ", ", "; ", " and ", " / ", ". ", " "))
    tail = "".join(glue + fact for fact in facts)
    style = rng.random()
    if style < 0.2:
        return say(rng, rng.choice(ASK_AROUND), {"core": core, "facts": tail})
    if facts and rng.random() < 0.2:  # facts first
        core, tail = apart_from_goods(facts[0]), rng.choice((", ", ": ", ", now ", ", ")) + core + "".join(glue + fact for fact in facts[1:])
    before = say(rng, rng.choice(ASK_BEFORE), slots) + " " if style < 0.5 else ""
    after = rng.choice((", ", ". ", ". ", " - ")) + say(rng, rng.choice(ASK_AFTER)) if style > 0.8 else rng.choice(("", "", "."))
    return before + core + tail + after


def apart_from_goods(fact):
    """A new phone at the beginning of a message is what the money was spent on, unless the payment came from it."""
    return f"from a {fact.removeprefix('a ')}" if re.fullmatch(r"(a |brand )?new (phone|laptop|tablet|computer)", fact) else fact


def listed(rng, payment):
    """Facts as labelled parts of one line or of several."""
    pairs = [(rng.choice(("amount", "amount", "payment", "sum", "amt", "value", "total", "price")), money(rng, payment.cents, True))]
    if payment.card_country:
        pairs.append((rng.choice(("card country", "card", "issued in", "card from", "card_country", "issuer")), shown_country(rng, payment.card_country)))
    if payment.merchant_country:
        label = rng.choice(("merchant country", "merchant", "used in", "shop in", "country", "merchant_country", "location", "destination", "shop", "place"))
        pairs.append((label, shown_country(rng, payment.merchant_country)))
    if payment.abroad is not None:
        pairs.append((rng.choice(("merchant", "shop", "region")), rng.choice(("overseas", "abroad")) if payment.abroad else rng.choice(("domestic", "home", "local"))))
    if payment.payments_in_hour is not None:
        label = rng.choice(("payments last hour", "payments in the last hour", "last hour", "velocity", "payments_last_hour", "tx last hour", "payments/h"))
        pairs.append((label, str(payment.payments_in_hour) + rng.choice(("", "", " payments"))))
    if payment.new_device is not None:
        new = (("device", "new"), ("new device", "yes"), ("device", "unknown"), ("new_device", "true"), ("device known", "no"))
        old = (("device", "known"), ("new device", "no"), ("device", "usual"), ("new_device", "false"), ("device", "trusted"))
        pairs.append(rng.choice(new if payment.new_device else old))
    if payment.shop:
        pairs.append((rng.choice(("merchant name", "shop name", "merchant", "to", "payee")), payment.shop))
    if rng.random() < 0.2:
        pairs.append((rng.choice(("customer", "id", "name", "time", "card")), rng.choice((str(rng.randint(1, 99999)), person(rng)))))
    if rng.random() < 0.5:
        rng.shuffle(pairs)
    between = rng.choice(("\n", "\n", "\n- ", ", ", ", ", "; ", ";", " | ", " / ", " "))
    sign = rng.choice((": ", ": ", "=", " ", ":")) if between != " " else rng.choice((":", "="))
    if rng.random() < 0.12 and sign == " ":  # the values alone
        return "payment " + between.join(value if speaks_alone(value) else f"{label} {value}" for label, value in pairs)
    if rng.random() < 0.35:
        pairs = [(label.capitalize(), value) for label, value in pairs]
    opening = rng.choice(("Payment", "Fraud check", "Check this payment", "Transaction", "Decide on this payment", "Is this fraud?", "tx", "Please check"))
    head = "" if rng.random() < 0.4 else opening + ("\n" if "\n" in between else rng.choice((": ", " ")))
    return head + ("- " if between == "\n- " else "") + between.join(label + sign + value for label, value in pairs)


def speaks_alone(value):
    """Whether a reader knows what the value is about: a bare number may be anything, and so may a yes."""
    return not value.isdigit() and value not in ("yes", "no", "true", "false")


def shown_country(rng, country):
    return rng.choice((country, country, COUNTRIES[country][0], city(rng, country))).removeprefix("the ")


def as_json(rng, payment):
    units, cents = divmod(payment.cents, 100)
    number = rng.choice((units if not cents else payment.cents / 100, f"{units}.{cents:02d}"))
    fields = {rng.choice(("amount", "amount", "amount", "value", "sum", "amt", "total", "price")): number}
    if rng.random() < 0.6:
        fields[rng.choice(("currency", "currency", "cur", "ccy"))] = rng.choice(CURRENCIES)[0]
    if rng.random() < 0.25:
        fields["type"] = rng.choice(("payment", "card", "transfer", "purchase", "transaction"))
    if payment.card_country:
        fields[rng.choice(("card_country", "card", "issuer_country", "cardCountry"))] = shown_country(rng, payment.card_country)
    if payment.merchant_country and payment.shop and rng.random() < 0.4:
        fields["merchant"] = {"name": payment.shop, "country": shown_country(rng, payment.merchant_country)}
    else:
        if payment.merchant_country:
            label = rng.choice(("merchant_country", "merchant_country", "country", "merchantCountry", "location", "merchant"))
            fields[label] = shown_country(rng, payment.merchant_country)
        if payment.shop:
            fields[rng.choice(("shop", "merchant_name", "payee", "store"))] = payment.shop
    if payment.abroad is not None:
        fields["overseas"] = payment.abroad
    if payment.payments_in_hour is not None:
        fields[rng.choice(("payments_last_hour", "payments_last_hour", "velocity", "payments_in_hour", "paymentsLastHour"))] = payment.payments_in_hour
    if payment.new_device is not None:
        label, value = rng.choice((("new_device", payment.new_device), ("new_device", payment.new_device), ("device", "new" if payment.new_device else "known"),
                                   ("newDevice", payment.new_device), ("known_device", not payment.new_device)))  # fmt: skip
        fields[label] = value
    if rng.random() < 0.15:
        fields[rng.choice(("id", "customer", "user", "tx"))] = rng.choice((rng.randint(1, 99999), rng.choice(NAMES)))
    names = list(fields)
    if rng.random() < 0.3:
        rng.shuffle(names)
    content = {name: fields[name] for name in names}
    if rng.random() < 0.15:
        content = {rng.choice(("transaction", "payment", "data", "tx")): content}
    body = json.dumps(content, separators=rng.choice(((",", ":"), (", ", ": "))), indent=rng.choice((None, None, None, None, None, 2)), ensure_ascii=False)
    return rng.choice(("", "", "", "", "Fraud check: ", "Payment: ", "Is this payment fraud? ", "Decide: ", "Check this payment\n", "is this ok? ")) + body
