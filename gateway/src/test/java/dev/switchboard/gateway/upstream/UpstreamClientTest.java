package dev.switchboard.gateway.upstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.vertx.core.Future;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

/** Connections that cannot be had, by a client whose tries end as they are told to. */
class UpstreamClientTest {
  private static final RequestOptions BY_SOCKET =
      new RequestOptions().setServer(SocketAddress.domainSocketAddress("/run/engine.sock"));

  private final IOException invalid =
      new IOException("connect(..) failed with error(-22): Invalid argument");
  private final IOException refused =
      new IOException("connect(..) failed with error(-111): Connection refused");

  private final Queue<Future<HttpClientRequest>> tries = new ArrayDeque<>();
  private final HttpClient client =
      made(HttpClient.class, (proxy, method, given) -> tries.remove());
  private final HttpClientRequest request =
      made(HttpClientRequest.class, (proxy, method, given) -> null);

  private static <T> T made(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  @Test
  void aUnixSocketIsTriedOnceMoreWhateverWasWrong() {
    for (IOException wrong : List.of(invalid, refused)) {
      tries.add(Future.failedFuture(wrong));
      tries.add(Future.succeededFuture(request));

      assertSame(request, UpstreamClient.connected(client, BY_SOCKET).result());
      assertEquals(0, tries.size());
    }
  }

  @Test
  void aSocketThatCannotBeHadTwiceIsLeftToWhoeverRetriesElsewhere() {
    tries.add(Future.failedFuture(invalid));
    tries.add(Future.failedFuture(refused));
    tries.add(Future.succeededFuture(request));

    assertSame(refused, UpstreamClient.connected(client, BY_SOCKET).cause());
    assertEquals(1, tries.size());
  }

  @Test
  void tcpIsTriedOnceHere() {
    tries.add(Future.failedFuture(refused));
    tries.add(Future.succeededFuture(request));

    assertSame(refused, UpstreamClient.connected(client, new RequestOptions()).cause());
    assertEquals(1, tries.size());
  }
}
