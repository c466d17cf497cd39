package dev.switchboard.console.api;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Whom the console believes to be a gateway where it calls one by https. */
public final class Trust {
  private static final long FILE_BYTES_MAX = 1 << 20;

  private Trust() {}

  /**
   * Only those to whom a certificate of the file leads, none of the system's.
   *
   * @param file certificates in PEM, one behind the other
   */
  public static SSLContext of(Path file) throws IOException {
    if (Files.size(file) > FILE_BYTES_MAX) {
      throw new IOException(file + " has more than " + FILE_BYTES_MAX + " bytes");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return trusting(CertificateFactory.getInstance("X.509").generateCertificates(in), file);
    } catch (GeneralSecurityException e) {
      throw new IOException(file + " holds no certificates in PEM: " + e.getMessage(), e);
    }
  }

  private static SSLContext trusting(Collection<? extends Certificate> certificates, Path file)
      throws GeneralSecurityException, IOException {
    if (certificates.isEmpty()) {
      throw new IOException(file + " holds no certificate");
    }
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    int number = 0;
    for (Certificate certificate : certificates) {
      store.setCertificateEntry("gateway-ca-" + number++, certificate);
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}
