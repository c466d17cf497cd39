package dev.switchboard.gateway.tls;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who a listener is, and whom it lets in: what the files of a {@link TlsConfig} hold, proven to
 * belong together. Prints nothing of its key.
 *
 * @param chain its certificate, then each the issuer of the one before
 * @param clientCas empty where clients need no certificate
 */
public record TlsIdentity(
    List<X509Certificate> chain, PrivateKey key, List<X509Certificate> clientCas) {
  /** Kinds of alternative names, as {@link X509Certificate} numbers them. */
  private static final Integer DNS = 2;

  private static final Integer ADDRESS = 7;

  private static final byte[] PROBE = "switchboard".getBytes(StandardCharsets.UTF_8);

  public TlsIdentity {
    chain = List.copyOf(chain);
    clientCas = List.copyOf(clientCas);
  }

  /**
   * Reads and proves the files of a listener that speaks TLS; null for one that does not.
   *
   * @param path of the configuration's section, such as {@code http.tls}
   * @param now at which its certificates must be valid
   * @throws IllegalArgumentException naming the key of the configuration and the file
   */
  public static @Nullable TlsIdentity read(TlsConfig config, String path, Instant now) {
    if (!config.on()) {
      return null;
    }
    PemFile certificates =
        new PemFile(
            path + ".certificate-file", Objects.requireNonNull(config.certificateFile(), "on"));
    PemFile keys = new PemFile(path + ".key-file", Objects.requireNonNull(config.keyFile(), "on"));
    List<X509Certificate> chain = certificates.certificates();
    checkOrder(certificates, chain);
    certificates.checkTimes(chain, now);
    PublicKey own = chain.getFirst().getPublicKey();
    PrivateKey key = keys.key(own);
    checkPair(keys, own, key);
    return new TlsIdentity(chain, key, clientCas(config.clientCaFile(), path, now));
  }

  private static List<X509Certificate> clientCas(@Nullable Path file, String path, Instant now) {
    if (file == null) {
      return List.of();
    }
    return new PemFile(path + ".client-ca-file", file).certificates(now);
  }

  /** Clients would find no way from the certificate to a root that they know. */
  private static void checkOrder(PemFile file, List<X509Certificate> chain) {
    for (int i = 0; i + 1 < chain.size(); i++) {
      try {
        chain.get(i).verify(chain.get(i + 1).getPublicKey());
      } catch (GeneralSecurityException e) {
        throw file.wrong(
            "must hold the certificate, then each the issuer of the one before: number "
                + (i + 2)
                + " did not issue number "
                + (i + 1),
            e);
      }
    }
  }

  private static void checkPair(PemFile file, PublicKey own, PrivateKey key) {
    boolean belongs;
    try {
      Signature signature = Signature.getInstance(scheme(file, own));
      signature.initSign(key);
      signature.update(PROBE);
      byte[] signed = signature.sign();
      signature.initVerify(own);
      signature.update(PROBE);
      belongs = signature.verify(signed);
    } catch (GeneralSecurityException e) {
      throw file.wrong("holds a key that cannot sign", e);
    }
    if (!belongs) {
      throw file.wrong("holds the key of another certificate", null);
    }
  }

  private static String scheme(PemFile file, PublicKey own) {
    return switch (own.getAlgorithm()) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      case "EdDSA" -> "EdDSA";
      default -> throw file.wrong("must be of RSA, EC or Ed25519, not " + own.getAlgorithm(), null);
    };
  }

  /** Until when its certificates are valid: the first of them that ends. */
  public Instant validUntil() {
    return PemFile.firstEnd(chain).orElseThrow();
  }

  /** Until when all of the clients' authorities are valid; empty where there are none. */
  public Optional<Instant> clientCasValidUntil() {
    return PemFile.firstEnd(clientCas);
  }

  /**
   * A name under which a client that reaches it at a host can be sure of it.
   *
   * @return the host itself where the certificate is for it, or for nothing that it says
   */
  public String nameFor(String host) {
    List<String> names = names();
    return names.isEmpty() || names.contains(host)
        ? host
        : names.getFirst().replaceFirst("^\\*(?=\\.)", "switchboard");
  }

  /** Hosts and addresses that its own certificate is for. */
  private List<String> names() {
    try {
      Collection<List<?>> all = chain.getFirst().getSubjectAlternativeNames();
      return all == null
          ? List.of()
          : all.stream()
              .filter(name -> name.getFirst().equals(DNS) || name.getFirst().equals(ADDRESS))
              .map(name -> String.valueOf(name.getLast()))
              .toList();
    } catch (CertificateParsingException nobodyReadsThem) {
      return List.of();
    }
  }

  /** Of its own certificate, as people compare it. */
  public String serial() {
    return chain.getFirst().getSerialNumber().toString(16);
  }

  @Override
  public String toString() {
    return "TlsIdentity[" + serial() + " until " + validUntil() + "]";
  }
}
