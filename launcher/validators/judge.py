"""Judges answers by Python's jsonschema: judge.py ANSWERS.jsonl

Numbers are read as decimals: as binary fractions, 0.3 would be no multiple of 0.1. The year 0000 and leap seconds, which
RFC 3339 has and Python's clock has not, are judged as the year 0004 and the second before.
"""

import json
import re
import sys
from decimal import Decimal

from jsonschema import FormatChecker
from jsonschema.validators import Draft202012Validator, validator_for

MOST_SHOWN = 20


def number(text):
    """A number as it is written, and a whole one as a whole number, as the specification has it."""
    value = Decimal(text)
    whole = value == value.to_integral_value() and value.adjusted() < 400
    return int(value) if whole else value


def read(text):
    return json.loads(text, parse_float=number)


def timely(check):
    def judge(text):
        if isinstance(text, str):
            text = re.sub(r"(?<=:[0-5][0-9]):60", ":59", re.sub("^0000-", "0004-", text))
        return check(text)

    return judge


def formats(draft):
    checker = FormatChecker(())
    checker.checkers = dict(draft.FORMAT_CHECKER.checkers)
    for name in {"date", "date-time", "time"} & checker.checkers.keys():
        check, raises = checker.checkers[name]
        checker.checkers[name] = (timely(check), raises)
    return checker


def validator(path):
    with open(path, encoding="utf-8") as file:
        schema = read(file.read())
    draft = validator_for(schema, default=Draft202012Validator)
    return draft(schema, format_checker=formats(draft))


def main():
    last, judge = None, None
    judged = invalid = 0
    failed = {}
    with open(sys.argv[1], encoding="utf-8") as answers:
        for line in answers:
            entry = json.loads(line)
            path = entry["file"]
            if path != last:
                last, judge = path, validator(path)
            if path in failed:
                continue
            try:
                error = next(judge.iter_errors(read(entry["answer"])), None)
            except Exception as fault:  # a schema that the validator cannot take
                failed[path] = f"{type(fault).__name__}: {fault}"
                continue
            judged += 1
            if error is not None:
                invalid += 1
                if invalid <= MOST_SHOWN:
                    where = "/".join(map(str, error.absolute_schema_path))
                    print(f"invalid: {path} {where}: {error.message[:200]}")
    for path, fault in list(failed.items())[:MOST_SHOWN]:
        print(f"cannot use: {path}: {fault[:160]}")
    print(f"jsonschema: {judged} answers judged, {invalid} invalid; {len(failed)} schemas it cannot use")
    sys.exit(1 if invalid else 0)


main()
