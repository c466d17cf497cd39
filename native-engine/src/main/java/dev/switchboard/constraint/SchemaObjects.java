package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Rule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes objects: the listed properties in their order, then names that patterns or {@code
 * additionalProperties} allow. A name that is not listed may be written twice, so of those only the
 * first counts for {@code minProperties}.
 */
final class SchemaObjects {
  /** With more patterns a name that several match is not written. */
  private static final int MOST_COMBINED = 3;

  private final JsonSchemaReader reader;
  private final CompileBudget budget;

  SchemaObjects(JsonSchemaReader reader, CompileBudget budget) {
    this.reader = reader;
    this.budget = budget;
  }

  Expression write(SchemaKeywords keywords, int depth) {
    Map<String, JsonNode> properties = new LinkedHashMap<>();
    ObjectNode listed = keywords.object("properties");
    if (listed != null) {
      listed.properties().forEach(p -> properties.put(p.getKey(), p.getValue()));
    }
    JsonNode additional = additional(keywords);
    Set<String> required = keywords.names("required");
    for (String name : required) {
      properties.computeIfAbsent(name, missing -> unlisted(keywords, name, additional));
    }
    int least = keywords.least("minProperties");
    int most = keywords.most("maxProperties");
    boolean named = !keywords.has("patternProperties") && !keywords.has("propertyNames");
    if (properties.isEmpty() && named && least < 2) {
      return map(keywords, additional, least, most, depth);
    }
    properties.replaceAll((name, schema) -> restricted(keywords, name, schema, depth));
    List<Expression> others = others(keywords, properties.keySet(), additional, depth);
    int possible = properties.size();
    if (least > possible + 1 && !others.isEmpty()) {
      throw keywords.wrong(
          "minProperties", "above the number of names that are known is not supported");
    }
    if (least > possible && others.isEmpty()) {
      return Expression.NOTHING;
    }
    boolean anyNumber = most < 0 || (others.isEmpty() && most >= possible);
    return new Members(keywords, required, others, least, anyNumber ? -1 : most)
        .write(properties, depth);
  }

  /** What is said of names that nothing else speaks of; null where that is nothing. */
  private static @Nullable JsonNode additional(SchemaKeywords keywords) {
    JsonNode additional = keywords.get(keywords.otherProperties());
    return additional == null && keywords.has(SchemaKeywords.OPEN) ? BooleanNode.TRUE : additional;
  }

  private JsonNode unlisted(SchemaKeywords keywords, String name, @Nullable JsonNode additional) {
    return additional == null || !reader.matching(keywords, name).isEmpty()
        ? BooleanNode.TRUE
        : additional;
  }

  /** The schema of a listed name with what patterns and {@code propertyNames} say of it. */
  private JsonNode restricted(SchemaKeywords keywords, String name, JsonNode schema, int depth) {
    JsonNode names = keywords.get("propertyNames");
    String path = keywords.path("propertyNames");
    if (names != null
        && !reader.check().describes(names, TextNode.valueOf(name), path, depth + 1)) {
      return BooleanNode.FALSE;
    }
    JsonNode all = schema;
    for (JsonNode matching : reader.matching(keywords, name)) {
      all = SchemaForm.both(all, matching);
    }
    return all;
  }

  /**
   * An object of which no names are known. A repeated name counts once, so no more can be needed.
   */
  private Expression map(
      SchemaKeywords keywords, @Nullable JsonNode additional, int least, int most, int depth) {
    boolean forbidden = additional != null && SchemaOverlap.isFalse(additional);
    if (forbidden) {
      return least > 0
          ? Expression.NOTHING
          : JsonRules.object(Expression.NOTHING, Expression.NOTHING, 0, 0);
    }
    if (additional == null || additional.isBoolean()) {
      return least == 0 && most < 0
          ? new Call(JsonRules.OBJECT)
          : openMap(new Call(JsonRules.VALUE), least, most);
    }
    Rule value = reader.rule(additional, keywords.path(keywords.otherProperties()), depth);
    return openMap(new Call(value), least, most);
  }

  private Expression openMap(Expression value, int least, int most) {
    Expression map = JsonRules.object(new Call(JsonRules.STRING), value, least, most);
    return reader.distinct().noteMap(map);
  }

  // ---- names that are not listed ---------------------------------------------------------------

