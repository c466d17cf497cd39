"""Sensor readings: the rule that decides about a window of them, and the wordings around the numbers."""

import dataclasses
import json
import re

from phrasing import roughened, say

BANDS = {"low": None, "normal": 40, "high": 70, "over": 90}  # from this reading on, whatever the quantity and its unit

QUANTITIES = {  # quantity: units; the last of each group of names is an abbreviation
    "temperature": ("C", "°C", "degrees", "° C", "degrees celsius", "F", "°", "celsius"),
    "temp": ("C", "°C", "degrees", "°", "c"),
    "pressure": ("bar", "psi", "kPa", "hPa", "mbar"),
    "vibration": ("mm/s", "Hz", "g", "µm"),
    "humidity": ("%", "percent", "% rh", " %"),
    "moisture": ("%", "percent"),
    "level": ("%", "cm", "percent", "l", "mm"),
    "flow": ("l/min", "m3/h", "l/s"),
    "flow rate": ("l/min", "m3/h"),
    "speed": ("rpm", "km/h", "m/s"),
    "rpm": ("", "rpm"),
    "voltage": ("V", "volts", "mV"),
    "current": ("A", "amps", "mA"),
    "power": ("W", "kW", "watts"),
    "load": ("%", "percent", "kg"),
    "CPU load": ("%", "percent"),
    "CPU temperature": ("C", "°C", "degrees"),
    "memory usage": ("%", "percent"),
    "disk usage": ("%", "percent"),
    "CO2": ("ppm",),
    "gas": ("ppm",),
    "gas concentration": ("ppm", "%"),
    "smoke": ("ppm", "%"),
    "dust": ("µg/m3", "ppm"),
    "noise": ("dB", "decibel"),
    "sound level": ("dB",),
    "light": ("lux", "%"),
    "radiation": ("µSv", "mSv"),
    "torque": ("Nm",),
    "weight": ("kg", "t"),
    "wind": ("km/h", "m/s", "knots"),
    "oxygen": ("%", "mg/l"),
    "water level": ("cm", "%", "mm"),
    "battery": ("%", "V"),
    "frequency": ("Hz", "kHz"),
    "ph": ("",),
    "heat": ("degrees", "C"),
}
MACHINES = (
    "boiler pump tank reactor motor engine turbine compressor fan heater oven furnace freezer fridge server rack room kitchen greenhouse "
    "gearbox bearing transformer battery chiller dryer valve pipe hall line conveyor silo generator filter cooler radiator exhaust mixer "
    "press lathe robot crane elevator basement attic office warehouse garage cellar pool aquarium incubator sauna cabin tunnel substation "
    "inverter car tyre brake spindle drill saw kiln vessel burner condenser evaporator heat_exchanger cooling_tower server_room cold_store "
    "data_center oil_tank gas_meter water_heater solar_panel hot_water_tank"
).split()
PARTS = ("oil", "cooling water", "inlet", "outlet", "exhaust gas", "winding", "surface", "inlet air", "core", "rotor", "steam", "supply air", "coolant", "water", "air")


@dataclasses.dataclass(frozen=True)
class Window:
    """Readings in tenths, the oldest first."""

    quantity: str
    tenths: tuple[int, ...]


def band(tenths):
    return max((name for name, begin in BANDS.items() if begin is None or tenths >= 10 * begin), key=tuple(BANDS).index)


def answer(window):
    """Over the limit at the end is critical; over it earlier, or ending above the lowest band, is a warning."""
    order = tuple(BANDS).index
    bands = [band(reading) for reading in window.tenths]
    lowest, highest, last = min(bands, key=order), max(bands, key=order), bands[-1]
    trend = "rising" if last != lowest else "falling" if last != highest else "steady"
    severity = "critical" if last == "over" else "warning" if highest == "over" or trend == "rising" else "none"
    fields = {"lowest": lowest, "highest": highest, "last": last, "trend": trend, "alert": severity != "none", "severity": severity}
    return json.dumps(fields, separators=(",", ":"))


