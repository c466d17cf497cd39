package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Runs an automaton: a deterministic automaton over sets of states with shared stacks, of which
 * only what answers reach is built.
 *
 * <p>Ways that are in the same state share one entry whatever their stacks: frames with the same
 * place to return to are merged, and what is below them too. So there are never more entries than
 * states and never more frames on a level than places to return to, whatever an ambiguous grammar
 * does. Calls nest at most {@link #DEPTH} deep; a call from which the answer could then not end any
 * more is not made.
 *
 * <p>What is built is kept up to a bound; when that is reached all of it is dropped, which shows in
 * {@link #generation}: configurations from before must be taken over by {@link #adopt}.
 */
final class Configurations {
  /** Most nested calls of an answer. */
  static final int DEPTH = 64;

  private static final int UNION_BYTES = 80;

  private final Automaton automaton;
  private volatile long budgetBytes;
  private final Map<FrameSet, FrameSet> frameSets = new HashMap<>();

  /** Unions by the numbers of both: without, shared frames would be united once for each way. */
  private final Map<Long, FrameSet> unions = new HashMap<>();

  private final Map<Configuration, Configuration> known = new HashMap<>();

  /** Of what may follow; most of a string's places have the same. */
  private final Map<TokenSet, TokenSet> sets = new HashMap<>();

  private long bytes;
  private volatile long bytesSeen;
  private int generation;
  private long work;
  private long workLimit = Long.MAX_VALUE;
  private long followed;

  // The configuration being built: per state its frames, and the states in the order they were met.
  private final @Nullable FrameSet[] framesOf;
  private final IntList met = new IntList();
  private final IntList open = new IntList();
  private final boolean[] isOpen;
  private boolean complete;
  private boolean returned;
  private int reach;

  Configurations(Automaton automaton, long budgetBytes) {
    this.automaton = automaton;
    this.budgetBytes = budgetBytes;
    framesOf = new FrameSet[automaton.states];
    isOpen = new boolean[automaton.states];
  }

  /** Grows by one each time everything is dropped. */
  int generation() {
    return generation;
  }

  /** Memory of what is kept, as of the last call of {@link #trim}; any thread. */
  long bytes() {
    return bytesSeen;
  }

  /** Keeps no more than this from now on. On any thread. */
  void budget(long limitBytes) {
    budgetBytes = limitBytes;
  }

  void charge(int newBytes) {
    bytes += newBytes;
  }

  /**
   * From now on so much may be built; more throws. For constraints so ambiguous that following one
   * answer would hold up all others.
   */
  void limitWork(long newWork) {
    work = 0;
    workLimit = newWork;
  }

  private void countWork() {
    if (++work > workLimit) {
      for (int i = 0; i < met.size(); i++) {
        framesOf[met.get(i)] = null;
        isOpen[met.get(i)] = false;
      }
      met.truncate(0);
      open.truncate(0);
      complete = false;
      returned = false;
      reach = 0;
      throw new ConstraintException("", "is too ambiguous to follow");
    }
  }

  /** Drops everything if it takes too much memory; not in the middle of anything. */
  void trim() {
    if (bytes > budgetBytes) {
      frameSets.clear();
      unions.clear();
      known.clear();
      sets.clear();
      bytes = 0;
      generation++;
    }
    bytesSeen = bytes;
  }

  /** Before the first symbol. */
  Configuration initial() {
    enter(automaton.first, intern(new FrameSet(new int[0], new FrameSet[0], true, false)));
    return close();
  }

  /** In one state, called by nobody knows whom. */
  Configuration inside(int state) {
    enter(state, intern(new FrameSet(new int[0], new FrameSet[0], false, true)));
    return close();
  }

  /**
   * The same configuration, of this generation and store; where this runs an automaton with alike
   * states merged, one that no text of so many symbols tells from it.
   *
   * @param old of a store of this automaton, or of the one that it was made of
   */
  Configuration adopt(Configuration old) {
    IdentityHashMap<FrameSet, FrameSet> adopted = new IdentityHashMap<>();
    for (int i = 0; i < old.states.length; i++) {
      enter(automaton.standsFor[old.states[i]], adopt(old.frames[i], adopted));
    }
    complete |= old.complete;
    returned |= old.returned;
    return close();
  }

  /** Stacks share frames, so the ways through them are many more than they are. */
  private FrameSet adopt(FrameSet old, IdentityHashMap<FrameSet, FrameSet> adopted) {
    FrameSet known = adopted.get(old);
    if (known != null) {
      return known;
    }
    FrameSet mine = intern(new FrameSet(new int[0], new FrameSet[0], old.bottom, old.unknown));
    for (int i = 0; i < old.below.length; i++) {
      int returnTo = automaton.standsFor[old.returns[i]];
      mine = union(mine, frame(returnTo, adopt(old.below[i], adopted)));
    }
    adopted.put(old, mine);
    return mine;
  }

  /** The set itself, or an equal one that is kept already. */
  TokenSet intern(TokenSet set) {
    TokenSet first = sets.putIfAbsent(set, set);
    if (first != null) {
      return first;
    }
    charge(set.bytes());
    return set;
  }

  /** Symbols that were followed so far: what finding masks costs, whatever the machine. */
  long followed() {
    return followed;
  }

  /** After a symbol. */
  Configuration next(Configuration from, int symbol) {
    followed++;
    int symbolClass = automaton.classOf[symbol];
    if (from.next.length == 0) {
      return Configuration.DEAD;
    }
    Configuration next = from.next[symbolClass];
    if (next == null) {
      next = build(from, symbolClass);
      from.next[symbolClass] = next;
    }
    return next;
  }

  private Configuration build(Configuration from, int symbolClass) {
    for (int i = 0; i < from.states.length; i++) {
      int state = from.states[i];
      for (int e = automaton.readStart[state]; e < automaton.readStart[state + 1]; e++) {
        if (automaton.readLow[e] <= symbolClass && symbolClass <= automaton.readHigh[e]) {
          enter(automaton.readTo[e], from.frames[i]);
        }
      }
    }
    return close();
  }

  @SuppressWarnings("ReferenceEquality") // Frame sets are interned.
  private void enter(int state, FrameSet frames) {
    if (!fits(state, frames)) {
      return;
    }
    countWork();
    FrameSet before = framesOf[state];
    FrameSet merged = before == null ? frames : union(before, frames);
    if (merged == before) {
      return;
    }
    if (before == null) {
      met.add(state);
    }
    framesOf[state] = merged;
    if (!isOpen[state]) {
      isOpen[state] = true;
      open.add(state);
    }
  }

  /** Whether the answer can still end from the state without nesting too deep. */
  private boolean fits(int state, FrameSet frames) {
    int depth = frames.depth + automaton.height[state];
    reach = depth < Automaton.UNREACHABLE ? Math.max(reach, depth) : reach;
    return depth <= DEPTH;
  }

  /** Follows everything that reads nothing, then interns what was met. */
  @SuppressWarnings("ReferenceEquality") // There is one that is dead.
  private Configuration close() {
    while (open.size() > 0) {
      int state = open.removeLast();
      isOpen[state] = false;
      FrameSet frames = framesOf[state];
      if (frames != null) {
        follow(state, frames);
      }
    }
    Configuration found = collect();
    complete = false;
    returned = false;
    if (found != Configuration.DEAD) {
      found.reach = Math.max(found.reach, reach);
    }
    reach = 0;
    return found;
  }

  private void follow(int state, FrameSet frames) {
    for (int e = automaton.freeStart[state]; e < automaton.freeStart[state + 1]; e++) {
      enter(automaton.freeTo[e], frames);
    }
    for (int e = automaton.callStart[state]; e < automaton.callStart[state + 1]; e++) {
      int to = automaton.callTo[e];
      if (fits(to, frames)) {
        boolean isLast = automaton.endsOnly[to];
        enter(automaton.callFirst[e], isLast ? frames : frame(to, frames));
      }
    }
    if (automaton.ends[state]) {
      complete |= frames.bottom;
      returned |= frames.unknown;
      for (int i = 0; i < frames.returns.length; i++) {
        enter(frames.returns[i], frames.below[i]);
      }
    }
  }

  private FrameSet frame(int returnTo, FrameSet below) {
    return intern(new FrameSet(new int[] {returnTo}, new FrameSet[] {below}, false, false));
  }

  @SuppressWarnings("ReferenceEquality") // Frame sets are interned.
  private FrameSet union(FrameSet left, FrameSet right) {
    if (left == right) {
      return left;
    }
    long pair = (long) left.id << 32 | right.id;
    FrameSet known = unions.get(pair);
    if (known == null) {
      known = unite(left, right);
      unions.put(pair, known);
      charge(UNION_BYTES);
    }
    return known;
  }

  private FrameSet unite(FrameSet left, FrameSet right) {
    countWork();
    int[] returns = new int[left.returns.length + right.returns.length];
    FrameSet[] below = new FrameSet[returns.length];
    int size = 0;
    for (int i = 0, j = 0; i < left.returns.length || j < right.returns.length; size++) {
      boolean fromLeft =
          j == right.returns.length
              || (i < left.returns.length && left.returns[i] <= right.returns[j]);
      boolean fromRight =
          i == left.returns.length
              || (j < right.returns.length && right.returns[j] <= left.returns[i]);
      returns[size] = fromLeft ? left.returns[i] : right.returns[j];
      if (fromLeft && fromRight) {
        below[size] = union(left.below[i], right.below[j]);
      } else {
        below[size] = fromLeft ? left.below[i] : right.below[j];
      }
      i += fromLeft ? 1 : 0;
      j += fromRight ? 1 : 0;
    }
    return intern(
        new FrameSet(
            Arrays.copyOf(returns, size),
            Arrays.copyOf(below, size),
            left.bottom || right.bottom,
            left.unknown || right.unknown));
  }

  private FrameSet intern(FrameSet set) {
    FrameSet first = frameSets.putIfAbsent(set, set);
    if (first != null) {
      return first;
    }
    set.id = frameSets.size();
    charge(set.bytes());
    return set;
  }

  private Configuration collect() {
    int reading = 0;
    for (int i = 0; i < met.size(); i++) {
      reading += automaton.reads(met.get(i)) ? 1 : 0;
    }
    int[] states = new int[reading];
    for (int i = 0, at = 0; i < met.size(); i++) {
      if (automaton.reads(met.get(i))) {
        states[at++] = met.get(i);
      }
    }
    Arrays.sort(states);
    FrameSet[] frames = new FrameSet[reading];
    for (int i = 0; i < reading; i++) {
      frames[i] = framesOf(states[i]);
    }
    for (int i = 0; i < met.size(); i++) {
      framesOf[met.get(i)] = null;
    }
    met.truncate(0);
    if (reading == 0 && !complete && !returned) {
      return Configuration.DEAD;
    }
    return intern(
        new Configuration(
            states, frames, complete, returned, reading == 0 ? 0 : automaton.classes));
  }

  private FrameSet framesOf(int state) {
    FrameSet frames = framesOf[state];
    if (frames == null) {
      throw new IllegalStateException("state " + state + " was not met");
    }
    return frames;
  }

  private Configuration intern(Configuration configuration) {
    Configuration first = known.putIfAbsent(configuration, configuration);
    if (first != null) {
      return first;
    }
    charge(configuration.bytes());
    return configuration;
  }
}