  /** Members whose names the schema does not list, by what their values must be. */
  private List<Expression> others(
      SchemaKeywords keywords, Set<String> listed, @Nullable JsonNode additional, int depth) {
    List<Expression> members = new ArrayList<>();
    ObjectNode patterns = keywords.object("patternProperties");
    List<String> all = new ArrayList<>();
    if (patterns != null) {
      patterns.fieldNames().forEachRemaining(all::add);
    }
    if ((additional != null && !SchemaOverlap.isFalse(additional))
        || (additional == null && all.isEmpty() && listed.isEmpty())) {
      JsonNode schema = additional == null ? BooleanNode.TRUE : additional;
      Rule value = reader.rule(schema, keywords.path(keywords.otherProperties()), depth);
      Expression name = name(keywords, listed, List.of(), all);
      members.add(sequence(name, JsonRules.COLON, new Call(value)));
    }
    for (List<String> some : subsets(all)) {
      JsonNode schema = schemaOf(some, Objects.requireNonNull(patterns));
      if (!SchemaOverlap.isFalse(schema)) {
        List<String> rest = new ArrayList<>(all);
        rest.removeAll(some);
        String path = SchemaKeywords.path(keywords.path("patternProperties"), some.getFirst());
        Rule value = reader.rule(schema, path, depth);
        Expression name = name(keywords, listed, some, rest);
        members.add(sequence(name, JsonRules.COLON, new Call(value)));
      }
    }
    return members;
  }

  private static JsonNode schemaOf(List<String> patterns, ObjectNode schemas) {
    JsonNode schema = BooleanNode.TRUE;
    if (patterns.size() == 1) {
      return schemas.get(patterns.getFirst());
    }
    ArrayNode all = JsonNodeFactory.instance.arrayNode();
    patterns.forEach(each -> all.add(schemas.get(each)));
    return all.isEmpty() ? schema : JsonNodeFactory.instance.objectNode().set("allOf", all);
  }

  /** Patterns that a name may match at once. */
  private static List<List<String>> subsets(List<String> patterns) {
    List<List<String>> found = new ArrayList<>();
    if (patterns.size() > MOST_COMBINED) {
      patterns.forEach(each -> found.add(List.of(each)));
      return found;
    }
    for (int bits = 1; bits < 1 << patterns.size(); bits++) {
      List<String> some = new ArrayList<>();
      for (int i = 0; i < patterns.size(); i++) {
        if ((bits >> i & 1) != 0) {
          some.add(patterns.get(i));
        }
      }
      found.add(some);
    }
    return found;
  }

  /** Names in quotes that all the first patterns match, and neither the others nor a listed one. */
  private Expression name(
      SchemaKeywords keywords, Set<String> listed, List<String> some, List<String> rest) {
    JsonNode names = keywords.get("propertyNames");
    if (names == null && some.isEmpty() && rest.isEmpty()) {
      return listed.isEmpty() ? new Call(JsonRules.STRING) : otherName(listed);
    }
    List<StringSet> sets = new ArrayList<>();
    if (names == null) {
      sets.add(new StringSet(List.of(), 0, -1));
    } else {
      sets.addAll(reader.nameSets(names, keywords.path("propertyNames")));
    }
    for (String pattern : some) {
      reader.restrict(sets, pattern, keywords.path("patternProperties"));
    }
    for (String pattern : rest) {
      sets.add(reader.patternSet(pattern, keywords.path("patternProperties")));
    }
    if (!listed.isEmpty()) {
      sets.add(new StringSet(List.of(RegexNfa.of(List.copyOf(listed), budget)), 0, -1));
    }
    return reader.difference(sets);
  }

  /** What is read after a node of the tree of known names. */
  private record Prefix(int node, int character) {}

  /**
   * A name in quotes that is none of those given. Node 0 is at its beginning, node 1 beside all.
   */
  private Expression otherName(Set<String> names) {
    List<Edge> edges = new ArrayList<>();
    Map<Prefix, Integer> prefixes = new HashMap<>();
    List<CodePoints> known = new ArrayList<>(List.of(CodePoints.NONE, CodePoints.ALL));
    Set<Integer> forbidden = new HashSet<>();
    for (String name : names) {
      int node = 0;
      for (int character : name.codePoints().toArray()) {
        Prefix longer = new Prefix(node, character);
        Integer next = prefixes.get(longer);
        if (next == null) {
          budget.edge();
          budget.steps(known.get(node).ranges() / 4);
          next = known.size();
          prefixes.put(longer, next);
          CodePoints one = CodePoints.of(character);
          edges.add(new Edge(node, JsonRules.characters(one), next));
          known.set(node, known.get(node).union(one));
          known.add(CodePoints.NONE);
        }
        node = next;
      }
      forbidden.add(node);
    }
    int beyond = known.size();
    boolean[] finals = new boolean[beyond + 1];
    // What begins no listed name at any node is read from one, which each of them leads to.
    CodePoints rare = CodePoints.range(0x80, CodePoints.MOST).union(JsonRules.ESCAPED);
    edges.add(new Edge(beyond, JsonRules.characters(rare), 1));
    for (int node = 0; node < beyond; node++) {
      finals[node] = !forbidden.contains(node);
      CodePoints others = node == 1 ? CodePoints.ALL : known.get(node).complement();
      boolean all = rare.minus(others).isEmpty();
      if (all) {
        edges.add(new Edge(node, null, beyond));
      }
      edges.add(new Edge(node, JsonRules.characters(all ? others.minus(rare) : others), 1));
    }
    return sequence(text("\""), new Graph(finals.length, edges, finals), text("\""));
  }

