package dev.switchboard.constraint;

import static dev.switchboard.constraint.Expression.sequence;
import static dev.switchboard.constraint.Expression.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Rule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes arrays. */
final class SchemaArrays {
  /** Of so many values an array may have any without one twice; of more in the order given. */
  private static final int MOST_IN_ANY_ORDER = 8;

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
    JsonNode items = keywords.get("items");
    if (items == null) {
      items = keywords.get("unevaluatedItems");
    }
    if (items == null && prefix != null) {
      int all = Math.max(least, first.size());
      most = most < 0 ? all : Math.min(most, all);
    }
    if (items != null && SchemaOverlap.isFalse(items)) {
      most = most < 0 ? first.size() : Math.min(most, first.size());
    }
    if (isUnique(keywords) && (most < 0 || most > 1)) {
      return unique(keywords, first, items, least, most, depth);
    }
    int contained = contained(keywords);
    if (items == null && first.isEmpty() && least == 0 && most < 0 && contained == 0) {
      return new Call(JsonRules.ARRAY);
    }
    Rule rest = items == null ? JsonRules.VALUE : reader.rule(items, keywords.path("items"), depth);
    return new Elements(keywords, first, items, rest, least, most, contained).write(depth);
  }

  private static boolean isUnique(SchemaKeywords keywords) {
    JsonNode unique = keywords.get("uniqueItems");
    return unique != null && !(unique.isBoolean() && !unique.booleanValue());
  }

  private static int contained(SchemaKeywords keywords) {
    if (!keywords.has("contains")) {
      return 0;
    }
    if (keywords.has("maxContains")) {
      throw keywords.wrong("maxContains", "is not supported");
    }
    int wanted = keywords.has("minContains") ? keywords.least("minContains") : 1;
    if (wanted > MOST_CONTAINED) {
      throw keywords.wrong("minContains", "above " + MOST_CONTAINED + " is not supported");
    }
    return wanted;
  }

  /** Node (i, c) has written i elements, of which c surely count; the last i stands for more. */
  private final class Elements {
    private final SchemaKeywords keywords;
    private final List<JsonNode> first;
    private final @Nullable JsonNode items;
    private final Rule rest;
    private final int least;
    private final int most;
    private final int contained;
    private final int places;
    private final List<Edge> edges = new ArrayList<>();

    Elements(
        SchemaKeywords keywords,
        List<JsonNode> first,
        @Nullable JsonNode items,
        Rule rest,
        int least,
        int most,
        int contained) {
      this.keywords = keywords;
      this.first = first;
      this.items = items;
      this.rest = rest;
      this.least = least;
      this.most = most;
      this.contained = contained;
      places = Math.max(most < 0 ? Math.max(least, first.size()) : most, 1) + 1;
      budget.requireEdges((long) places * (contained + 1));
    }

    private int node(int place, int count) {
      return count * places + place;
    }

    Expression write(int depth) {
      int end = places * (contained + 1);
      Map<Integer, Rule> counting = new HashMap<>();
      for (int place = 0; place < places; place++) {
        budget.edge();
        boolean more = most < 0 || place < most;
        Expression element = more ? element(place, depth) : Expression.NOTHING;
        for (int count = 0; count <= contained && more; count++) {
          add(place, count, element, count);
          if (count < contained) {
            int which = Math.min(place, first.size());
            Rule rule = counting.computeIfAbsent(which, key -> counted(key, depth));
            add(place, count, new Call(rule), count + 1);
          }
        }
        if (place >= least) {
          Expression close =
              place == 0 ? text("]") : sequence(new Call(JsonRules.SPACE), text("]"));
          edges.add(new Edge(node(place, contained), close, end));
        }
      }
      boolean[] finals = new boolean[end + 1];
      finals[end] = true;
      return sequence(text("["), new Call(JsonRules.SPACE), new Graph(end + 1, edges, finals));
    }

    private void add(int place, int count, Expression element, int nextCount) {
      int next = place + 1 < places ? place + 1 : place;
      Expression label = place == 0 ? element : sequence(JsonRules.comma(), element);
      edges.add(new Edge(node(place, count), label, node(next, nextCount)));
    }

    private Expression element(int place, int depth) {
      if (place >= first.size()) {
        return new Call(rest);
      }
      Expression own = reader.schema(first.get(place), path(place), depth + 1);
      return contained == 0 ? own : new Call(new Rule(path(place), own));
    }

    private String path(int place) {
      return keywords.path("prefixItems") + "[" + place + "]";
    }

    /** An element that also is what must be contained. */
    private Rule counted(int place, int depth) {
      JsonNode own = place < first.size() ? first.get(place) : items;
      JsonNode wanted = keywords.node().get("contains");
      JsonNode both = own == null ? wanted : SchemaForm.both(own, wanted);
      return reader.rule(both, keywords.path("contains"), depth);
    }
  }

  // ---- no element twice ------------------------------------------------------------------------

  private Expression unique(
      SchemaKeywords keywords,
      List<JsonNode> first,
      @Nullable JsonNode items,
      int least,
      int most,
      int depth) {
    List<JsonNode> values = items == null || !first.isEmpty() ? null : values(items, keywords);
    if (items == null || values == null || keywords.has("contains")) {
      throw keywords.wrong("uniqueItems", "is supported for items that are listed values only");
    }
    List<Expression> elements = new ArrayList<>();
    for (JsonNode value : values) {
      boolean fits = reader.check().describes(items, value, keywords.path("items"), depth + 1);
      if (fits && values.indexOf(value) == values.lastIndexOf(value)) {
        elements.add(text(JsonSchemaReader.literal(value)));
      }
    }
    return elements.size() <= MOST_IN_ANY_ORDER
        ? anyOrder(elements, least, most)
        : inOrder(elements, least, most);
  }

  /** The values that items list; null where they are of another kind. */
  private @Nullable List<JsonNode> values(JsonNode items, SchemaKeywords keywords) {
    JsonNode plain = reader.target(items, keywords.path("items"), 0);
    if (!plain.isObject()) {
      return null;
    }
    SchemaKeywords own = SchemaKeywords.of(plain, keywords.path("items"));
    if (SchemaOverlap.listsValues(own)) {
      return SchemaOverlap.values(own).stream().distinct().toList();
    }
    Set<String> types = own.has("type") ? own.types() : Set.of("other");
    if (!Set.of("boolean", "null").containsAll(types)) {
      return null;
    }
    return List.of(BooleanNode.TRUE, BooleanNode.FALSE, NullNode.getInstance());
  }

  /** Node b has written the elements whose bits it has. */
  private Expression anyOrder(List<Expression> elements, int least, int most) {
    int end = 1 << elements.size();
    List<Edge> edges = new ArrayList<>();
    for (int written = 0; written < end; written++) {
      budget.edge();
      int count = Integer.bitCount(written);
      for (int i = 0; i < elements.size() && (most < 0 || count < most); i++) {
        if ((written >> i & 1) == 0) {
          add(edges, written, elements.get(i), written | 1 << i);
        }
      }
      close(edges, written, count, least, end);
    }
    return whole(edges, end);
  }

  /** Node (i, c) has written c of the first i elements, the last of them among those. */
  private Expression inOrder(List<Expression> elements, int least, int most) {
    int size = elements.size();
    int counts = Math.min(most < 0 ? size : most, size) + 1;
    boolean counted = least > 1 || counts <= size;
    int rows = counted ? counts : 2;
    budget.requireEdges((long) rows * (size + 1) * 4);
    int end = rows * (size + 1);
    List<Edge> edges = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < size; i++) {
        budget.edge();
        int at = row * (size + 1) + i;
        edges.add(new Edge(at, null, at + 1));
        int next = counted ? row + 1 : 1;
        if (next < rows) {
          add(edges, at, row == 0, elements.get(i), next * (size + 1) + i + 1);
        }
      }
      close(edges, row * (size + 1) + size, row, least, end);
    }
    return whole(edges, end);
  }

  private void add(List<Edge> edges, int from, Expression element, int to) {
    add(edges, from, from == 0, element, to);
  }

  private void add(List<Edge> edges, int from, boolean begins, Expression element, int to) {
    budget.edge();
    edges.add(new Edge(from, begins ? element : sequence(JsonRules.comma(), element), to));
  }

  private static void close(List<Edge> edges, int from, int count, int least, int end) {
    if (count >= least) {
      Expression close = count == 0 ? text("]") : sequence(new Call(JsonRules.SPACE), text("]"));
      edges.add(new Edge(from, close, end));
    }
  }

  private static Expression whole(List<Edge> edges, int end) {
    boolean[] finals = new boolean[end + 1];
    finals[end] = true;
    return sequence(text("["), new Call(JsonRules.SPACE), new Graph(end + 1, edges, finals));
  }
}