def draw(rng):
    """One to ten readings: of some noise, of a climb or a fall, or with one or more over the limit."""
    count = rng.choice((1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 8, rng.randint(7, 10)))
    kind = rng.choice(("calm", "calm", "calm", "rise", "rise", "fall", "spike", "over", "edge", "big"))
    if kind in ("rise", "fall"):
        start, climb = rng.randint(5, 75), rng.randint(8, 50)
        values = [start + round(climb * i / max(1, count - 1)) + (rng.randint(-1, 1) if 0 < i < count - 1 else 0) for i in range(count)]
        values = values if kind == "rise" else values[::-1]
    elif kind == "edge":
        edge = rng.choice((40, 70, 90))
        values = [edge + rng.randint(-3, 2) for _ in range(count)]
    elif kind == "big":
        base = rng.choice((rng.randint(95, 250), rng.randint(200, 3500), rng.randint(-25, 12), rng.randint(0, 9)))
        values = [base + rng.randint(-2, 2) * (1 if base < 300 else 25) for _ in range(count)]
    else:
        base, noise = rng.randint(4, 87), rng.choice((1, 2, 4))
        values = [base + rng.randint(-noise, noise) for _ in range(count)]
        if kind == "spike":
            values[rng.randrange(count)] = rng.randint(90, 105)
        elif kind == "over":
            values = [rng.randint(90, 108) if rng.random() < 0.6 else value for value in values]
    fraction = rng.random() < 0.14
    tenths = [value * 10 + (rng.randint(0, 9) if fraction and value >= 0 else 0) for value in values]
    return Window(rng.choice(tuple(QUANTITIES)), tuple(tenths))


