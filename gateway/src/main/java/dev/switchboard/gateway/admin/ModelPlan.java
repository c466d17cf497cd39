package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.drain.DrainPlan;
import dev.switchboard.gateway.fleet.LocalModels;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.WorkerSpec;
import dev.switchboard.gateway.models.MemoryNeed;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a change of a model would come to. Pure.
 *
 * @param needs of a worker of each kind that starts, by what it is anywhere
 * @param promisedBytes that workers which load now will still take
 * @param residentBytes what a replica's process holds
 * @param loadMs from a worker's start until it is loaded; null where nothing was measured
 * @param drains of those that leave or are replaced
 */
record ModelPlan(
    LocalModels.Change change,
    Map<WorkerSpec, MemoryNeed> needs,
    long promisedBytes,
    ToLongFunction<Replica> residentBytes,
    @Nullable Long loadMs,
    long graceMs,
    Map<Replica, DrainPlan> drains) {
  private static final int MEBIBYTE_BITS = 20;

  ModelPlan {
    drains = new LinkedHashMap<>(drains);
    needs = new LinkedHashMap<>(needs);
  }

  /** What those that start take beside all that is there, at the worst moment. */
  long neededBytes() {
    long needed = 0;
    for (WorkerSpec each : change.added()) {
      needed += bytes(each);
    }
    for (Map.Entry<Replica, WorkerSpec> each : change.replaced().entrySet()) {
      long grown = bytes(each.getValue()) - residentBytes.applyAsLong(each.getKey());
      needed += Math.max(0, grown);
    }
    return needed;
  }

  private long bytes(WorkerSpec worker) {
    MemoryNeed need = needs.get(worker.anywhere());
    return need == null ? 0 : need.bytes();
  }

  long freeBytes() {
    long available = needs.values().stream().mapToLong(MemoryNeed::availableBytes).min().orElse(0);
    return Math.max(0, available - promisedBytes);
  }

  boolean fits() {
    return needs.isEmpty()
        || (needs.values().stream().allMatch(need -> need.refusal() == null)
            && neededBytes() <= freeBytes());
  }

  /** What is told of: the kind of worker that takes most; null where none starts. */
  private @Nullable MemoryNeed most() {
    return needs.values().stream().max(Comparator.comparingLong(MemoryNeed::bytes)).orElse(null);
  }

  /** Why it does not fit, with the numbers. */
  String complaint() {
    MemoryNeed each = most();
    if (each == null) {
      return "";
    }
    return String.format(
        "%d MiB more are needed, and %d MiB are free: %s takes %d MiB (weights %d, KV %d,"
            + " scratch %d, JVM %d), %d start and %d are replaced.",
        mebibytes(neededBytes()),
        freeBytes() >> MEBIBYTE_BITS,
        needs.size() == 1 ? "a worker" : "the largest worker",
        mebibytes(each.bytes()),
        mebibytes(each.weightBytes()),
        mebibytes(each.kvBytes()),
        mebibytes(each.scratchBytes()),
        mebibytes(each.jvmBytes()),
        change.added().size(),
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
    boolean loads = !change.added().isEmpty() || !change.replaced().isEmpty();
    if (loads && loadMs == null) {
      return null;
    }
    long load = loadMs == null ? 0 : loadMs;
    long rolling = 0;
    for (Replica replica : change.replaced().keySet()) {
      rolling += drainMs(replica) + load;
    }
    long leaving = 0;
    for (Replica replica : change.removed()) {
      leaving = Math.max(leaving, drainMs(replica));
    }
    return Math.max(Math.max(change.added().isEmpty() ? 0 : load, rolling), leaving);
  }

  private long drainMs(Replica replica) {
    DrainPlan drain = drains.get(replica);
    return drain == null ? 0 : drain.expectedMs();
  }

  ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("starts", change.added().size());
    rows(json.putArray("leaves"), change.removed());
    rows(json.putArray("restarts"), change.replaced().keySet());
    json.put("interrupts", change.interrupts()).put("needs_confirmation", change.interrupts());
    MemoryNeed each = most();
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
