package dev.switchboard.gateway.http;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.fleet.Guest;
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
  private final int incarnation;
  private final long startNanos;
  private final @Nullable Move move;
  private Replica.@Nullable Ticket ticket;
  private Workload.@Nullable Job job;
  private @Nullable HttpClientRequest upstream;
  private @Nullable EventRelay relay;
  private boolean over;

  /**
   * @param move when it goes on with a stream that another one began; else null
   */
  Attempt(int number, Replica replica, long startNanos, @Nullable Move move) {
    this.number = number;
    this.replica = replica;
    this.incarnation = replica.incarnation();
    this.startNanos = startNanos;
    this.move = move;
  }

  @Nullable Move move() {
    return move;
  }

  /** Whether the process it went to is still the replica's. */
  boolean sameProcess() {
    return replica.incarnation() == incarnation;
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

  /**
   * Enters the replica, where it is counted until it is over.
   *
   * @return false when the replica takes no requests any more
   */
  boolean enter(Guest guest) {
    ticket = replica.open(guest, startNanos);
    return ticket != null;
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

  /**
   * Ends it, once.
   *
   * @param reset closes its connection, so that the replica stops working on it
   */
  void end(boolean reset, Drain.Departure how) {
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
      ticket.close(how);
    }
  }
}
