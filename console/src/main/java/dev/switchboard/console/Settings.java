package dev.switchboard.console;

import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.web.Tls;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the options say.
 *
 * @param hosts names beside the loopback's by which browsers may call it
 * @param behindTls whether a proxy speaks TLS before it
 * @param tls what it speaks TLS by itself; null for none
 * @param gatewayCa certificates to which those of gateways lead; null for the system's
 * @param traceUrl with {trace_id}
 * @param prometheus that is asked for more than the last hour; null for none
 */
public record Settings(
    String listen,
    int port,
    List<GatewayAddress> gateways,
    AdminKeys keys,
    Path state,
    Set<String> hosts,
    boolean behindTls,
    @Nullable Tls tls,
    @Nullable Path gatewayCa,
    Duration idle,
    @Nullable String traceUrl,
    @Nullable URI prometheus) {

  /** Whether what is bound to the address can be reached from this machine only. */
  static boolean isLoopback(String address) {
    try {
      return InetAddress.getByName(address).isLoopbackAddress();
    } catch (UnknownHostException _) {
      return false;
    }
  }
}
