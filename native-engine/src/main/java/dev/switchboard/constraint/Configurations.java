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

  // The configuration being built: the ids in the order they were met, the frames of each, and
  // where each is among them, by a table with open addressing.
  private final IntList met = new IntList();
  private @Nullable FrameSet[] frames = new FrameSet[16];
  private boolean[] isOpen = new boolean[16];
  private int[] places = new int[64];
  private final IntList open = new IntList();
  private boolean complete;
  private boolean returned;
  private int reach;

  Configurations(Automaton automaton, long budgetBytes) {
    this.automaton = automaton;
    this.budgetBytes = budgetBytes;
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

  Automaton automaton() {
    return automaton;
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
      forgetMet();
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

  /** In one state with its count, called by nobody knows whom. */
  Configuration inside(int id) {
    enter(id, intern(new FrameSet(new int[0], new FrameSet[0], false, true)));
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
      enter(automaton.standIn(old.states[i]), adopt(old.frames[i], adopted));
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
      int returnTo = automaton.standIn(old.returns[i]);
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

  /** Whether anything there reads the symbol, which is found out without building what follows. */
  boolean reads(Configuration from, int symbol) {
    int symbolClass = automaton.classOf[symbol];
    boolean reads = false;
    for (int i = 0; i < from.states.length && !reads; i++) {
      int state = automaton.stateOf(from.states[i]);
      for (int e = automaton.readStart[state]; e < automaton.readStart[state + 1] && !reads; e++) {
        reads = automaton.readLow[e] <= symbolClass && symbolClass <= automaton.readHigh[e];
      }
    }
    return reads;
  }

  private Configuration build(Configuration from, int symbolClass) {
    for (int i = 0; i < from.states.length; i++) {
      int id = from.states[i];
      int state = automaton.stateOf(id);
      for (int e = automaton.readStart[state]; e < automaton.readStart[state + 1]; e++) {
        if (automaton.readLow[e] <= symbolClass && symbolClass <= automaton.readHigh[e]) {
          enter(automaton.with(id, automaton.readTo[e]), from.frames[i]);
        }
      }
    }
    return close();
  }

  /** Where the id is among those met; one that was not is met now, without frames. */
  private int placeOf(int id) {
    int mask = places.length - 1;
    int at = hash(id) & mask;
    for (; places[at] != 0; at = at + 1 & mask) {
      if (met.get(places[at] - 1) == id) {
        return places[at] - 1;
      }
    }
    met.add(id);
    places[at] = met.size();
    if (met.size() > frames.length) {
      frames = Arrays.copyOf(frames, 2 * frames.length);
      isOpen = Arrays.copyOf(isOpen, 2 * isOpen.length);
    }
    if (4 * met.size() > places.length) {
      grow();
    }
    return met.size() - 1;
  }

  private static int hash(int id) {
    return (id * 0x9E3779B9) >>> 7;
  }

  private void grow() {
    places = new int[2 * places.length];
    int mask = places.length - 1;
    for (int i = 0; i < met.size(); i++) {
      int at = hash(met.get(i)) & mask;
      while (places[at] != 0) {
        at = at + 1 & mask;
      }
      places[at] = i + 1;
    }
  }

  private void forgetMet() {
    Arrays.fill(frames, 0, met.size(), null);
    Arrays.fill(isOpen, 0, met.size(), false);
    Arrays.fill(places, 0);
    met.truncate(0);
  }

  @SuppressWarnings("ReferenceEquality") // Frame sets are interned.
  private void enter(int id, FrameSet own) {
    if (!fits(automaton.stateOf(id), own)) {
      return;
    }
    countWork();
    int place = placeOf(id);
    FrameSet before = frames[place];
    FrameSet merged = before == null ? own : union(before, own);
    if (merged == before) {
      return;
    }
    frames[place] = merged;
    if (!isOpen[place]) {
      isOpen[place] = true;
      open.add(place);
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
      int place = open.removeLast();
      isOpen[place] = false;
      FrameSet own = frames[place];
      if (own != null) {
        follow(met.get(place), own);
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

  private void follow(int id, FrameSet own) {
    int state = automaton.stateOf(id);
    for (int e = automaton.freeStart[state]; e < automaton.freeStart[state + 1]; e++) {
      int next = automaton.behind(id, e);
      if (next >= 0) {
        enter(next, own);
      }
    }
    for (int e = automaton.callStart[state]; e < automaton.callStart[state + 1]; e++) {
      int to = automaton.callTo[e];
      if (fits(to, own)) {
        boolean isLast = automaton.endsOnly[to];
        enter(automaton.callFirst[e], isLast ? own : frame(automaton.with(id, to), own));
      }
    }
    if (automaton.ends[state]) {
      complete |= own.bottom;
      returned |= own.unknown;
      for (int i = 0; i < own.returns.length; i++) {
        enter(own.returns[i], own.below[i]);
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
    FrameSet[] of = new FrameSet[reading];
    for (int i = 0; i < reading; i++) {
      of[i] = framesOf(states[i]);
    }
    forgetMet();
    if (reading == 0 && !complete && !returned) {
      return Configuration.DEAD;
    }
    return intern(
        new Configuration(states, of, complete, returned, reading == 0 ? 0 : automaton.classes));
  }

  private FrameSet framesOf(int id) {
    FrameSet own = frames[placeOf(id)];
    if (own == null) {
      throw new IllegalStateException("state " + id + " was not met");
    }
    return own;
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
