package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Repeat;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.NumberSet.Bound;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes JSON that a schema of draft 2020-12 describes. What is written is always valid; where a
 * schema also allows what would be hard to bound, less is written:
 *
 * <ul>
 *   <li>properties come in the order in which {@code properties} lists them, required ones that it
 *       does not list after them, then additional ones, if {@code additionalProperties} says so;
 *   <li>where {@code properties} is given, absent {@code additionalProperties} means none, and
 *       where {@code prefixItems} is, absent {@code items} means no more than {@code minItems}
 *       needs;
 *   <li>a schema without {@code type} that has keywords of a type describes that type;
 *   <li>characters that need no escape are written without, where there is a {@code pattern} or
 *       {@code format}, and in names of additional properties.
 * </ul>
 *
 * <p>A keyword that is not enforced is refused with its path.
 */
final class JsonSchemaReader {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();

  private final JsonNode root;
  private final CompileBudget budget;
  private final Map<String, Rule> references = new HashMap<>();
  private final ArrayDeque<Runnable> unread = new ArrayDeque<>();

  private JsonSchemaReader(JsonNode root, CompileBudget budget) {
    this.root = root;
    this.budget = budget;
  }

  static Expression read(String schema, CompileBudget budget) {
    CompileBudget.checkSource(schema);
    JsonSchemaReader reader = new JsonSchemaReader(parse(schema), budget);
    Expression whole = new Call(reader.reference("#", ""));
    while (!reader.unread.isEmpty()) {
      reader.unread.removeFirst().run();
    }
    return whole;
  }

  private static JsonNode parse(String schema) {
    try {
      return MAPPER.readTree(schema);
    } catch (JsonProcessingException broken) {
      throw new ConstraintException("", "is not JSON");
    }
  }

  // ---- references ----------------------------------------------------------------------------

  private Rule reference(String pointer, String path) {
    Rule known = references.get(pointer);
    if (known != null) {
      return known;
    }
    JsonNode target = resolve(pointer, path);
    String place = pointer.length() < 2 ? "" : pointer.substring(2).replace('/', '.');
    Rule rule = new Rule(pointer);
    references.put(pointer, rule);
    // Later, so that a chain of references costs no stack.
    unread.add(() -> rule.define(schema(target, place, 0)));
    return rule;
  }

  private JsonNode resolve(String pointer, String path) {
    if (pointer.equals("#")) {
      return root;
    }
    if (!pointer.startsWith("#/")) {
      throw new ConstraintException(path, "must begin with #/: other references are not supported");
    }
    try {
      String decoded = URLDecoder.decode(pointer.substring(1), StandardCharsets.UTF_8);
      JsonNode target = root.at(JsonPointer.compile(decoded));
      if (!target.isMissingNode()) {
        return target;
      }
    } catch (IllegalArgumentException broken) {
      throw new ConstraintException(path, "is no reference");
    }
    throw new ConstraintException(path, "refers to nothing");
  }

  // ---- schemas -------------------------------------------------------------------------------

  Expression schema(JsonNode node, String path, int depth) {
    CompileBudget.checkDepth(depth, path);
    budget.step();
    if (node.isBoolean()) {
      return node.booleanValue() ? new Call(JsonRules.VALUE) : Expression.NOTHING;
    }
    SchemaKeywords keywords = SchemaKeywords.of(node, path);
    String reference = keywords.string("$ref");
    if (reference != null && keywords.besides(Set.of("$ref")).isEmpty()) {
      return new Call(reference(reference, keywords.path("$ref")));
    }
    if (reference != null) {
      JsonNode target = resolve(reference, keywords.path("$ref"));
      return schema(merged(without(keywords, "$ref"), target, path), path, depth + 1);
    }
    if (keywords.has("allOf")) {
      return all(keywords, path, depth);
    }
    if (keywords.has("anyOf")) {
      return new Choice(branches(keywords, "anyOf", path, depth));
    }
    if (keywords.has("oneOf")) {
      return new ExactlyOne(this, keywords, budget)
          .write(whole(keywords, "oneOf", path, depth), depth);
    }
    if (keywords.has("enum") || keywords.has("const")) {
      return literals(keywords);
    }
    return typed(keywords, depth);
  }

  private JsonNode merged(JsonNode left, JsonNode right, String path) {
    budget.walk(left);
    budget.walk(right);
    return SchemaMerge.merge(left, right, path);
  }

  private ObjectNode without(SchemaKeywords keywords, String name) {
    budget.walk(keywords.node());
    ObjectNode rest = keywords.node().deepCopy();
    rest.remove(name);
    return rest;
  }

