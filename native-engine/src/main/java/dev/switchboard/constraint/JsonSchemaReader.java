package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Choice;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.NumberSet.Bound;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
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

  /** Schemas of more parts are written once and called. */
  private static final int LARGE = 16;

  private static final int MOST_IGNORED = 64;

  /** Characters that no answer has: a longer bound is none. */
  private static final int LONGEST_STRING = 1 << 24;

  /** Which of the schemas of one name is meant depends on how an answer comes to it. */
  private static final JsonNode AMBIGUOUS = MissingNode.getInstance();

  /** Keywords whose lists have values in them and no schemas. */
  private static final Set<String> VALUES = Set.of("enum", "examples");

  private final JsonNode root;
  private final CompileBudget budget;
  private @Nullable Map<String, JsonNode> anchors;
  private final Map<String, Rule> references = new HashMap<>();
  private final ArrayDeque<Runnable> unread = new ArrayDeque<>();

  /** What schemas that are equal are written by. */
  private final Map<JsonNode, Rule> shared = new HashMap<>();

  private final Map<List<StringSet>, Rule> sharedStrings = new HashMap<>();
  private final StringMachine.Known graphs = new StringMachine.Known();
  private final Map<String, RegexReader.Found> patterns = new HashMap<>();
  private final SchemaForm form;
  private final SchemaCheck check;
  private final SchemaObjects objects;
  private final SchemaArrays arrays;
  private final DistinctForm distinct;
  private final Set<String> ignored;

  private JsonSchemaReader(JsonNode root, CompileBudget budget, Set<String> ignored) {
    this.root = root;
    this.budget = budget;
    this.ignored = ignored;
    form = new SchemaForm(new SchemaNegation(this::target, budget, SchemaScope.sees(root)));
    check = new SchemaCheck(this, budget);
    distinct = new DistinctForm(budget);
    objects = new SchemaObjects(this, budget);
    arrays = new SchemaArrays(this, budget);
  }

  /**
   * @param ignored gets the paths of keywords and formats that nobody defines
   */
  static Expression read(String schema, CompileBudget budget, Set<String> ignored) {
    CompileBudget.checkSource(schema);
    JsonNode root = parse(schema);
    if (schema.contains("\"$id\"")) {
      SchemaResources.resolve(root, budget);
    }
    JsonSchemaReader reader = new JsonSchemaReader(root, budget, ignored);
    Expression whole = new Call(reader.reference("#", ""));
    while (!reader.unread.isEmpty()) {
      reader.unread.removeFirst().run();
    }
    reader.distinct.finish();
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
    String inside = named(pointer);
    if (inside.equals("#") || inside.isEmpty()) {
      return root;
    }
    JsonNode anchored = anchors().get(inside);
    if (anchored != null && anchored.isMissingNode()) {
      throw new ConstraintException(path, "refers to a name that several schemas have");
    }
    if (anchored != null) {
      return anchored;
    }
    if (!inside.startsWith("#/")) {
      throw new ConstraintException(path, "must begin with #/: other references are not supported");
    }
    try {
      String decoded =
          URLDecoder.decode(inside.substring(1).replace("+", "%2B"), StandardCharsets.UTF_8);
      JsonNode target = root.at(JsonPointer.compile(decoded));
      if (!target.isMissingNode()) {
        return target;
      }
    } catch (IllegalArgumentException broken) {
      throw new ConstraintException(path, "is no reference");
    }
    throw new ConstraintException(path, "refers to nothing");
  }

  /** A reference by the schema's own name is one into it. */
  private String named(String reference) {
    for (String name : List.of("$id", "id")) {
      String own = root.path(name).asText("");
      String bare = own.endsWith("#") ? own.substring(0, own.length() - 1) : own;
      if (!bare.isEmpty() && (reference.equals(bare) || reference.startsWith(bare + "#"))) {
        return reference.substring(bare.length());
      }
    }
    return reference;
  }

  /** Schemas with a name of their own, by what refers to them. */
  private Map<String, JsonNode> anchors() {
    Map<String, JsonNode> known = anchors;
    if (known == null) {
      Map<String, Named> found = new HashMap<>();
      ArrayDeque<Named> open = new ArrayDeque<>(List.of(new Named(root, true)));
      while (!open.isEmpty()) {
        Named next = open.removeFirst();
        budget.step();
        for (Map.Entry<String, JsonNode> each : next.schema.properties()) {
          if (!VALUES.contains(each.getKey()) || !each.getValue().isArray()) {
            open.add(next.inside(each.getValue()));
          }
        }
        if (next.schema.isArray()) {
          next.schema.forEach(each -> open.add(next.inside(each)));
        }
        for (String name : List.of("$anchor", "$dynamicAnchor", "$id", "id")) {
          String text = next.schema.path(name).asText("");
          if (!text.isEmpty()) {
            found.merge(name.endsWith("nchor") ? "#" + text : text, next, Named::outer);
          }
        }
      }
      known = new HashMap<>();
      for (Map.Entry<String, Named> each : found.entrySet()) {
        known.put(each.getKey(), each.getValue().schema);
      }
      anchors = known;
    }
    return known;
  }

  /**
   * A schema that has a name.
   *
   * @param outermost in no schema with an {@code $id} but the whole one; of several schemas of one
   *     name {@code $dynamicRef} means that one, wherever it stands
   */
  private record Named(JsonNode schema, boolean outermost) {
    Named inside(JsonNode part) {
      return new Named(part, outermost && !part.path("$id").isTextual());
    }

    Named outer(Named other) {
      if (outermost != other.outermost) {
        return outermost ? this : other;
      }
      return schema.equals(other.schema) ? this : new Named(AMBIGUOUS, outermost);
    }
  }

  // ---- schemas -------------------------------------------------------------------------------

  Expression schema(JsonNode node, String path, int depth) {
    CompileBudget.checkDepth(depth, path);
    budget.step();
    if (node.isBoolean()) {
      return node.booleanValue() ? new Call(JsonRules.VALUE) : Expression.NOTHING;
    }
    SchemaKeywords keywords = SchemaKeywords.of(formed(node, path), path);
    keywords.unknown().forEach(name -> ignore(keywords.path(name)));
    String reference = keywords.string("$ref");
    boolean alone = reference != null && keywords.besides(Set.of("$ref")).isEmpty();
    if (alone && reference != null) {
      return new Call(reference(reference, keywords.path("$ref")));
    }
    return reference != null || keywords.has("allOf") || isLarge(keywords.node())
        ? new Call(shared(keywords, depth))
        : body(keywords, depth);
  }

  private void ignore(String path) {
    if (ignored.size() < MOST_IGNORED) {
      ignored.add(path);
    }
  }

  /** Whether writing it twice would cost more than calling it. */
  private boolean isLarge(JsonNode schema) {
    int left = LARGE;
    ArrayDeque<JsonNode> open = new ArrayDeque<>(List.of(schema));
    while (left >= 0 && !open.isEmpty()) {
      for (JsonNode inner : open.removeFirst()) {
        open.add(inner);
        left--;
      }
    }
    budget.steps(LARGE - Math.max(0, left));
    return left < 0;
  }

  /** Written later, so that schemas that merge with what they stand in come to an end. */
  private Rule shared(SchemaKeywords keywords, int depth) {
    budget.walk(keywords.node());
    Rule known = shared.get(keywords.node());
    if (known != null) {
      return known;
    }
    Rule rule = new Rule(keywords.path());
    shared.put(keywords.node(), rule);
    unread.add(() -> rule.define(body(keywords, depth)));
    return rule;
  }

  private Expression body(SchemaKeywords keywords, int depth) {
    String path = keywords.path();
    String reference = keywords.string("$ref");
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
      return literals(keywords, depth);
    }
    return typed(keywords, depth);
  }

  SchemaCheck check() {
    return check;
  }

  DistinctForm distinct() {
    return distinct;
  }

  /** The schema of what another one does not describe. */
  JsonNode negated(JsonNode schema, String path) {
    return form.negated(schema, path);
  }

  private JsonNode formed(JsonNode node, String path) {
    return node instanceof ObjectNode object ? form.of(object, path) : node;
  }

  /**
   * @param part stands inside the whole, which sees what it evaluates
   */
  private JsonNode merged(JsonNode whole, JsonNode part, String path) {
    budget.walk(whole);
    budget.walk(part);
    JsonNode left = formed(whole, path);
    JsonNode right = formed(part, path);
    return SchemaMerge.merge(
        left,
        SchemaScope.speaksOfMembers(left) ? SchemaScope.closed(right, path) : right,
        path,
        (pattern, name) -> patternSet(pattern, path).has(name, budget));
  }

  private ObjectNode without(SchemaKeywords keywords, String name) {
    budget.walk(keywords.node());
    ObjectNode rest = keywords.node().deepCopy();
    rest.remove(name);
    return rest;
  }

  private Expression all(SchemaKeywords keywords, String path, int depth) {
    JsonNode merged = without(keywords, "allOf");
    List<JsonNode> found = keywords.schemas("allOf");
    List<JsonNode> parts = found == null ? List.of() : found;
    for (JsonNode part : parts) {
      JsonNode target = target(part, keywords.path("allOf"), depth);
      boolean alone = parts.size() == 1;
      merged = merged(merged, alone ? target : SchemaScope.closed(target, path), path);
    }
    return schema(merged, path, depth + 1);
  }

  /** What a schema that is only a reference refers to, through all of them. */
  JsonNode target(JsonNode schema, String path, int depth) {
    JsonNode found = formed(schema, path);
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

  private Expression literals(SchemaKeywords keywords, int depth) {
    boolean more = !keywords.besides(Set.of("enum", "const")).isEmpty();
    JsonNode rest = more ? without(keywords, "enum").without("const") : BooleanNode.TRUE;
    List<Expression> options = new ArrayList<>();
    for (JsonNode value : SchemaOverlap.values(keywords)) {
      budget.step();
      if (check.describes(rest, value, keywords.path(), depth)) {
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

  private static Expression literalOf(SchemaKeywords keywords, boolean value) {
    return unlessExcluded(keywords, BooleanNode.valueOf(value));
  }

  private static Expression unlessExcluded(SchemaKeywords keywords, JsonNode value) {
    return SchemaOverlap.contains(keywords.excluded(), value)
        ? Expression.NOTHING
        : text(value.toString());
  }

  /** Objects and arrays that must not be certain ones cannot be written. */
  private static SchemaKeywords excluding(SchemaKeywords keywords, String type) {
    if (keywords.excluded().stream().anyMatch(v -> SchemaOverlap.isOfType(v, Set.of(type)))) {
      throw keywords.wrong("not", "of an object or an array is not supported");
    }
    return keywords;
  }

  static String literal(JsonNode value) {
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
            case "object" -> objects.write(excluding(keywords, "object"), depth);
            case "array" -> arrays.write(excluding(keywords, "array"), depth);
            case "string" -> string(keywords);
            case "number" -> number(keywords, false);
            case "integer" -> number(keywords, true);
            case "boolean" ->
                new Choice(List.of(literalOf(keywords, true), literalOf(keywords, false)));
            default -> unlessExcluded(keywords, NullNode.getInstance());
          });
    }
    return options.size() == 1 ? options.getFirst() : new Choice(options);
  }

  /** For schemas that stand in several places. */
  Rule rule(JsonNode schema, String path, int depth) {
    return new Rule(path, schema(schema, path, depth + 1));
  }

  // ---- strings and numbers -------------------------------------------------------------------

  private Expression string(SchemaKeywords keywords) {
    List<StringSet> sets = stringSets(keywords);
    StringSet strings = sets.getFirst();
    if (strings.expressions().isEmpty() && sets.size() == 1) {
      return strings.least() == 0 && strings.most() < 0
          ? new Call(JsonRules.STRING)
          : JsonRules.string(strings.least(), strings.most());
    }
    return difference(sets);
  }

  /** Strings that exactly one set has. */
  Expression strings(List<StringSet> sets) {
    StringMachine machine = new StringMachine(sets, budget);
    return sequence(text("\""), machine.build(JsonRules::characters), text("\""));
  }

  /** Strings that the first set has and no other one; those alike are written once. */
  Expression difference(List<StringSet> sets) {
    Rule known = sharedStrings.get(sets);
    StringFormat format = sets.size() == 1 ? StringFormat.of(sets.getFirst()) : null;
    if (known == null && format != null) {
      distinct.notePlain(format.rule());
      return new Call(format.rule());
    }
    if (known == null) {
      StringMachine machine = StringMachine.difference(sets, graphs, budget);
      Expression all = sequence(text("\""), machine.build(JsonRules::characters), text("\""));
      known = new Rule("string", all);
      distinct.notePlain(known);
      sharedStrings.put(List.copyOf(sets), known);
    }
    return new Call(known);
  }

  /** The strings that a schema describes, then those of them that it excludes. */
  List<StringSet> stringSets(SchemaKeywords keywords) {
    List<StringSet> sets = new ArrayList<>();
    sets.add(new StringSet(List.of(), 0, -1));
    for (String pattern : keywords.strings(SchemaKeywords.NOT_PATTERN)) {
      sets.add(patternSet(pattern, keywords.path("not")));
    }
    List<String> texts =
        keywords.excluded().stream().filter(JsonNode::isTextual).map(JsonNode::textValue).toList();
    if (!texts.isEmpty()) {
      sets.add(new StringSet(List.of(RegexNfa.of(texts, budget)), 0, -1));
    }
    int most = keywords.most("maxLength");
    sets.set(
        0,
        new StringSet(List.of(), keywords.least("minLength"), most < LONGEST_STRING ? most : -1));
    for (String pattern : keywords.strings("pattern")) {
      restrict(sets, pattern, keywords.path("pattern"));
    }
    for (String format : keywords.strings("format")) {
      StringFormat known = StringFormat.of(format);
      if (known == null && !format.equals("int32")) {
        ignore(keywords.path("format"));
      } else if (known != null) {
        sets.set(0, sets.getFirst().and(known.strings()));
      }
    }
    return sets;
  }

  private RegexReader.Found found(String pattern, String path) {
    RegexReader.Found known = patterns.get(pattern);
    if (known == null) {
      known = RegexReader.find(pattern, path, budget);
      patterns.put(pattern, known);
    }
    return known;
  }

  /** Restricts the first set to what the pattern matches, the others being what is excluded. */
  void restrict(List<StringSet> sets, String pattern, String path) {
    RegexReader.Found found = found(pattern, path);
    sets.set(0, sets.getFirst().and(found.strings()));
    found.not().forEach(each -> sets.add(new StringSet(List.of(each), 0, -1)));
  }

  /** What the pattern matches, as one set. */
  StringSet patternSet(String pattern, String path) {
    RegexReader.Found found = found(pattern, path);
    if (!found.not().isEmpty() || !found.isAll()) {
      throw new ConstraintException(path, "looks ahead, which is not supported here");
    }
    return found.strings();
  }

  /** What {@code patternProperties} says of a name. */
  List<JsonNode> matching(SchemaKeywords keywords, String name) {
    ObjectNode all = keywords.object("patternProperties");
    List<JsonNode> found = new ArrayList<>();
    if (all != null) {
      String path = keywords.path("patternProperties");
      for (Map.Entry<String, JsonNode> each : all.properties()) {
        if (patternSet(each.getKey(), path).has(name, budget)) {
          found.add(each.getValue());
        }
      }
    }
    return found;
  }

  /** What {@code propertyNames} allows, then what it excludes. */
  List<StringSet> nameSets(JsonNode names, String path) {
    JsonNode plain = target(names, path, 0);
    if (plain.isBoolean()) {
      return List.of(new StringSet(List.of(), 0, plain.booleanValue() ? -1 : 0));
    }
    SchemaKeywords keywords = SchemaKeywords.of(plain, path);
    for (String other : List.of("allOf", "anyOf", "oneOf")) {
      if (keywords.has(other)) {
        throw keywords.wrong(other, "is not supported in propertyNames");
      }
    }
    if (!SchemaOverlap.listsValues(keywords)) {
      return stringSets(keywords);
    }
    List<String> texts =
        SchemaOverlap.values(keywords).stream()
            .filter(JsonNode::isTextual)
            .map(JsonNode::textValue)
            .toList();
    return List.of(new StringSet(List.of(RegexNfa.of(texts, budget)), 0, -1));
  }

  StringSet strings(SchemaKeywords keywords) {
    List<StringSet> sets = stringSets(keywords);
    if (sets.size() > 1) {
      throw keywords.wrong("pattern", "looks ahead, which is not supported here");
    }
    return sets.getFirst();
  }

  private Expression number(SchemaKeywords keywords, boolean whole) {
    NumberSet numbers = numbers(keywords, whole);
    List<NumberSet> sets = new ArrayList<>(List.of(numbers));
    for (BigDecimal step : keywords.numbers(SchemaKeywords.NOT_STEP)) {
      List<BigDecimal> steps = new ArrayList<>(numbers.steps());
      steps.add(checkedStep(keywords, step));
      sets.add(new NumberSet(numbers.least(), numbers.most(), steps, null));
    }
    List<BigDecimal> excluded =
        keywords.excluded().stream()
            .filter(JsonNode::isNumber)
            .map(value -> keywords.checked("not", value.decimalValue().stripTrailingZeros()))
            .filter(numbers::has)
            .toList();
    if (!excluded.isEmpty()) {
      sets.add(new NumberSet(null, null, List.of(), excluded));
    }
    if (sets.size() == 1 && numbers.isAny() && !keywords.has("multipleOf")) {
      return new Call(whole ? JsonRules.INTEGER : JsonRules.NUMBER);
    }
    return distinct.noteNumbers(NumberMachine.write(sets, budget), sets);
  }

  NumberSet numbers(SchemaKeywords keywords, boolean whole) {
    List<BigDecimal> steps = keywords.numbers("multipleOf");
    steps.forEach(step -> checkedStep(keywords, step));
    if (whole) {
      steps.add(BigDecimal.ONE);
    }
    Bound least = bound(keywords, "minimum", "exclusiveMinimum", 1);
    Bound most = bound(keywords, "maximum", "exclusiveMaximum", -1);
    for (String format : keywords.strings("format")) {
      if (format.equals("int32")) {
        least = stricter(least, Integer.MIN_VALUE, 1);
        most = stricter(most, Integer.MAX_VALUE, -1);
      } else if (StringFormat.of(format) == null) {
        ignore(keywords.path("format"));
      }
    }
    return new NumberSet(least, most, steps, null);
  }

  private static BigDecimal checkedStep(SchemaKeywords keywords, BigDecimal step) {
    if (!NumberMachine.canStep(step)) {
      throw keywords.wrong("multipleOf", "must be above 0, with at most 10000 last places");
    }
    return step;
  }

  private static Bound stricter(@Nullable Bound bound, int limit, int sign) {
    BigDecimal value = BigDecimal.valueOf(limit);
    return bound != null && bound.value().compareTo(value) * sign >= 0
        ? bound
        : new Bound(value, false);
  }

  /** The stricter of an including and an excluding bound; sign is 1 for the lower side. */
  private static @Nullable Bound bound(
      SchemaKeywords keywords, String including, String excluding, int sign) {
    BigDecimal closed = keywords.bound(including, sign);
    BigDecimal open = keywords.bound(excluding, sign);
    if (closed == null) {
      return open == null ? null : new Bound(open, true);
    }
    boolean isOpen = open != null && open.compareTo(closed) * sign >= 0;
    return open != null && isOpen ? new Bound(open, true) : new Bound(closed, false);
  }
}
