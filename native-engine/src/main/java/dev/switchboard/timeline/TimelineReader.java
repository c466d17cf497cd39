package dev.switchboard.timeline;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.core.JsonToken;
import dev.switchboard.timeline.RequestTimeline.Calls;
import dev.switchboard.timeline.RequestTimeline.Critical;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import dev.switchboard.timeline.RequestTimeline.Step;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a timeline token by token: a gateway reads one of every answer, and the records are all
 * that is made of it. Which names are numbers, and of which kind, is a table per object; no object
 * has one of its own kind in it, so each kind has one place for its numbers.
 */
final class TimelineReader {
  /** Above what any worker sends; a foreign or broken one must not fill the gateway's memory. */
  private static final int MOST_STEPS = 100_000;

  private static final int MOST_LANES = 4096;

  private static final Names TIMELINE =
      Names.of(
          "int choice",
          "long received_ns",
          "long tokenized_ns",
          "long scheduled_ns",
          "long first_token_ns",
          "long finished_ns",
          "int preemptions");
  private static final Names PHASE =
      Names.of(
          "long start_ns",
          "long end_ns",
          "int tokens",
          "int cached_tokens",
          "long? recomputed_tokens",
          "int steps",
          "long wait_ns");
  private static final Names CRITICAL =
      Names.of(
          "long compute_ns",
          "long collective_wait_ns",
          "long transfer_ns",
          "long sample_ns",
          "long? off_cpu_ns",
          "long? neighbour_prefill_ns");
  private static final Names STEP =
      Names.of(
          "long step",
          "long submit_ns",
          "long start_ns",
          "long end_ns",
          "long? submit_call_ns",
          "long? submit_return_ns",
          "long? await_return_ns",
          "int request_tokens",
          "int batch_tokens",
          "int batch_requests");
  private static final Names LANE =
      Names.of(
          "int stage",
          "int rank",
          "long start_ns",
          "long end_ns",
          "long compute_ns",
          "long all_reduce_wait_ns",
          "long receive_wait_ns",
          "long send_ns",
          "long sample_ns",
          "long copy_ns",
          "long? off_cpu_ns",
          "int steps",
          "int straggler_steps",
          "long bytes",
          "long? late_ns",
          "long? longest_late_ns",
          "long? latest_at");

  /** Of each kind of object, used again for each timeline that a thread reads. */
  private static final ThreadLocal<long[][]> VALUES =
      ThreadLocal.withInitial(
          () ->
              new long[][] {
                TIMELINE.zeros(), PHASE.zeros(), CRITICAL.zeros(), STEP.zeros(), LANE.zeros()
              });

  private final JsonParser json;

  /** What the timeline stands in; names from here on are the path of a complaint. */
  private final JsonStreamContext outside;

  private final Numbers timeline;
  private final Numbers phase;
  private final Numbers critical;
  private final Numbers step;
  private final Numbers lane;

  private TimelineReader(JsonParser json) {
    this.json = json;
    this.outside = json.getParsingContext().getParent();
    long[][] values = VALUES.get();
    this.timeline = new Numbers(TIMELINE, values[0]);
    this.phase = new Numbers(PHASE, values[1]);
    this.critical = new Numbers(CRITICAL, values[2]);
    this.step = new Numbers(STEP, values[3]);
    this.lane = new Numbers(LANE, values[4]);
  }

