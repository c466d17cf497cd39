package dev.switchboard.gateway.tls;

import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;

/**
 * TLS of one listener. To Vert.x the listener speaks clear text: a connection gets its TLS handler
 * in front of everything else when it was accepted, before anything was read. So it is watched and
 * counted from then on, its handshake is part of the time that it has for its first head, and all
 * that stands behind sees the same bytes as without TLS. (Vert.x tells of a connection of its own
 * TLS only after the handshake.)
 *
 * <p>A renewed identity is for connections from then on; those that are open keep theirs. What a
 * handshake computes, a signature above all, runs on threads of its own, so that streams do not
 * wait for it; a connection has one such task at a time.
 *
 * <p>The only protocol that is offered is HTTP/1.1; a client that wants only others is told so by
 * an alert (RFC 7301, section 3.2).
 */
public final class ServerTls {
  private static final String[] VERSIONS = {"TLSv1.3", "TLSv1.2"};

  /**
   * Each with forward secrecy and an authenticated cipher. Those of TLS 1.2 with CBC or SHA-1 have
   * a history of padding oracles, and no client of the last ten years needs them.
   */
  private static final List<String> SUITES =
      List.of(
          "TLS_AES_256_GCM_SHA384",
          "TLS_AES_128_GCM_SHA256",
          "TLS_CHACHA20_POLY1305_SHA256",
          "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
          "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
          "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
          "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");

  private static final ApplicationProtocolConfig HTTP_1_1 =
      new ApplicationProtocolConfig(
          ApplicationProtocolConfig.Protocol.ALPN,
          ApplicationProtocolConfig.SelectorFailureBehavior.FATAL_ALERT,
          ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
          "http/1.1");

  private static final int IDLE_SECONDS = 10;

  private final String name;
  private final int handshakeMs;
  private final Executor handshakes;
  private final Consumer<HandshakeFailure> failed;
  private volatile Known known;

  private record Known(TlsIdentity identity, SslContext context) {}

  /**
   * @param name of the configuration's section, for complaints
   * @param handshakeMs a handshake may take
   * @param threads that compute handshakes
   * @param failed hears of each handshake that failed, on the event loop of the connection
   */
  public ServerTls(
      String name,
      TlsIdentity identity,
      int handshakeMs,
      int threads,
      Consumer<HandshakeFailure> failed) {
    this.name = name;
    this.handshakeMs = handshakeMs;
    this.handshakes = threads(threads);
    this.failed = failed;
    this.known = new Known(identity, context(identity));
  }

  /** Daemons, which end when there is nothing to do. */
  private static Executor threads(int count) {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            count,
            count,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("tls-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  private SslContext context(TlsIdentity identity) {
    SslContextBuilder builder =
        SslContextBuilder.forServer(
                identity.key(), identity.chain().toArray(X509Certificate[]::new))
            .sslProvider(SslProvider.JDK)
            .protocols(VERSIONS)
            .ciphers(SUITES, SupportedCipherSuiteFilter.INSTANCE)
            .applicationProtocolConfig(HTTP_1_1);
    if (!identity.clientCas().isEmpty()) {
      builder
          .clientAuth(ClientAuth.REQUIRE)
          .trustManager(identity.clientCas().toArray(X509Certificate[]::new));
    }
    try {
      return builder.build();
    } catch (SSLException e) {
      throw new IllegalArgumentException(
          name + ": the certificates cannot be used: " + e.getMessage(), e);
    }
  }

  /** Who it is to connections that begin now. */
  public TlsIdentity identity() {
    return known.identity;
  }

  /**
   * Another identity, not yet in force.
   *
   * @return puts it in force, which cannot fail
   * @throws IllegalArgumentException when it cannot be used
   */
  public Runnable renewal(TlsIdentity identity) {
    Known renewed = new Known(identity, context(identity));
    return () -> known = renewed;
  }

  /** Has a connection from which nothing was read yet begin with a handshake. */
  public void install(HttpConnection connection) {
    install(connection, () -> {});
  }

  /**
   * The same.
   *
   * @param secured runs on its event loop when the handshake succeeded
   */
  public void install(HttpConnection connection, Runnable secured) {
    ChannelPipeline pipeline = ((ConnectionBase) connection).channel().pipeline();
    SslHandler handler = known.context.newHandler(ByteBufAllocator.DEFAULT, handshakes);
    handler.setHandshakeTimeoutMillis(handshakeMs);
    pipeline.addFirst("tlsFailures", new Failures(handler));
    pipeline.addFirst("ssl", handler);
    var _ =
        handler
            .handshakeFuture()
            .addListener(
                done -> {
                  if (done.isSuccess()) {
                    secured.run();
                  } else {
                    failed.accept(HandshakeFailure.of(done.cause()));
                  }
                });
  }

  /**
   * Ends a connection whose handshake failed. Anybody can make it fail as often as they like, so
   * nobody behind hears of it, to whom it would be an error worth a line of the log.
   */
  private static final class Failures extends ChannelInboundHandlerAdapter {
    private final SslHandler handler;

    Failures(SslHandler handler) {
      this.handler = handler;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      if (handler.handshakeFuture().isSuccess()) {
        context.fireExceptionCaught(cause);
      } else {
        ChannelFuture _ = context.close();
      }
    }
  }
}
