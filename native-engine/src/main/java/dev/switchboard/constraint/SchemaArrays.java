package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.OpenDistinct;
import dev.switchboard.constraint.Expression.Rule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes arrays. */
final class SchemaArrays {
  private static final int MOST_CONTAINED = 64;

  private final JsonSchemaReader reader;
  private final CompileBudget budget;

  SchemaArrays(JsonSchemaReader reader, CompileBudget budget) {
    this.reader = reader;
    this.budget = budget;
  }

  Expression write(SchemaKeywords keywords, int depth) {
    List<JsonNode> prefix = keywords.has("prefixItems") ? keywords.schemas("prefixItems") : null;
    List<JsonNode> first = prefix == null ? List.of() : prefix;
    int least = keywords.least("minItems");
    int most = keywords.most("maxItems");
    String restName = keywords.otherItems();
    JsonNode items = keywords.get(restName);
    if (items == null && prefix != null) {
      most = lesser(most, Math.max(least, first.size()));
    }
    if (items != null && SchemaOverlap.isFalse(items)) {
      most = lesser(most, first.size());
    }
    boolean unique = isUnique(keywords) && (most < 0 || most > 1);
    if (unique && items != null && first.isEmpty()) {
      most = lesser(most, different(items, keywords.path(restName)));
    }
    Contained contained = contained(keywords, most);
    if (contained.most >= 0 && contained.most < contained.least) {
      return Expression.NOTHING;
    }
    if (items == null
        && first.isEmpty()
        && least == 0
        && most < 0
        && !unique
        && contained.isAny()) {
      return new Call(JsonRules.ARRAY);
    }
    Rule rest =
        items == null ? JsonRules.VALUE : reader.rule(items, keywords.path(restName), depth);
    DistinctForm.Elements distinct = unique ? reader.distinct().elements(keywords) : null;
    return new Elements(keywords, first, items, rest, least, most, contained, distinct)
        .write(depth);
  }

  private static int lesser(int most, int bound) {
    return most < 0 || bound < 0 ? Math.max(most, bound) : Math.min(most, bound);
  }

  private static boolean isUnique(SchemaKeywords keywords) {
    JsonNode unique = keywords.get("uniqueItems");
    return unique != null && !(unique.isBoolean() && !unique.booleanValue());
  }

  /** How many different elements there can be at most, where items list them; else -1. */
  private int different(JsonNode items, String path) {
    JsonNode plain = reader.target(items, path, 0);
    if (!plain.isObject()) {
      return -1;
    }
    SchemaKeywords own = SchemaKeywords.of(plain, path);
    if (SchemaOverlap.listsValues(own)) {
      return (int) SchemaOverlap.values(own).stream().distinct().count();
    }
    Set<String> types = own.has("type") ? own.types() : Set.of("other");
    return Set.of("boolean", "null").containsAll(types)
        ? types.size() + (types.contains("boolean") ? 1 : 0)
        : -1;
  }

  /**
   * How many elements must be as {@code contains} says.
   *
   * @param most -1 for any number
   */
  private record Contained(int least, int most) {
    boolean isAny() {
      return least == 0 && most < 0;
    }

    /** Counts that are told apart are below this. */
    int counts() {
      return Math.max(least, most) + 1;
    }
  }

  private static Contained contained(SchemaKeywords keywords, int mostItems) {
    if (!keywords.has("contains")) {
      return new Contained(0, -1);
    }
    int least = keywords.has("minContains") ? keywords.least("minContains") : 1;
    int most = keywords.has("maxContains") ? keywords.most("maxContains") : -1;
    if (least > MOST_CONTAINED) {
      throw keywords.wrong("minContains", "above " + MOST_CONTAINED + " is not supported");
    }
    boolean bounds = most >= 0 && (mostItems < 0 || most < mostItems);
    if (bounds && most > MOST_CONTAINED) {
      throw keywords.wrong("maxContains", "above " + MOST_CONTAINED + " is not supported");
    }
    return new Contained(least, bounds ? most : -1);
  }