def shown(tenths, fraction):
    if not fraction:
        return str(tenths // 10)
    return f"{tenths // 10}.{tenths % 10}"


def machine(rng):
    name = rng.choice(MACHINES).replace("_", " ")
    chance = rng.random()
    if chance < 0.2:
        return f"{name} {rng.randint(1, 30)}"
    if chance < 0.25:
        return f"{name} {rng.choice('ABCDXYZabc')}"
    return name if chance < 0.9 else f"{name}-{rng.randint(1, 9)}"


LISTED = (  # {b}: the readings behind one another
    "{q}{at}<: |: |: | | = |=| - |\n>{b}", "{Q}<: | |, >{b}", "{m} {q}<: |: | >{b}", "{m}: {b}", "<sensor|the sensor|sensor {i}|our sensor|the {q} sensor> <says|shows|reads|gives|gave|reports|reported|read|showed|measured|sends>{:} {b}",
    "<the |my |our ||><last|latest|recent|last few|newest> <values|readings|measurements|numbers|samples> <of|from> <the|our|my> <{m}|{q}|{q} sensor|thermometer|gauge|probe|meter> <are|were|:|is> {b}",
    "<check|please check|look at|pls check|evaluate|judge|watch|please look at|analyse> <these|the|my|these|this> <{q} |{q} |><readings|values|numbers|data|window|series><|{at}><: |: | >{b}",
    "<readings|values|data|samples|measurements|series|sensor|window|log|sensor data|sensor log|sensor values|sensor window, {q}|sensor readings><: |=|: | >{b}",
    "<we|I> <measured|saw|got|have|read|recorded|see> {b} <on|at|in|from|for> the <{m}|{q} sensor|{q}>", "<the|my|our> {m} <reports|shows|reads|had|has|showed|gave|is at|was at|runs at|delivers> {b}",
    "<the|my|our> {m} had these <readings|values|temperatures><| today| this morning| in the last hour><: | >{b}", "{q} <of|in|at|from|on> <the|our|my> {m}<| is| was| reads|:| shows> {b}", "<{q}|{Q}> <was|went|moved|has been|is|reads|stood at|were|:> {b}",
    "sensor: {q}\nreadings: {b}", "sensor <{i}|{m}|{q}> {b}", "<the|my|our> {q} sensor<{at}|> <gave|reads|shows|measured|reported> {b}", "{b} <on|at|in> the {m}", "{m} <at|with|running at|is at|now at> {b}", "{b} <{q}|on the {q} sensor>", "<last|past> <hour|day|minutes|10 minutes|shift> <of|from> the {m}: {b}", "{m}, {q}, {b}",
)  # fmt: skip
SINGLE = (  # {b}: one reading
    "the {m} is <at|now at|running at|showing|up to> {b}", "{q} is {b}", "the {q} is {b}<| now| at the moment| right now>", "is <a |an |><{q} of |{m} {q} of |reading of |level of |> {b} <ok|a problem|too high|too much|fine|normal|dangerous|bad|critical>", "{b} in the {m}", "{m} <{q} |>{b}",
    "<it is|it's|there are> {b} in the {m}", "<the|my> {m} <shows|says|reports|has|hit|reached|is|stays at|has been> {b}<| all day| now| for an hour|>", "what <severity|alert> <is|for|has> <a reading of |{q} |>{b}", "{q} <reached|hit|stays at|at|went to|is steady at|is still|has been> {b}<| all day| all night|>",
    "<do|should> <I|we> <worry|care|act|raise an alarm> <about|at|if> {q} <of |is |at |>{b}", "alarm <or not|needed|yes or no><:|?> {b}", "<high|low|current|strange|odd|new> reading <on|at|in> the {m}<,|:> {b}< now|>", "sensor {i} <says|is at|shows> {b}", "my {m} is {b}<| and steady|, is that fine>",
)  # fmt: skip
TWO = (  # {x} then {y}
    "<the |>{q} <went|rose|jumped|moved|climbed|fell|dropped|changed> from {x} to {y}<| in <ten|5|20> minutes| since <noon|yesterday|14:05>|>", "{m} <went|rose|jumped|dropped|is up|is down> from {x} to {y}", "<earlier|before|yesterday|at noon|first|at 9:00|an hour ago|this morning> <it was |the {q} was |> {x}, <now|now it is|at the moment|and now|today> {y}",
    "{q} was {x} and <is|now it is|is now> {y}", "{q}{at} {x}, then {y}", "it was {x} <this morning|an hour ago|yesterday> <but|and> now the {q} is {y}", "{m}: {x} -> {y}", "{x} and then {y} on the {m}", "the {m} <went up|went down|changed|warmed up|cooled down> from {x} to {y}",
)  # fmt: skip
ASK_BEFORE = (
    "alert?", "is there a problem?", "should I <raise an alert|worry|be worried|stop it>?", "<do I need|do we need|need> an <alarm|alert>?", "<hi|hey|hello><,|!>", "<please check|pls check|check|check this|can you check>:", "is this <ok|normal|fine|critical|dangerous>?<| ->", "alarm<?|:|>", "warning<?| needed?>",
    "what <severity|alert level>?", "sensor check:", "monitoring:", "status:", "urgent!", "sensor",
)  # fmt: skip
ASK_AFTER = (
    "alert?", "is <that|this|it> <ok|okay|normal|fine|too hot|too high|a problem|dangerous>?", "<all|everything> ok?", "should <I|we> <worry|act|stop|do something|be worried>?", "<any|is there an> <alert|alarm|problem|warning>?", "what now?", "do I need an <alarm|alert>?", "normal?", "ok?", "problem?", "how bad is it?", "severity?",
)  # fmt: skip


def prompt(rng, window):
    if rng.random() < 0.14:
        return as_json(rng, window)
    return roughened(rng, sentence(rng, window))


def sentence(rng, window):
    quantity = window.quantity
    fraction = any(t % 10 for t in window.tenths) or rng.random() < 0.03
    numbers = [shown(t, fraction) for t in window.tenths]
    unit = rng.choice(QUANTITIES[quantity]) if rng.random() < 0.6 else ""
    unit = unit if not unit or unit[0] in "%°" and rng.random() < 0.6 else " " + unit.strip() if rng.random() < 0.8 or unit.strip().isalpha() and len(unit) > 3 else unit.strip()
    each = rng.random() < 0.5
    with_unit = [number + unit for number in numbers]
    slots = {
        "q": rng.choice((quantity, quantity, quantity, f"{rng.choice(PARTS)} {quantity}")),
        "Q": quantity[0].upper() + quantity[1:],
        "m": machine,
        "at": lambda r: say(r, "<|||| of the {m}| in the {m}| at {m}| ({m})| (sensor {i})| on line {i}>", {"m": machine, "i": str(r.randint(1, 30))}),
        "i": lambda r: r.choice((str(r.randint(1, 99)), f"{r.choice('ptsx')}{r.randint(1, 99)}", f"{r.choice('PTSX')}-{r.randint(1, 99)}")),
        ":": lambda r: r.choice(("", "", ":")),
    }
    if len(numbers) == 2 and rng.random() < 0.55:
        body = say(rng, rng.choice(TWO), slots | {"x": "\0" + rng.choice((numbers[0], with_unit[0])), "y": with_unit[1]})
        body = apart_from_names(body).replace("\0", "")
    else:
        listed = joined(rng, numbers, with_unit if each else None, unit)
        if len(numbers) >= 3 and rng.random() < 0.06:
            return listed
        body = say(rng, rng.choice(SINGLE if len(numbers) == 1 and rng.random() < 0.75 else LISTED), slots | {"b": "\0"})
        body = apart_from_names(body).replace("\0", listed)
    style = rng.random()
    before = say(rng, rng.choice(ASK_BEFORE)) + " " if style < 0.25 else ""
    after = rng.choice((", ", ". ", ". ", " - ", "? " if not before else " ")) + say(rng, rng.choice(ASK_AFTER)) if style > 0.75 else rng.choice(("", "", "", ".", "?"))
    return before + body + after


def apart_from_names(body):
    """A colon between the number of a machine and the first reading (a zero byte), which it must not read as."""
    return re.sub(r"(\d) *\0", r"\1: \0", body)


def joined(rng, numbers, with_unit, unit):
    """The readings behind one another, each with its unit, or the unit at the end."""
    separator = rng.choice((", ", ", ", ", ", ", ", ",", " ", " ", "; ", " -> ", " / ", "|", ";", " then ", " | "))
    if with_unit:
        parts, tail = with_unit, ""
        separator = ", " if separator in (",", ";", "|") else separator
    else:
        parts, tail = numbers, unit
    if separator == ", " and len(parts) > 1 and rng.random() < 0.3:
        return ", ".join(parts[:-1]) + rng.choice((" and ", ", and ", ", then ", ", now ")) + parts[-1] + tail
    if len(parts) > 1 and rng.random() < 0.05:
        minutes = rng.choice((1, 5, 10, 15))
        return ", ".join(f"{10 + i * minutes // 60}:{i * minutes % 60:02d} {part}" for i, part in enumerate(parts)) + tail
    text = separator.join(parts)
    return f"[{text}]" + tail if separator in (", ", ",") and not with_unit and rng.random() < 0.12 else text + tail


def as_json(rng, window):
    fraction = any(t % 10 for t in window.tenths)
    values = [t / 10 if fraction else t // 10 for t in window.tenths]
    value = values[0] if len(values) == 1 and rng.random() < 0.7 else values
    unit = rng.choice(QUANTITIES[window.quantity]).strip()
    key = window.quantity.replace(" ", "_")
    fields = {}
    if rng.random() < 0.6:
        fields[rng.choice(("sensor", "sensor", "metric", "quantity", "type", "name"))] = window.quantity
        label = rng.choice(("readings", "readings", "values", "data", "value", "samples", "window"))
    else:
        if rng.random() < 0.5:
            fields[rng.choice(("sensor_id", "sensor", "id", "device", "machine"))] = rng.choice((machine(rng), f"{rng.choice('pts')}-{rng.randint(1, 99)}", rng.randint(1, 99)))
        label = rng.choice((key, key, f"{key}_{unit}" if unit.isalpha() else key, "readings"))
        if label == "readings" and not fields:
            fields["sensor"] = window.quantity
    if unit and rng.random() < 0.3:
        fields["unit"] = unit
    fields[label] = value
    body = json.dumps(fields, separators=rng.choice(((",", ":"), (", ", ": "))), ensure_ascii=False, indent=rng.choice((None, None, None, None, None, 1)))
    return rng.choice(("", "", "", "", "Sensor: ", "alert? ", "Check this: ", "is this ok? ")) + body
