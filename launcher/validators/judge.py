"""Judges answers by Python's jsonschema: judge.py ANSWERS.jsonl

Numbers are read as decimals: as binary fractions, 0.3 would be no multiple of 0.1.
"""

import json
import sys
from decimal import Decimal

from jsonschema.validators import Draft202012Validator, validator_for

MOST_SHOWN = 20


def number(text):
    """A number as it is written, and a whole one as a whole number, as the specification has it."""
    value = Decimal(text)
    whole = value == value.to_integral_value() and value.adjusted() < 400
    return int(value) if whole else value


def read(text):
    return json.loads(text, parse_float=number)


def validator(path):
    with open(path, encoding="utf-8") as file:
        schema = read(file.read())
    draft = validator_for(schema, default=Draft202012Validator)
    return draft(schema, format_checker=draft.FORMAT_CHECKER)


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
