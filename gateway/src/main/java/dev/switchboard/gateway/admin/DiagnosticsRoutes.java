package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.LogTail;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.identity.Caller.Role;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import dev.switchboard.gateway.upstream.UpstreamClient;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One archive with all that is needed to find out what is wrong, and nothing that is secret: no
 * keys, tokens, passwords, and nothing of what requests said. What workers and the store are to
 * tell is asked on the event loop, for some seconds; the archive is made on a worker thread while
 * it is sent.
 */
final class DiagnosticsRoutes {
  private static final Logger LOG = LoggerFactory.getLogger(DiagnosticsRoutes.class);

  /** All of it, by when nothing more is begun. */
  private static final int MOST_MS = 30_000;

  private static final int PATIENCE_MS = 10_000;
  private static final int ASK_MS = 2000;
  private static final int MOST_STATE_BYTES = 1 << 20;

  /** Workers that are asked, and whose logs are in it. */
  private static final int MOST_WORKERS = 64;

  private static final int MOST_REQUESTS = 200;
  private static final int LOOKED_AT = 2000;

  private final GatewayContext gateway;
  private final ConfigControl control;
  private final Supplier<GatewayFacts> facts;
  private final UpstreamClient client;
  private final EventHistory events;
  private final Scrape scrape;
  private final ReplicaJson replicas;
  private final LongSupplier epochMs;

  /** What was asked of others. */
  private record Collected(Map<String, String> states, String events, String metrics) {}

  private DiagnosticsRoutes(
      GatewayContext gateway,
      ConfigControl control,
      Supplier<GatewayFacts> facts,
      UpstreamClient client,
      EventHistory events,
      Scrape scrape) {
    this.gateway = gateway;
    this.control = control;
    this.facts = facts;
    this.client = client;
    this.events = events;
    this.scrape = scrape;
    this.replicas = new ReplicaJson(gateway.metrics().blame(), gateway.clock());
    this.epochMs = () -> gateway.clock().epochNanos() / 1_000_000;
  }

  static void add(
      AdminRouter router,
      GatewayContext gateway,
      ConfigControl control,
      Supplier<GatewayFacts> facts,
      UpstreamClient client,
      EventHistory events,
      Scrape scrape) {
    DiagnosticsRoutes routes =
        new DiagnosticsRoutes(gateway, control, facts, client, events, scrape);
    router.export("/admin/v1/diagnostics", Role.ADMIN, routes::answer);
  }

  private void answer(RoutingContext context) {
    Context loop = context.vertx().getOrCreateContext();
    long untilMs = epochMs.getAsLong() + MOST_MS;
    HttpServerResponse response = context.response();
    told(context)
        .onSuccess(
            told -> {
              response.putHeader("Content-Type", "application/zip");
              response.putHeader(
                  "Content-Disposition", "attachment; filename=\"switchboard-diagnostics.zip\"");
              response.setChunked(true);
              context
                  .vertx()
                  .executeBlocking(() -> write(loop, response, told, untilMs), false)
                  .onFailure(cause -> broken(response, cause));
            })
        .onFailure(context::fail);
  }

  /** What was sent is no archive; the connection's end says so. */
  private static void broken(HttpServerResponse response, Throwable cause) {
    LOG.warn("diagnostics_cut reason=\"{}\"", cause.getMessage());
    response.reset();
  }

  // ------------------------------------------------------------------ what others tell

  private Future<Collected> told(RoutingContext context) {
    Map<String, String> states = new LinkedHashMap<>();
    List<Future<?>> asked = new ArrayList<>();
    for (Replica replica : gateway.fleet().replicas()) {
      UpstreamAddress address = replica.address();
      if (replica.worker() && address != null && asked.size() < MOST_WORKERS) {
        asked.add(state(replica, address, states));
      }
    }
    Future<?> all =
        asked.isEmpty() ? Future.succeededFuture() : Future.join(asked).otherwiseEmpty();
    return all.compose(done -> events.latest(context).otherwise(DiagnosticsRoutes::unknown))
        .compose(
            happened ->
                scrape
                    .text(context.vertx())
                    .map(Buffer::toString)
                    .otherwise(DiagnosticsRoutes::unknown)
                    .map(metrics -> new Collected(states, happened, metrics)));
  }

