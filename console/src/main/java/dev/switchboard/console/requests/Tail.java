package dev.switchboard.console.requests;

import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.EventStream;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Format;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Requests as they end, of one gateway. Asks for such a share that about a hundred a second come,
 * counts those that are left out, and tells the view four times a second at most.
 */
final class Tail implements AutoCloseable {
  static final int KEPT = 200;
  private static final double WANTED_PER_SECOND = 100;
  private static final int MANY = 500;
  private static final Duration WINDOW = Duration.ofSeconds(5);
  private static final Duration TELL = Duration.ofMillis(250);
  private static final Duration RECONNECT = Duration.ofSeconds(2);
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * What is shown.
   *
   * @param rows the newest first
   * @param leftOut how many were not told since the tail began
   * @param sample the share that is asked for
   * @param failure why nothing comes; null where it does
   */
  record Shown(List<RequestRow> rows, long leftOut, double sample, @Nullable String failure) {
    Shown {
      rows = List.copyOf(rows);
    }

    /** Which share is shown, and how many are not. */
    String words() {
      String share = sample < 1 ? "A sample of " + Format.percent(sample) : "All";
      return share + "; " + Format.number((double) leftOut) + " left out so far";
    }
  }

  private final LiveGateway gateway;
  private final Filters filters;
  private final Clock clock;
  private final Runnable changed;
  private final List<Thread> threads = new ArrayList<>();
  private final Deque<RequestRow> rows = new ArrayDeque<>();
  private long leftOut;
  private long windowCount;
  private long windowTold;
  private long windowBegan;
  private double sample = 1;
  private boolean dirty;
  private @Nullable String failure;
  private volatile Shown shown = new Shown(List.of(), 0, 1, null);
  private volatile @Nullable InputStream reading;
  private volatile boolean closed;

  Tail(LiveGateway gateway, Filters filters, Clock clock, Runnable changed) {
    this.gateway = gateway;
    this.filters = filters;
    this.clock = clock;
    this.changed = changed;
  }

  void start() {
    threads.add(Thread.ofVirtual().name("tail").start(this::listen));
    threads.add(Thread.ofVirtual().name("tail-tell").start(this::tell));
  }

  /** Another one where something came. */
  Shown shown() {
    return shown;
  }

  Filters filters() {
    return filters;
  }

  private void listen() {
    while (!closed) {
      boolean resampled = false;
      try (InputStream in = gateway.stream(filters.tail(begin()))) {
        reading = in;
        EventStream.read(in, this::take);
        failed("the gateway ended the stream");
      } catch (Resampled _) {
        resampled = true;
      } catch (ApiFailure e) {
        failed(e.sentence());
      } catch (IOException _) {
        failed("the connection was lost");
      }
      if (!resampled && !EventStream.pause(RECONNECT)) {
        return;
      }
    }
  }

  private synchronized double begin() {
    windowCount = 0;
    windowTold = 0;
    windowBegan = clock.millis();
    return sample;
  }

  private synchronized void failed(String why) {
    failure = why;
    dirty = true;
  }

  /** Another share is wanted: the stream is opened anew. */
  private static final class Resampled extends RuntimeException {
    private static final long serialVersionUID = 1;

    Resampled() {
      super(null, null, false, false);
    }
  }

  synchronized void take(EventStream.Message message) {
    if (failure != null) {
      failure = null;
      dirty = true;
    }
    if (message.type().isEmpty()) {
      resample();
      return;
    }
    try {
      JsonNode data = JSON.readTree(message.data());
      long left = data.path("left_out").asLong(0);
      leftOut += left;
      windowCount += left;
      if (message.type().equals("request")) {
        windowCount++;
        windowTold++;
        rows.addFirst(RequestRow.of(gateway.name(), data));
        if (rows.size() > KEPT) {
          rows.removeLast();
        }
      }
      dirty = true;
    } catch (JacksonException | java.time.DateTimeException _) {
      leftOut++;
    }
    resample();
  }

  private void resample() {
    long ms = Math.max(1, clock.millis() - windowBegan);
    if (ms < WINDOW.toMillis() && windowTold < MANY) {
      return;
    }
    double wanted = share(windowCount * 1000.0 / ms);
    if (wanted < sample / 2 || wanted > sample * 2) {
      sample = wanted;
      throw new Resampled();
    }
    windowCount = 0;
    windowTold = 0;
    windowBegan = clock.millis();
  }

  /** Which share of so many a second is asked for. */
  static double share(double perSecond) {
    return perSecond <= WANTED_PER_SECOND
        ? 1
        : Math.max(1e-4, Math.floor(1e4 * WANTED_PER_SECOND / perSecond) / 1e4);
  }

  private void tell() {
    while (!closed && EventStream.pause(TELL)) {
      if (publish()) {
        changed.run();
      }
    }
  }

  private synchronized boolean publish() {
    if (!dirty) {
      return false;
    }
    dirty = false;
    shown = new Shown(List.copyOf(rows), leftOut, sample, failure);
    return true;
  }

  @Override
  public void close() {
    closed = true;
    threads.forEach(Thread::interrupt);
    EventStream.end(reading);
  }
}
