package dev.switchboard.console.action;

import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.LiveGateway;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/** What a change is of, as the gateway has it now. */
public final class Current {
  /** What stands in If-Match where nothing is to be there. */
  public static final String NONE = "none";

  private static final String BASE = "/admin/v1/";
  private static final int TEXT_MAX = 120;

  private Current() {}

  /** Reads what a path such as /admin/v1/replicas/w0/weight changes; missing where it is gone. */
  public static JsonNode read(LiveGateway gateway, String path) throws ApiFailure {
    String bare = path.contains("?") ? path.substring(0, path.indexOf('?')) : path;
    String[] parts = bare.substring(BASE.length()).split("/", -1);
    if (parts.length < 2) {
      return MissingNode.getInstance();
    }
    return parts[0].equals("replicas")
        ? replica(gateway, parts[1])
        : listed(gateway, parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
  }

  private static JsonNode replica(LiveGateway gateway, String encoded) throws ApiFailure {
    try {
      return gateway.client().get(BASE + "replicas/" + encoded);
    } catch (ApiFailure e) {
      if (e.status() == 404) {
        return MissingNode.getInstance();
      }
      throw e;
    }
  }

  /** Others are told as lists only. */
  private static JsonNode listed(LiveGateway gateway, String kind, String name) throws ApiFailure {
    for (JsonNode each : gateway.client().list(BASE + kind, kind.replace('-', '_'))) {
      if (name.equals(each.path("name").asString(each.path("id").asString("")))
          || name.equals(each.path("id").asString(""))) {
        return each;
      }
    }
    return MissingNode.getInstance();
  }

  /** Its version for If-Match. */
  public static String version(JsonNode now) {
    return now.isMissingNode() ? NONE : now.path("version").asString("*");
  }

  /** What is to be changed, as it was read; refused where it is not there any more. */
  public static JsonNode still(JsonNode now, String what) throws ApiFailure {
    if (now.isMissingNode()) {
      throw ApiFailure.of(ApiFailure.Kind.REFUSED, "there is no " + what + " any more");
    }
    return now;
  }

  /** The change as it would be of what is there now. */
  static Change again(Change change, JsonNode now) throws ApiFailure {
    Remake remake = change.remake();
    return remake == null ? change.at(version(now), effects(now, change)) : remake.change(now);
  }

  private static List<String> effects(JsonNode now, Change change) {
    if (now.isMissingNode()) {
      boolean makes = change.method().equals("PUT");
      return List.of("It is not there any more" + (makes ? ": this makes it anew" : ""));
    }
    List<String> lines = new ArrayList<>();
    JsonNode wanted = change.body();
    if (wanted != null) {
      wanted.properties().forEach(e -> differs(lines, e.getKey(), now.path(e.getKey()), e));
    }
    if (!lines.isEmpty()) {
      return lines;
    }
    boolean state = now.path("state").isString();
    return List.of(
        state
            ? "It is now " + now.path("state").asString("")
            : "It has already what this asks for, or is to go as it is now");
  }

  private static void differs(
      List<String> lines, String field, JsonNode was, java.util.Map.Entry<String, JsonNode> will) {
    if (!same(was, will.getValue())) {
      lines.add(field.replace('_', ' ') + ": " + text(was) + " → " + text(will.getValue()));
    }
  }

  private static boolean same(JsonNode one, JsonNode other) {
    return (one.isNumber() && other.isNumber())
        ? one.asDouble(0) == other.asDouble(0)
        : one.equals(other);
  }

  private static String text(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return "none";
    }
    String text = node.isString() ? node.stringValue() : node.toString();
    return text.length() > TEXT_MAX ? text.substring(0, TEXT_MAX) + "…" : text;
  }
}
