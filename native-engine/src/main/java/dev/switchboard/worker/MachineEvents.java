package dev.switchboard.worker;

import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What a supervisor reads from the worker's standard output: one JSON object a line. Safe on any
 * thread.
 */
final class MachineEvents {
  private final PrintStream out;

  MachineEvents(PrintStream out) {
    this.out = out;
  }

  /**
   * Where it listens.
   *
   * @param port null where it does not listen on TCP
   */
  void listening(@Nullable Integer port, @Nullable Path socket, long pid) {
    emit(
        "listening",
        json -> {
          if (port != null) {
            json.writeNumberField("port", port);
          }
          if (socket != null) {
            json.writeStringField("socket", socket.toString());
          }
          json.writeNumberField("pid", pid);
        });
  }

  void loading(long doneBytes, long totalBytes) {
    emit(
        "loading",
        json -> {
          json.writeNumberField("done_bytes", doneBytes);
          json.writeNumberField("total_bytes", totalBytes);
        });
  }

  void ready(String model, double seconds, ServedModel.Facts facts) {
    emit(
        "ready",
        json -> {
          json.writeStringField("model", model);
          json.writeNumberField("seconds", Math.round(seconds * 1000) / 1000.0);
          json.writeStringField("architecture", facts.architecture());
          json.writeNumberField("parameters", facts.parameters());
          json.writeStringField("quantisation", facts.quantisation());
          json.writeNumberField("context", facts.context());
          json.writeStringField("fingerprint", facts.fingerprint());
        });
  }

  /** What a worker would take, of one that was started with {@code --plan}. */
  void planned(ModelLoader.Planned planned) {
    emit(
        "planned",
        json -> {
          json.writeNumberField("weight_bytes", planned.memory().weightBytes());
          json.writeNumberField("kv_bytes", planned.memory().kvBytes());
          json.writeNumberField("scratch_bytes", planned.memory().scratchBytes());
          json.writeNumberField("jvm_bytes", planned.jvmBytes());
          json.writeNumberField("device_bytes", planned.memory().deviceBytes());
          json.writeNumberField("kv_tokens", planned.kvTokens());
          json.writeNumberField("available_bytes", planned.availableBytes());
          json.writeBooleanField("fits", planned.refusal() == null);
          json.writeStringField("refusal", planned.refusal());
        });
  }

  void failed(String reason, String message) {
    emit(
        "failed",
        json -> {
          json.writeStringField("reason", reason);
          json.writeStringField("message", message);
        });
  }

  private void emit(String event, Json.Content members) {
    String line =
        Json.object(
            json -> {
              json.writeStringField("event", event);
              members.write(json);
            });
    synchronized (out) {
      out.println(line);
      out.flush();
    }
  }
}
