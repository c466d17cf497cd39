package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.fleet.FleetListener;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ObjDoubleConsumer;
import java.util.function.UnaryOperator;

/** Writes the events of this package's description, one JSON object a line. Safe on any thread. */
final class LauncherEvents implements FleetListener {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final PrintStream out;
  private final UnaryOperator<String> modelOf;
  private volatile Consumer<String> restarted = replica -> {};
  private volatile ObjDoubleConsumer<String> started = (replica, seconds) -> {};
  private volatile Runnable progress = () -> {};
  private volatile Consumer<String> loading = replica -> {};

  /**
   * @param modelOf the model of a replica
   */
  LauncherEvents(PrintStream out, UnaryOperator<String> modelOf) {
    this.out = out;
    this.modelOf = modelOf;
  }

  /**
   * Further ears: a worker is about to restart; a worker became ready after so many seconds; one
   * became ready, was given up, or fails its questions; one has loaded more of its model.
   */
  void also(
      Consumer<String> onRestart,
      ObjDoubleConsumer<String> onStart,
      Runnable onProgress,
      Consumer<String> onLoading) {
    restarted = onRestart;
    started = onStart;
    progress = onProgress;
    loading = onLoading;
  }

  void emit(String event, Map<String, Object> members) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("event", event);
    line.putAll(members);
    try {
      String text = JSON.writeValueAsString(line);
      synchronized (out) {
        out.println(text);
        out.flush();
      }
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an event is always JSON", e);
    }
  }

  @Override
  public void workerLoading(String replica, long doneBytes, long totalBytes) {
    Map<String, Object> members = worker(replica);
    members.put("done_bytes", doneBytes);
    members.put("total_bytes", totalBytes);
    emit("worker_loading", members);
    loading.accept(replica);
  }

  @Override
  public void workerReady(String replica, String model, double seconds) {
    Map<String, Object> members = worker(replica);
    members.put("seconds", Math.round(seconds * 100) / 100.0);
    emit("worker_ready", members);
    if (seconds > 0) {
      started.accept(replica, seconds);
    }
    progress.run();
  }

  @Override
  public void workerRestarting(String replica, String reason, long waitMs) {
    Map<String, Object> members = worker(replica);
    members.put("message", reason);
    members.put("wait_ms", waitMs);
    emit("worker_restarting", members);
    restarted.accept(replica);
  }

  @Override
  public void workerFailed(String replica, String reason) {
    Map<String, Object> members = worker(replica);
    members.put("message", reason);
    emit("worker_failed", members);
    progress.run();
  }

  /** The launcher reads it when the gateway serves; the log has it at once. */
  @Override
  public void notReady(String replica, String reason) {
    progress.run();
  }

  /** One does not serve yet, for this reason. */
  void notServing(String replica, String reason) {
    Map<String, Object> members = worker(replica);
    members.put("message", reason);
    emit("not_serving", members);
  }

  private Map<String, Object> worker(String replica) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("replica", replica);
    members.put("model", modelOf.apply(replica));
    return members;
  }
}