  private Expression all(SchemaKeywords keywords, String path, int depth) {
    JsonNode merged = without(keywords, "allOf");
    List<JsonNode> parts = keywords.schemas("allOf");
    for (JsonNode part : parts == null ? List.<JsonNode>of() : parts) {
      merged = merged(merged, target(part, keywords.path("allOf"), depth), path);
    }
    return schema(merged, path, depth + 1);
  }

  /** What a schema that is only a reference refers to, through all of them. */
  JsonNode target(JsonNode schema, String path, int depth) {
    JsonNode found = schema;
    for (int steps = depth; found.path("$ref").isTextual(); steps++) {
      CompileBudget.checkDepth(steps, path);
      SchemaKeywords keywords = SchemaKeywords.of(found, path);
      JsonNode referred = resolve(found.get("$ref").textValue(), keywords.path("$ref"));
      found = merged(without(keywords, "$ref"), referred, path);
    }
    return found;
  }

  private List<Expression> branches(SchemaKeywords keywords, String name, String path, int depth) {
    List<Expression> branches = new ArrayList<>();
    for (JsonNode branch : whole(keywords, name, path, depth)) {
      branches.add(schema(branch, keywords.path(name) + "[" + branches.size() + "]", depth + 1));
    }
    return branches;
  }

  /** Branches with what stands beside them. */
  private List<JsonNode> whole(SchemaKeywords keywords, String name, String path, int depth) {
    ObjectNode base = without(keywords, name);
    boolean alone = keywords.besides(Set.of(name)).isEmpty();
    List<JsonNode> schemas = keywords.schemas(name);
    List<JsonNode> whole = new ArrayList<>();
    for (JsonNode branch : schemas == null ? List.<JsonNode>of() : schemas) {
      String place = keywords.path(name) + "[" + whole.size() + "]";
      whole.add(alone ? branch : merged(base, target(branch, place, depth), path));
    }
    return whole;
  }

  private Expression literals(SchemaKeywords keywords) {
    requireOnlyValues(keywords);
    Set<String> types = keywords.has("type") ? keywords.types() : Set.of();
    List<Expression> options = new ArrayList<>();
    for (JsonNode value : SchemaOverlap.values(keywords)) {
      budget.step();
      if (types.isEmpty() || SchemaOverlap.isOfType(value, types)) {
        options.add(text(literal(value)));
      }
    }
    return new Choice(options);
  }

  void requireOnlyValues(SchemaKeywords keywords) {
    for (String other : keywords.besides(Set.of("enum", "const", "type"))) {
      throw keywords.wrong(other, "beside enum or const is not supported");
    }
  }

  private static String literal(JsonNode value) {
    StringBuilder out = new StringBuilder();
    switch (value.getNodeType()) {
      case STRING -> out.append(JsonRules.quote(value.textValue()));
      case ARRAY -> {
        value.forEach(e -> out.append(out.isEmpty() ? '[' : ',').append(literal(e)));
        out.append(out.isEmpty() ? "[]" : "]");
      }
      case OBJECT -> {
        value
            .properties()
            .forEach(
                member ->
                    out.append(out.isEmpty() ? '{' : ',')
                        .append(JsonRules.quote(member.getKey()))
                        .append(':')
                        .append(literal(member.getValue())));
        out.append(out.isEmpty() ? "{}" : "}");
      }
      case BOOLEAN, NUMBER, NULL, MISSING, BINARY, POJO -> out.append(value);
    }
    return out.toString();
  }

  private Expression typed(SchemaKeywords keywords, int depth) {
    Set<String> types = keywords.types();
    if (types.isEmpty()) {
      return new Call(JsonRules.VALUE);
    }
    List<Expression> options = new ArrayList<>();
    for (String type : types) {
      options.add(
          switch (type) {
            case "object" -> object(keywords, depth);
            case "array" -> array(keywords, depth);
            case "string" -> string(keywords);
            case "number" -> number(keywords, false);
            case "integer" -> number(keywords, true);
            case "boolean" -> Expression.choice(text("true"), text("false"));
            default -> text("null");
          });
    }
    return options.size() == 1 ? options.getFirst() : new Choice(options);
  }

  // ---- objects -------------------------------------------------------------------------------

