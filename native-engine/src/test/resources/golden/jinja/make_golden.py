"""Renders templates with Python's jinja2, set up as Hugging Face transformers sets it up.

Writes golden.json here (expressions.txt with variables.json, *.jinja with conversations.json): for
each case the output, or the class of the error and the message of raise_exception. Then renders the
published templates in ../chat_templates with the cases in the golden.json there:
python3 make_golden.py

python3 make_golden.py FOLDER writes a golden.json of the same form beside other templates (*.jinja),
which are rendered with the cases of both; GoldenTemplateTest reads it with
-Dswitchboard.golden.templates=FOLDER.
"""

import datetime
import glob
import json
import os
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """The tag that marks the assistant's tokens."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_show"), [], [], body).set_lineno(line)

    def _show(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(format):
    return datetime.datetime(2024, 7, 26, 12, 34, 56).strftime(format)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


def render(source, variables):
    try:
        return {"output": environment().from_string(source).render(**variables)}
    except jinja2.exceptions.TemplateError as e:
        if type(e) is jinja2.exceptions.TemplateError:
            return {"error": "TemplateError", "message": str(e)}
        return {"error": type(e).__name__}
    except Exception as e:
        return {"error": type(e).__name__}


def main():
    variables = json.load(open("variables.json", encoding="utf-8"))
    conversations = json.load(open("conversations.json", encoding="utf-8"))
    expressions = []
    for source in open("expressions.txt", encoding="utf-8").read().split("\n----\n"):
        source = source.rstrip("\n")
        expressions.append({"template": source, **render(source, variables)})
    templates = {}
    for path in sorted(glob.glob("*.jinja")):
        source = open(path, encoding="utf-8", newline="").read()
        templates[path] = {
            name: render(source, {"bos_token": "<BOS>", "eos_token": "<EOS>", **conversation})
            for name, conversation in conversations.items()
        }
    golden = {
        "source": f"jinja2 {jinja2.__version__}",
        "expressions": expressions,
        "templates": templates,
    }
    with open("golden.json", "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False, indent=1)
        f.write("\n")


def render_published(folder, golden):
    for file, cases in golden["templates"].items():
        source = open(os.path.join(folder, file), encoding="utf-8", newline="").read()
        for name in cases:
            variables = {
                "add_generation_prompt": True,
                **golden["cases"][name],
                "bos_token": "<BOS>",
                "eos_token": "<EOS>",
            }
            result = render(source, variables)
            if "error" in result:
                result = {"error": ": ".join(result.values())}
            cases[name] = result
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False, indent=1)
        f.write("\n")


def published():
    with open("../chat_templates/golden.json", encoding="utf-8") as f:
        return json.load(f)


def of_folder(folder):
    conversations = json.load(open("conversations.json", encoding="utf-8"))
    cases = {**published()["cases"], **{"own " + name: c for name, c in conversations.items()}}
    files = sorted(glob.glob("*.jinja", root_dir=folder))
    return {"cases": cases, "templates": {file: dict.fromkeys(cases) for file in files}}


others = [os.path.abspath(folder) for folder in sys.argv[1:]]
os.chdir(os.path.dirname(os.path.abspath(__file__)))
for folder in others:
    render_published(folder, of_folder(folder))
if not others:
    main()
    render_published("../chat_templates", published())
