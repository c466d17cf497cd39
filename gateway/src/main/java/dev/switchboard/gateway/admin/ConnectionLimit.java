package dev.switchboard.gateway.admin;

import io.vertx.core.http.HttpConnection;

/**
 * Closes connections that are too many, so that nobody who may reach the listener can take all the
 * files of a process that serves requests. Those that bring nothing end by the listener's idle
 * timeout. On one event loop.
 */
final class ConnectionLimit {
  private final int most;
  private final Runnable refused;
  private int open;

  /**
   * @param refused hears of each connection that is closed unread
   */
  ConnectionLimit(int most, Runnable refused) {
    this.most = most;
    this.refused = refused;
  }

  /** Whether it may stay; else it is closed already. */
  boolean opened(HttpConnection connection) {
    if (open >= most) {
      refused.run();
      connection.close();
      return false;
    }
    open++;
    connection.closeHandler(closed -> open--);
    return true;
  }
}