  private Expression object(SchemaKeywords keywords, int depth) {
    Map<String, JsonNode> properties = new LinkedHashMap<>();
    ObjectNode listed = keywords.object("properties");
    if (listed != null) {
      listed.properties().forEach(p -> properties.put(p.getKey(), p.getValue()));
    }
    JsonNode additional = keywords.get("additionalProperties");
    boolean forbidden = additional != null && additional.isBoolean() && !additional.booleanValue();
    Set<String> required = keywords.names("required");
    for (String name : required) {
      if (!properties.containsKey(name) && forbidden) {
        throw keywords.wrong("required", "has a name that additionalProperties forbids");
      }
      properties.computeIfAbsent(
          name, missing -> additional == null ? BooleanNode.TRUE : additional);
    }
    int least = keywords.least("minProperties");
    int most = keywords.most("maxProperties");
    if (properties.isEmpty()) {
      return map(keywords, forbidden ? 0 : most, least, depth);
    }
    boolean open = additional != null && !forbidden;
    if (least > required.size()) {
      throw keywords.wrong("minProperties", "above the number of required ones is not supported");
    }
    if (most >= 0 && (open || most < properties.size())) {
      throw keywords.wrong("maxProperties", "below the number of possible ones is not supported");
    }
    Rule other =
        additional != null && open
            ? rule(additional, keywords.path("additionalProperties"), depth)
            : null;
    return new Members(keywords, required, other).write(properties, depth);
  }

  /**
   * An object of which no names are known. A repeated name counts once, so no more can be needed.
   */
  private Expression map(SchemaKeywords keywords, int most, int least, int depth) {
    if (least > 1) {
      throw keywords.wrong(
          "minProperties", "above 1 is not supported for names that are not given");
    }
    JsonNode additional = keywords.get("additionalProperties");
    if (least > 0 && most == 0) {
      return Expression.NOTHING;
    }
    if (additional == null || additional.isBoolean()) {
      return least == 0 && most < 0
          ? new Call(JsonRules.OBJECT)
          : JsonRules.object(new Call(JsonRules.STRING), new Call(JsonRules.VALUE), least, most);
    }
    Rule value = rule(additional, keywords.path("additionalProperties"), depth);
    return JsonRules.object(new Call(JsonRules.STRING), new Call(value), least, most);
  }

  /** For schemas that stand in several places. */
  private Rule rule(JsonNode schema, String path, int depth) {
    return new Rule(path, schema(schema, path, depth + 1));
  }

  /**
   * Members in the order of the properties. Of nodes {@code 3 i} nothing is written yet, at {@code
   * 3 i + 1} something is, and {@code 3 i + 2} is where property i begins.
   */
  private final class Members {
    private final SchemaKeywords keywords;
    private final Set<String> required;
    private final @Nullable Rule other;
    private final List<Edge> edges = new ArrayList<>();

    Members(SchemaKeywords keywords, Set<String> required, @Nullable Rule other) {
      this.keywords = keywords;
      this.required = required;
      this.other = other;
    }

    Expression write(Map<String, JsonNode> properties, int depth) {
      int i = 0;
      for (Map.Entry<String, JsonNode> property : properties.entrySet()) {
        String name = property.getKey();
        String path = SchemaKeywords.path(keywords.path("properties"), name);
        Expression value = schema(property.getValue(), path, depth + 1);
        member(i, text(JsonRules.quote(name)), value, 3 * i + 4);
        if (!required.contains(name)) {
          edges.add(new Edge(3 * i, null, 3 * i + 3));
          edges.add(new Edge(3 * i + 1, null, 3 * i + 4));
        }
        i++;
      }
      Rule value = other;
      if (value != null) {
        member(i, otherName(properties.keySet()), new Call(value), 3 * i + 1);
      }
      int end = 3 * i + 3;
      edges.add(new Edge(3 * i, text("}"), end));
      edges.add(new Edge(3 * i + 1, sequence(new Call(JsonRules.SPACE), text("}")), end));
      boolean[] finals = new boolean[end + 1];
      finals[end] = true;
      return sequence(text("{"), new Call(JsonRules.SPACE), new Graph(end + 1, edges, finals));
    }

    private void member(int i, Expression name, Expression value, int after) {
      edges.add(new Edge(3 * i, null, 3 * i + 2));
      edges.add(new Edge(3 * i + 1, JsonRules.comma(), 3 * i + 2));
      edges.add(new Edge(3 * i + 2, sequence(name, JsonRules.colon(), value), after));
    }
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
    boolean[] finals = new boolean[known.size()];
    for (int node = 0; node < finals.length; node++) {
      finals[node] = !forbidden.contains(node);
      edges.add(
          new Edge(
              node,
              JsonRules.characters(node == 1 ? CodePoints.ALL : known.get(node).complement()),
              1));
    }
    return sequence(text("\""), new Graph(finals.length, edges, finals), text("\""));
  }

  // ---- arrays --------------------------------------------------------------------------------

