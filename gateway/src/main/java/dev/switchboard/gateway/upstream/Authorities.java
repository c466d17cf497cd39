package dev.switchboard.gateway.upstream;

import dev.switchboard.gateway.tls.PemFile;
import io.vertx.core.net.ClientSSLOptions;
import io.vertx.core.net.TrustOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * Certificates one of which a server's own must lead to, in place of those that the JVM trusts.
 * Equal where the certificates are. Immutable.
 */
public final class Authorities {
  private final List<X509Certificate> certificates;
  private final ClientSSLOptions options;

  private Authorities(List<X509Certificate> certificates) {
    this.certificates = List.copyOf(certificates);
    this.options =
        Tls.named(
            new ClientSSLOptions().setTrustOptions(TrustOptions.wrap(trusting(certificates))));
  }

  /**
   * Reads a file in PEM.
   *
   * @param name of the configuration's key that names it, for complaints
   * @param now at which all of them must be valid
   * @throws IllegalArgumentException naming the key and the file
   */
  public static Authorities read(String name, Path file, Instant now) {
    return new Authorities(new PemFile(name, file).certificates(now));
  }

  /** Until when all of them are valid. */
  public Instant validUntil() {
    return PemFile.firstEnd(certificates).orElseThrow();
  }

  private static TrustManagerFactory trusting(List<X509Certificate> certificates) {
    try {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      for (int i = 0; i < certificates.size(); i++) {
        store.setCertificateEntry(Integer.toString(i), certificates.get(i));
      }
      TrustManagerFactory made =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      made.init(store);
      return made;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("a store in memory", e);
    }
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
