package dev.switchboard.chat;

import dev.switchboard.chat.Expression.Affirmation;
import dev.switchboard.chat.Expression.And;
import dev.switchboard.chat.Expression.Arithmetic;
import dev.switchboard.chat.Expression.Attribute;
import dev.switchboard.chat.Expression.Call;
import dev.switchboard.chat.Expression.CallArguments;
import dev.switchboard.chat.Expression.Comparison;
import dev.switchboard.chat.Expression.Concatenation;
import dev.switchboard.chat.Expression.Conditional;
import dev.switchboard.chat.Expression.DictLiteral;
import dev.switchboard.chat.Expression.Entry;
import dev.switchboard.chat.Expression.Filtered;
import dev.switchboard.chat.Expression.Item;
import dev.switchboard.chat.Expression.ListLiteral;
import dev.switchboard.chat.Expression.Literal;
import dev.switchboard.chat.Expression.Name;
import dev.switchboard.chat.Expression.Named;
import dev.switchboard.chat.Expression.Negation;
import dev.switchboard.chat.Expression.Not;
import dev.switchboard.chat.Expression.Or;
import dev.switchboard.chat.Expression.Relation;
import dev.switchboard.chat.Expression.Slice;
import dev.switchboard.chat.Expression.Tested;
import dev.switchboard.chat.Expression.TupleLiteral;
import dev.switchboard.chat.Statement.AttributeTarget;
import dev.switchboard.chat.Statement.Branch;
import dev.switchboard.chat.Statement.CallBlock;
import dev.switchboard.chat.Statement.Data;
import dev.switchboard.chat.Statement.FilterBlock;
import dev.switchboard.chat.Statement.For;
import dev.switchboard.chat.Statement.If;
import dev.switchboard.chat.Statement.Macro;
import dev.switchboard.chat.Statement.NameTarget;
import dev.switchboard.chat.Statement.Output;
import dev.switchboard.chat.Statement.SetBlock;
import dev.switchboard.chat.Statement.Target;
import dev.switchboard.chat.Statement.TupleTarget;
import dev.switchboard.chat.Statement.With;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * One rendering: walks the tree, with Jinja's scopes and Python's values. Every node visited costs
 * a step and counts as depth, so a template can neither run long nor overflow the stack.
 */
final class Interpreter {
  /** How a list of statements ended. */
  enum Signal {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Budget budget;
  private final Clock clock;
  private int depth;
  private int line = 1;

  Interpreter(Budget budget, Clock clock) {
    this.budget = budget;
    this.clock = clock;
  }

  Budget budget() {
    return budget;
  }

  Clock clock() {
    return clock;
  }

  /** The line of the statement executed last. */
  int line() {
    return line;
  }

  // Depth is not restored when a fault passes through: a fault ends the rendering.
  private void enter() {
    budget.step();
    budget.depth(++depth);
  }

  private void leave() {
    depth--;
  }

  // --- statements

  Signal execute(List<Statement> body, Scope scope, TextBuilder out) {
    enter();
    Signal signal = Signal.NEXT;
    for (int i = 0; i < body.size() && signal == Signal.NEXT; i++) {
      signal = execute(body.get(i), scope, out);
    }
    leave();
    return signal;
  }

  private Signal execute(Statement statement, Scope scope, TextBuilder out) {
    budget.step();
    switch (statement) {
      case Data(String text) -> out.append(text);
      case Output(Expression value, int at) -> {
        line = at;
        PythonText.appendStr(out, evaluate(value, scope), budget);
      }
      case If branches -> {
        return executeIf(branches, scope, out);
      }
      case For loop -> {
        line = loop.line();
        runLoop(loop, evaluate(loop.items(), scope), scope, out, 0);
      }
      case Statement.Set(Target target, Expression value, int at) -> {
        line = at;
        assign(target, evaluate(value, scope), scope);
      }
      case SetBlock set -> {
        Text text = captureScoped(set.body(), scope);
        line = set.line();
        assign(set.target(), filterAll(set.filters(), text, scope), scope);
      }
      case Macro macro -> scope.set(macro.name(), new MacroValue(macro, scope));
      case CallBlock call -> executeCallBlock(call, scope, out);
      case FilterBlock block -> {
        Text text = captureScoped(block.body(), scope);
        line = block.line();
        PythonText.appendStr(out, filterAll(block.filters(), text, scope), budget);
      }
      case With with -> {
        return executeWith(with, scope, out);
      }
      case Statement.Break stop -> {
        return Signal.BREAK;
      }
      case Statement.Continue next -> {
        return Signal.CONTINUE;
      }
    }
    return Signal.NEXT;
  }