  /** Node i has written i elements; the last one stands for all that are more. */
  private Expression array(SchemaKeywords keywords, int depth) {
    requireNoUniqueItems(keywords);
    List<JsonNode> prefix = keywords.has("prefixItems") ? keywords.schemas("prefixItems") : null;
    List<JsonNode> first = prefix == null ? List.of() : prefix;
    int least = keywords.least("minItems");
    int most = keywords.most("maxItems");
    JsonNode items = keywords.get("items");
    if (items == null && prefix != null) {
      most =
          most < 0 ? Math.max(least, first.size()) : Math.min(most, Math.max(least, first.size()));
    }
    if (items == null && first.isEmpty() && least == 0 && most < 0) {
      return new Call(JsonRules.ARRAY);
    }
    Rule rest = items == null ? JsonRules.VALUE : rule(items, keywords.path("items"), depth);
    int nodes = Math.max(most < 0 ? Math.max(least, first.size()) : most, 1) + 1;
    budget.requireEdges(nodes);
    List<Edge> edges = new ArrayList<>();
    boolean[] finals = new boolean[nodes + 1];
    finals[nodes] = true;
    for (int i = 0; i < nodes; i++) {
      budget.edge();
      int next = i + 1 < nodes ? i + 1 : i;
      if (most < 0 || i < most) {
        Expression element =
            i < first.size()
                ? schema(first.get(i), keywords.path("prefixItems") + "[" + i + "]", depth + 1)
                : new Call(rest);
        edges.add(new Edge(i, i == 0 ? element : sequence(JsonRules.comma(), element), next));
      }
      if (i >= least) {
        Expression end = text("]");
        edges.add(new Edge(i, i == 0 ? end : sequence(new Call(JsonRules.SPACE), end), nodes));
      }
    }
    return sequence(text("["), new Call(JsonRules.SPACE), new Graph(nodes + 1, edges, finals));
  }

  private static void requireNoUniqueItems(SchemaKeywords keywords) {
    JsonNode unique = keywords.get("uniqueItems");
    if (unique != null && !(unique.isBoolean() && !unique.booleanValue())) {
      throw keywords.wrong("uniqueItems", "is not supported");
    }
  }

  // ---- strings and numbers -------------------------------------------------------------------

  private Expression string(SchemaKeywords keywords) {
    StringSet strings = strings(keywords);
    if (strings.expressions().isEmpty()) {
      return strings.least() == 0 && strings.most() < 0
          ? new Call(JsonRules.STRING)
          : sequence(
              text("\""),
              new Repeat(JsonRules.character(), strings.least(), strings.most()),
              text("\""));
    }
    return strings(List.of(strings));
  }

  /** Strings that exactly one set has. */
  Expression strings(List<StringSet> sets) {
    StringMachine machine = new StringMachine(sets, budget);
    return sequence(text("\""), machine.build(JsonRules::characters), text("\""));
  }

  StringSet strings(SchemaKeywords keywords) {
    List<RegexNfa> expressions = new ArrayList<>();
    for (String pattern : keywords.strings("pattern")) {
      expressions.add(RegexReader.read(pattern, keywords.path("pattern"), true, budget));
    }
    for (String format : keywords.strings("format")) {
      StringFormat known = StringFormat.of(format);
      if (known == null) {
        throw keywords.wrong("format", "is not one of those supported");
      }
      expressions.add(RegexReader.read(known.pattern(), keywords.path("format"), true, budget));
    }
    return new StringSet(expressions, keywords.least("minLength"), keywords.most("maxLength"));
  }

  private Expression number(SchemaKeywords keywords, boolean whole) {
    NumberSet numbers = numbers(keywords, whole);
    if (numbers.least() == null && numbers.most() == null && !keywords.has("multipleOf")) {
      return new Call(whole ? JsonRules.INTEGER : JsonRules.NUMBER);
    }
    return NumberMachine.write(List.of(numbers), budget);
  }

  NumberSet numbers(SchemaKeywords keywords, boolean whole) {
    List<BigDecimal> steps = keywords.numbers("multipleOf");
    for (BigDecimal step : steps) {
      if (!NumberMachine.canStep(step)) {
        throw keywords.wrong("multipleOf", "must be above 0, with at most 10000 last places");
      }
    }
    if (whole) {
      steps.add(BigDecimal.ONE);
    }
    Bound least = bound(keywords, "minimum", "exclusiveMinimum", 1);
    Bound most = bound(keywords, "maximum", "exclusiveMaximum", -1);
    return new NumberSet(least, most, steps, null);
  }

  /** The stricter of an including and an excluding bound; sign is 1 for the lower side. */
  private static @Nullable Bound bound(
      SchemaKeywords keywords, String including, String excluding, int sign) {
    BigDecimal closed = keywords.number(including);
    BigDecimal open = keywords.number(excluding);
    if (closed == null) {
      return open == null ? null : new Bound(open, true);
    }
    boolean isOpen = open != null && open.compareTo(closed) * sign >= 0;
    return open != null && isOpen ? new Bound(open, true) : new Bound(closed, false);
  }
}
