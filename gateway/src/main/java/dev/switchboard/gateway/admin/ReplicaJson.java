package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.ForeignEngine;
import dev.switchboard.gateway.fleet.LastExit;
import dev.switchboard.gateway.fleet.LoadedBytes;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.WorkerSpec;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.telemetry.RankBlame;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import io.vertx.core.net.SocketAddress;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A replica, as the admin API tells of it. */
final class ReplicaJson {
  private final RankBlame blame;
  private final NanoClock clock;

  ReplicaJson(RankBlame blame, NanoClock clock) {
    this.blame = blame;
    this.clock = clock;
  }

  /** All that the gateway knows of one. */
  ObjectNode of(Replica replica) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("id", replica.id()).put("model", replica.model());
    json.put("kind", replica.worker() ? "worker" : "upstream").put("local", replica.local());
    device(json, replica);
    json.put("state", replica.state().name()).put("reason", replica.reason());
    json.put("since", Instant.ofEpochMilli(replica.sinceMs()).toString());
    json.put("restarts", replica.incarnation());
    LastExit exit = replica.lastExit();
    json.set("last_exit", exit == null ? null : exit(exit));
    LoadedBytes loading = replica.loading();
    json.set("loading", loading == null ? null : loading(loading));
    json.put("leaving", replica.leaving()).put("cordoned", replica.cordoned());
    if (replica.pid() != 0) {
      json.put("pid", replica.pid());
    } else {
      json.putNull("pid");
    }
    UpstreamAddress address = replica.address();
    SocketAddress socket = address == null ? null : address.socket();
    json.put("url", address == null ? null : address.url().toString());
    json.put("socket", socket == null ? null : socket.path());
    DiscoveredServer.Pod pod = replica.pod();
    if (pod != null) {
      json.set("pod", pod(pod));
    }
    json.put("in_flight", replica.inFlight()).put("weight", replica.weight());
    Workload workload = replica.workload();
    json.set("learned", LearnedJson.of(workload.snapshot(clock.epochNanos()), workload.doubt()));
    Drain drain = replica.drain();
    json.set("drain", drain == null ? null : DrainJson.report(report(replica, drain)));
    ForeignEngine engine = replica.access().engine();
    json.put("engine", engine == null ? null : engine.word());
    json.put("report_failure", replica.reportFailure());
    json.set("report", report(replica.report()));
    json.set("blame", blame(replica));
    return json.put("version", Versions.of(settings(replica)));
  }

  private static void device(ObjectNode json, Replica replica) {
    WorkerSpec placed = replica.placed();
    String visible = placed == null ? "" : String.join(",", placed.devices());
    json.put("device", replica.device());
    json.put("visible_devices", visible.isEmpty() ? null : visible);
    json.put("isa", replica.report().isa().isEmpty() ? null : replica.report().isa());
  }

  /** What a list of many shows of one. */
  static ObjectNode summary(Replica replica) {
    ReplicaReport report = replica.report();
    boolean told = report.atNanos() != 0;
    long stragglers = report.rankReports().stream().filter(RankReport::straggler).count();
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", replica.id())
        .put("model", replica.model())
        .put("kind", replica.worker() ? "worker" : "upstream")
        .put("local", replica.local())
        .put("device", replica.device())
        .put("state", replica.state().name())
        .put("since", Instant.ofEpochMilli(replica.sinceMs()).toString())
        .put("cordoned", replica.cordoned())
        .put("leaving", replica.leaving())
        .put("in_flight", replica.inFlight())
        .put("weight", replica.weight())
        .put("running", told ? (Integer) report.running() : null)
        .put("waiting", told ? (Integer) report.waiting() : null)
        .put("kv_used_ratio", share(report.kvUsedRatio()))
        .put("stragglers", stragglers);
  }

  /** What operators change; the rest changes by itself. */
  static ObjectNode settings(Replica replica) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("state", replica.state().name())
        .put("cordoned", replica.cordoned())
        .put("weight", replica.weight())
        .put("restarts", replica.incarnation());
  }

  private static ObjectNode pod(DiscoveredServer.Pod pod) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("namespace", pod.namespace())
        .put("name", pod.name())
        .put("uid", pod.uid())
        .put("node", pod.node())
        .put("zone", pod.zone());
  }

  private static ObjectNode exit(LastExit exit) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("at", Instant.ofEpochMilli(exit.atMs()).toString())
        .put("cause", exit.cause().label())
        .put("status", exit.status())
        .put("reason", exit.reason())
        .put("message", exit.message());
  }

  static ObjectNode loading(LoadedBytes loaded) {
    long ready = loaded.expectedReadyMs();
    return JsonNodeFactory.instance
        .objectNode()
        .put("done_bytes", loaded.done())
        .put("total_bytes", loaded.total())
        .put("expected_ready", ready == 0 ? null : Instant.ofEpochMilli(ready).toString());
  }

  /** What its ranks did to requests. */
  private ArrayNode blame(Replica replica) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (RankBlame.Harm harm : blame.of(replica.id())) {
      array
          .addObject()
          .put("stage", harm.stage())
          .put("rank", harm.rank())
          .put("requests", harm.requests())
          .put("slo_minutes", harm.sloMinutes());
    }
    return array;
  }

  private static ArrayNode stragglers(ReplicaReport report) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (RankReport rank : report.rankReports()) {
      if (rank.straggler()) {
        array
            .addObject()
            .put("stage", rank.stage())
            .put("rank", rank.rank())
            .put("score", rank.score());
      }
    }
    return array;
  }

  private Drain.Report report(Replica replica, Drain drain) {
    return drain.report(replica.inFlight(), clock.epochNanos());
  }

  private @Nullable ObjectNode report(ReplicaReport report) {
    if (report.atNanos() == 0) {
      return null;
    }
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("age_ms", (clock.epochNanos() - report.atNanos()) / 1_000_000)
        .put("running", report.running())
        .put("waiting", report.waiting())
        .put("waiting_tokens", report.waitingTokens())
        .put("kv_blocks_free", report.kvBlocksFree())
        .put("kv_blocks_cached", report.kvBlocksCached())
        .put("kv_blocks_used", report.kvBlocksUsed())
        .put("kv_used_ratio", share(report.kvUsedRatio()))
        .put("kv_evictions", report.kvEvictions())
        .put("prefix_lookup_tokens", report.prefixLookupTokens())
        .put("prefix_hit_tokens", report.prefixHitTokens())
        .put("stages", report.stages())
        .put("ranks", report.ranks());
    json.set("stragglers", stragglers(report));
    return json;
  }

  private static @Nullable Double share(double ratio) {
    return Double.isNaN(ratio) ? null : ratio;
  }
}
