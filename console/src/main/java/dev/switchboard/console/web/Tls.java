package dev.switchboard.console.web;

import java.io.IOException;
import java.io.InputStream;
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
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * What the console proves to browsers who it is by. Both files are read once, at the start.
 *
 * @param certificates in PEM: its own first, then those that lead to a root
 * @param key of the first of them, in PEM (PKCS #8) and not encrypted
 */
public record Tls(Path certificates, Path key) {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");
  private static final String IN_MEMORY = "in memory only";
  private static final long FILE_BYTES_MAX = 1 << 20;

  SslContextFactory.Server context() throws IOException {
    SslContextFactory.Server context = new SslContextFactory.Server();
    context.setKeyStore(store());
    context.setKeyStorePassword(IN_MEMORY);
    context.setIncludeProtocols("TLSv1.3", "TLSv1.2");
    context.setSniRequired(false);
    return context;
  }

  private KeyStore store() throws IOException {
    try (InputStream in = Files.newInputStream(bounded(certificates))) {
      Certificate[] chain =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(in)
              .toArray(Certificate[]::new);
      if (chain.length == 0) {
        throw new IOException("--tls-certificate: " + certificates + " holds no certificate");
      }
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      store.setKeyEntry("console", privateKey(), IN_MEMORY.toCharArray(), chain);
      return store;
    } catch (GeneralSecurityException e) {
      throw new IOException("--tls-certificate: " + certificates + ": " + e.getMessage(), e);
    }
  }

  private PrivateKey privateKey() throws IOException {
    Matcher block = KEY.matcher(Files.readString(bounded(key), StandardCharsets.ISO_8859_1));
    if (!block.find()) {
      throw new IOException("--tls-key: " + key + " holds no BEGIN PRIVATE KEY (PKCS #8)");
    }
    PKCS8EncodedKeySpec encoded =
        new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(block.group(1)));
    for (String algorithm : List.of("EC", "RSA", "Ed25519")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(encoded);
      } catch (GeneralSecurityException _) {
        // It may be of the next one.
      }
    }
    throw new IOException("--tls-key: " + key + " is no key of RSA, EC or Ed25519");
  }

  private static Path bounded(Path file) throws IOException {
    if (Files.size(file) > FILE_BYTES_MAX) {
      throw new IOException(file + " has more than " + FILE_BYTES_MAX + " bytes");
    }
    return file;
  }
}
