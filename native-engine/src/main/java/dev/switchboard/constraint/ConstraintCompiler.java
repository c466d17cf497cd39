package dev.switchboard.constraint;

import dev.switchboard.constraint.Expression.Call;
import dev.switchboard.constraint.Expression.Characters;
import dev.switchboard.constraint.Expression.Edge;
import dev.switchboard.constraint.Expression.Graph;
import dev.switchboard.constraint.Expression.Rule;
import dev.switchboard.constraint.Expression.Symbol;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Compiles constraints for one vocabulary and keeps those used last. Any thread; compiling takes up
 * to 50 ms, so it is not for one that others wait for.
 */
public final class ConstraintCompiler {
  static final int MOST_KEPT = 64;

  private static final long MOST_KEPT_CHARS = 4 << 20;
  private static final long MOST_LEARNT_BYTES = 512L << 20;

  /** What one must be able to learn, or it would find each mask anew. */
  private static final long LEAST_LEARNT_BYTES = 512 << 10;

  private static final int MOST_TRIGGER_BYTES = 1024;

  private final TokenVocabulary vocabulary;
  private final Executor finder;
  private final Map<ConstraintSource, Kept> kept = new LinkedHashMap<>(16, 0.75f, true);
  private final long mostLearntBytes;

  /** Those kept and those that answers still run with. */
  private final List<WeakReference<Constraint>> live = new ArrayList<>();

  private long keptChars;

  private record Kept(Constraint constraint, long chars) {}

  /** Where masks are found when they are asked for. */
  public ConstraintCompiler(TokenVocabulary vocabulary) {
    this(vocabulary, Runnable::run);
  }

  /** The same without a bound that matters on what is learnt. */
  public ConstraintCompiler(TokenVocabulary vocabulary, Executor finder) {
    this(vocabulary, finder, MOST_LEARNT_BYTES);
  }

  /**
   * @param finder runs what finds masks, so that the thread of the matchers need not wait; one
   *     thread is enough
   * @param mostLearntBytes that all constraints together may learn while answers follow them
   */
  public ConstraintCompiler(TokenVocabulary vocabulary, Executor finder, long mostLearntBytes) {
    this.mostLearntBytes = mostLearntBytes;
    this.vocabulary = vocabulary;
    this.finder = finder;
  }

  /** The tokens that its constraints choose from. */
  public TokenVocabulary vocabulary() {
    return vocabulary;
  }

  /** What was compiled lately from an equal source, or null. Returns at once. */
  public @Nullable Constraint known(ConstraintSource source) {
    synchronized (kept) {
      Kept found = kept.get(source);
      evict();
      return found == null ? null : found.constraint;
    }
  }

  /**
   * @throws ConstraintException when the source is wrong, asks for what is not supported, or is too
   *     large
   */
  public Constraint compile(ConstraintSource source) {
    Constraint known = known(source);
    if (known != null) {
      return known;
    }
    Set<String> ignored = new LinkedHashSet<>();
    Automaton automaton = automaton(source, ignored);
    Constraint compiled = new Constraint(automaton, List.copyOf(ignored), vocabulary, finder);
    // Who follows it later finds that it can be begun, and how.
    Matcher _ = compiled.matcher();
    keep(source, compiled);
    return compiled;
  }

  /** What {@link #compile} makes, from scratch. */
  Automaton automaton(ConstraintSource source) {
    return automaton(source, new LinkedHashSet<>());
  }

  private Automaton automaton(ConstraintSource source, Set<String> ignored) {
    CompileBudget budget = new CompileBudget(ignored);
    Expression expression = read(source, budget, 0);
    AutomatonBuilder builder = new AutomatonBuilder(budget, vocabulary.longestToken());
    int shared = JsonRules.share(builder);
    return builder.build(new Rule("the answer", expression), vocabulary.symbols(), shared);
  }

  private void keep(ConstraintSource source, Constraint compiled) {
    synchronized (kept) {
      share(compiled);
      Kept before = kept.put(source, new Kept(compiled, charsOf(source)));
      keptChars += charsOf(source) - (before == null ? 0 : before.chars);
      evict();
    }
  }

  /** Each gets the same share of what all may learn. */
  private void share(Constraint another) {
    live.removeIf(reference -> reference.get() == null);
    live.add(new WeakReference<>(another));
    long share = Math.max(LEAST_LEARNT_BYTES, mostLearntBytes / live.size());
    for (WeakReference<Constraint> reference : live) {
      Constraint constraint = reference.get();
      if (constraint != null) {
        constraint.budget(share);
      }
    }
  }

  private void evict() {
    long learnt = kept.values().stream().mapToLong(k -> k.constraint.learntBytes()).sum();
    while (kept.size() > MOST_KEPT
        || (kept.size() > 1 && (keptChars > MOST_KEPT_CHARS || learnt > mostLearntBytes / 2))) {
      Map.Entry<ConstraintSource, Kept> eldest = kept.entrySet().iterator().next();
      keptChars -= eldest.getValue().chars;
      learnt -= eldest.getValue().constraint.learntBytes();
      kept.remove(eldest.getKey());
    }
  }

