package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.choice;
import static dev.switchboard.constraint.Expression.many;
import static dev.switchboard.constraint.Expression.optional;
import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Literal;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.Expression.Sequence;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Rewrites the elements of arrays that must not have one twice, so that two elements are equal as
 * JSON only if their texts are: {@link DistinctItems} compares texts. Inside an element there is no
 * white space, strings are escaped only where they must be, and a number has one way to be written.
 *
 * <p>Members keep their order. Names that a schema does not list have none, so they are not
 * written; an object of such names alone is refused, and so are objects that list two names in
 * either order.
 *
 * <p>Elements are rewritten once the whole schema is read, since rules are defined late.
 */
final class DistinctForm {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** Digits that survive being read as a double. */
  private static final int TOLD_DIGITS = 15;

  private static final int MOST_ZEROS = 320;

  private static final Rule INTEGER = number("distinct integer", List.of(BigDecimal.ONE));
  private static final Rule NUMBER = number("distinct number", List.of());
  private static final Rule VALUE = new Rule("distinct value");

  static {
    Call value = new Call(VALUE);
    Expression elements = sequence(value, many(sequence(text(","), value)));
    Expression array = sequence(text("["), optional(elements), text("]"));
    VALUE.define(
        choice(
            new Call(JsonRules.PLAIN_STRING),
            new Call(NUMBER),
            array,
            text("true"),
            text("false"),
            text("null")));
  }

  private static Rule number(String name, List<BigDecimal> steps) {
    NumberSet all = new NumberSet(null, null, steps, null);
    return new Rule(name, NumberMachine.writeOneWay(List.of(all), CompileBudget.unbounded()));
  }

  private final CompileBudget budget;
  private final IdentityHashMap<Expression, List<NumberSet>> numbers = new IdentityHashMap<>();
  private final IdentityHashMap<Expression, List<String>> names = new IdentityHashMap<>();
  private final Set<Expression> maps = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Set<Rule> otherMembers = new HashSet<>();
  private final Set<Rule> plain =
      new HashSet<>(Set.of(JsonRules.PLAIN_STRING, JsonRules.SPECIAL, JsonRules.CONTROL));

  /** Of rules that are defined when all is read: what they are made of. */
  private final Map<Rule, Expression> sources = new HashMap<>();

  private final List<Elements> arrays = new ArrayList<>();

  DistinctForm(CompileBudget budget) {
    this.budget = budget;
  }

  // ---- what the schema's readers tell of what they write --------------------------------------

  Expression noteNumbers(Expression expression, List<NumberSet> sets) {
    numbers.put(expression, sets);
    return expression;
  }

  /** An object that lists these names in this order. */
  Expression noteNames(Expression object, List<String> listed) {
    names.put(object, listed);
    return object;
  }

  /** An object of names that nobody lists. */
  Expression noteMap(Expression object) {
    maps.add(object);
    return object;
  }

  /** A member whose name is not listed. */
  void noteOtherMember(Rule member) {
    otherMembers.add(member);
  }

  /** Strings that have one way to be written as they are. */
  void notePlain(Rule string) {
    plain.add(string);
  }

  /** Rewrites all that was asked for. */
  void finish() {
    arrays.forEach(Elements::finish);
  }

  Elements elements(SchemaKeywords keywords) {
    Elements elements = new Elements(keywords);
    arrays.add(elements);
    return elements;
  }

  /** The elements of one array. */
  final class Elements {
    private final SchemaKeywords keywords;
    private final Map<Rule, Rule> rewritten = new LinkedHashMap<>();
    private final ArrayDeque<Rule> open = new ArrayDeque<>();
    private final List<Rule> asked = new ArrayList<>();
    private final List<List<String>> orders = new ArrayList<>();

    private Elements(SchemaKeywords keywords) {
      this.keywords = keywords;
    }

    /** A rule of the same elements, rewritten. */
    Rule rule(Expression element) {
      Rule rule = new Rule(keywords.path("items"));
      sources.put(rule, element);
      asked.add(rule);
      return rule;
    }

    private void finish() {
      for (Rule rule : asked) {
        rule.define(of(bodyOf(rule)));
        while (!open.isEmpty()) {
          Rule next = open.removeFirst();
          rewritten.getOrDefault(next, next).define(of(bodyOf(next)));
        }
      }
      requireOneOrder();
    }

    private Expression bodyOf(Rule rule) {
      Expression source = sources.get(rule);
      return source == null ? rule.body() : source;
    }

    private ConstraintException refused(String of) {
      return keywords.wrong("uniqueItems", "is not supported for items that have " + of);
    }

    private Expression of(Expression expression) {
      budget.step();
      List<NumberSet> sets = numbers.get(expression);
      if (sets != null) {
        return NumberMachine.writeOneWay(sets, budget);
      }
      if (maps.contains(expression)) {
        throw refused("names that are not listed");
      }
      List<String> listed = names.get(expression);
      if (listed != null) {
        orders.add(listed);
      }
      return structure(expression);
    }

    @SuppressWarnings("ReferenceEquality") // There is one colon.
    private Expression structure(Expression expression) {
      return switch (expression) {
        case Literal literal -> literal(literal);
        case Expression.Symbol symbol -> symbol;
        case Expression.Characters characters -> characters;
        case Expression.OpenDistinct bracket -> bracket;
        case Sequence sequence when sequence == JsonRules.COLON -> text(":");
        case Sequence(List<Expression> parts) -> new Sequence(all(parts));
        case Choice(List<Expression> options) -> new Choice(all(options));
        case Repeat(Expression body, int least, int most) -> new Repeat(of(body), least, most);
        case Call(Rule rule) -> call(rule);
        case Graph graph -> graph(graph);
      };
    }

