package dev.switchboard.gateway.http;

import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The id of a request: the client's own, when it is short and plain, so that it cannot forge log
 * lines, headers or paths; else a fresh one.
 */
final class RequestIds {
  static final String HEADER = "X-Request-Id";
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9._-]{1,64}");

  private final Supplier<String> fresh;

  RequestIds(Supplier<String> fresh) {
    this.fresh = fresh;
  }

  String of(@Nullable String given) {
    return given != null && PLAIN.matcher(given).matches() ? given : fresh.get();
  }
}
