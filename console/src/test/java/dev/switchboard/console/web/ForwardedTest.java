package dev.switchboard.console.web;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whose request it is, with a proxy before the console and without one. */
class ForwardedTest {
  private static final String SOCKET = "127.0.0.1";

  /** The address that a server so configured sees. */
  private static String seen(boolean proxy, String... headers) throws Exception {
    Server server = new Server();
    ServerConnector connector =
        new ServerConnector(server, new HttpConnectionFactory(WebServer.http(proxy)));
    connector.setHost(SOCKET);
    server.addConnector(connector);
    server.setHandler(
        new Handler.Abstract() {
          @Override
          public boolean handle(Request request, Response response, Callback callback) {
            byte[] address = Request.getRemoteAddr(request).getBytes(StandardCharsets.US_ASCII);
            response.write(true, ByteBuffer.wrap(address), callback);
            return true;
          }
        });
    server.start();
    try (HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://" + SOCKET + ":" + connector.getLocalPort());
      HttpRequest.Builder request = HttpRequest.newBuilder(uri);
      for (String header : headers) {
        request.header("X-Forwarded-For", header);
      }
      return client.send(request.build(), BodyHandlers.ofString()).body();
    } finally {
      server.stop();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          192.0.2.7                | 192.0.2.7
          198.51.100.1, 192.0.2.7  | 192.0.2.7
          2001:db8::7              | [2001:db8:0:0:0:0:0:7]
          unknown                  | 127.0.0.1
          192.0.2.7, evil.example  | 127.0.0.1
          192.0.2.7,               | 127.0.0.1
          """)
  void behindProxyItIsTheOneThatTheProxyWrote(String header, String address) throws Exception {
    assertEquals(address, seen(true, header));
  }

  @Test
  void ofSeveralLinesTheLastCounts() throws Exception {
    assertEquals("192.0.2.7", seen(true, "198.51.100.1", "192.0.2.7"));
    assertEquals(SOCKET, seen(true));
  }

  @Test
  void withoutProxyTheHeaderIsNotBelieved() throws Exception {
    assertEquals(SOCKET, seen(false, "192.0.2.7"));
  }
}
