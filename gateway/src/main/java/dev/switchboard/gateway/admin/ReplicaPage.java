package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.telemetry.RankBlame;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A part of the fleet, sorted by name and bounded in bytes, since what a replica says grows with
 * its ranks. One of many is made off the event loop: hundreds of replicas take milliseconds.
 */
public final class ReplicaPage {
  /** Of the replicas alone; with what stands around them a page has at most 200 000. */
  private static final int MOST_BYTES = 199_000;

  /** So many may be told on an event loop. */
  static final int FEW = 32;

  private static final int MOST_REASON_CHARS = 200;
  private static final Set<String> PARAMETERS = Set.of("limit", "after", "model", "state", "form");

  private final ReplicaJson json;

  ReplicaPage(ReplicaJson json) {
    this.json = json;
  }

  /** Pages of a fleet, of whose ranks it is known whom they harmed. */
  public static ReplicaPage over(RankBlame blame, NanoClock clock) {
    return new ReplicaPage(new ReplicaJson(blame, clock));
  }

  /**
   * What is asked for.
   *
   * @param limit replicas at most
   * @param after the name before the first; null from the start
   * @param model null for any, as is the state
   * @param summary a line of each instead of all
   */
  public record Wanted(
      int limit,
      @Nullable String after,
      @Nullable String model,
      @Nullable ReplicaState state,
      boolean summary) {
    boolean has(Replica replica) {
      return (model == null || replica.model().equals(model))
          && (state == null || replica.state() == state);
    }

    boolean isBehind(Replica replica) {
      return after == null || replica.id().compareTo(after) > 0;
    }
  }

  static Wanted wanted(RoutingContext context) {
    JsonInput.only(context, PARAMETERS);
    String form = JsonInput.query(context, "form");
    if (form != null && !form.equals("full") && !form.equals("summary")) {
      throw JsonInput.refused("form", "must be full or summary");
    }
    return new Wanted(
        Page.limit(context),
        JsonInput.query(context, "after"),
        JsonInput.query(context, "model"),
        state(JsonInput.query(context, "state")),
        "summary".equals(form));
  }

  private static @Nullable ReplicaState state(@Nullable String word) {
    if (word == null) {
      return null;
    }
    for (ReplicaState each : ReplicaState.values()) {
      if (each.name().equals(word)) {
        return each;
      }
    }
    throw JsonInput.refused(
        "state",
        "must be one of "
            + Arrays.stream(ReplicaState.values())
                .map(ReplicaState::name)
                .collect(Collectors.joining(", ")));
  }

  /** The page, as JSON. */
  public Buffer of(Collection<Replica> fleet, Wanted wanted) {
    List<Replica> matching =
        fleet.stream().filter(wanted::has).sorted(Comparator.comparing(Replica::id)).toList();
    Buffer page = Buffer.buffer(1 << 16).appendString("{\"replicas\":[");
    int begin = page.length();
    int rows = 0;
    @Nullable String last = null;
    for (Replica replica : matching) {
      if (!wanted.isBehind(replica)) {
        continue;
      }
      byte[] row =
          (wanted.summary ? summary(replica) : json.of(replica))
              .toString()
              .getBytes(StandardCharsets.UTF_8);
      if (rows == wanted.limit || (rows > 0 && page.length() - begin + row.length > MOST_BYTES)) {
        page.appendString("],\"next\":").appendString(text(last));
        return page.appendString(",\"total\":" + matching.size() + "}");
      }
      page.appendString(rows == 0 ? "" : ",").appendBytes(row);
      last = replica.id();
      rows++;
    }
    return page.appendString("],\"total\":" + matching.size() + "}");
  }

  private static String text(@Nullable String name) {
    return JsonNodeFactory.instance.textNode(name == null ? "" : name).toString();
  }

  private static ObjectNode summary(Replica replica) {
    String reason = replica.reason();
    return ReplicaJson.summary(replica)
        .put(
            "reason",
            reason == null || reason.length() <= MOST_REASON_CHARS
                ? reason
                : reason.substring(0, MOST_REASON_CHARS));
  }
}
