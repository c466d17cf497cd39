package dev.switchboard.timers;

import io.vertx.core.Vertx;

/** Those of Vert.x, which end with the verticle that asks for them. */
public record VertxTimers(Vertx vertx) implements Timers {
  @Override
  public Timer after(long ms, Runnable task) {
    long id = vertx.setTimer(ms, fired -> task.run());
    return () -> vertx.cancelTimer(id);
  }

  @Override
  public Timer every(long ms, Runnable task) {
    long id = vertx.setPeriodic(ms, fired -> task.run());
    return () -> vertx.cancelTimer(id);
  }
}
