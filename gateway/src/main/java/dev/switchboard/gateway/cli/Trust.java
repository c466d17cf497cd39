package dev.switchboard.gateway.cli;

import dev.switchboard.gateway.tls.PemFile;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/** TLS of a client from files in PEM. */
final class Trust {
  private static final char[] NO_PASSWORD = new char[0];

  private Trust() {}

  /**
   * @param authorities what a server's certificate must lead to; null for what the JDK trusts
   * @param own a certificate and its key in one file; null for none
   */
  static SSLContext context(@Nullable PemFile authorities, @Nullable PemFile own) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys(own), authorities(authorities), null);
      return context;
    } catch (IllegalArgumentException e) {
      throw new CommandFailure(CommandFailure.FAILED, String.valueOf(e.getMessage()));
    } catch (IOException | GeneralSecurityException e) {
      throw new CommandFailure(CommandFailure.FAILED, "cannot use a certificate: " + e);
    }
  }

  private static TrustManager @Nullable [] authorities(@Nullable PemFile file) {
    return file == null ? null : PemFile.trusting(file.certificates()).getTrustManagers();
  }

  private static KeyManager @Nullable [] keys(@Nullable PemFile file)
      throws IOException, GeneralSecurityException {
    if (file == null) {
      return null;
    }
    List<X509Certificate> chain = file.certificates();
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, NO_PASSWORD);
    store.setKeyEntry(
        "own",
        file.key(chain.getFirst().getPublicKey()),
        NO_PASSWORD,
        chain.toArray(X509Certificate[]::new));
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, NO_PASSWORD);
    return factory.getKeyManagers();
  }
}
