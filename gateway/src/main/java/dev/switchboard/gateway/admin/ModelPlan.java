package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.models.MemoryNeed;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a change of a model would come to. Pure.
 *
 * @param need of one worker; null where none starts
 * @param promisedBytes that workers which load now will still take
 * @param residentBytes what a replica's process holds
 * @param loadMs from a worker's start until it is loaded; null where nothing was measured
 * @param drains of those that leave or are replaced
 */
record ModelPlan(
    LocalModels.Change change,
    @Nullable MemoryNeed need,
    long promisedBytes,
    ToLongFunction<Replica> residentBytes,
    @Nullable Long loadMs,
    long graceMs,
    Map<Replica, DrainPlan> drains) {
  private static final int MEBIBYTE_BITS = 20;

  ModelPlan {
    drains = new LinkedHashMap<>(drains);
  }

  /** What those that start take beside all that is there, at the worst moment. */
  long neededBytes() {
    MemoryNeed each = need;
    if (each == null) {
      return 0;
    }
    long grown = 0;
    for (Replica replica : change.replaced()) {
      grown += Math.max(0, each.bytes() - residentBytes.applyAsLong(replica));
    }
    return change.added() * each.bytes() + grown;
  }

  long freeBytes() {
    return need == null ? 0 : Math.max(0, need.availableBytes() - promisedBytes);
  }

  boolean fits() {
    return need == null || (need.refusal() == null && neededBytes() <= freeBytes());
  }

  /** Why it does not fit, with the numbers. */
  String complaint() {
    MemoryNeed each = need;
    if (each == null) {
      return "";
    }
    return String.format(
        "%d MiB more are needed, and %d MiB are free: a worker takes %d MiB (weights %d, KV %d,"
            + " scratch %d, JVM %d), %d start and %d are replaced.",
        mebibytes(neededBytes()),
        freeBytes() >> MEBIBYTE_BITS,
        mebibytes(each.bytes()),
        mebibytes(each.weightBytes()),
        mebibytes(each.kvBytes()),
        mebibytes(each.scratchBytes()),
        mebibytes(each.jvmBytes()),
        change.added(),
        change.replaced().size());
  }

  private static long mebibytes(long bytes) {
    return Math.ceilDiv(bytes, 1L << MEBIBYTE_BITS);
  }

  /**
   * Until all is done, as often as not: those that are replaced go one after another, others at the
   * same time. Null where a model has to be loaded and none ever was.
   */
  @Nullable Long expectedMs() {
    boolean loads = change.added() > 0 || !change.replaced().isEmpty();
    if (loads && loadMs == null) {
      return null;
    }
    long load = loadMs == null ? 0 : loadMs;
    long rolling = 0;
    for (Replica replica : change.replaced()) {
      rolling += drainMs(replica) + load;
    }
    long leaving = 0;
    for (Replica replica : change.removed()) {
      leaving = Math.max(leaving, drainMs(replica));
    }
    return Math.max(Math.max(change.added() > 0 ? load : 0, rolling), leaving);
  }

  private long drainMs(Replica replica) {
    DrainPlan drain = drains.get(replica);
    return drain == null ? 0 : drain.expectedMs();
  }

  ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("starts", change.added());
    rows(json.putArray("leaves"), change.removed());
    rows(json.putArray("restarts"), change.replaced());
    json.put("interrupts", change.interrupts()).put("needs_confirmation", change.interrupts());
    MemoryNeed each = need;
    json.set("memory", each == null ? null : memory(each));
    return json.put("fits", fits()).put("load_ms", loadMs).put("expected_ms", expectedMs());
  }

  private ObjectNode memory(MemoryNeed each) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("weight_bytes", each.weightBytes())
        .put("kv_bytes", each.kvBytes())
        .put("scratch_bytes", each.scratchBytes())
        .put("jvm_bytes", each.jvmBytes())
        .put("kv_tokens", each.kvTokens())
        .put("worker_bytes", each.bytes())
        .put("needed_bytes", neededBytes())
        .put("free_bytes", freeBytes());
  }

  private void rows(ArrayNode to, Iterable<Replica> replicas) {
    for (Replica replica : replicas) {
      ObjectNode row = to.addObject().put("id", replica.id());
      row.put("state", replica.state().name()).put("in_flight", replica.inFlight());
      row.put("memory_bytes", residentBytes.applyAsLong(replica));
      DrainPlan drain = drains.get(replica);
      row.set("drain", drain == null ? null : DrainJson.plan(drain, graceMs));
    }
  }
}
