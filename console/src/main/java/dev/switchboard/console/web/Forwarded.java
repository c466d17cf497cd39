package dev.switchboard.console.web;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * Takes a browser's address from {@code X-Forwarded-For}, where a proxy stands before the console:
 * else whoever guesses passwords slows down everybody behind that proxy. It is the last of the
 * addresses, which the proxy itself wrote; those before it are the client's word.
 */
final class Forwarded implements HttpConfiguration.Customizer {
  private static final String HEADER = "X-Forwarded-For";

  @Override
  public Request customize(Request request, HttpFields.Mutable answer) {
    SocketAddress browser = browser(request.getHeaders().getValuesList(HEADER));
    if (browser == null) {
      return request;
    }
    ConnectionMetaData connection =
        new ConnectionMetaData.Wrapper(request.getConnectionMetaData()) {
          @Override
          public SocketAddress getRemoteSocketAddress() {
            return browser;
          }
        };
    return new Request.Wrapper(request) {
      @Override
      public ConnectionMetaData getConnectionMetaData() {
        return connection;
      }
    };
  }

  private static @Nullable SocketAddress browser(List<String> lines) {
    if (lines.isEmpty()) {
      return null;
    }
    String line = lines.getLast();
    try {
      InetAddress address =
          InetAddress.ofLiteral(line.substring(line.lastIndexOf(',') + 1).strip());
      return new InetSocketAddress(address, 0);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }
}
