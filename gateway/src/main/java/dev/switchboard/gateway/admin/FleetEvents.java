package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.drill.DrillReport;
import dev.switchboard.gateway.drill.Drills;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.events.EventType;
import dev.switchboard.gateway.fleet.LoadedBytes;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.store.AuditEntry;
import dev.switchboard.gateway.telemetry.Governor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes events of what the parts of the gateway tell: replicas' states and drains, reloads, the
 * governor, changes, drills. Safe on any thread; called under the monitor of a replica, so it takes
 * none.
 */
public final class FleetEvents implements Drills.Listener {
  private static final int MOST_CHARS = 512;

  private final EventFeed feed;
  private final NanoClock clock;
  private final Map<Replica, Emptying> drains = new HashMap<>();
  private final Map<Replica, Long> ejected = new HashMap<>();

  /** A drain of which not all is told yet. */
  private static final class Emptying {
    private final Drain drain;
    private boolean empty;
    private @Nullable ObjectNode told;

    Emptying(Drain drain) {
      this.drain = drain;
    }
  }

  public FleetEvents(EventFeed feed, NanoClock clock) {
    this.feed = feed;
    this.clock = clock;
  }

  private static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  private static ObjectNode of(Replica replica) {
    return object().put("replica", replica.id()).put("model", replica.model());
  }

  private static @Nullable String clipped(@Nullable String text) {
    return text == null || text.length() <= MOST_CHARS ? text : text.substring(0, MOST_CHARS) + "…";
  }

  // ------------------------------------------------------------------ replicas

  /**
   * A replica went from one state to another.
   *
   * @param from null for the state in which it was found
   */
  public synchronized void changed(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
    String reason = clipped(replica.reason());
    feed.add(
        EventType.REPLICA_STATE,
        of(replica)
            .put("from", from == null ? null : from.name())
            .put("to", to.name())
            .put("reason", reason));
    outOrBack(replica, to, reason);
    emptied(replica, from, to);
  }

  /** A replica has loaded more of its model. */
  public void loading(Replica replica) {
    LoadedBytes loaded = replica.loading();
    if (loaded != null) {
      feed.add(EventType.REPLICA_LOADING, of(replica).setAll(ReplicaJson.loading(loaded)));
    }
  }

  private void outOrBack(Replica replica, ReplicaState to, @Nullable String reason) {
    if (to == ReplicaState.EJECTED) {
      ejected.put(replica, clock.epochNanos());
      feed.add(EventType.REPLICA_EJECTED, of(replica).put("reason", reason));
    } else if (!to.listening()) {
      ejected.remove(replica);
    } else if (to == ReplicaState.READY || to == ReplicaState.STANDBY) {
      Long since = ejected.remove(replica);
      if (since != null) {
        long outMs = (clock.epochNanos() - since) / 1_000_000;
        feed.add(EventType.REPLICA_RETURNED, of(replica).put("out_ms", outMs));
      }
    }
  }

  private void emptied(Replica replica, @Nullable ReplicaState from, ReplicaState to) {
    Drain drain = replica.drain();
    if (to == ReplicaState.DRAINING && drain != null) {
      Emptying begun = new Emptying(drain);
      drains.put(replica, begun);
      begun.told = report(replica, drain);
      feed.add(EventType.DRAIN_STARTED, of(replica).setAll(report(replica, drain)));
    } else if (from == ReplicaState.DRAINING) {
      Emptying under = drains.get(replica);
      if (under != null && to == ReplicaState.DRAINED) {
        under.empty = true;
      } else if (under != null) {
        // Taken back, or its process is gone: it will not get any further.
        drainEnded(replica, under);
      }
    }
  }

  private ObjectNode report(Replica replica, Drain drain) {
    return DrainJson.report(drain.report(replica.inFlight(), clock.epochNanos()));
  }

  private void drainEnded(Replica replica, Emptying over) {
    drains.remove(replica);
    feed.add(EventType.DRAIN_ENDED, of(replica).setAll(report(replica, over.drain)));
  }

  /** Tells how drains go; call it every now and then. */
  public synchronized void tick() {
    for (Map.Entry<Replica, Emptying> entry : List.copyOf(drains.entrySet())) {
      Replica replica = entry.getKey();
      Emptying under = entry.getValue();
      ObjectNode now = report(replica, under.drain);
      if (under.empty && now.path("done").asBoolean()) {
        drainEnded(replica, under);
      } else if (!counts(now).equals(under.told == null ? null : counts(under.told))) {
        under.told = now;
        feed.add(EventType.DRAIN_PROGRESS, of(replica).setAll(now));
      }
    }
  }

  /** Without what changes by itself. */
  private static ObjectNode counts(ObjectNode report) {
    ObjectNode counts = report.deepCopy();
    return counts.without(List.of("duration_ms", "longest_pause_ms"));
  }

  // ------------------------------------------------------------------ the gateway

  /**
   * Somebody had the configuration read again.
   *
   * @param result a word of the metric of reloads
   * @param keys that changed, or that cannot
   */
  public void reloaded(String result, List<String> keys) {
    ObjectNode data = object().put("result", result);
    ArrayNode array = data.putArray("keys");
    keys.forEach(array::add);
    feed.add(EventType.CONFIG_RELOAD, data);
  }

  /** The governor made a step. */
  public void governed(Governor.State before, Governor.State after) {
    feed.add(
        EventType.TRACE_CEILING,
        object()
            .put("from", before.ceiling().level())
            .put("to", after.ceiling().level())
            .put("told_share", after.told())
            .put("cpu_share", after.share()));
  }

  /**
   * Somebody changed something, or was denied. What it was done to is told only where it was done:
   * else it is whatever somebody sent, perhaps a key.
   */
  public void audited(AuditEntry entry) {
    feed.add(
        EventType.AUDIT,
        object()
            .put("action", entry.action())
            .put("target", entry.status() < 400 ? entry.target() : null)
            .put("actor", entry.actor())
            .put("role", entry.role())
            .put("on_behalf_of", entry.why().onBehalfOf())
            .put("status", entry.status())
            .put("code", entry.code()));
  }

  @Override
  public void started(DrillReport report) {
    feed.add(EventType.DRILL_STARTED, DrillJson.of(report));
  }

  @Override
  public void ended(DrillReport report) {
    feed.add(EventType.DRILL_ENDED, DrillJson.of(report));
  }

  /** The gateway stops. */
  public void stopping(int inFlight) {
    feed.add(EventType.GATEWAY_STOPPING, object().put("in_flight", inFlight));
  }
}