    private List<Expression> all(List<Expression> parts) {
      return parts.stream().map(this::of).toList();
    }

    private Expression graph(Graph graph) {
      List<Edge> edges = new ArrayList<>(graph.edges().size());
      for (Edge edge : graph.edges()) {
        Expression label = edge.label();
        edges.add(label == null ? edge : new Edge(edge.from(), of(label), edge.to(), edge.count()));
      }
      return new Graph(graph.nodes(), edges, graph.finals(), graph.alike());
    }

    @SuppressWarnings("ReferenceEquality") // Rules are what they are called by.
    private Expression call(Rule rule) {
      if (rule == JsonRules.SPACE) {
        return Expression.EMPTY;
      }
      if (rule == JsonRules.OBJECT) {
        throw refused("names that are not listed");
      }
      if (otherMembers.contains(rule)) {
        return Expression.NOTHING;
      }
      if (rule == JsonRules.ARRAY) {
        Expression elements = sequence(new Call(VALUE), many(sequence(text(","), new Call(VALUE))));
        return sequence(text("["), optional(elements), text("]"));
      }
      return new Call(callee(rule));
    }

    @SuppressWarnings("ReferenceEquality") // Rules are what they are called by.
    private Rule callee(Rule rule) {
      if (rule == JsonRules.STRING) {
        return JsonRules.PLAIN_STRING;
      }
      if (rule == JsonRules.ESCAPE) {
        return JsonRules.SPECIAL;
      }
      if (rule == JsonRules.INTEGER) {
        return INTEGER;
      }
      if (rule == JsonRules.NUMBER) {
        return NUMBER;
      }
      if (rule == JsonRules.VALUE) {
        return VALUE;
      }
      if (plain.contains(rule)) {
        return rule;
      }
      Rule known = rewritten.get(rule);
      if (known == null) {
        known = new Rule(rule.name());
        rewritten.put(rule, known);
        open.add(rule);
      }
      return known;
    }

    /** Values that a schema lists stand there whole. */
    private Literal literal(Literal literal) {
      byte[] bytes = literal.bytes();
      if (bytes.length < 2 || "-0123456789[{".indexOf(bytes[0]) < 0) {
        return literal;
      }
      budget.steps(bytes.length);
      try {
        JsonNode value = MAPPER.readTree(bytes);
        return new Literal(oneWay(value).getBytes(StandardCharsets.UTF_8));
      } catch (JsonProcessingException partOfSomething) {
        return literal;
      } catch (java.io.IOException impossible) {
        throw new IllegalStateException(impossible);
      }
    }

    private String oneWay(JsonNode value) {
      StringBuilder out = new StringBuilder();
      if (value.isNumber()) {
        return oneWay(value.decimalValue());
      }
      if (value.isArray()) {
        value.forEach(e -> out.append(out.isEmpty() ? '[' : ',').append(oneWay(e)));
        return out.isEmpty() ? "[]" : out.append(']').toString();
      }
      if (!value.isObject()) {
        return JsonSchemaReader.literal(value);
      }
      List<String> listed = new ArrayList<>();
      value
          .properties()
          .forEach(
              member -> {
                listed.add(member.getKey());
                out.append(out.isEmpty() ? '{' : ',')
                    .append(JsonRules.quote(member.getKey()))
                    .append(':')
                    .append(oneWay(member.getValue()));
              });
      orders.add(listed);
      return out.isEmpty() ? "{}" : out.append('}').toString();
    }

    private String oneWay(BigDecimal number) {
      BigDecimal stripped = number.stripTrailingZeros();
      if (stripped.precision() > TOLD_DIGITS || Math.abs(stripped.scale()) > MOST_ZEROS) {
        throw refused("numbers of more than " + TOLD_DIGITS + " digits");
      }
      return stripped.toPlainString();
    }

    /** Objects that are equal must be written alike, whichever schema wrote them. */
    private void requireOneOrder() {
      Map<String, Set<String>> next = new HashMap<>();
      Map<String, Integer> before = new HashMap<>();
      for (List<String> order : orders) {
        budget.steps(order.size());
        for (int i = 0; i < order.size(); i++) {
          before.putIfAbsent(order.get(i), 0);
          boolean leads = i + 1 < order.size();
          if (leads
              && next.computeIfAbsent(order.get(i), name -> new HashSet<>())
                  .add(order.get(i + 1))) {
            before.merge(order.get(i + 1), 1, Integer::sum);
          }
        }
      }
      ArrayDeque<String> first = new ArrayDeque<>();
      before.forEach((name, count) -> addIf(count == 0, name, first));
      int sorted = 0;
      for (; !first.isEmpty(); sorted++) {
        for (String name : next.getOrDefault(first.removeFirst(), Set.of())) {
          addIf(before.merge(name, -1, Integer::sum) == 0, name, first);
        }
      }
      if (sorted < before.size()) {
        throw refused("the same names in another order");
      }
    }
  }

  private static void addIf(boolean added, String name, ArrayDeque<String> to) {
    if (added) {
      to.add(name);
    }
  }
}
