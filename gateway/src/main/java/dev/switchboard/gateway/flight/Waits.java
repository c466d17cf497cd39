package dev.switchboard.gateway.flight;

import dev.switchboard.gateway.flight.FlightRecord.Interval;
import java.util.List;

/**
 * What a request waited for that was neither its replica's work nor its client's.
 *
 * @param replica there was no replica that could take it
 * @param loop its event loop did not run
 * @param unread something lay in a socket because the event loop did not read it, as the kernel
 *     tells: the request itself, or a part of its answer
 * @param lostNanos since when its stream had no replica, where none went on with it; 0 for others
 * @param connectedNanos when its connection, which it was the first on, was accepted; 0 where
 *     neither of the next two took time
 * @param socketNanos how long that connection waited to be accepted; this and the next are before
 *     the request's own time
 * @param tlsNanos how long the handshake of that connection took
 */
public record Waits(
    List<Interval> replica,
    List<Interval> loop,
    List<Interval> unread,
    long lostNanos,
    long connectedNanos,
    long socketNanos,
    long tlsNanos) {
  public static final Waits NONE = new Waits(List.of(), List.of(), List.of(), 0, 0, 0, 0);

  public Waits {
    replica = List.copyOf(replica);
    loop = List.copyOf(loop);
    unread = List.copyOf(unread);
  }
}
