package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.stream.EventRelay;
import io.vertx.core.http.HttpClientRequest;
import org.jspecify.annotations.Nullable;

/**
 * One try at one replica: its ticket, its connection and its stream. Callbacks may come after it
 * was given up; they ask {@link #over} first.
 */
final class Attempt {
  private final int number;
  private final Replica replica;
  private final long startNanos;
  private Replica.@Nullable Ticket ticket;
  private Workload.@Nullable Job job;
  private @Nullable HttpClientRequest upstream;
  private @Nullable EventRelay relay;
  private boolean over;

  Attempt(int number, Replica replica, long startNanos) {
    this.number = number;
    this.replica = replica;
    this.startNanos = startNanos;
  }

  int number() {
    return number;
  }

  Replica replica() {
    return replica;
  }

  long startNanos() {
    return startNanos;
  }

  /** Counted at the replica until the attempt is over. */
  void holds(Replica.Ticket value) {
    ticket = value;
    if (over) {
      value.close();
    }
  }

  /** Counted as work of the replica, and learned from, until the attempt is over. */
  void works(Workload.Job value) {
    job = value;
    if (over) {
      value.close();
    }
  }

  /** What it is to the replica's workload; null for what generates nothing. */
  Workload.@Nullable Job job() {
    return job;
  }

  void connected(HttpClientRequest request) {
    upstream = request;
  }

  void streams(EventRelay value) {
    relay = value;
  }

  boolean over() {
    return over;
  }

  /** Whether bytes of its stream went out to the client. */
  boolean committed() {
    EventRelay running = relay;
    return running != null && running.committed();
  }

  /**
   * Ends it, once.
   *
   * @param reset closes its connection, so that the replica stops working on it
   */
  void end(boolean reset) {
    over = true;
    if (relay != null) {
      relay.stop();
    }
    if (upstream != null && reset) {
      upstream.reset();
    }
    if (job != null) {
      job.close();
    }
    if (ticket != null) {
      ticket.close();
    }
  }
}