  /** Reads the object that the parser is at the beginning of, up to its end. */
  static RequestTimeline read(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw new IllegalArgumentException("timeline must be an object");
    }
    return new TimelineReader(json).timeline();
  }

  private RequestTimeline timeline() throws IOException {
    timeline.begin();
    String id = null;
    Phase prefill = null;
    Phase decode = null;
    List<Step> steps = null;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      JsonToken value = json.nextToken();
      switch (name) {
        case "request_id" -> id = text(name);
        case "prefill" -> prefill = value == JsonToken.VALUE_NULL ? null : phase(name);
        case "decode" -> decode = value == JsonToken.VALUE_NULL ? null : phase(name);
        case "steps" -> steps = steps(name);
        default -> timeline.take(name);
      }
    }
    timeline.check();
    return new RequestTimeline(
        present(id, "request_id", "a string"),
        timeline.integer(0),
        timeline.values[1],
        timeline.values[2],
        timeline.values[3],
        timeline.values[4],
        timeline.values[5],
        timeline.integer(6),
        prefill,
        decode,
        present(steps, "steps", "an array of at most " + MOST_STEPS));
  }

  private Phase phase(String named) throws IOException {
    object(named);
    phase.begin();
    Critical sums = Critical.NONE;
    Step slowest = null;
    List<Lane> lanes = null;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      JsonToken value = json.nextToken();
      switch (name) {
        case "critical" -> sums = value == JsonToken.VALUE_NULL ? Critical.NONE : critical(name);
        case "slowest" -> slowest = value == JsonToken.VALUE_NULL ? null : step(name);
        case "lanes" -> lanes = lanes(name);
        default -> phase.take(name);
      }
    }
    phase.check();
    return new Phase(
        phase.values[0],
        phase.values[1],
        phase.integer(2),
        phase.integer(3),
        phase.integer(4),
        phase.integer(5),
        phase.values[6],
        sums,
        slowest,
        present(lanes, "lanes", "an array of at most " + MOST_LANES));
  }

  private Critical critical(String named) throws IOException {
    long[] read = critical.all(named);
    return new Critical(read[0], read[1], read[2], read[3], read[4], read[5]);
  }

  private Step step(String named) throws IOException {
    object(named);
    step.begin();
    List<Long> members = List.of();
    List<Lane> lanes = null;
    for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
      json.nextToken();
      switch (name) {
        case "members" -> members = members(name);
        case "lanes" -> lanes = lanes(name);
        default -> step.take(name);
      }
    }
    step.check();
    return new Step(
        step.values[0],
        step.values[1],
        step.values[2],
        step.values[3],
        new Calls(step.values[4], step.values[5], step.values[6]),
        step.integer(7),
        step.integer(8),
        step.integer(9),
        members,
        present(lanes, "lanes", "an array of at most " + MOST_LANES));
  }

  private Lane lane(String named) throws IOException {
    long[] read = lane.all(named);
    return new Lane(
        lane.integer(0),
        lane.integer(1),
        read[2],
        read[3],
        read[4],
        read[5],
        read[6],
        read[7],
        read[8],
        read[9],
        read[10],
        lane.integer(11),
        lane.integer(12),
        read[13],
        read[14],
        read[15],
        Collective.of((int) read[16]));
  }

  private List<Step> steps(String name) throws IOException {
    return list(name, MOST_STEPS, TimelineReader::step);
  }

  private List<Lane> lanes(String name) throws IOException {
    return list(name, MOST_LANES, TimelineReader::lane);
  }

  private List<Long> members(String name) throws IOException {
    return list(name, Step.MOST_MEMBERS, TimelineReader::member);
  }

  private Long member(String name) throws IOException {
    if (!integral()) {
      throw wrong(name, "of longs");
    }
    return json.getLongValue();
  }

  /** Reads an element of an array of this name. */
  @FunctionalInterface
  private interface Element<T> {
    T read(TimelineReader from, String name) throws IOException;
  }

  /** Most lists are of one element, or none, and then need no other list to be made from. */
  private <T> List<T> list(String name, int most, Element<T> element) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw wrong(name, "an array of at most " + most);
    }
    if (json.nextToken() == JsonToken.END_ARRAY) {
      return List.of();
    }
    T first = element.read(this, name);
    if (json.nextToken() == JsonToken.END_ARRAY) {
      return List.of(first);
    }
    List<T> list = new ArrayList<>();
    list.add(first);
    do {
      if (list.size() == most) {
        throw wrong(name, "an array of at most " + most);
      }
      list.add(element.read(this, name));
    } while (json.nextToken() != JsonToken.END_ARRAY);
    return list;
  }

  private String text(String name) throws IOException {
    if (json.currentToken() != JsonToken.VALUE_STRING) {
      throw wrong(name, "a string");
    }
    return json.getText();
  }

  private void object(String name) {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw wrong(name, "an object");
    }
  }

  private boolean integral() throws IOException {
    return json.currentToken() == JsonToken.VALUE_NUMBER_INT
        && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
  }

  private <T> T present(@Nullable T value, String name, String wanted) {
    if (value == null) {
      throw missing(name, wanted);
    }
    return value;
  }

  /** The value that the parser is at. */
  private IllegalArgumentException wrong(String name, String wanted) {
    JsonStreamContext around = json.getParsingContext();
    if (json.currentToken().isStructStart()) {
      around = around.getParent();
    }
    JsonStreamContext object = around.inArray() ? around.getParent() : around;
    return complaint(path(object.getParent()), name, wanted);
  }

  /** The object that the parser is at the end of lacks it. */
  private IllegalArgumentException missing(String name, String wanted) {
    return complaint(path(json.getParsingContext()), name, wanted);
  }

  private static IllegalArgumentException complaint(String path, String name, String wanted) {
    return new IllegalArgumentException(path + "." + name + " must be " + wanted);
  }

  /** The names that lead to what stands in an object or array. */
  @SuppressWarnings("ReferenceEquality") // A context has no other identity.
  private String path(JsonStreamContext innermost) {
    String names = "";
    for (JsonStreamContext at = innermost; at != outside; at = at.getParent()) {
      names = at.inObject() ? "." + at.getCurrentName() + names : names;
    }
    return "timeline" + names;
  }

  /**
   * The names of numbers of one kind of object, in the order in which workers write them.
   *
   * @param ints bits of those that are an int
   * @param needed bits of those that may not be missing
   */
  private record Names(List<String> all, int ints, int needed) {
    static Names of(String... typed) {
      List<String> names = new ArrayList<>();
      int ints = 0;
      int needed = 0;
      for (String each : typed) {
        int bit = 1 << names.size();
        int space = each.indexOf(' ');
        ints |= each.startsWith("int") ? bit : 0;
        needed |= each.charAt(space - 1) == '?' ? 0 : bit;
        names.add(each.substring(space + 1));
      }
      return new Names(List.copyOf(names), ints, needed);
    }

    /** Where a name stands, looked for from a place on; −1 for none. */
    int place(String name, int from) {
      int size = all.size();
      for (int i = 0; i < size; i++) {
        int at = from + i < size ? from + i : from + i - size;
        if (all.get(at).equals(name)) {
          return at;
        }
      }
      return -1;
    }

    boolean isInt(int place) {
      return (ints >> place & 1) != 0;
    }

    long[] zeros() {
      return new long[all.size()];
    }

    String wanted(int place) {
      return isInt(place) ? "an int" : "a long";
    }
  }

  /** The numbers of the object of a kind that is read now. */
  private final class Numbers {
    private final Names names;
    private final long[] values;
    private int seen;
    private int next;

    Numbers(Names names, long[] values) {
      this.names = names;
      this.values = values;
    }

    void begin() {
      Arrays.fill(values, 0);
      seen = 0;
      next = 0;
    }

    /** Reads the value of a name, or passes over it if the name is unknown. */
    void take(String name) throws IOException {
      int place = names.place(name, next);
      if (place < 0) {
        json.skipChildren();
        return;
      }
      if (!integral()) {
        throw wrong(name, names.wanted(place));
      }
      long value = json.getLongValue();
      if (names.isInt(place) && (int) value != value) {
        throw wrong(name, "an int");
      }
      values[place] = value;
      seen |= 1 << place;
      next = place + 1;
    }

    void check() {
      int lacking = names.needed & ~seen;
      if (lacking != 0) {
        int place = Integer.numberOfTrailingZeros(lacking);
        throw missing(names.all.get(place), names.wanted(place));
      }
    }

    /** An object of nothing but numbers. */
    long[] all(String named) throws IOException {
      object(named);
      begin();
      for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
        json.nextToken();
        take(name);
      }
      check();
      return values;
    }

    int integer(int place) {
      return (int) values[place];
    }
  }
}
