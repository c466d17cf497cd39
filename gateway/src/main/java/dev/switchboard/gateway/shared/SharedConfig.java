package dev.switchboard.gateway.shared;

import java.util.Objects;

/**
 * What gateways share.
 *
 * @param url of a Valkey or Redis; empty for none
 * @param timeoutMs after which a request goes on without its answer
 * @param retryMs after a failure, before it is asked again
 * @param startMs after the first request under a limit, in which an answer may take a second and
 *     what has none then is refused, if the server was there; 0 for none
 * @param leaseMs for which a gateway that says nothing is believed to have the requests that it had
 */
public record SharedConfig(String url, int timeoutMs, int retryMs, int leaseMs, int startMs) {
  public static final SharedConfig DEFAULTS = new SharedConfig("", 50, 1000, 10_000, 5000);

  public SharedConfig {
    Objects.requireNonNull(url, "url is missing");
    if (!url.isEmpty() && !url.matches("rediss?://.+")) {
      throw new IllegalArgumentException("url must begin with redis:// or rediss://");
    }
    range("timeout-ms", timeoutMs, 1, 10_000);
    range("retry-ms", retryMs, 10, 60_000);
    range("lease-ms", leaseMs, 100, 60_000);
    range("start-ms", startMs, 0, 60_000);
  }

  private static void range(String key, int value, int low, int high) {
    if (value < low || value > high) {
      throw new IllegalArgumentException(key + " must be " + low + " to " + high);
    }
  }
}