  /** How many constraints are kept. */
  int size() {
    synchronized (kept) {
      return kept.size();
    }
  }

  private static long charsOf(ConstraintSource source) {
    return switch (source) {
      case ConstraintSource.JsonObject() -> 0;
      case ConstraintSource.JsonSchema(String schema) -> schema.length();
      case ConstraintSource.Regex(String pattern) -> pattern.length();
      case ConstraintSource.Grammar(String text) -> text.length();
      case ConstraintSource.Text(String text) -> text.length();
      case ConstraintSource.ControlToken(String piece) -> piece.length();
      case ConstraintSource.Sequence(List<ConstraintSource> parts) ->
          parts.stream().mapToLong(ConstraintCompiler::charsOf).sum();
      case ConstraintSource.Choice(List<ConstraintSource> options) ->
          options.stream().mapToLong(ConstraintCompiler::charsOf).sum();
      case ConstraintSource.Repeat(ConstraintSource body, int least, int most) -> charsOf(body);
      case ConstraintSource.After(ConstraintSource trigger, ConstraintSource body, boolean open) ->
          charsOf(trigger) + charsOf(body);
    };
  }

  private Expression read(ConstraintSource source, CompileBudget budget, int depth) {
    CompileBudget.checkDepth(depth, "");
    return switch (source) {
      case ConstraintSource.JsonObject() -> new Call(JsonRules.OBJECT);
      case ConstraintSource.JsonSchema(String schema) ->
          JsonSchemaReader.read(schema, budget, budget.ignored());
      case ConstraintSource.Regex(String pattern) -> {
        RegexNfa nfa = RegexReader.read(pattern, "", false, budget);
        StringSet matched = new StringSet(List.of(nfa), 0, -1);
        yield new StringMachine(List.of(matched), budget).build(Characters::new);
      }
      case ConstraintSource.Grammar(String text) -> new Call(GrammarReader.read(text, budget));
      case ConstraintSource.Text(String text) -> Expression.text(text);
      case ConstraintSource.ControlToken(String piece) -> control(piece);
      case ConstraintSource.Sequence(List<ConstraintSource> parts) ->
          new Expression.Sequence(readAll(parts, budget, depth));
      case ConstraintSource.Choice(List<ConstraintSource> options) ->
          new Expression.Choice(readAll(options, budget, depth));
      case ConstraintSource.Repeat(ConstraintSource body, int least, int most) ->
          new Expression.Repeat(read(body, budget, depth + 1), least, most);
      case ConstraintSource.After after -> after(after, read(after.body(), budget, depth + 1));
    };
  }

  private List<Expression> readAll(
      List<ConstraintSource> sources, CompileBudget budget, int depth) {
    List<Expression> expressions = new ArrayList<>(sources.size());
    for (ConstraintSource source : sources) {
      expressions.add(read(source, budget, depth + 1));
    }
    return expressions;
  }

  private Expression control(String piece) {
    int symbol = vocabulary.control(piece);
    return new Symbol(symbol, symbol);
  }

  private Expression after(ConstraintSource.After after, Expression body) {
    List<Edge> edges = new ArrayList<>();
    int free = 1;
    if (after.trigger() instanceof ConstraintSource.Text(String text)) {
      free = search(text.getBytes(StandardCharsets.UTF_8), edges);
    } else if (after.trigger() instanceof ConstraintSource.ControlToken(String piece)) {
      edges.add(new Edge(0, new Symbol(0, 255), 0));
      edges.add(new Edge(0, control(piece), 1));
    }
    edges.add(new Edge(free, body, free + 1));
    boolean[] finals = new boolean[free + 2];
    for (int node = 0; node < free; node++) {
      finals[node] = after.optional();
    }
    finals[free + 1] = true;
    return new Graph(free + 2, edges, finals);
  }

  /** Node i has read the first i bytes of the trigger, as Knuth, Morris and Pratt find it. */
  private static int search(byte[] trigger, List<Edge> edges) {
    if (trigger.length > MOST_TRIGGER_BYTES) {
      throw new ConstraintException(
          "", "has a trigger of more than " + MOST_TRIGGER_BYTES + " bytes");
    }
    int[][] next = new int[trigger.length][256];
    for (int i = 0, fallback = 0; i < trigger.length; i++) {
      if (i > 0) {
        System.arraycopy(next[fallback], 0, next[i], 0, 256);
      }
      int own = trigger[i] & 0xff;
      int after = next[i][own];
      next[i][own] = i + 1;
      fallback = i == 0 ? 0 : after;
      for (int low = 0, high; low < 256; low = high + 1) {
        for (high = low; high < 255 && next[i][high + 1] == next[i][low]; ) {
          high++;
        }
        edges.add(new Edge(i, new Symbol(low, high), next[i][low]));
      }
    }
    return trigger.length;
  }
}
