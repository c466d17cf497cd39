package dev.switchboard.console.replica;

import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.HeatMap;
import dev.switchboard.console.ui.Lanes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** Stages by ranks, made of a worker's state and its latest steps. */
final class Ranks {
  private static final int LANE_STEPS = 24;

  /** From here on a rank is as hot as can be. */
  private static final double SKEW_HOT = 1;

  private static final double HEARTBEAT_HOT_MS = 10_000;

  // The places of numbers in a lane of a step.
  private static final int STAGE = 0;
  private static final int RANK = 1;
  private static final int START = 2;
  private static final int END = 3;
  private static final int COMPUTE = 4;
  private static final int ALL_REDUCE_WAIT = 5;
  private static final int RECEIVE_WAIT = 6;
  private static final int SEND = 7;
  private static final int SAMPLE = 8;
  private static final int COPY = 9;
  private static final int OFF_CPU = 10;
  private static final int LATE = 11;
  private static final int BYTES = 12;

  /** A rank of a stage. */
  record Place(int stage, int rank) implements Comparable<Place> {
    @Override
    public int compareTo(Place other) {
      return stage == other.stage ? rank - other.rank : stage - other.stage;
    }
  }

  /** The means of a rank's latest steps, in microseconds. */
  private record Mean(double compute, double waiting, double offCpu, double late, double bytes) {}

  /** What the lanes' picture shows. */
  record Picture(List<String> rows, long totalUs, List<Lanes.Bar> bars) {}

  private final JsonNode state;
  private final JsonNode steps;
  private final Map<Place, Mean> means = new TreeMap<>();
  private final Map<Place, JsonNode> skews = new TreeMap<>();
  private final Map<Place, JsonNode> beats = new TreeMap<>();

  Ranks(JsonNode state, JsonNode steps) {
    this.state = state;
    this.steps = steps;
    state.path("health").path("skew").forEach(s -> skews.put(place(s), s));
    state.path("health").path("ranks").forEach(s -> beats.put(place(s), s));
    sum();
  }

  private static Place place(JsonNode node) {
    return new Place(node.path("stage").asInt(0), node.path("rank").asInt(0));
  }

  private static Place laneOf(JsonNode lane) {
    return new Place(lane.path(STAGE).asInt(0), lane.path(RANK).asInt(0));
  }

  private void sum() {
    Map<Place, double[]> sums = new TreeMap<>();
    for (JsonNode step : steps.path("steps")) {
      for (JsonNode lane : step.path("lanes")) {
        double[] sum = sums.computeIfAbsent(laneOf(lane), _ -> new double[6]);
        sum[0] += at(lane, COMPUTE);
        sum[1] += at(lane, ALL_REDUCE_WAIT) + at(lane, RECEIVE_WAIT);
        sum[2] += at(lane, OFF_CPU);
        sum[3] += at(lane, LATE);
        sum[4] += at(lane, BYTES);
        sum[5]++;
      }
    }
    sums.forEach(
        (place, s) ->
            means.put(
                place, new Mean(s[0] / s[5], s[1] / s[5], s[2] / s[5], s[3] / s[5], s[4] / s[5])));
  }

  private static double at(JsonNode lane, int index) {
    return lane.path(index).asDouble(0);
  }

  int stages() {
    return state.path("topology").path("stages").asInt(0);
  }

  int ranks() {
    return state.path("topology").path("ranks").asInt(0);
  }

  /** The map of a metric. */
  HeatMap.Picture map(Metric metric) {
    double largest = largest(metric);
    List<HeatMap.Cell> cells = new ArrayList<>();
    for (int s = 0; s < stages(); s++) {
      for (int r = 0; r < ranks(); r++) {
        cells.add(cell(metric, new Place(s, r), largest));
      }
    }
    String low = metric == Metric.SKEW ? text(metric, 1) : text(metric, 0);
    return new HeatMap.Picture(
        metric.title(), low, high(metric, largest), stages(), ranks(), cells);
  }

  private double largest(Metric metric) {
    double largest = 0;
    for (int s = 0; s < stages(); s++) {
      for (int r = 0; r < ranks(); r++) {
        double value = value(metric, new Place(s, r));
        largest = Double.isNaN(value) ? largest : Math.max(largest, value);
      }
    }
    return largest;
  }

  /** What all of the heat stands for. */
  private static String high(Metric metric, double largest) {
    return switch (metric) {
      case SKEW -> text(metric, 1 + SKEW_HOT) + " and more";
      case HEARTBEAT -> text(metric, HEARTBEAT_HOT_MS) + " and more";
      default -> text(metric, largest);
    };
  }

  /** The heat is the value over the largest, of skew what exceeds 1. */
  private HeatMap.Cell cell(Metric metric, Place at, double largest) {
    double value = value(metric, at);
    double heat =
        switch (metric) {
          case SKEW -> Math.clamp((value - 1) / SKEW_HOT, 0, 1);
          // Small differences of a heartbeat say nothing; a second without one does.
          case HEARTBEAT -> Math.clamp(value / HEARTBEAT_HOT_MS, 0, 1);
          default -> largest > 0 ? value / largest : 0;
        };
    boolean named = skew(at).path("straggler").asBoolean(false);
    String text = text(metric, value);
    return new HeatMap.Cell(
        at.stage(),
        at.rank(),
        Double.isNaN(heat) ? 0 : Math.round(heat * 100) / 100.0,
        text,
        about(at) + (named ? ". Its worker names it for holding up its stage" : ""),
        named);
  }

  private JsonNode skew(Place at) {
    JsonNode skew = skews.get(at);
    return skew == null ? tools.jackson.databind.node.MissingNode.getInstance() : skew;
  }

