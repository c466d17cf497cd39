package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Future;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Looks requests up, in the recorder and in the store. A client that has read its last byte may ask
 * before the event loop that served it has made the record, so a request that still runs is waited
 * for, a moment only.
 *
 * @param loop the event loop that asks
 * @param archived what is over
 */
record FlightLookup(
    Executor loop,
    Timers timers,
    FlightRecorder recorder,
    Function<String, Future<Optional<FlightTail.Ended>>> archived) {
  private static final int WAIT_MS = 1000;

  /** Calls one of the two, once, on the event loop that asks. */
  void find(String id, Consumer<FlightTail.Ended> found, Consumer<ApiError> missing) {
    new Lookup(id, found, missing).begin();
  }

  private final class Lookup {
    private final String id;
    private final Consumer<FlightTail.Ended> found;
    private final Consumer<ApiError> missing;
    private final Runnable listener = this::ended;
    private Timer timer = Timer.NONE;
    private boolean over;

    Lookup(String id, Consumer<FlightTail.Ended> found, Consumer<ApiError> missing) {
      this.id = id;
      this.found = found;
      this.missing = missing;
    }

    void begin() {
      if (recorder.whenEnded(id, listener)) {
        timer = timers.after(WAIT_MS, this::stillRunning);
      } else {
        answer();
      }
    }

    /** On the event loop that ended it. */
    private void ended() {
      loop.execute(
          () -> {
            if (!over) {
              timer.cancel();
              answer();
            }
          });
    }

    private void answer() {
      over = true;
      Future<?> _ =
          archived
              .apply(id)
              .onSuccess(
                  there ->
                      there.ifPresentOrElse(
                          found, () -> missing.accept(AdminServer.noSuch("request", "id"))));
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
}
