package dev.switchboard.gateway.http;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaState;
import io.netty.channel.ConnectTimeoutException;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.net.impl.ConnectionBase;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLException;

/**
 * The replicas that went away under one request before its client had anything.
 *
 * <p>A replica that is gone is no overload: what it had goes elsewhere without a retry of the
 * budget, which is for living ones that fail or refuse. Nor does that multiply the load of a broken
 * fleet: each death moves a request once, and a request whose replicas died twice ends, for it may
 * be what kills them. One that was never sent to the dead replica does not count, and leaves that
 * one out from then on.
 */
final class LostReplicas {
  /** So many replicas may die with the request; then nobody else gets it. */
  private static final int MOST = 2;

  private List<Attempt> gone = List.of();
  private int carried;

  /** The replica of an attempt is gone. */
  void note(Attempt attempt) {
    if (gone.isEmpty()) {
      gone = new ArrayList<>();
    }
    gone.add(attempt);
    carried += attempt.sent() ? 1 : 0;
  }

  /** Whether another replica may get the request after these. */
  boolean another() {
    return !gone.isEmpty() && carried < MOST;
  }

  /** Attempts that ended so, which are no retries. */
  int count() {
    return gone.size();
  }

  /** Whoever has another process by now may be tried again. */
  void readmit(ReplicaChoice choice) {
    for (Attempt attempt : gone) {
      if (!attempt.sameProcess()) {
        choice.include(attempt.replica().id());
      }
    }
  }

  /** Whether a local one of them is being started again. */
  boolean returns() {
    for (Attempt attempt : gone) {
      Replica replica = attempt.replica();
      ReplicaState state = replica.state();
      if (replica.local() && state != ReplicaState.FAILED && state != ReplicaState.STOPPED) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a connection's failure says that nobody is there any more: it was refused, reset or
   * closed. One that takes too long, and bytes that make no sense, are a living server's.
   */
  static boolean saidBy(Throwable cause) {
    return cause instanceof HttpClosedException
        || ConnectionBase.CLOSED_EXCEPTION.equals(cause)
        || (cause instanceof IOException
            && !(cause instanceof ConnectTimeoutException)
            && !(cause instanceof SSLException));
  }
}
