package dev.switchboard.framing;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;

/** The one {@code Host} of a request: a name or an address, and perhaps a port. */
final class HostHeader {
  private HostHeader() {}

  /** HTTP/1.0 has none, or one. What else RFC 3986 lets a name hold, no name has. */
  static boolean isValid(HttpMessage request) {
    List<String> hosts = request.headers().getAll(HttpHeaderNames.HOST);
    if (hosts.isEmpty()) {
      return request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) < 0;
    }
    return hosts.size() == 1 && isHost(hosts.getFirst());
  }

  static boolean isHost(String text) {
    boolean address = text.startsWith("[");
    int close = text.indexOf(']');
    if (address && close < 0) {
      return false;
    }
    int colon = text.indexOf(':', address ? close : 0);
    int end = colon < 0 ? text.length() : colon;
    if (address) {
      return end == close + 1 && close > 1 && isName(text, 1, close, true) && isPort(text, end);
    }
    return end > 0 && isName(text, 0, end, false) && isPort(text, end);
  }

  private static boolean isName(String text, int from, int to, boolean colons) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!letter && c != '.' && c != '-' && c != '_' && !(colons && c == ':')) {
        return false;
      }
    }
    return true;
  }

  /** Nothing, or a colon and digits. */
  private static boolean isPort(String text, int from) {
    for (int i = from + 1; i < text.length(); i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return true;
  }
}
