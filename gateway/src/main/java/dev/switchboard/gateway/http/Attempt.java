package dev.switchboard.gateway.http;

import dev.switchboard.gateway.drain.Drain;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.Guest;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.routing.Decision;
import dev.switchboard.gateway.routing.RouteRequest;
import dev.switchboard.gateway.routing.Workload;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.telemetry.RequestTrace;
import dev.switchboard.timeline.AttemptId;
import io.vertx.core.http.HttpClientRequest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One try at one replica: its ticket, its connection and its stream. Callbacks may come after it
 * was given up; they ask {@link #over} first.
 */
final class Attempt {
  private final int number;
  private final Replica replica;
  private final Decision decision;
  private final boolean hedge;
  private final int incarnation;
  private final long startNanos;
  private final @Nullable Move move;
  private Replica.@Nullable Ticket ticket;
  private Workload.@Nullable Job job;
  private @Nullable HttpClientRequest upstream;
  private @Nullable EventRelay relay;
  private RequestTrace.@Nullable Tried traced;
  private long connectedNanos;
  private long answeredNanos;
  private long heardNanos;
  private boolean over;
  private boolean lost;

  /**
   * @param decision that chose the replica
   * @param hedge it runs beside another one, whose first token is late
   * @param move when it goes on with a stream that another one began; else null
   */
  Attempt(
      int number,
      Replica replica,
      Decision decision,
      boolean hedge,
      long startNanos,
      @Nullable Move move) {
    this.number = number;
    this.replica = replica;
    this.decision = decision;
    this.hedge = hedge;
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

  /** Whether it runs, or ran, beside another one. */
  boolean hedge() {
    return hedge;
  }

  long startNanos() {
    return startNanos;
  }

  /** What its trace knows of it. */
  RequestTrace.Tried traced() {
    return Objects.requireNonNull(traced, "its trace began with it");
  }

  void traced(RequestTrace.Tried value) {
    traced = value;
  }

  /** Prompt tokens that its replica has to compute. */
  double computeTokens(RouteRequest request) {
    Decision.Candidate winner = decision.winner();
    return winner == null ? 0 : winner.computeTokens(request);
  }

  void connectedAt(long nanos) {
    connectedNanos = nanos;
  }

  void answeredAt(long nanos) {
    answeredNanos = nanos;
  }

  /** What belongs to it becomes the flight's: it is the one that serves. */
  void tell(Flight flight) {
    flight.decisionAnew(decision);
    flight.mark(Mark.ROUTED, startNanos);
    flight.mark(Mark.CONNECTED, connectedNanos);
    flight.mark(Mark.ANSWERED, answeredNanos);
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

  /** How it is counted there. */
  Replica.Ticket ticket() {
    return Objects.requireNonNull(ticket, "it entered its replica");
  }

  /** The replica hears of it from now on; what it shall call it there. */
  AttemptId sent(Fleet fleet) {
    AttemptId name = fleet.nextAttempt();
    ticket().sent(name.number());
    return name;
  }

  /**
   * Whether its replica must be writing to it now: what was answered whole, or waits for its
   * client, may have left the replica long ago.
   */
  boolean expectsMore(Flight flight) {
    return answeredNanos == 0 || (relay != null && flight.stalledSince() == 0);
  }

  /** Its replica said that it does not know it; says whether that is news. */
  boolean lost() {
    boolean news = !lost;
    lost = true;
    return news;
  }

  /** What was said of its being lost is settled. */
  void found() {
    lost = false;
  }

  /** Something of its answer arrived. */
  void heard(long nanos) {
    heardNanos = nanos;
    replica.heard(nanos);
  }

  /** Rises whenever something of its answer arrives. */
  long progress() {
    return Math.max(answeredNanos, heardNanos);
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

  /** Whether it waits for its connection. */
  boolean connecting() {
    return upstream == null;
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
