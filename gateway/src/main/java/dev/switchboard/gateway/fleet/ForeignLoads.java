package dev.switchboard.gateway.fleet;

import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.UpstreamAddress;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import java.net.URI;
import java.util.HashSet;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the metrics of foreign servers: what waits there, whoever sent it. A page that is missing,
 * broken, too large or too slow says nothing of the server's health; what was read last counts for
 * some seconds more, and then nothing is known of its load. On the prober's event loop.
 */
final class ForeignLoads {
  private static final Logger LOG = LoggerFactory.getLogger(ForeignLoads.class);
  private static final String METRICS = "/metrics";

  /** What is older says nothing of now. */
  private static final long STALE_NANOS = 5_000_000_000L;

  /** Fetches a page. */
  @FunctionalInterface
  interface Pages {
    Future<Buffer> page(UpstreamAddress from, String path);
  }

  private final NanoClock clock;
  private final Pages pages;
  private final BiConsumer<Replica, ReplicaReport> listener;
  private final Consumer<Replica> unread;

  /** Of whom a page is being read. */
  private final Set<String> asking = new HashSet<>();

  ForeignLoads(
      NanoClock clock,
      Pages pages,
      BiConsumer<Replica, ReplicaReport> listener,
      Consumer<Replica> unread) {
    this.clock = clock;
    this.pages = pages;
    this.listener = listener;
    this.unread = unread;
  }

  /** Reads its page, unless that goes on already. */
  void ask(Replica replica, UpstreamAddress address) {
    ForeignEngine engine = replica.access().engine();
    if (engine == null || !asking.add(replica.id())) {
      return;
    }
    URI own = replica.access().metricsUrl();
    UpstreamAddress from =
        own == null
            ? address
            : new UpstreamAddress(own, null, address.authorities(), null, address.serverName());
    String path = own == null ? METRICS : own.getRawPath().isEmpty() ? "/" : "";
    pages
        .page(from, path)
        .map(
            page ->
                ForeignReport.read(
                    engine, replica.ownModelName(), page.getBytes(), clock.epochNanos()))
        .onComplete(
            read -> {
              asking.remove(replica.id());
              if (read.succeeded()) {
                replica.reportFailure(null);
                listener.accept(replica, read.result());
              } else {
                failed(replica, read.cause());
              }
            });
  }

  private void failed(Replica replica, Throwable cause) {
    String why = "its metrics: " + message(cause);
    if (!why.equals(replica.reportFailure())) {
      LOG.warn("metrics_unread replica={} reason=\"{}\"", replica.id(), why);
    }
    replica.reportFailure(why);
    unread.accept(replica);
    long last = replica.report().atNanos();
    if (last != 0 && clock.epochNanos() - last > STALE_NANOS) {
      listener.accept(replica, ReplicaReport.NONE);
    }
  }

  private static String message(Throwable cause) {
    @Nullable String said = cause.getMessage();
    return said == null ? cause.getClass().getSimpleName() : said;
  }
}
