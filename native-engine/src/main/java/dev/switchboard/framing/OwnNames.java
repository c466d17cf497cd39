package dev.switchboard.framing;

import io.vertx.core.net.HostAndPort;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The names that a listener goes by: a web page whose own name was made to point at it (DNS
 * rebinding) comes with that name in {@code Host}. Of any case, addresses of IPv6 with brackets or
 * without.
 */
public final class OwnNames {
  private static final List<String> THIS_MACHINE = List.of("localhost", "127.0.0.1", "::1");

  private final Set<String> names = new HashSet<>();

  private OwnNames(List<String> names) {
    names.forEach(name -> this.names.add(name.toLowerCase(Locale.ROOT)));
  }

  public static OwnNames of(List<String> names) {
    return new OwnNames(names);
  }

  /** Those of this machine and the address that is listened on. */
  public static OwnNames ofLoopback(String bind, List<String> further) {
    OwnNames all = new OwnNames(THIS_MACHINE);
    all.names.add(bind.toLowerCase(Locale.ROOT));
    all.names.addAll(new OwnNames(further).names);
    return all;
  }

  /** Whether one of them is what a request calls the listener. */
  public boolean has(@Nullable HostAndPort authority) {
    if (authority == null) {
      return false;
    }
    String host = authority.host().toLowerCase(Locale.ROOT);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    return names.contains(bracketed ? host.substring(1, host.length() - 1) : host);
  }
}
