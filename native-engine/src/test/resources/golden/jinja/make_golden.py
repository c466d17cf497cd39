"""Renders templates with Python's jinja2, set up as Hugging Face transformers sets it up.

python3 make_golden.py writes golden.json here (expressions.txt with variables.json, *.jinja with
conversations.json): for each case the output, or the class of the error and the message of
raise_exception. It fails where the templates use fewer features of the language than features.txt
lists, and adds new ones there.

python3 make_golden.py FOLDER writes a golden.json beside other templates (*.jinja), which are
rendered with the same conversations; GoldenTemplateTest reads it with
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


def render_folder(folder):
    """The form that GoldenTemplateTest reads."""
    cases = json.load(open("conversations.json", encoding="utf-8"))
    files = sorted(glob.glob("*.jinja", root_dir=folder))
    golden = {"cases": cases, "templates": {}}
    for file in files:
        source = open(os.path.join(folder, file), encoding="utf-8", newline="").read()
        golden["templates"][file] = {}
        for name, case in cases.items():
            result = render(source, {**case, "bos_token": "<BOS>", "eos_token": "<EOS>"})
            if "error" in result:
                result = {"error": ": ".join(result.values())}
            golden["templates"][file][name] = result
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False, indent=1)
        f.write("\n")


# ---- what of the language the templates use ----

GLOBALS = {"raise_exception", "strftime_now", "namespace", "range", "dict", "cycler", "joiner"}


def features(source):
    """The nodes, filters, tests, methods and forms of a template."""
    found = {mark for mark in ("{%-", "-%}", "{{-", "-}}", "{#", "{#-", "{%+") if mark in source}

    def visit(node):
        found.update(features_of(node))
        for child in node.iter_child_nodes():
            visit(child)

    visit(environment().parse(source))
    return found


def features_of(node):
    nodes = jinja2.nodes
    yield type(node).__name__
    if isinstance(node, nodes.Filter):
        yield "filter %s %s" % (node.name, " ".join([str(len(node.args))] + [k.key for k in node.kwargs]))
    elif isinstance(node, nodes.Test):
        yield "test " + node.name
    elif isinstance(node, nodes.Operand):
        yield "compares with " + node.op
    elif isinstance(node, nodes.Const):
        yield "constant " + type(node.value).__name__
    elif isinstance(node, nodes.Assign):
        yield "sets a " + type(node.target).__name__
    elif isinstance(node, nodes.CondExpr):
        yield "condition" + ("" if node.expr2 else " without else")
    elif isinstance(node, nodes.Getitem):
        yield "item by " + type(node.arg).__name__
    elif isinstance(node, nodes.Slice):
        yield "slice %d%d%d" % tuple(part is not None for part in (node.start, node.stop, node.step))
    elif isinstance(node, nodes.If):
        yield "if" + (" elif" if node.elif_ else "") + (" else" if node.else_ else "")
    elif isinstance(node, nodes.For):
        yield "for" + "".join(
            " " + name
            for name, there in [
                ("test", node.test),
                ("else", node.else_),
                ("recursive", node.recursive),
                ("unpacking", isinstance(node.target, nodes.Tuple)),
            ]
            if there
        )
    elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "loop":
        yield "loop." + node.attr
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        yield "method %s %d" % (node.node.attr, len(node.args))
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        yield "calls " + (node.node.name if node.node.name in GLOBALS else "a macro")


def check_features():
    """Those of the templates alone; expressions.txt has more of each kind."""
    used = set()
    for path in sorted(glob.glob("*.jinja")):
        used |= features(open(path, encoding="utf-8", newline="").read())
    listed = set()
    if os.path.exists("features.txt"):
        listed = set(open("features.txt", encoding="utf-8").read().splitlines())
    if listed - used:
        sys.exit("no template uses any more: " + ", ".join(sorted(listed - used)))
    with open("features.txt", "w", encoding="utf-8") as f:
        f.write("".join(feature + "\n" for feature in sorted(used)))


others = [os.path.abspath(folder) for folder in sys.argv[1:]]
os.chdir(os.path.dirname(os.path.abspath(__file__)))
for folder in others:
    render_folder(folder)
if not others:
    check_features()
    main()
