package dev.switchboard.gateway.upstream;

import dev.switchboard.gateway.tls.PemFile;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.TrustOptions;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Certificates one of which a server's own must lead to, in place of those that the JVM trusts.
 * Equal where the certificates are. Immutable.
 */
public final class Authorities {
  private final List<X509Certificate> certificates;
  private final int passedOver;
  private final ClientSSLOptions options;

  private Authorities(List<X509Certificate> certificates, int passedOver) {
    this.certificates = List.copyOf(certificates);
    this.passedOver = passedOver;
    this.options =
        Tls.named(
            new ClientSSLOptions()
                .setTrustOptions(TrustOptions.wrap(PemFile.trusting(certificates))));
  }

  /**
   * Reads a file in PEM.
   *
   * @param name of the configuration's key that names it, for complaints
   * @param now at which all of them must be valid
   * @throws IllegalArgumentException naming the key and the file
   */
  public static Authorities read(String name, Path file, Instant now) {
    return new Authorities(new PemFile(name, file).certificates(now), 0);
  }

  /**
   * Reads a file in PEM of which some may be out of their time: they are passed over.
   *
   * @param name of the configuration's key that names it, for complaints
   * @param now at which one of them must be valid
   * @throws IllegalArgumentException naming the key and the file
   */
  public static Authorities readValid(String name, Path file, Instant now) {
    PemFile pem = new PemFile(name, file);
    List<X509Certificate> all = pem.certificates();
    List<X509Certificate> valid = pem.valid(all, now);
    return new Authorities(valid, all.size() - valid.size());
  }

  /** How many of the file are out of their time, and so are not among these. */
  public int passedOver() {
    return passedOver;
  }

  /** Until when all of them are valid. */
  public Instant validUntil() {
    return PemFile.firstEnd(certificates).orElseThrow();
  }

  /**
   * What a request needs. A client keeps what it made of them by the identity of what they trust,
   * so one object serves all requests: of text or files it would read all of it for each.
   */
  ClientSSLOptions options() {
    return options;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Authorities same && certificates.equals(same.certificates);
  }

  @Override
  public int hashCode() {
    return certificates.hashCode();
  }
}
