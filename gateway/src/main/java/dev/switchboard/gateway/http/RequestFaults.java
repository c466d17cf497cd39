package dev.switchboard.gateway.http;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.impl.future.FutureBase;
import io.vertx.core.internal.VertxBootstrap;
import io.vertx.core.spi.VertxServiceProvider;
import io.vertx.core.spi.context.storage.ContextLocal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of a request when a step of its course throws what nobody catches: the steps that
 * would have followed never come, and its client would wait for them until a deadline. Vert.x runs
 * each step in the request's own context, so the request is known by it, and ends there.
 *
 * <p>A future without a context that has two listeners drops what they throw without a word, and
 * nobody can hear of it. So the steps of a request are one listener for success and failure.
 */
public final class RequestFaults implements VertxServiceProvider {
  private static final Logger LOG = LoggerFactory.getLogger(RequestFaults.class);
  private static final ContextLocal<Exchange> EXCHANGE = ContextLocal.registerLocal(Exchange.class);

  @Override
  public void init(VertxBootstrap builder) {
    // That this class is loaded before contexts are made is why they have room for an exchange.
  }

  /**
   * Ends requests whose steps throw on the event loop that this is called on. What a future without
   * a context calls and throws Vert.x would drop without a word.
   */
  public static void watch(Context eventLoop) {
    eventLoop.exceptionHandler(RequestFaults::thrown);
    FutureBase.exceptionHandler(Thread.currentThread(), RequestFaults::thrown);
  }

  /** The present context is that of a request. */
  static void begins(Exchange exchange) {
    Context own = Vertx.currentContext();
    if (own != null) {
      own.putLocal(EXCHANGE, exchange);
    }
  }

  private static void thrown(Throwable fault) {
    Context own = Vertx.currentContext();
    @Nullable Exchange exchange = own == null ? null : own.getLocal(EXCHANGE);
    if (exchange == null) {
      LOG.error("fault_outside_requests", fault);
    } else {
      exchange.faulted(fault);
    }
  }
}
