package dev.switchboard.console.api;

import java.net.URI;
import java.util.regex.Pattern;

/**
 * Where a gateway's admin API is.
 *
 * @param name by which views and addresses of the console tell it, host:port unless said
 */
public record GatewayAddress(String name, URI uri) {
  private static final Pattern NAMED = Pattern.compile("([A-Za-z0-9._-]{1,64})=(.+)");

  /** Reads URL or NAME=URL. */
  public static GatewayAddress parse(String text) {
    var named = NAMED.matcher(text);
    boolean has = named.matches();
    URI uri = uri(has ? named.group(2) : text);
    return new GatewayAddress(has ? named.group(1) : authority(uri), uri);
  }

  private static URI uri(String text) {
    URI uri;
    try {
      uri = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
    } catch (IllegalArgumentException _) {
      throw new IllegalArgumentException("no URL: " + text);
    }
    boolean web = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
    boolean bare = uri.getRawPath().isEmpty() && uri.getRawQuery() == null;
    if (!web || uri.getHost() == null || !bare || uri.getRawUserInfo() != null) {
      throw new IllegalArgumentException("must be http://HOST:PORT or https://HOST:PORT: " + text);
    }
    return uri;
  }

  private static String authority(URI uri) {
    return uri.getHost().replaceAll("[\\[\\]]", "")
        + (uri.getPort() < 0 ? "" : ":" + uri.getPort());
  }
}