  private Signal executeIf(If statement, Scope scope, TextBuilder out) {
    for (Branch branch : statement.branches()) {
      line = branch.line();
      if (Values.isTrue(evaluate(branch.condition(), scope))) {
        return execute(branch.body(), scope, out);
      }
    }
    return execute(statement.otherwise(), scope, out);
  }

  private Signal executeWith(With with, Scope scope, TextBuilder out) {
    Scope inner = new Scope(scope);
    for (Statement.Set variable : with.variables()) {
      line = variable.line();
      assign(variable.target(), evaluate(variable.value(), scope), inner);
    }
    return execute(with.body(), inner, out);
  }

  private void executeCallBlock(CallBlock block, Scope scope, TextBuilder out) {
    line = block.line();
    Object callee = evaluate(block.call().callee(), scope);
    Arguments arguments = evaluate(block.call().arguments(), scope);
    Map<String, Object> named = new LinkedHashMap<>(arguments.named());
    named.put("caller", new MacroValue(block.caller(), scope));
    Object result = call(callee, new Arguments(arguments.positional(), named));
    PythonText.appendStr(out, result, budget);
  }

  /**
   * Runs a loop over a value; each iteration has a scope of its own. As in Jinja, {@code else} runs
   * when no iteration got to its end.
   */
  void runLoop(For loop, Object value, Scope scope, TextBuilder out, int loopDepth) {
    enter();
    List<Object> items = Values.iterate(value, budget);
    if (loop.condition() != null) {
      items = filterItems(loop, loop.condition(), items, scope);
    }
    LoopState state = new LoopState(loop, scope, items, loopDepth);
    Signal signal = Signal.NEXT;
    boolean completed = false;
    for (int i = 0; i < items.size() && signal != Signal.BREAK; i++) {
      Scope inner = new Scope(scope);
      inner.set("loop", state);
      assign(loop.target(), state.advance(), inner);
      signal = execute(loop.body(), inner, out);
      completed |= signal == Signal.NEXT;
    }
    if (!completed) {
      execute(loop.otherwise(), new Scope(scope), out);
    }
    leave();
  }

  private List<Object> filterItems(
      For loop, Expression condition, List<Object> items, Scope scope) {
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      Scope inner = new Scope(scope);
      assign(loop.target(), item, inner);
      if (Values.isTrue(evaluate(condition, inner))) {
        kept.add(item);
      }
    }
    return kept;
  }

  private void assign(Target target, Object value, Scope scope) {
    switch (target) {
      case NameTarget(String name) -> scope.set(name, value);
      case AttributeTarget(String name, String attribute) -> {
        if (!(lookUp(name, scope) instanceof Namespace namespace)) {
          throw new Fault("cannot assign attribute on non-namespace object");
        }
        namespace.attributes().put(attribute, value);
      }
      case TupleTarget(List<Target> targets) -> {
        List<Object> items = Values.iterate(value, budget);
        if (items.size() != targets.size()) {
          throw new Fault(
              "cannot unpack " + items.size() + " values into " + targets.size() + " names");
        }
        for (int i = 0; i < targets.size(); i++) {
          assign(targets.get(i), items.get(i), scope);
        }
      }
    }
  }

  /** What a part of the template writes. */
  Text capture(Consumer<TextBuilder> part) {
    TextBuilder out = new TextBuilder(budget);
    part.accept(out);
    return out.toText();
  }

  private Text captureScoped(List<Statement> body, Scope scope) {
    return capture(out -> execute(body, new Scope(scope), out));
  }

  private Object filterAll(List<Filtered> filters, Object value, Scope scope) {
    Object result = value;
    for (Filtered filter : filters) {
      result = filter(filter, result, scope);
    }
    return result;
  }

  // --- expressions

  Object evaluate(Expression expression, Scope scope) {
    if (expression instanceof Literal(Object value)) {
      return value;
    }
    if (expression instanceof Name(String name)) {
      return lookUp(name, scope);
    }
    enter();
    Object value = evaluateNode(expression, scope);
    leave();
    return value;
  }

