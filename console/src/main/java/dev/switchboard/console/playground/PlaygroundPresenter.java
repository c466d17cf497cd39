package dev.switchboard.console.playground;

import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Shared;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The conversation with one gateway's public API. */
public final class PlaygroundPresenter {
  static final int SAID_MAX = 40;

  /** Characters of a conversation; the longest answer to the longest prompt is below that. */
  static final int SAID_CHARS = 500_000;

  private static final int RECEIPT_TRIES = 10;
  private static final Duration RECEIPT_PAUSE = Duration.ofMillis(200);
  private static final Duration KEY_VALID = Duration.ofHours(1);
  private static final JsonMapper JSON = new JsonMapper();

  private final LiveGateway gateway;
  private final Clock clock;
  private final List<Ask.Said> said = new ArrayList<>();
  private @Nullable Exchange exchange;
  private @Nullable Ask asked;

  public PlaygroundPresenter(LiveGateway gateway, Clock clock) {
    this.gateway = gateway;
    this.clock = clock;
  }

  /** Where the public API is; empty until the gateway said it. */
  public String api() {
    String api = gateway.snapshot().info().path("addresses").path("api").asString("");
    return reachable(api, gateway.client().address().uri());
  }

  /** A gateway that listens everywhere is reached where its admin API is. */
  static String reachable(String api, URI admin) {
    try {
      URI uri = URI.create(api);
      String host = uri.getHost();
      boolean anywhere = "0.0.0.0".equals(host) || "[::]".equals(host);
      return anywhere ? uri.getScheme() + "://" + admin.getHost() + ":" + uri.getPort() : api;
    } catch (IllegalArgumentException _) {
      return "";
    }
  }

  private Shared splits() {
    return gateway.sharedList("/admin/v1/splits", "splits");
  }

  /** Whether it has told which names there are, or that it cannot. */
  boolean toldNames() {
    Shared splits = splits();
    return splits.answer() != null || splits.why() != null;
  }

  /** Names that requests can be for. */
  public List<String> models() {
    TreeSet<String> names = new TreeSet<>();
    gateway.snapshot().models().forEach(m -> names.add(m.path("id").asString("")));
    JsonNode splits = splits().answer();
    if (splits != null) {
      splits.path("splits").forEach(s -> names.add(s.path("name").asString("")));
    }
    return List.copyOf(names);
  }

  public List<String> classes() {
    return gateway.snapshot().classes().stream().map(c -> c.path("name").asString("")).toList();
  }

  /** What was said before, for the next request. */
  public List<Ask.Said> said() {
    return List.copyOf(said);
  }

  /** Forgets what was said. */
  public void clear() {
    cancel();
    said.clear();
    exchange = null;
    asked = null;
  }

  /** Sends it; the one before is ended. */
  public void send(Ask ask, String key) {
    cancel();
    asked = ask;
    exchange = Exchange.start(gateway.client().http(), api(), key, ask, clock);
  }

  public void cancel() {
    Exchange before = exchange;
    if (before != null) {
      before.cancel();
    }
  }

  /** As far as it has come; null before the first request. */
  public @Nullable Answer answer() {
    Exchange now = exchange;
    return now == null ? null : now.answer();
  }

  /** Takes question and answer into the conversation, once the answer is whole. */
  public void keep() {
    Answer answer = answer();
    Ask ask = asked;
    if (answer == null || ask == null || answer.state() != Answer.State.DONE || !ask.chat()) {
      return;
    }
    asked = null;
    if (!ask.prompt().isBlank()) {
      said.add(new Ask.Said("user", ask.prompt()));
    }
    said.add(new Ask.Said("assistant", answer.text(), calls(answer.calls()), ""));
    trim();
  }

  /** The newest stay, and no result of a tool without the message that called it. */
  private void trim() {
    long chars = said.stream().mapToLong(Ask.Said::chars).sum();
    while (!said.isEmpty()
        && (said.size() > SAID_MAX
            || chars > SAID_CHARS
            || said.getFirst().role().equals("tool"))) {
      chars -= said.removeFirst().chars();
    }
  }

  private static @Nullable JsonNode calls(List<Answer.Call> calls) {
    if (calls.isEmpty()) {
      return null;
    }
    ArrayNode all = JSON.createArrayNode();
    for (Answer.Call call : calls) {
      ObjectNode one = all.addObject().put("id", call.id()).put("type", "function");
      one.putObject("function").put("name", call.name()).put("arguments", call.arguments());
    }
    return all;
  }

  /** Takes what tools came to into the conversation, by the ids of their calls. */
  public void answerTools(Map<String, String> results) {
    results.forEach((id, result) -> said.add(new Ask.Said("tool", result, null, id)));
  }

  /** The receipt, as soon as the gateway has it; waits for it up to two seconds. */
  public @Nullable JsonNode receipt(String request) {
    String path = "/admin/v1/requests/" + AdminClient.encode(request) + "/timeline";
    for (int i = 0; i < RECEIPT_TRIES; i++) {
      try {
        return gateway.client().get(path);
      } catch (ApiFailure e) {
        if (e.status() != 404 || !pause()) {
          return null;
        }
      }
    }
    return null;
  }

  private static boolean pause() {
    try {
      Thread.sleep(RECEIPT_PAUSE);
      return true;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Makes a key for an hour, that only calls models. */
  public Change makeKey() {
    ObjectNode body = JSON.createObjectNode();
    body.put("name", "playground-" + clock.instant().getEpochSecond());
    body.put("role", "app").put("expires_in_seconds", KEY_VALID.toSeconds());
    return new Change(
        "Make key",
        Role.ADMIN,
        "POST",
        "/admin/v1/keys",
        body,
        null,
        List.of(
            "It calls models for an hour, as the tenant default",
            "It is kept in this page only, and ends by itself",
            "If it is the gateway's first key, requests without one are refused from now on"),
        false);
  }
}