  // ---- members ---------------------------------------------------------------------------------

  /**
   * Members in the order of the properties. A node is a place before a property, or before others,
   * or behind the first of them, and how many members there are, as far as that matters.
   */
  private final class Members {
    private final SchemaKeywords keywords;
    private final Set<String> required;
    private final List<Expression> others;
    private final int least;
    private final int most;
    private final int counts;
    private final List<Edge> edges = new ArrayList<>();
    private int nodes;

    Members(
        SchemaKeywords keywords,
        Set<String> required,
        List<Expression> others,
        int least,
        int most) {
      this.keywords = keywords;
      this.required = required;
      this.others = others;
      this.least = least;
      this.most = most;
      this.counts = Math.max(1, Math.max(least, most)) + 1;
    }

    /** Where a member begins that all counts lead to. */
    private int middle(int place) {
      return nodes - 2 - place;
    }

    private int node(int place, int count) {
      return place * counts + count;
    }

    Expression write(Map<String, JsonNode> properties, int depth) {
      int last = properties.size();
      budget.requireEdges((long) (last + 2) * counts);
      nodes = (last + 2) * (counts + 1) + 1;
      int i = 0;
      for (Map.Entry<String, JsonNode> property : properties.entrySet()) {
        String name = property.getKey();
        boolean skipped = !required.contains(name);
        for (int count = 0; count < counts && skipped; count++) {
          edges.add(new Edge(node(i, count), null, node(i + 1, count)));
        }
        if (!SchemaOverlap.isFalse(property.getValue())) {
          String path = SchemaKeywords.path(keywords.path("properties"), name);
          Expression value = reader.schema(property.getValue(), path, depth + 1);
          member(i, sequence(text(JsonRules.quote(name)), JsonRules.COLON, value), i + 1, false);
        }
        i++;
      }
      if (!others.isEmpty()) {
        Expression any = others.size() == 1 ? others.getFirst() : new Choice(others);
        Rule one = new Rule(keywords.path(keywords.otherProperties()), any);
        reader.distinct().noteOtherMember(one);
        member(last, new Call(one), last + 1, false);
        member(last + 1, new Call(one), last + 1, true);
      }
      end(last);
      end(last + 1);
      boolean[] finals = new boolean[nodes];
      finals[nodes - 1] = true;
      Expression object =
          sequence(text("{"), new Call(JsonRules.SPACE), new Graph(nodes, edges, finals));
      DistinctForm distinct = reader.distinct();
      return properties.isEmpty() && !others.isEmpty()
          ? distinct.noteMap(object)
          : distinct.noteNames(object, List.copyOf(properties.keySet()));
    }

    /**
     * @param again whether its name may be one that was written before
     */
    private void member(int from, Expression member, int to, boolean again) {
      Expression label = member;
      if (counts > 2) {
        label = new Call(new Rule(keywords.path("properties"), member));
      } else {
        edges.add(new Edge(middle(from), member, node(to, 1)));
      }
      for (int count = 0; count < counts; count++) {
        boolean allowed = (most < 0 || count < most) && (!again || count >= least);
        Expression comma = count == 0 ? Expression.EMPTY : JsonRules.comma();
        if (allowed && counts == 2) {
          edges.add(new Edge(node(from, count), comma, middle(from)));
        } else if (allowed) {
          budget.edge();
          int next = again && most < 0 ? count : Math.min(count + 1, counts - 1);
          edges.add(new Edge(node(from, count), sequence(comma, label), node(to, next)));
        }
      }
    }

    private void end(int place) {
      for (int count = least; count < counts; count++) {
        if (most >= 0 && count > most) {
          continue;
        }
        Expression close = count == 0 ? text("}") : sequence(new Call(JsonRules.SPACE), text("}"));
        edges.add(new Edge(node(place, count), close, nodes - 1));
      }
    }
  }
}
