package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.FlightTail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.function.Consumer;

/**
 * Looks a request up, in the recorder and in the store. A client that has read its last byte may
 * ask before the event loop that served it has made the record, so a request that still runs is
 * waited for, a moment only.
 */
final class FlightLookup {
  private static final int WAIT_MS = 1000;

  private final Timers timers;
  private final RequestArchive archive;
  private final String id;
  private final Consumer<FlightTail.Ended> found;
  private final Consumer<ApiError> missing;
  private final Context context;
  private final Runnable listener = this::ended;
  private Timer timer = Timer.NONE;
  private boolean over;

  private FlightLookup(
      Vertx vertx,
      Timers timers,
      RequestArchive archive,
      String id,
      Consumer<FlightTail.Ended> found,
      Consumer<ApiError> missing) {
    this.timers = timers;
    this.archive = archive;
    this.id = id;
    this.found = found;
    this.missing = missing;
    this.context = vertx.getOrCreateContext();
  }

  /** Calls one of the two, once, on the event loop that asks. */
  static void find(
      Vertx vertx,
      Timers timers,
      RequestArchive archive,
      String id,
      Consumer<FlightTail.Ended> found,
      Consumer<ApiError> missing) {
    new FlightLookup(vertx, timers, archive, id, found, missing).begin();
  }

  private void begin() {
    if (archive.recorder().whenEnded(id, listener)) {
      timer = timers.after(WAIT_MS, this::stillRunning);
    } else {
      answer();
    }
  }

  /** On the event loop that ended it. */
  private void ended() {
    context.runOnContext(
        back -> {
          if (!over) {
            timer.cancel();
            answer();
          }
        });
  }

  private void answer() {
    over = true;
    Future<?> _ =
        archive
            .find(id)
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
    archive.recorder().forget(id, listener);
    missing.accept(
        new ApiError(
            409,
            "invalid_request_error",
            "still_running",
            "id",
            "The request still runs; what is known of it is told when it has ended."));
  }
}