  private Future<?> state(Replica replica, UpstreamAddress address, Map<String, String> states) {
    return client
        .get(address, "/engine/v1/state", ASK_MS, MOST_STATE_BYTES)
        .map(Buffer::toString)
        .otherwise(DiagnosticsRoutes::unknown)
        .onSuccess(text -> states.put(replica.id(), text));
  }

  private static String unknown(Throwable cause) {
    return "not known: " + cause.getMessage();
  }

  // ------------------------------------------------------------------ the archive

  private boolean write(Context loop, HttpServerResponse response, Collected told, long untilMs)
      throws IOException {
    try (Bundle bundle =
        new Bundle(new ResponseStream(loop, response, PATIENCE_MS), secrets(), epochMs, untilMs)) {
      bundle.add("gateway.json", () -> pretty(GatewayRoutes.json(facts.get(), gateway)));
      bundle.add("host.json", () -> pretty(HostFacts.host()));
      bundle.add("jvm.json", () -> pretty(HostFacts.jvm()));
      bundle.add("memory.json", () -> pretty(HostFacts.memory()));
      bundle.add("config.json", () -> pretty(control.effective()));
      bundle.add("replicas.json", () -> pretty(fleet()));
      bundle.add("models.json", () -> pretty(models()));
      bundle.add("events.json", told::events);
      bundle.add("requests.json", () -> pretty(requests()));
      bundle.add("metrics.txt", told::metrics);
      bundle.add("threads.txt", HostFacts::threads);
      for (Map.Entry<String, String> state : told.states().entrySet()) {
        bundle.add("workers/" + state.getKey() + "-state.json", state::getValue);
      }
      for (Replica replica : locals()) {
        bundle.add("workers/" + replica.id() + ".log", () -> log(replica));
      }
    }
    return true;
  }

  private static String pretty(ObjectNode json) {
    return json.toPrettyString();
  }

  private List<Replica> locals() {
    return gateway.fleet().replicas().stream().filter(Replica::local).limit(MOST_WORKERS).toList();
  }

  private static String log(Replica replica) {
    return String.join("\n", replica.log().last(LogTail.MOST_LINES)) + "\n";
  }

  private ObjectNode fleet() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode array = json.putArray("replicas");
    gateway.fleet().replicas().forEach(replica -> array.add(replicas.of(replica)));
    return json;
  }

  private ObjectNode models() {
    ModelJson models = new ModelJson(gateway.fleet());
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode array = json.putArray("models");
    control.models().forEach(state -> array.add(models.of(state.name(), state)));
    return json;
  }

  /** The last that are of interest, then the last of all. */
  private ObjectNode requests() {
    FlightRecorder recorder = gateway.recorder();
    List<FlightRecord> newest = recorder.newest(LOOKED_AT);
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ArrayNode kept = json.putArray("of_interest");
    newest.stream()
        .filter(recorder::interesting)
        .limit(MOST_REQUESTS)
        .forEach(record -> kept.add(FlightJson.summary(record)));
    ArrayNode last = json.putArray("last");
    newest.stream().limit(MOST_REQUESTS).forEach(record -> last.add(FlightJson.summary(record)));
    return json;
  }

  /** All that is known to be secret here; it should be in none of the texts, and is taken out. */
  private List<String> secrets() {
    Set<String> secrets = new HashSet<>(control.secrets());
    for (Replica replica : gateway.fleet().replicas()) {
      String sent = replica.access().authorization();
      if (sent != null) {
        secrets.add(sent.replaceFirst("^Bearer ", ""));
      }
    }
    return List.copyOf(secrets);
  }
}