  /**
   * Node (i, c) has written i elements, of which c surely are as {@code contains} says; the last i
   * stands for more. Where there may only be so many, the others surely are not.
   */
  private final class Elements {
    private final SchemaKeywords keywords;
    private final List<JsonNode> first;
    private final @Nullable JsonNode items;
    private final Rule rest;
    private final int least;
    private final int most;
    private final Contained contained;
    private final DistinctForm.@Nullable Elements distinct;
    private final int places;
    private final List<Edge> edges = new ArrayList<>();

    Elements(
        SchemaKeywords keywords,
        List<JsonNode> first,
        @Nullable JsonNode items,
        Rule rest,
        int least,
        int most,
        Contained contained,
        DistinctForm.@Nullable Elements distinct) {
      this.keywords = keywords;
      this.first = first;
      this.items = items;
      this.rest = rest;
      this.least = least;
      this.most = most;
      this.contained = contained;
      this.distinct = distinct;
      places = Math.max(most < 0 ? Math.max(least, first.size()) : most, 1) + 1;
      budget.requireEdges((long) places * contained.counts());
    }

    private int node(int place, int count) {
      return count * places + place;
    }

    Expression write(int depth) {
      int end = places * contained.counts();
      Map<Integer, Expression> others = new HashMap<>();
      Map<Integer, Expression> counting = new HashMap<>();
      for (int place = 0; place < places; place++) {
        budget.edge();
        if (most < 0 || place < most) {
          int which = Math.min(place, first.size());
          Expression other = others.computeIfAbsent(which, key -> other(key, depth));
          for (int count = 0; count < contained.counts(); count++) {
            add(place, count, other, count);
            if (count + 1 < contained.counts()) {
              Expression element = counting.computeIfAbsent(which, key -> counted(key, depth));
              add(place, count, element, count + 1);
            }
          }
        }
        for (int count = contained.least; count < contained.counts() && place >= least; count++) {
          Expression close =
              place == 0 ? text("]") : sequence(new Call(JsonRules.SPACE), text("]"));
          edges.add(new Edge(node(place, count), close, end));
        }
      }
      boolean[] finals = new boolean[end + 1];
      finals[end] = true;
      Expression open = distinct == null ? text("[") : new OpenDistinct();
      return sequence(open, new Call(JsonRules.SPACE), new Graph(end + 1, edges, finals));
    }

    private void add(int place, int count, Expression element, int nextCount) {
      int next = place + 1 < places ? place + 1 : place;
      Expression label = place == 0 ? element : sequence(JsonRules.comma(), element);
      edges.add(new Edge(node(place, count), label, node(next, nextCount)));
    }

    /** An element that does not count. */
    private Expression other(int place, int depth) {
      if (contained.most >= 0) {
        JsonNode none = reader.negated(contains(), keywords.path("contains"));
        return called(both(place, none, depth));
      }
      if (place >= first.size()) {
        return called(new Call(rest));
      }
      Expression own = reader.schema(first.get(place), path(place), depth + 1);
      boolean once = contained.isAny() && distinct == null;
      return once ? own : called(own);
    }

    private String path(int place) {
      return keywords.path("prefixItems") + "[" + place + "]";
    }

    /** An element that also is what must be contained. */
    private Expression counted(int place, int depth) {
      return called(both(place, contains(), depth));
    }

    private JsonNode contains() {
      return keywords.node().get("contains");
    }

    private Expression both(int place, JsonNode wanted, int depth) {
      JsonNode own = place < first.size() ? first.get(place) : items;
      JsonNode both = own == null ? wanted : SchemaForm.both(own, wanted);
      return new Call(reader.rule(both, keywords.path("contains"), depth));
    }

    /** For an element that stands in several places. */
    private Expression called(Expression element) {
      if (distinct != null) {
        return new Call(distinct.rule(element));
      }
      return element instanceof Call
          ? element
          : new Call(new Rule(keywords.path("items"), element));
    }
  }
}
