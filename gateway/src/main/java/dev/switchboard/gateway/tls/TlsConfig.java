package dev.switchboard.gateway.tls;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * TLS of one listener; without a certificate it speaks clear text.
 *
 * @param certificateFile its certificate in PEM, then those that lead to a root
 * @param keyFile the key of the first of them, in PEM and not encrypted
 * @param clientCaFile certificates in PEM to one of which a client's own must lead; null asks
 *     clients for none
 */
public record TlsConfig(
    @Nullable Path certificateFile, @Nullable Path keyFile, @Nullable Path clientCaFile) {
  public static final TlsConfig NONE = new TlsConfig(null, null, null);

  public TlsConfig {
    if ((certificateFile == null) != (keyFile == null)) {
      throw new IllegalArgumentException("certificate-file and key-file: give both or neither");
    }
    if (clientCaFile != null && certificateFile == null) {
      throw new IllegalArgumentException("client-ca-file needs certificate-file and key-file");
    }
  }

  /** Whether the listener speaks TLS. */
  public boolean on() {
    return certificateFile != null;
  }
}