  private double value(Metric metric, Place at) {
    Mean mean = means.get(at);
    JsonNode beat = beats.get(at);
    return switch (metric) {
      case SKEW -> skew(at).path("score").asDouble(Double.NaN);
      case HEARTBEAT -> beat == null ? Double.NaN : beat.path("age_ms").asDouble(Double.NaN);
      case COMPUTE -> mean == null ? Double.NaN : mean.compute() / 1000;
      case WAITING -> mean == null ? Double.NaN : mean.waiting() / 1000;
      case OFF_CPU -> mean == null ? Double.NaN : mean.offCpu() / 1000;
      case LATE -> mean == null ? Double.NaN : mean.late() / 1000;
      case BANDWIDTH ->
          mean == null || mean.compute() <= 0 ? Double.NaN : mean.bytes() / mean.compute() / 1000;
    };
  }

  private static String text(Metric metric, double value) {
    if (Double.isNaN(value)) {
      return Format.NONE;
    }
    return switch (metric) {
      case SKEW -> String.format(Locale.ROOT, "%.2f×", value);
      case BANDWIDTH -> Format.number(value) + " GB/s";
      default -> Format.millis(value);
    };
  }

  private String about(Place at) {
    StringBuilder about = new StringBuilder();
    for (Metric metric : Metric.values()) {
      about.append(about.isEmpty() ? "" : ", ").append(metric.title().toLowerCase(Locale.ROOT));
      about.append(' ').append(text(metric, value(metric, at)));
    }
    return about.toString();
  }

  /** What all ranks together read and moved while they computed, in GB/s; NaN where none did. */
  double bandwidth() {
    double sum = Double.NaN;
    for (Place place : means.keySet()) {
      double one = value(Metric.BANDWIDTH, place);
      sum = Double.isNaN(one) ? sum : one + (Double.isNaN(sum) ? 0 : sum);
    }
    return sum;
  }

  /** The same as rows of texts. */
  List<List<String>> table() {
    List<List<String>> rows = new ArrayList<>();
    for (int s = 0; s < stages(); s++) {
      for (int r = 0; r < ranks(); r++) {
        List<String> row = new ArrayList<>(List.of("" + s, "" + r));
        for (Metric metric : Metric.values()) {
          row.add(text(metric, value(metric, new Place(s, r))));
        }
        row.add(skew(new Place(s, r)).path("straggler").asBoolean(false) ? "named slow" : "");
        rows.add(row);
      }
    }
    return rows;
  }

  /** The latest steps end to end, without the pauses between them. */
  Picture lanes() {
    List<String> rows = new ArrayList<>();
    List<Lanes.Bar> bars = new ArrayList<>();
    for (int s = 0; s < stages(); s++) {
      for (int r = 0; r < ranks(); r++) {
        rows.add("stage " + s + ", rank " + r);
      }
    }
    long from = 0;
    JsonNode all = steps.path("steps");
    for (int i = Math.max(0, all.size() - LANE_STEPS); i < all.size(); i++) {
      JsonNode step = all.path(i);
      for (JsonNode lane : step.path("lanes")) {
        bars.add(bar(step, lane, from));
      }
      from += lengthUs(step) + 20;
    }
    return new Picture(rows, Math.max(1, from - 20), bars);
  }

  private static long lengthUs(JsonNode step) {
    return (step.path("end_ns").asLong(0) - step.path("start_ns").asLong(0)) / 1000;
  }

  private Lanes.Bar bar(JsonNode step, JsonNode lane, long from) {
    Place at = laneOf(lane);
    long compute = (long) (at(lane, COMPUTE) + at(lane, SEND) + at(lane, SAMPLE) + at(lane, COPY));
    // What a stage waits for the one before it stands before its lane's start.
    long length = lane.path(END).asLong(0) - lane.path(START).asLong(0);
    long offCpu = Math.clamp((long) at(lane, OFF_CPU), 0, Math.max(0, length - compute));
    long rest = Math.max(0, length - compute - offCpu);
    long wait = Math.min(rest, (long) at(lane, ALL_REDUCE_WAIT));
    String about =
        "step %d, stage %d, rank %d: %d tokens, %d requests, compute %s, waiting %s, off-CPU %s, other %s"
            .formatted(
                step.path("step").asLong(0),
                at.stage(),
                at.rank(),
                step.path("tokens").asInt(0),
                step.path("requests").asInt(0),
                Format.millis(compute / 1000.0),
                Format.millis(wait / 1000.0),
                Format.millis(offCpu / 1000.0),
                Format.millis((rest - wait) / 1000.0));
    return new Lanes.Bar(
        at.stage() * ranks() + at.rank(),
        from + lane.path(START).asLong(0),
        compute,
        wait,
        offCpu,
        rest - wait,
        about);
  }

  /** The latest steps as rows of texts, the newest first. */
  List<List<String>> stepTable() {
    List<List<String>> rows = new ArrayList<>();
    JsonNode all = steps.path("steps");
    for (int i = all.size() - 1; i >= Math.max(0, all.size() - LANE_STEPS); i--) {
      JsonNode step = all.path(i);
      int prompt = step.path("prompt_tokens").asInt(0);
      rows.add(
          List.of(
              "" + step.path("step").asLong(0),
              Format.millis(lengthUs(step) / 1000.0),
              "" + step.path("requests").asInt(0),
              "" + prompt,
              "" + (step.path("tokens").asInt(0) - prompt),
              Format.millis(step.path("gap_off_cpu_us").asDouble(0) / 1000)));
    }
    return rows;
  }
}
