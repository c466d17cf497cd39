package dev.switchboard.gateway.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/** TLS of a client from files in PEM. */
final class Trust {
  private static final char[] NO_PASSWORD = new char[0];
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");

  private Trust() {}

  /**
   * @param authorities what a server's certificate must lead to; null for what the JDK trusts
   * @param own a certificate and its key (PKCS #8) in one file; null for none
   */
  static SSLContext context(@Nullable Path authorities, @Nullable Path own) {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys(own), authorities(authorities), null);
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw new CommandFailure(CommandFailure.FAILED, "cannot read a certificate: " + e);
    }
  }

  private static TrustManager @Nullable [] authorities(@Nullable Path file)
      throws IOException, GeneralSecurityException {
    if (file == null) {
      return null;
    }
    KeyStore store = empty();
    int number = 0;
    for (Certificate each : certificates(file)) {
      store.setCertificateEntry("authority" + number++, each);
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }

  private static KeyManager @Nullable [] keys(@Nullable Path file)
      throws IOException, GeneralSecurityException {
    if (file == null) {
      return null;
    }
    KeyStore store = empty();
    store.setKeyEntry(
        "own", key(file), NO_PASSWORD, certificates(file).toArray(Certificate[]::new));
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, NO_PASSWORD);
    return factory.getKeyManagers();
  }

  private static KeyStore empty() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, NO_PASSWORD);
    return store;
  }

  private static Collection<? extends Certificate> certificates(Path file)
      throws IOException, GeneralSecurityException {
    String text = Files.readString(file);
    int first = text.indexOf("-----BEGIN CERTIFICATE-----");
    int end = text.lastIndexOf("-----END CERTIFICATE-----");
    if (first < 0 || end < first) {
      throw new GeneralSecurityException(file + " has no certificate in PEM");
    }
    String chain = text.substring(first, end + "-----END CERTIFICATE-----".length());
    return CertificateFactory.getInstance("X.509")
        .generateCertificates(
            new ByteArrayInputStream((chain + "\n").getBytes(StandardCharsets.US_ASCII)));
  }

  private static PrivateKey key(Path file) throws IOException, GeneralSecurityException {
    Matcher found = KEY.matcher(Files.readString(file));
    if (!found.find()) {
      throw new GeneralSecurityException(
          file + " has no key in PKCS #8: openssl pkcs8 -topk8 -nodes makes it");
    }
    PKCS8EncodedKeySpec spec =
        new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(found.group(1)));
    for (String algorithm : List.of("EC", "RSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (GeneralSecurityException _) {
        // It is one of another algorithm.
      }
    }
    return KeyFactory.getInstance("EdDSA").generatePrivate(spec);
  }
}
