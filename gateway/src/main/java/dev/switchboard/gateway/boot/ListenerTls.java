package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.telemetry.KindCounters;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.gateway.tls.HandshakeFailure;
import dev.switchboard.gateway.tls.ServerTls;
import dev.switchboard.gateway.tls.TlsConfig;
import dev.switchboard.gateway.tls.TlsIdentity;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS of both listeners, as it was read last. Whether one has it stays as it began: clients know
 * its URL. Its files are read at each reload, be their names the same or not.
 */
final class ListenerTls {
  private static final Logger LOG = LoggerFactory.getLogger(ListenerTls.class);

  /**
   * A section of the configuration.
   *
   * @param listener as metrics call it
   */
  private record Section(String path, String listener, Function<GatewayConfig, TlsConfig> of) {
    @Nullable TlsIdentity read(GatewayConfig config) {
      return TlsIdentity.read(of.apply(config), path, Instant.now());
    }
  }

  private static final Section API = new Section("http.tls", "api", config -> config.http().tls());
  private static final Section ADMIN =
      new Section("admin.tls", "admin", config -> config.admin().tls());
  private static final List<Section> SECTIONS = List.of(API, ADMIN);

  private final Metrics metrics;
  private final @Nullable ServerTls api;
  private final @Nullable ServerTls admin;

  ListenerTls(GatewayConfig config, int threads, Metrics metrics) {
    this.metrics = metrics;
    this.api = start(API, config, threads);
    this.admin = start(ADMIN, config, threads);
  }

  private @Nullable ServerTls start(Section section, GatewayConfig config, int threads) {
    TlsIdentity identity = section.read(config);
    if (identity == null) {
      return null;
    }
    ServerTls tls =
        new ServerTls(
            section.path, identity, config.deadlines().headerMs(), threads, failures(section));
    tell(section, identity);
    return tls;
  }

  private Consumer<HandshakeFailure> failures(Section section) {
    return KindCounters.counted(
        HandshakeFailure.class, why -> metrics.tlsHandshakeFailures(section.listener, why.label()));
  }

  /**
   * Looks whether all files can be used.
   *
   * @throws IllegalArgumentException naming the key of the configuration and the file
   */
  static void check(GatewayConfig config) {
    checks(config).forEach(Runnable::run);
  }

  /** The same for each listener on its own. */
  static List<Runnable> checks(GatewayConfig config) {
    return SECTIONS.stream()
        .<Runnable>map(
            section ->
                () -> {
                  TlsIdentity _ = section.read(config);
                })
        .toList();
  }

  /** Of the API's listener; null where it speaks clear text. */
  @Nullable ServerTls api() {
    return api;
  }

  /** Of the admin listener. */
  @Nullable ServerTls admin() {
    return admin;
  }

  /** Sections that a configuration turns on or off. */
  static List<String> turned(GatewayConfig one, GatewayConfig other) {
    List<String> turned = new ArrayList<>();
    for (Section section : SECTIONS) {
      if (section.of.apply(one).on() != section.of.apply(other).on()) {
        turned.add(section.path);
      }
    }
    return turned;
  }

  /**
   * What a reload found in the files.
   *
   * @param changed keys of certificates that are others than before, be the file's name the same
   * @param take puts all of it in force
   */
  record Renewal(List<String> changed, Runnable take) {}

  /**
   * Reads all files again, and changes nothing yet.
   *
   * @throws IllegalArgumentException naming the key of the configuration and the file
   */
  Renewal renewal(GatewayConfig wanted) {
    List<String> changed = new ArrayList<>();
    List<Runnable> steps = new ArrayList<>();
    for (Section section : SECTIONS) {
      ServerTls tls = section.equals(API) ? api : admin;
      TlsIdentity identity = section.read(wanted);
      if (tls != null && identity != null && !identity.equals(tls.identity())) {
        if (!identity.chain().equals(tls.identity().chain())) {
          changed.add(section.path + ".certificate-file");
        }
        if (!identity.clientCas().equals(tls.identity().clientCas())) {
          changed.add(section.path + ".client-ca-file");
        }
        steps.add(tls.renewal(identity));
        steps.add(() -> tell(section, identity));
      }
    }
    return new Renewal(changed, () -> steps.forEach(Runnable::run));
  }

  private void tell(Section section, TlsIdentity identity) {
    metrics.tlsCertificate(section.listener, identity.validUntil());
    metrics.tlsClientCa(section.listener, identity.clientCasValidUntil().orElse(null));
    LOG.info(
        "tls_certificate listener={} serial={} valid_until={} client_ca_valid_until={}",
        section.path,
        identity.serial(),
        identity.validUntil(),
        identity.clientCasValidUntil().map(Instant::toString).orElse("none"));
  }
}
