package dev.switchboard.gateway.admin;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.gateway.events.EventFeed;
import dev.switchboard.gateway.events.EventListener;
import dev.switchboard.gateway.events.EventType;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.Timers.Timer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The events as a stream that does not end. On the admin listener's event loop. */
final class EventRoutes {
  static final int MOST_LISTENERS = 32;

  /** What of a listener's may wait to be sent, beside what its socket holds. */
  private static final int QUEUE_BYTES = 64 << 10;

  private final Executor loop;
  private final Timers timers;
  private final EventFeed feed;
  private final Metrics metrics;
  private final int heartbeatMs;
  private final Predicate<HttpServerRequest> allowed;
  private final EventHistory history;
  private int listeners;

  private EventRoutes(
      Executor loop,
      Timers timers,
      EventFeed feed,
      Metrics metrics,
      int heartbeatMs,
      Predicate<HttpServerRequest> allowed,
      EventHistory history) {
    this.loop = loop;
    this.timers = timers;
    this.feed = feed;
    this.metrics = metrics;
    this.heartbeatMs = heartbeatMs;
    this.allowed = allowed;
    this.history = history;
  }

  /**
   * @param loop the event loop
   * @param allowed whether a request that was let in still would be
   */
  static void add(
      AdminRouter router,
      Executor loop,
      Timers timers,
      EventFeed feed,
      Metrics metrics,
      int heartbeatMs,
      Predicate<HttpServerRequest> allowed,
      EventHistory history) {
    EventRoutes events =
        new EventRoutes(loop, timers, feed, metrics, heartbeatMs, allowed, history);
    router.read("/admin/v1/events", events::listen);
  }

  private void listen(RoutingContext context) {
    Set<EventType> types = types(context.request().params().getAll("types"));
    if (EventHistory.wanted(context)) {
      history.answer(context, types);
      return;
    }
    Long lastId = lastId(context.request().getHeader("Last-Event-ID"));
    if (listeners >= MOST_LISTENERS) {
      throw new ApiException(
          new ApiError(
              429,
              "rate_limit_error",
              "too_many_listeners",
              null,
              "There are " + MOST_LISTENERS + " listeners already, as many as there may be."));
    }
    new Stream(context.request(), types).begin(lastId);
  }

  private static Set<EventType> types(List<String> names) {
    try {
      return names.isEmpty() ? EventType.all() : EventType.named(String.join(",", names));
    } catch (IllegalArgumentException e) {
      throw JsonInput.refused("types", String.valueOf(e.getMessage()));
    }
  }

  private static @Nullable Long lastId(@Nullable String text) {
    if (text == null || text.isEmpty()) {
      return null;
    }
    if (!text.matches("[0-9]{1,18}")) {
      throw JsonInput.refused("Last-Event-ID", "must be the id of an event");
    }
    return Long.valueOf(text);
  }

  /** One connection. */
  private final class Stream implements EventListener.Outlet {
    private final HttpServerRequest request;
    private final HttpServerResponse response;
    private final AtomicBoolean woken = new AtomicBoolean();
    private final EventListener listener;
    private final Runnable wake = this::wake;
    private Timer beats = Timer.NONE;

    Stream(HttpServerRequest request, Set<EventType> types) {
      this.request = request;
      this.response = request.response();
      this.listener = new EventListener(feed, types, () -> allowed.test(request), this);
    }

    void begin(@Nullable Long lastId) {
      metrics.eventListeners(++listeners);
      response.setChunked(true).setWriteQueueMaxSize(QUEUE_BYTES);
      response.putHeader("Content-Type", "text/event-stream");
      response.putHeader("Cache-Control", "no-store");
      response.drainHandler(drained -> listener.drained());
      response.exceptionHandler(broken -> gone());
      response.closeHandler(closed -> gone());
      response.endHandler(ended -> gone());
      beats = timers.every(heartbeatMs, listener::beat);
      // Woken from now on, so that nothing comes between what it reads first and what wakes it.
      feed.wake(wake);
      listener.begin(lastId);
    }

    /** On any thread, for many events once. */
    private void wake() {
      if (woken.compareAndSet(false, true)) {
        loop.execute(
            () -> {
              woken.set(false);
              listener.push();
            });
      }
    }

    private void gone() {
      if (beats.cancel()) {
        metrics.eventListeners(--listeners);
        feed.forget(wake);
        listener.gone();
      }
    }

    @Override
    public boolean full() {
      return response.writeQueueFull();
    }

    @Override
    public void write(String text) {
      response.write(text);
    }

    @Override
    public void dropped(long events) {
      metrics.eventsDropped(events);
    }

    @Override
    public void end() {
      response.end().onComplete(told -> request.connection().close());
    }

    @Override
    public void cut() {
      metrics.eventListenerCut();
      LingeringClose.now(request.connection());
    }
  }
}
