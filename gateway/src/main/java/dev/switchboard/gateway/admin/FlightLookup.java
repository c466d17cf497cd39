package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.openai.ApiError;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.util.function.Consumer;

/**
 * Looks a request up in the recorder. A client that has read its last byte may ask before the event
 * loop that served it has made the record, so a request that still runs is waited for, a moment
 * only.
 */
final class FlightLookup {
  private static final int WAIT_MS = 1000;

  private final Vertx vertx;
  private final FlightRecorder recorder;
  private final String id;
  private final Consumer<FlightRecord> found;
  private final Consumer<ApiError> missing;
  private final Context context;
  private final Runnable listener = this::ended;
  private long timer = -1;
  private boolean over;

  private FlightLookup(
      Vertx vertx,
      FlightRecorder recorder,
      String id,
      Consumer<FlightRecord> found,
      Consumer<ApiError> missing) {
    this.vertx = vertx;
    this.recorder = recorder;
    this.id = id;
    this.found = found;
    this.missing = missing;
    this.context = vertx.getOrCreateContext();
  }

  /** Calls one of the two, once, on the event loop that asks. */
  static void find(
      Vertx vertx,
      FlightRecorder recorder,
      String id,
      Consumer<FlightRecord> found,
      Consumer<ApiError> missing) {
    new FlightLookup(vertx, recorder, id, found, missing).begin();
  }

  private void begin() {
    if (recorder.whenEnded(id, listener)) {
      timer = vertx.setTimer(WAIT_MS, waited -> stillRunning());
    } else {
      answer();
    }
  }

  /** On the event loop that ended it. */
  private void ended() {
    context.runOnContext(
        back -> {
          if (!over) {
            vertx.cancelTimer(timer);
            answer();
          }
        });
  }

  private void answer() {
    over = true;
    FlightRecord record = recorder.find(id);
    if (record == null) {
      missing.accept(AdminServer.noSuch("request"));
    } else {
      found.accept(record);
    }
  }

  private void stillRunning() {
    if (over) {
      return;
    }
    over = true;
    recorder.forget(id, listener);
    missing.accept(
        new ApiError(
            409,
            "invalid_request_error",
            "still_running",
            "id",
            "The request still runs; what is known of it is told when it has ended."));
  }
}
