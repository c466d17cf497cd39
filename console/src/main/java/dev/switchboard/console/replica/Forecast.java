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
    atRisk(sentences, plan.path("slo"));
    return sentences;
  }

  private static void atRisk(List<String> sentences, JsonNode classes) {
    boolean any = false;
    for (JsonNode c : classes) {
      int atRisk = c.path("at_risk").asInt(0);
      if (atRisk > 0) {
        any = true;
        sentences.add(
            atRisk
                + " of "
                + c.path("requests").asInt(0)
                + " of the class "
                + c.path("class").asString("")
                + " would miss a target by this alone.");
      }
    }
    if (!any && !classes.isEmpty()) {
      sentences.add("No request would miss a target by this alone.");
    }
  }

  /**
   * A request that is there.
   *
   * @param fate what becomes of it, in words
   */
  public record Request(String id, String fate, String about) {}

  /** Those of a plan, or those that remain while it is emptied. */
  public static List<Request> requests(JsonNode list) {
    List<Request> requests = new ArrayList<>();
    for (JsonNode r : list) {
      String id = r.path("request").asString(r.path("id").asString(""));
      String tokens = Format.number(r.path("tokens").asDouble(0)) + " tokens so far";
      String ends = Format.millis(r.path("remaining_ms").asDouble(Double.NaN));
      String why = why(r.path("why").asString(""));
      requests.add(
          new Request(
              id,
              fate(r.path("fate").asString("")),
              tokens + ", would end there in " + ends + (why.isEmpty() ? "" : "; " + why)));
    }
    return requests;
  }

  private static String fate(String fate) {
    return switch (fate) {
      case "finish" -> "finishes there";
      case "migrate" -> "goes on at another worker";
      case "restart" -> "begins anew elsewhere";
      default -> "is waited for";
    };
  }

  private static String why(String why) {
    return switch (why) {
      case "ends_soon" -> "that is within the grace";
      case "not_asked_yet" -> "it goes when the grace is over and another replica has room";
      case "cannot_move" -> "its answer has begun and nobody else can go on with it";
      case "no_other_replica" -> "no other replica is ready";
      default -> why;
    };
  }

  private static String fates(JsonNode plan) {
    List<String> fates = new ArrayList<>();
    add(fates, plan.path("finish").asInt(0), "finishes there", "finish there");
    add(
        fates,
        plan.path("migrate").asInt(0),
        "goes on at another worker",
        "go on at another worker");
    add(fates, plan.path("restart").asInt(0), "begins anew elsewhere", "begin anew elsewhere");
    add(fates, plan.path("wait").asInt(0), "can only be waited for", "can only be waited for");
    return String.join(", ", fates);
  }

  private static void add(List<String> fates, int count, String one, String many) {
    if (count > 0) {
      fates.add(count + " " + (count == 1 ? one : many));
    }
  }
}
