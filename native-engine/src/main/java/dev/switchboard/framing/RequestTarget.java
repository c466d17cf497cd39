package dev.switchboard.framing;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import java.util.List;

/** The forms that a request's target may have (RFC 9112, section 3.2). */
final class RequestTarget {
  private static final List<String> SCHEMES = List.of("http://", "https://");

  private RequestTarget() {}

  /**
   * A path; a whole URL, of the same host as {@code Host}; {@code *} with OPTIONS; a host with
   * CONNECT. A URL of another host would be two hosts, of which two readers could take one each.
   */
  static boolean isValid(HttpRequest request) {
    String target = request.uri();
    if (request.method().equals(HttpMethod.CONNECT)) {
      return HostHeader.isHost(target);
    }
    if (target.startsWith("/")) {
      return true;
    }
    if (target.equals("*")) {
      return request.method().equals(HttpMethod.OPTIONS);
    }
    String host = host(target);
    return !host.isEmpty() && host.equalsIgnoreCase(request.headers().get(HttpHeaderNames.HOST));
  }

  /** The host of a URL, with its port; empty where it has none. */
  private static String host(String target) {
    for (String scheme : SCHEMES) {
      if (target.regionMatches(true, 0, scheme, 0, scheme.length())) {
        int end = scheme.length();
        while (end < target.length() && "/?".indexOf(target.charAt(end)) < 0) {
          end++;
        }
        return target.substring(scheme.length(), end);
      }
    }
    return "";
  }
}
