package dev.switchboard.console.live;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * What was last heard of a gateway. While it is lost the last answers stay, with their age.
 *
 * @param reached whether the last call was answered
 * @param lastSeen when it last answered; null if it never did
 * @param failure why it does not answer; null if it does
 * @param info the answer of /admin/v1/gateway
 * @param replicas of /admin/v1/replicas
 * @param models of /admin/v1/models
 * @param classes of /admin/v1/slo-classes
 */
public record Snapshot(
    boolean reached,
    @Nullable Instant lastSeen,
    @Nullable String failure,
    JsonNode info,
    List<JsonNode> replicas,
    List<JsonNode> models,
    List<JsonNode> classes) {
  static final Snapshot NOTHING_YET =
      new Snapshot(false, null, null, MissingNode.getInstance(), List.of(), List.of(), List.of());

  Snapshot lost(String why) {
    return new Snapshot(false, lastSeen, why, info, replicas, models, classes);
  }

  /** The replica of the id, as it was last told. */
  public Optional<JsonNode> replica(String id) {
    return replicas.stream().filter(r -> r.path("id").asString("").equals(id)).findFirst();
  }
}
