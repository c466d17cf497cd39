package dev.switchboard.console.replica;

import dev.switchboard.console.ui.Format;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A drain's plan, as the gateway tells it, in sentences. */
public final class Forecast {
  private Forecast() {}

  /** Of a plan of POST …/drain?plan=true. */
  public static List<String> sentences(JsonNode plan) {
    List<String> sentences = new ArrayList<>();
    int requests = plan.path("requests").asInt(0);
    if (requests == 0) {
      sentences.add("Nothing runs there now: it is empty at once.");
      return sentences;
    }
    sentences.add(
        requests
            + (requests == 1 ? " request runs there: " : " requests run there: ")
            + fates(plan)
            + ".");
    String bounded = plan.path("bounded").asBoolean(true) ? "" : ", with no bound";
    sentences.add(
        "Empty in about "
            + Format.millis(plan.path("expected_ms").asDouble(0))
            + bounded
            + "; streams may end there for "
            + Format.millis(plan.path("grace_ms").asDouble(0))
            + ", then they go on elsewhere.");
    double moves = plan.path("expected_moves").asDouble(0);
    if (moves >= 0.05) {
      sentences.add(
          "About " + Format.number(Math.rint(moves * 10) / 10) + " are expected to move.");
    }
    return sentences;
  }

  private static String fates(JsonNode plan) {
    List<String> fates = new ArrayList<>();
    add(fates, plan.path("finish").asInt(0), "finish there");
    add(fates, plan.path("migrate").asInt(0), "go on at another worker");
    add(fates, plan.path("restart").asInt(0), "begin anew elsewhere");
    add(fates, plan.path("wait").asInt(0), "can only be waited for");
    return String.join(", ", fates);
  }

  private static void add(List<String> fates, int count, String what) {
    if (count > 0) {
      fates.add(count + " " + what);
    }
  }
}