  private Object evaluateNode(Expression expression, Scope scope) {
    return switch (expression) {
      case Literal(Object value) -> value;
      case Name(String name) -> lookUp(name, scope);
      case ListLiteral(List<Expression> items) -> evaluateAll(items, scope);
      case TupleLiteral(List<Expression> items) -> new Tuple(evaluateAll(items, scope));
      case DictLiteral(List<Entry> entries) -> dict(entries, scope);
      case Negation(Expression operand) -> Numbers.negate(evaluate(operand, scope));
      case Affirmation(Expression operand) -> number(evaluate(operand, scope));
      case Not(Expression operand) -> !Values.isTrue(evaluate(operand, scope));
      case And(Expression left, Expression right) -> {
        Object value = evaluate(left, scope);
        yield Values.isTrue(value) ? evaluate(right, scope) : value;
      }
      case Or(Expression left, Expression right) -> {
        Object value = evaluate(left, scope);
        yield Values.isTrue(value) ? value : evaluate(right, scope);
      }
      case Arithmetic(Operator operator, Expression left, Expression right) ->
          Arithmetics.apply(operator, evaluate(left, scope), evaluate(right, scope), budget);
      case Concatenation(List<Expression> parts) -> concatenate(parts, scope);
      case Comparison comparison -> compare(comparison, scope);
      case Conditional conditional -> choose(conditional, scope);
      case Attribute(Expression owner, String name) ->
          Attributes.attribute(evaluate(owner, scope), name);
      case Item(Expression owner, Expression key) ->
          Attributes.item(evaluate(owner, scope), evaluate(key, scope), budget);
      case Slice slice -> slice(slice, scope);
      case Call(Expression callee, CallArguments arguments) ->
          call(evaluate(callee, scope), evaluate(arguments, scope));
      case Filtered filtered -> filter(filtered, filteredValue(filtered, scope), scope);
      case Tested(Expression value, String name, CallArguments arguments) ->
          Tests.apply(name, this, evaluate(value, scope), evaluate(arguments, scope));
    };
  }

  private Object filteredValue(Filtered filtered, Scope scope) {
    return filtered.value() == null ? Text.EMPTY : evaluate(filtered.value(), scope);
  }

  private Object lookUp(String name, Scope scope) {
    budget.step();
    Object value = scope.find(name);
    return value == null ? Undefined.name(name) : value;
  }

  private List<Object> evaluateAll(List<Expression> expressions, Scope scope) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return values;
  }

  private Map<Object, Object> dict(List<Entry> entries, Scope scope) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (Entry entry : entries) {
      map.put(Values.key(evaluate(entry.key(), scope)), evaluate(entry.value(), scope));
    }
    return map;
  }

  private static Object number(Object value) {
    return value instanceof Number ? value : (Object) Values.requireInteger(value);
  }

  private Text concatenate(List<Expression> parts, Scope scope) {
    TextBuilder out = new TextBuilder(budget);
    for (Expression part : parts) {
      PythonText.appendStr(out, evaluate(part, scope), budget);
    }
    return out.toText();
  }

  private boolean compare(Comparison comparison, Scope scope) {
    Object left = evaluate(comparison.first(), scope);
    for (Relation relation : comparison.relations()) {
      Object right = evaluate(relation.right(), scope);
      if (!Arithmetics.holds(relation.sign(), left, right, budget)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private Object choose(Conditional conditional, Scope scope) {
    if (Values.isTrue(evaluate(conditional.condition(), scope))) {
      return evaluate(conditional.value(), scope);
    }
    return conditional.otherwise() == null
        ? new Undefined("the inline if-expression evaluated to false and no else was given")
        : evaluate(conditional.otherwise(), scope);
  }

  private Object slice(Slice slice, Scope scope) {
    Object owner = evaluate(slice.owner(), scope);
    Object start = slice.start() == null ? None.NONE : evaluate(slice.start(), scope);
    Object stop = slice.stop() == null ? None.NONE : evaluate(slice.stop(), scope);
    Object step = slice.step() == null ? None.NONE : evaluate(slice.step(), scope);
    return Slices.slice(owner, start, stop, step, budget);
  }

  Object call(Object callee, Arguments arguments) {
    return switch (callee) {
      case Callable function -> {
        enter();
        Object result = function.call(this, arguments);
        leave();
        yield result;
      }
      case Undefined undefined -> throw undefined.fault();
      default -> throw new Fault("'" + Values.typeName(callee) + "' is not callable");
    };
  }

  private Object filter(Filtered filtered, Object value, Scope scope) {
    return Filters.apply(filtered.name(), this, value, evaluate(filtered.arguments(), scope));
  }

  private Arguments evaluate(CallArguments arguments, Scope scope) {
    if (arguments.isEmpty()) {
      return Arguments.NONE;
    }
    List<Object> positional = evaluateAll(arguments.positional(), scope);
    Map<String, Object> named = new LinkedHashMap<>();
    for (Named argument : arguments.named()) {
      named.put(argument.name(), evaluate(argument.value(), scope));
    }
    if (arguments.spreadList() != null) {
      positional.addAll(Values.iterate(evaluate(arguments.spreadList(), scope), budget));
    }
    if (arguments.spreadMap() != null) {
      Values.requireMap(evaluate(arguments.spreadMap(), scope))
          .forEach((name, value) -> named.put(Values.requireText(name).value(), value));
    }
    return new Arguments(positional, named);
  }
}
